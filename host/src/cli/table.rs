//! Tables: aligned with a heading for a person, separated by tabs and bare in a pipe.

use unicode_width::UnicodeWidthStr;

use super::output::{BOLD, Output, styled};
use super::text::{fit, pad, safe, terminal_width};

/// Between columns.
const GAP: &str = "  ";

/// A column is not made narrower than this.
const LEAST: usize = 8;

/// Rows of equal length.
#[derive(Debug, Default)]
pub(crate) struct Table {
    heading: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(heading: &[&'static str]) -> Self {
        Self {
            heading: heading.to_vec(),
            rows: Vec::new(),
        }
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
        let mut lines = self.lines(terminal_width()).into_iter();
        if let Some(heading) = lines.next() {
            output.line(styled(BOLD, heading))?;
        }
        lines.try_for_each(|line| output.line(line))
    }

    /// Aligned lines of at most `most` columns, the heading first. The widest cells are cut, never those of the first
    /// column: it is what other commands take.
    fn lines(&self, most: usize) -> Vec<String> {
        let heading: Vec<String> = self.heading.iter().map(|cell| (*cell).to_owned()).collect();
        let rows: Vec<&Vec<String>> = std::iter::once(&heading).chain(&self.rows).collect();
        let width = |column: usize| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.width())
                .max()
                .unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..heading.len()).map(width).collect();
        while widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1) > most {
            match widths.iter_mut().skip(1).max() {
                Some(widest) if *widest > LEAST => *widest -= 1,
                _ => break,
            }
        }
        let line = |row: &Vec<String>| {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| pad(&fit(cell, *width), *width))
                .collect();
            cells.join(GAP).trim_end().to_owned()
        };
        rows.into_iter().map(line).collect()
    }
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
            table.lines(80),
            ["NAME          SIZE", "a.txt         1 B", "文件\\n\\t.txt  2 B"]
        );
    }

    #[test]
    fn a_narrow_terminal_cuts_the_widest_column_but_never_the_id() {
        let mut table = Table::new(&["ID", "NAME", "SIZE"]);
        table.row(["file-0123456789", "a-very-long-name-indeed.pdf", "1 B"]);
        let lines = table.lines(36);
        assert_eq!(lines[1], "file-0123456789  a-very-long-…  1 B");
        assert!(table.lines(10)[1].starts_with("file-0123456789  a-very-…"));
    }
}
