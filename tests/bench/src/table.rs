//! The table of a run: ratios, never seconds, which belong to one machine.

use std::fmt::Write;
use std::path::Path;

use loadlock_estimate::plot::{Bar, Side, margins};

use crate::report::{Bound, Results, Row};
use crate::{Result, failed, shared};

const BEGIN: &str = "<!-- bench: begin -->";
const END: &str = "<!-- bench: end -->";

/// As Markdown.
pub(crate) fn markdown(results: &Results) -> String {
    let mut text = String::from("| what | ratio | to | bound |\n|---|---|---|---|\n");
    for row in &results.rows {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            row.what,
            ratio(row),
            row.against,
            bound(row)
        );
    }
    let setting = &results.setting;
    let _ = write!(
        text,
        "\n`make bench{}`, {} cores, {:.0} s; medians with their 95 % intervals by bootstrap; a ratio above 1 is more \
         of what its \
         line\nnames.",
        if setting.quick { " QUICK=1" } else { "" },
        setting.cores,
        setting.took_s
    );
    for skipped in &results.skipped {
        let _ = write!(text, " Not measured: {}; {}.", skipped.what, skipped.why);
    }
    text.push('\n');
    text
}

fn ratio(row: &Row) -> String {
    let estimate = &row.ratio;
    let number = |value: f64| match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        small if small >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    };
    let median = number(estimate.median);
    if estimate.low == estimate.high {
        return median;
    }
    format!("{median} ({} to {})", number(estimate.low), number(estimate.high))
}

fn bound(row: &Row) -> String {
    let (sign, number) = match row.bound {
        None => return String::new(),
        Some(Bound::AtLeast(bound)) => ("≥", bound),
        Some(Bound::AtMost(bound)) => ("≤", bound),
    };
    match row.kept() {
        Some(false) => format!("{sign} {number} **missed**"),
        _ => format!("{sign} {number} met"),
    }
}

/// The rows that have a bound, as a picture of how far they are from it.
pub(crate) fn picture(results: &Results) -> String {
    let bars: Vec<Bar> = results
        .rows
        .iter()
        .filter_map(|row| {
            Some(Bar {
                label: row.what.clone(),
                found: row.ratio,
                bound: match row.bound? {
                    Bound::AtLeast(bound) => Side::AtLeast(bound),
                    Bound::AtMost(bound) => Side::AtMost(bound),
                },
            })
        })
        .collect();
    margins(
        "What it costs: ratios to their bounds, right of the line is kept",
        &bars,
    )
}

/// Puts the table of `results` between the markers of `page`, and its picture beside the page.
pub(crate) fn run(results: &Path, page: &Path, check: bool) -> Result<()> {
    let read = |path: &Path| std::fs::read_to_string(path).map_err(failed(&path.display().to_string()));
    let results: Results = serde_json::from_str(&read(results)?).map_err(failed("results"))?;
    let text = read(page)?;
    let new = replaced(&text, &markdown(&results))
        .ok_or_else(|| format!("{} has no lines `{BEGIN}` and `{END}`", page.display()))?;
    let picture = picture(&results);
    let beside = page.with_extension("svg");
    if new == text && std::fs::read_to_string(&beside).is_ok_and(|old| old == picture) {
        return Ok(());
    }
    if check {
        return Err(format!(
            "{} does not hold the table of the results: run `make bench-table`",
            page.display()
        ));
    }
    std::fs::write(beside, picture).map_err(failed("picture"))?;
    std::fs::write(page, new).map_err(failed("page"))
}

/// Puts the table about sizing between the markers of `page`.
pub(crate) fn sizing(results: &Path, page: &Path) -> Result<()> {
    let text = std::fs::read_to_string(page).map_err(failed(&page.display().to_string()))?;
    let new = replaced(&text, &shared::sizing(results)?)
        .ok_or_else(|| format!("{} has no lines `{BEGIN}` and `{END}`", page.display()))?;
    std::fs::write(page, new).map_err(failed("page"))
}

fn replaced(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_is_replaced() {
        let page = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let new = replaced(&page, "new\n");
        assert_eq!(new, Some(format!("a\n{BEGIN}\n\nnew\n\n{END}\nb\n")));
        assert_eq!(replaced("a\nb\n", "new\n"), None);
    }
}
