//! Profiles as data: what a vendor takes, written as a table of constants.

use crate::http::Base;
use crate::settings::{Settings, wrong};
use crate::types::{ContentKind, EgressNeed, Failure, Operation, PurposeProfile, Retention};

/// A megabyte as vendors mean it.
pub const MB: u64 = 1_000_000;
/// A gigabyte as vendors mean it.
pub const GB: u64 = 1_000_000_000;
/// A day in seconds.
pub const DAY_S: u64 = 86_400;

/// Facts about one purpose. Start from [`PurposeFacts::ANY`] and state what the vendor documents.
///
/// ```
/// use loadlock_sdk::profile::{MB, PurposeFacts};
/// const BATCH: PurposeFacts = PurposeFacts {
///     name: "batch",
///     max_bytes: Some(100 * MB),
///     extensions: &["jsonl"],
///     media_types: &["application/jsonl"],
///     ..PurposeFacts::ANY
/// };
/// assert_eq!(BATCH.profile().max_bytes, Some(100_000_000));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct PurposeFacts {
    /// The vendor's own word.
    pub name: &'static str,
    /// Largest file in bytes, inclusive.
    pub max_bytes: Option<u64>,
    /// Largest image in bytes where it differs.
    pub image_max_bytes: Option<u64>,
    /// Accepted extensions, lower case, no dot. A file passes if its extension or its media type is accepted, and any
    /// file passes where both lists are empty.
    pub extensions: &'static [&'static str],
    /// Accepted media types; `image/*` is a pattern.
    pub media_types: &'static [&'static str],
    /// Most files in the account.
    pub max_count: Option<u64>,
    /// Most bytes in the account.
    pub max_total_bytes: Option<u64>,
    /// How long the vendor keeps a file.
    pub retention: Retention,
    /// What `content` answers.
    pub content: ContentKind,
}

impl PurposeFacts {
    /// No limits known, kept until deleted, never given back.
    pub const ANY: Self = Self {
        name: "",
        max_bytes: None,
        image_max_bytes: None,
        extensions: &[],
        media_types: &[],
        max_count: None,
        max_total_bytes: None,
        retention: Retention::UntilDeleted,
        content: ContentKind::Never,
    };

    /// These facts as the contract's record.
    pub fn profile(&self) -> PurposeProfile {
        let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        PurposeProfile {
            purpose: self.name.to_owned(),
            max_bytes: self.max_bytes,
            image_max_bytes: self.image_max_bytes,
            extensions: owned(self.extensions),
            media_types: owned(self.media_types),
            max_count: self.max_count,
            max_total_bytes: self.max_total_bytes,
            retention: self.retention,
            content: self.content,
        }
    }
}

/// The purposes of `table`, with what the operator overrides. Vendors change their limits faster than components are
/// rebuilt.
///
/// - `purposes`: a list; only these, in this order. One that the table does not know gets the facts of `unknown`.
/// - `max_bytes`: the largest file for every purpose, in place of the table's.
/// - `max_count`: the most files, in place of the table's.
///
/// # Errors
/// `internal` if a setting is not a number, or is 0.
pub fn purposes(
    table: &[PurposeFacts],
    unknown: &PurposeFacts,
    settings: &Settings,
) -> Result<Vec<PurposeProfile>, Failure> {
    let wanted = settings.list("purposes");
    let mut purposes: Vec<_> = if wanted.is_empty() {
        table.iter().map(PurposeFacts::profile).collect()
    } else {
        let facts = |name: &String| {
            let known = table.iter().find(|facts| facts.name == name.as_str());
            PurposeProfile {
                purpose: name.clone(),
                ..known.unwrap_or(unknown).profile()
            }
        };
        wanted.iter().map(facts).collect()
    };
    let max_bytes = positive(settings, "max_bytes")?;
    let max_count = positive(settings, "max_count")?;
    for purpose in &mut purposes {
        purpose.max_bytes = max_bytes.or(purpose.max_bytes);
        purpose.max_count = max_count.or(purpose.max_count);
    }
    Ok(purposes)
}

/// The setting `max_concurrency`: most uploads at once. Vendors document rates, which depend on the account's tier.
///
/// # Errors
/// `internal` if it is not a number, or is 0.
pub fn max_concurrency(settings: &Settings) -> Result<Option<u32>, Failure> {
    match settings.number::<u32>("max_concurrency")? {
        Some(0) => Err(wrong("max_concurrency", "must be at least 1")),
        other => Ok(other),
    }
}

fn positive(settings: &Settings, name: &str) -> Result<Option<u64>, Failure> {
    match settings.number::<u64>(name)? {
        Some(0) => Err(wrong(name, "must be at least 1")),
        other => Ok(other),
    }
}

/// Asks for one method on one path (and what continues it after a `/`) during these operations.
pub fn need(base: &Base, below: &str, method: &str, operations: &[Operation]) -> EgressNeed {
    EgressNeed {
        origin: base.origin(),
        path_prefix: base.path_of(below),
        methods: vec![method.to_owned()],
        operations: operations.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TABLE: [PurposeFacts; 2] = [
        PurposeFacts {
            name: "one",
            max_bytes: Some(10),
            ..PurposeFacts::ANY
        },
        PurposeFacts {
            name: "two",
            max_bytes: Some(20),
            ..PurposeFacts::ANY
        },
    ];
    const UNKNOWN: PurposeFacts = PurposeFacts {
        max_bytes: Some(5),
        ..PurposeFacts::ANY
    };

    fn limits(pairs: &[(&str, &str)]) -> Result<Vec<(String, Option<u64>)>, Failure> {
        let settings = Settings::from_pairs(pairs.iter().copied());
        let purposes = purposes(&TABLE, &UNKNOWN, &settings)?.into_iter();
        Ok(purposes.map(|purpose| (purpose.purpose, purpose.max_bytes)).collect())
    }

    #[test]
    fn the_operator_overrides_the_table() {
        let plain = limits(&[]).unwrap();
        assert_eq!(plain, [("one".to_owned(), Some(10)), ("two".to_owned(), Some(20))]);
        let chosen = limits(&[("purposes", "new,two")]).unwrap();
        assert_eq!(chosen, [("new".to_owned(), Some(5)), ("two".to_owned(), Some(20))]);
        let larger = limits(&[("max_bytes", "99")]).unwrap();
        assert!(larger.iter().all(|(_, max)| *max == Some(99)));
    }

    #[test]
    fn a_limit_of_nothing_is_refused() {
        assert!(limits(&[("max_bytes", "0")]).is_err());
        let settings = Settings::from_pairs([("max_concurrency", "0")]);
        assert!(max_concurrency(&settings).is_err());
    }
}
