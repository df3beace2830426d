//! Which version of several.

use semver::{Version, VersionReq};

/// The tags that are versions, newest first.
///
/// ```
/// let tags = ["latest", "1.2.0", "v1.3.0", "1.10.0"].map(str::to_owned);
/// let versions: Vec<String> = loadlock_registry::versions(&tags).iter().map(ToString::to_string).collect();
/// assert_eq!(versions, ["1.10.0", "1.2.0"]);
/// ```
pub fn versions(tags: &[String]) -> Vec<Version> {
    let mut versions: Vec<Version> = tags.iter().filter_map(|tag| Version::parse(tag).ok()).collect();
    versions.sort_by(|one, other| other.cmp(one));
    versions.dedup();
    versions
}

/// Those of the tags that meet a requirement, newest first. Versions before a release (`2.0.0-rc.1`) are taken only by
/// a requirement that names one.
pub fn newest(tags: &[String], requirement: &VersionReq) -> Vec<Version> {
    let mut found = versions(tags);
    found.retain(|version| requirement.matches(version));
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_newest_release_that_fits_is_first() {
        let tags = ["1.2.0", "1.10.1", "2.0.0", "2.1.0-rc.1", "latest", "01.2.3", "1.2"].map(str::to_owned);
        let best = |requirement: &str| {
            let found = newest(&tags, &VersionReq::parse(requirement).unwrap());
            found.first().map(ToString::to_string)
        };
        assert_eq!(best("^1.2").as_deref(), Some("1.10.1"));
        assert_eq!(best("*").as_deref(), Some("2.0.0"));
        assert_eq!(best("=1.2.0").as_deref(), Some("1.2.0"));
        assert_eq!(best(">=2.1.0-rc.0").as_deref(), Some("2.1.0-rc.1"));
        assert_eq!(best("^3"), None);
    }
}
