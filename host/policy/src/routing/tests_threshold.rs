//! The single size that divides files.

use super::*;
use crate::routing::{ThresholdError, check_threshold};

#[test]
fn a_threshold_prefers_and_never_forces() {
    let (kimi, glm) = (kimi(), glm());
    let both = [candidate("kimi", 0, &kimi), candidate("glm", 1, &glm)];
    let threshold = SizeThreshold {
        bytes: 10 * MB,
        at_most: "glm".into(),
        above: "kimi".into(),
    };
    assert_eq!(check_threshold(&threshold, &both), Ok(()));
    assert_eq!(names(&route(&PDF, &both, Some(&threshold))), ["glm", "kimi"]);
    let large = RouteRequest { size: 11 * MB, ..PDF };
    assert_eq!(names(&route(&large, &both, Some(&threshold))), ["kimi", "glm"]);
    // An image of 8 MB prefers GLM, which takes none over 5 MB.
    let image = RouteRequest {
        size: 8 * MB,
        media_type: "image/png",
        extension: "png",
        ..PDF
    };
    assert_eq!(names(&route(&image, &both, Some(&threshold))), ["kimi"]);
}

#[test]
fn a_threshold_that_selects_a_provider_that_cannot_is_refused() {
    let (kimi, glm) = (kimi(), glm());
    let both = [candidate("kimi", 0, &kimi), candidate("glm", 1, &glm)];
    let check = |bytes, at_most: &str, above: &str| {
        let threshold = SizeThreshold {
            bytes,
            at_most: at_most.into(),
            above: above.into(),
        };
        check_threshold(&threshold, &both)
    };
    // "GLM because it is big": the predecessor's mistake.
    assert!(matches!(
        check(50 * MB, "kimi", "glm"),
        Err(ThresholdError::TooLarge { max, better, .. }) if max == 20 * MB && better == "kimi"
    ));
    assert!(matches!(
        check(5 * MB, "kimi", "glm"),
        Err(ThresholdError::TooLarge { .. })
    ));
    assert_eq!(check(20 * MB, "glm", "kimi"), Ok(()));
    assert!(matches!(
        check(20 * MB + 1, "glm", "kimi"),
        Err(ThresholdError::TooSmall { .. })
    ));
    assert!(matches!(
        check(100 * MB, "kimi", "kimi"),
        Err(ThresholdError::TooLarge { .. })
    ));
    assert!(matches!(
        check(1, "kimi", "nobody"),
        Err(ThresholdError::Unknown { .. })
    ));
}
