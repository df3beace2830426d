//! A row, and all of them.

use loadlock_estimate::{Estimate, estimate, quantile, sorted};
use serde::{Deserialize, Serialize};

/// What was measured on one side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Which side this is.
    pub(crate) name: String,
    /// `s`, `µs`, `/s`, `B` …
    pub(crate) unit: String,
    pub(crate) median: f64,
    /// First and third quartile.
    pub(crate) quartiles: [f64; 2],
    pub(crate) samples: usize,
}

impl Measured {
    pub(crate) fn of(name: &str, unit: &str, numbers: &[f64]) -> Self {
        let numbers = sorted(numbers.to_vec());
        Self {
            name: name.to_owned(),
            unit: unit.to_owned(),
            median: quantile(&numbers, 0.5),
            quartiles: [quantile(&numbers, 0.25), quantile(&numbers, 0.75)],
            samples: numbers.len(),
        }
    }
}

/// What a ratio must keep.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    pub(crate) fn holds(self, ratio: f64) -> bool {
        match self {
            Self::AtLeast(bound) => ratio >= bound,
            Self::AtMost(bound) => ratio <= bound,
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Module that measured it.
    pub(crate) group: String,
    pub(crate) what: String,
    /// What the ratio is to.
    pub(crate) against: String,
    pub(crate) ratio: Estimate,
    pub(crate) bound: Option<Bound>,
    /// Both sides, and whatever else helps to read the ratio.
    pub(crate) measured: Vec<Measured>,
}

impl Row {
    /// From pairs that were measured by turns; `ratio` of each pair.
    pub(crate) fn of_pairs(
        (group, what, against): (&str, String, &str),
        ratios: &[f64],
        bound: Option<Bound>,
        measured: Vec<Measured>,
    ) -> Self {
        Self {
            group: group.to_owned(),
            what,
            against: against.to_owned(),
            ratio: estimate(ratios),
            bound,
            measured,
        }
    }

    /// A measurement against a number that is known.
    pub(crate) fn of_bound(
        (group, what, against): (&str, String, &str),
        numbers: &[f64],
        (known, unit): (f64, &str),
        bound: Option<Bound>,
    ) -> Self {
        let ratios: Vec<f64> = numbers.iter().map(|number| number / known).collect();
        let measured = vec![Measured::of("loadlock", unit, numbers)];
        Self::of_pairs((group, what, against), &ratios, bound, measured)
    }

    /// Whether the bound is kept; `None` without one.
    pub(crate) fn kept(&self) -> Option<bool> {
        self.bound.map(|bound| bound.holds(self.ratio.median))
    }
}

/// Something that was not measured, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Skipped {
    pub(crate) what: String,
    pub(crate) why: String,
}

/// The machine, as far as it explains numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Setting {
    pub(crate) cores: usize,
    pub(crate) quick: bool,
    pub(crate) took_s: f64,
    /// One `fdatasync` of 4 KiB, microseconds.
    pub(crate) sync_us: Estimate,
}

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) setting: Setting,
    pub(crate) rows: Vec<Row>,
    pub(crate) skipped: Vec<Skipped>,
}

/// What a group answers.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) rows: Vec<Row>,
    pub(crate) skipped: Vec<Skipped>,
}

impl Group {
    pub(crate) fn skip(&mut self, what: &str, why: impl Into<String>) {
        self.skipped.push(Skipped {
            what: what.to_owned(),
            why: why.into(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_kept_by_the_median_of_the_ratios() {
        let row = |ratios: &[f64], bound| Row::of_pairs(("g", "w".into(), "a"), ratios, Some(bound), Vec::new());
        assert_eq!(row(&[0.90, 0.96, 0.97], Bound::AtLeast(0.95)).kept(), Some(true));
        assert_eq!(row(&[0.90, 0.94, 0.97], Bound::AtLeast(0.95)).kept(), Some(false));
        assert_eq!(row(&[0.5, 1.5, 1.6], Bound::AtMost(1.0)).kept(), Some(false));
    }
}
