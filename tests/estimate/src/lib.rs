//! Medians and what they are worth.

pub mod plot;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

/// Resamples of a bootstrap.
const RESAMPLES: usize = 2_000;

/// A median with its 95 % confidence interval, by bootstrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The median.
    pub median: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// The median of sorted numbers; 0 of none.
pub fn median(sorted: &[f64]) -> f64 {
    quantile(sorted, 0.5)
}

/// A quantile of sorted numbers, by the nearest rank; 0 of none.
pub fn quantile(sorted: &[f64], part: f64) -> f64 {
    let at = (part * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(at).copied().unwrap_or_default()
}

/// Sorts.
pub fn sorted(mut numbers: Vec<f64>) -> Vec<f64> {
    numbers.sort_by(f64::total_cmp);
    numbers
}

/// The median of numbers and how sure it is.
pub fn estimate(numbers: &[f64]) -> Estimate {
    if numbers.is_empty() {
        return Estimate::default();
    }
    let mut random = StdRng::seed_from_u64(1);
    let mut medians = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        let resample = (0..numbers.len())
            .map(|_| numbers[random.random_range(0..numbers.len())])
            .collect();
        medians.push(median(&sorted(resample)));
    }
    let medians = sorted(medians);
    Estimate {
        median: median(&sorted(numbers.to_vec())),
        low: quantile(&medians, 0.025),
        high: quantile(&medians, 0.975),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_holds_the_median() {
        let numbers: Vec<f64> = (0..1_000).map(f64::from).collect();
        let found = estimate(&numbers);
        assert!((found.median - 500.0).abs() <= 1.0, "{found:?}");
        assert!(found.low < found.median && found.median < found.high);
        assert!(found.high - found.low < 150.0, "{found:?}");
        assert_eq!(estimate(&[]), Estimate::default());
    }
}
