//! Tables: aligned with a heading for a person, separated by tabs and bare in a pipe.

use unicode_width::UnicodeWidthStr;

use super::output::{BOLD, DIM, Output, styled};
use super::text::{fit, pad, safe, terminal_width};

/// Between columns.
const GAP: &str = "  ";

/// A column is not made narrower than this.
const LEAST: usize = 8;

/// As long as there is something spare, no cell is cut to less than this.
const READABLE: usize = 16;

/// Rows of equal length.
#[derive(Debug, Default)]
pub(crate) struct Table {
    heading: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    /// Columns that are never cut.
    whole: &'static [&'static str],
    /// Columns that go where there is no room, the first one first.
    spare: &'static [&'static str],
}

impl Table {
    pub(crate) fn new(heading: &[&'static str]) -> Self {
        Self {
            heading: heading.to_vec(),
            ..Self::default()
        }
    }

    /// Columns that say nothing if they are cut, such as dates.
    pub(crate) fn whole(mut self, columns: &'static [&'static str]) -> Self {
        self.whole = columns;
        self
    }

    /// Columns that a narrow terminal can do without, those first that are missed least.
    pub(crate) fn spare(mut self, columns: &'static [&'static str]) -> Self {
        self.spare = columns;
        self
    }

    /// Adds a row; what others wrote is made safe here.
    pub(crate) fn row<const N: usize>(&mut self, cells: [&str; N]) {
        self.rows.push(cells.into_iter().map(safe).collect());
    }

    /// Writes it.
    pub(crate) fn print(&self, output: &Output) -> std::io::Result<()> {
        if !output.terminal {
            for row in &self.rows {
                output.line(row.join("\t"))?;
            }
            return Ok(());
        }
        self.aligned(output)
    }

    /// Writes it aligned, whoever reads it: a part of a text for people.
    pub(crate) fn aligned(&self, output: &Output) -> std::io::Result<()> {
        let (lines, missing) = self.lines(terminal_width());
        let mut lines = lines.into_iter();
        if let Some(heading) = lines.next() {
            output.line(styled(BOLD, heading))?;
        }
        lines.try_for_each(|line| output.line(line))?;
        if !missing.is_empty() {
            let missing = missing.join(", ").to_lowercase();
            output.note(styled(DIM, format_args!("no room for {missing}; --json shows all")));
        }
        Ok(())
    }

    /// Aligned lines of at most `most` columns, the heading first, and the headings of what there was no room for.
    /// What is spare goes first; then the widest cells are cut, never those of the first column, which is what other
    /// commands take, or of one that is to be whole.
    fn lines(&self, most: usize) -> (Vec<String>, Vec<&'static str>) {
        let heading: Vec<String> = self.heading.iter().map(|cell| (*cell).to_owned()).collect();
        let rows: Vec<&Vec<String>> = std::iter::once(&heading).chain(&self.rows).collect();
        let width = |column: usize| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.width())
                .max()
                .unwrap_or(0)
        };
        let fixed = |column: usize| column == 0 || self.whole.contains(&self.heading[column]);
        // Column and width.
        let mut shown: Vec<(usize, usize)> = (0..heading.len()).map(|column| (column, width(column))).collect();
        let mut missing = Vec::new();
        for spare in self.spare {
            let least = |&(column, width): &(usize, usize)| if fixed(column) { width } else { width.min(READABLE) };
            if shown.iter().map(least).sum::<usize>() + gaps(shown.len()) <= most {
                break;
            }
            shown.retain(|(column, _)| self.heading[*column] != *spare);
            missing.push(*spare);
        }
        while shown.iter().map(|(_, width)| width).sum::<usize>() + gaps(shown.len()) > most {
            let cut = shown.iter_mut().filter(|(column, _)| !fixed(*column));
            match cut.max_by_key(|(_, width)| *width) {
                Some((_, widest)) if *widest > LEAST => *widest -= 1,
                _ => break,
            }
        }
        let line = |row: &Vec<String>| {
            let cells = shown.iter().filter_map(|(column, width)| {
                let cell = row.get(*column)?;
                Some(pad(&fit(cell, *width), *width))
            });
            cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
        };
        (rows.into_iter().map(line).collect(), missing)
    }
}

fn gaps(columns: usize) -> usize {
    GAP.len() * columns.saturating_sub(1)
}

/// Lines of a name and a value, the values aligned. Values may be styled already, so nothing is escaped here.
pub(crate) fn fields(output: &Output, fields: &[(&str, String)]) -> std::io::Result<()> {
    let width = fields.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
    fields
        .iter()
        .try_for_each(|(name, value)| output.line(format_args!("  {}  {value}", pad(name, width))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_cells_cannot_break_out() {
        let mut table = Table::new(&["NAME", "SIZE"]);
        table.row(["a.txt", "1 B"]);
        table.row(["文件\n\t.txt", "2 B"]);
        assert_eq!(
            table.lines(80).0,
            ["NAME          SIZE", "a.txt         1 B", "文件\\n\\t.txt  2 B"]
        );
    }

    #[test]
    fn a_narrow_terminal_cuts_the_widest_column_but_never_the_id() {
        let mut table = Table::new(&["ID", "NAME", "SIZE"]);
        table.row(["file-0123456789", "a-very-long-name-indeed.pdf", "1 B"]);
        let lines = table.lines(36).0;
        assert_eq!(lines[1], "file-0123456789  a-very-long-…  1 B");
        assert!(table.lines(10).0[1].starts_with("file-0123456789  a-very-…"));
    }

    #[test]
    fn what_is_spare_goes_before_a_name_or_a_date_is_cut_short() {
        let table = |spare| {
            let mut table = Table::new(&["ID", "NAME", "TYPE", "CREATED"])
                .whole(&["CREATED"])
                .spare(spare);
            table.row([
                "file-yn6kqfsh84sjty9mbjfgbsmac1",
                "quarterly-report-of-the-year.pdf",
                "application/pdf",
                "2026-11-29 08:26",
            ]);
            table
        };
        let (lines, missing) = table(&["TYPE"]).lines(80);
        assert_eq!(missing, ["TYPE"]);
        assert_eq!(
            lines[1],
            "file-yn6kqfsh84sjty9mbjfgbsmac1  quarterly-report-of-the-year…  2026-11-29 08:26"
        );
        assert_eq!(lines[1].width(), 80);
        let (lines, missing) = table(&["TYPE"]).lines(120);
        assert!(missing.is_empty() && lines[1].ends_with("application/pdf  2026-11-29 08:26"));
        assert!(table(&[]).lines(80).0[1].ends_with("2026-11-29 08:26"));
    }
}
