//! A picture of how far each number is from its bound, as SVG by hand: a document needs no script to show it.

use std::fmt::Write;

use crate::Estimate;

/// Which side of its bound a number must be on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Side {
    /// At least the bound.
    AtLeast(f64),
    /// At most the bound.
    AtMost(f64),
}

/// One bar: a number, how sure it is, and its bound.
#[derive(Clone, Debug)]
pub struct Bar {
    /// What was measured.
    pub label: String,
    /// The number with its interval; all three equal where there is none.
    pub found: Estimate,
    /// What it must keep.
    pub bound: Side,
}

/// Widths in pixels: labels, bars, the whole.
const LABELS: f64 = 500.0;
const BARS: f64 = 380.0;
const WIDTH: f64 = LABELS + BARS + 90.0;
/// Height of a line.
const LINE: f64 = 24.0;
/// Farthest that a bar reaches, in factors of its bound.
const FARTHEST: f64 = 32.0;

impl Bar {
    /// Factors from the bound: 1 is on it, above 1 is better. A number of nothing at all is as far as can be shown.
    fn margin(&self, value: f64) -> f64 {
        let factor = match self.bound {
            Side::AtLeast(bound) => value / bound,
            Side::AtMost(bound) => bound / value,
        };
        if factor.is_nan() {
            1.0
        } else {
            factor.clamp(1.0 / FARTHEST, FARTHEST)
        }
    }
}

/// A logarithmic chart of margins: the line in the middle is the bound, right of it is kept, left of it is missed.
///
/// ```
/// use loadlock_estimate::plot::{Bar, Side, margins};
/// use loadlock_estimate::Estimate;
///
/// let found = Estimate { median: 0.28, low: 0.25, high: 0.29 };
/// let svg = margins("uploads a second", &[Bar { label: "1 client".into(), found, bound: Side::AtLeast(0.7) }]);
/// assert!(svg.starts_with("<svg") && svg.contains("1 client"));
/// ```
pub fn margins(title: &str, bars: &[Bar]) -> String {
    let height = LINE * (bars.len() as f64 + 3.0);
    let x = |factor: f64| LABELS + BARS * (0.5 + factor.ln() / FARTHEST.ln() / 2.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\" role=\"img\" aria-label=\"{0}\">\n<title>{0}</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n<text x=\"8\" y=\"18\" \
              font-weight=\"bold\">{0}</text>\n",
        escaped(title)
    );
    let foot = height - LINE * 0.6;
    for (factor, name) in [
        (1.0 / 16.0, "1/16"),
        (0.25, "1/4"),
        (1.0, "bound"),
        (4.0, "4 ×"),
        (16.0, "16 ×"),
    ] {
        let (at, colour) = (x(factor), if factor == 1.0 { "#333" } else { "#ddd" });
        // Writing to a string does not fail.
        let _ = writeln!(
            svg,
            "<line x1=\"{at:.1}\" y1=\"{LINE}\" x2=\"{at:.1}\" y2=\"{:.1}\" stroke=\"{colour}\"/>\
             <text x=\"{at:.1}\" y=\"{foot:.1}\" text-anchor=\"middle\" fill=\"#555\">{name}</text>",
            foot - 14.0
        );
    }
    for (number, bar) in bars.iter().enumerate() {
        let y = LINE * (number as f64 + 1.25);
        let (from, to) = (x(1.0), x(bar.margin(bar.found.median)));
        let colour = if to >= from { "#2a7f62" } else { "#b3412f" };
        let (left, right) = (x(bar.margin(bar.found.low)), x(bar.margin(bar.found.high)));
        let middle = y + LINE * 0.35;
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\"/>\
             <line x1=\"{left:.1}\" y1=\"{middle:.1}\" x2=\"{right:.1}\" y2=\"{middle:.1}\" stroke=\"#111\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" fill=\"#333\">{}</text>",
            LABELS - 8.0,
            y + LINE * 0.5,
            escaped(&bar.label),
            from.min(to),
            (to - from).abs().max(1.0),
            LINE * 0.7,
            LABELS + BARS + 8.0,
            y + LINE * 0.5,
            number_text(bar.found.median),
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn number_text(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        small if small >= 0.1 || small == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(value: f64, bound: Side) -> Bar {
        let found = Estimate {
            median: value,
            low: value,
            high: value,
        };
        Bar {
            label: "a < b & \"c\"".to_owned(),
            found,
            bound,
        }
    }

    #[test]
    fn what_keeps_its_bound_is_right_of_the_line() {
        assert!(bar(0.8, Side::AtLeast(0.4)).margin(0.8) > 1.0);
        assert!(bar(0.2, Side::AtLeast(0.4)).margin(0.2) < 1.0);
        assert!(bar(0.2, Side::AtMost(0.4)).margin(0.2) > 1.0);
        assert_eq!(bar(0.0, Side::AtMost(0.4)).margin(0.0), FARTHEST);
        assert_eq!(bar(0.0, Side::AtMost(0.0)).margin(0.0), 1.0);
    }

    #[test]
    fn labels_cannot_break_the_picture() {
        let svg = margins("t", &[bar(1.0, Side::AtMost(2.0))]);
        assert!(svg.contains("a &lt; b &amp; &quot;c&quot;"), "{svg}");
    }
}
