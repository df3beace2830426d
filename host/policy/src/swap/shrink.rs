//! What a new generation takes away from whoever relies on the one before.

use std::fmt;

use crate::model::{ContentKind, DeleteSemantics, Profile, PurposeProfile, Retention, Treatment, VerifyMethod};

/// What of a provider others rely on.
#[derive(Clone, Copy, Debug)]
pub struct SwapTerms<'a> {
    /// The account that its uploads count for.
    pub account: &'a str,
    /// What the component says about itself.
    pub profile: &'a Profile,
}

/// One thing that would be less than it was, or other than what was stored relies on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shrinkage {
    /// Files that were stored count for another account, and nobody can be asked about them.
    Account {
        /// That of the running generation.
        before: String,
        /// That of the new one.
        after: String,
    },
    /// Uploads whose answer was lost are looked for by another method than that by which they were marked.
    Verify {
        /// The running generation's.
        before: VerifyMethod,
        /// The new one's.
        after: VerifyMethod,
    },
    /// `delete` does something else.
    Delete {
        /// The running generation's.
        before: DeleteSemantics,
        /// The new one's.
        after: DeleteSemantics,
    },
    /// Equal content is told by something else, so what was stored is not found again.
    Treatment {
        /// The running generation's.
        before: Treatment,
        /// The new one's.
        after: Treatment,
    },
    /// A purpose is gone.
    NoPurpose(String),
    /// A purpose takes or gives less.
    LessOf {
        /// The purpose.
        purpose: String,
        /// What of it.
        what: &'static str,
    },
    /// Who names no purpose gets another one.
    DefaultPurpose {
        /// The running generation's first.
        before: String,
        /// The new one's first.
        after: String,
    },
    /// Something that it did, it does no more.
    Without(&'static str),
}

impl fmt::Display for Shrinkage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account { before, after } => write!(f, "its account is `{after}` instead of `{before}`"),
            Self::Verify { before, after } => {
                write!(f, "`verify` is {} instead of {}", word(after), word(before))
            }
            Self::Delete { before, after } => {
                write!(f, "`delete` is {} instead of {}", word(after), word(before))
            }
            Self::Treatment { before, after } => {
                write!(f, "`treatment` is {} instead of {}", word(after), word(before))
            }
            Self::NoPurpose(purpose) => write!(f, "it has no purpose `{purpose}`"),
            Self::LessOf { purpose, what } => write!(f, "the purpose `{purpose}` has less of `{what}`"),
            Self::DefaultPurpose { before, after } => {
                write!(f, "its default purpose is `{after}` instead of `{before}`")
            }
            Self::Without(what) => write!(f, "it has no `{what}`"),
        }
    }
}

/// The contract's word for a variant: `IdempotencyKey` is `idempotency-key` there.
fn word(value: &impl fmt::Debug) -> String {
    let mut word = String::from("`");
    for (at, letter) in format!("{value:?}").char_indices() {
        if at > 0 && letter.is_ascii_uppercase() {
            word.push('-');
        }
        word.push(letter.to_ascii_lowercase());
    }
    word.push('`');
    word
}

/// Everything that would be less, in the order of the contract. Empty: the new generation can stand in for the old one
/// in whatever was begun with that.
pub fn shrinks(before: &SwapTerms<'_>, after: &SwapTerms<'_>) -> Vec<Shrinkage> {
    let mut found = Vec::new();
    if before.account != after.account {
        found.push(Shrinkage::Account {
            before: before.account.to_owned(),
            after: after.account.to_owned(),
        });
    }
    let (old, new) = (before.profile, after.profile);
    if old.verify != new.verify {
        found.push(Shrinkage::Verify {
            before: old.verify,
            after: new.verify,
        });
    }
    if old.delete != new.delete && old.delete != DeleteSemantics::Never {
        found.push(Shrinkage::Delete {
            before: old.delete,
            after: new.delete,
        });
    }
    if old.treatment != new.treatment {
        found.push(Shrinkage::Treatment {
            before: old.treatment,
            after: new.treatment,
        });
    }
    purposes(old, new, &mut found);
    let abilities = [
        ("stat", old.can_stat, new.can_stat),
        ("list", old.can_list, new.can_list),
        ("takes-empty", old.takes_empty, new.takes_empty),
    ];
    let lost = abilities.into_iter().filter(|(_, before, after)| *before && !*after);
    found.extend(lost.map(|(what, _, _)| Shrinkage::Without(what)));
    found
}

fn purposes(old: &Profile, new: &Profile, found: &mut Vec<Shrinkage>) {
    for one in &old.purposes {
        match new.purpose(&one.purpose) {
            None => found.push(Shrinkage::NoPurpose(one.purpose.clone())),
            Some(same) => found.extend(less_of(one, same).into_iter().map(|what| Shrinkage::LessOf {
                purpose: one.purpose.clone(),
                what,
            })),
        }
    }
    if let (Some(before), Some(after)) = (old.default_purpose(), new.default_purpose())
        && before.purpose != after.purpose
    {
        found.push(Shrinkage::DefaultPurpose {
            before: before.purpose.clone(),
            after: after.purpose.clone(),
        });
    }
}

/// What a purpose has less of.
fn less_of(old: &PurposeProfile, new: &PurposeProfile) -> Vec<&'static str> {
    let below = |old: Option<u64>, new: Option<u64>| new.is_some_and(|new| old.is_none_or(|old| new < old));
    let image = |purpose: &PurposeProfile| purpose.max_bytes_for("image/*");
    let mut less = Vec::new();
    let mut note = |is_less: bool, what| {
        if is_less {
            less.push(what);
        }
    };
    note(below(old.max_bytes, new.max_bytes), "max-bytes");
    note(below(image(old), image(new)), "image-max-bytes");
    note(fewer_types(old, new), "extensions or media-types");
    note(below(old.max_count, new.max_count), "max-count");
    note(below(old.max_total_bytes, new.max_total_bytes), "max-total-bytes");
    note(keeps_less(old.retention, new.retention), "retention");
    note(
        old.content != new.content && old.content != ContentKind::Never,
        "content",
    );
    less
}

/// Whether a type that was accepted may be refused. An empty list beside a list that is not accepts nothing by itself.
fn fewer_types(old: &PurposeProfile, new: &PurposeProfile) -> bool {
    let any = |purpose: &PurposeProfile| purpose.extensions.is_empty() && purpose.media_types.is_empty();
    if any(new) {
        return false;
    }
    let lost = |old: &[String], new: &[String]| {
        let there = |one: &String| {
            new.iter()
                .any(|other| other.eq_ignore_ascii_case(one) || other == "*/*")
        };
        !old.iter().all(there)
    };
    any(old) || lost(&old.extensions, &new.extensions) || lost(&old.media_types, &new.media_types)
}

fn keeps_less(old: Retention, new: Retention) -> bool {
    match (old, new) {
        (old, new) if old == new => false,
        // Whatever is said is more than nothing.
        (Retention::Unknown, _) => false,
        (Retention::Fixed(before), Retention::Fixed(after)) => after < before,
        (Retention::Fixed(_), Retention::UntilDeleted) => false,
        (Retention::Chosen(least, most), Retention::Chosen(new_least, new_most)) => {
            new_least > least || new_most < most
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile() -> Profile {
        Profile {
            title: "one".into(),
            purposes: vec![PurposeProfile::unlimited("a"), PurposeProfile::unlimited("b")],
            verify: VerifyMethod::Mark,
            delete: DeleteSemantics::Hard,
            treatment: Treatment::Extension,
            can_stat: true,
            can_list: true,
            takes_empty: true,
            max_concurrency: Some(4),
            wants_digest: false,
            poll_interval_ms: None,
            egress: Vec::new(),
        }
    }

    fn compared(change: impl FnOnce(&mut Profile)) -> Vec<String> {
        let before = profile();
        let mut after = profile();
        change(&mut after);
        let of = |profile| SwapTerms {
            account: "one",
            profile,
        };
        let found = shrinks(&of(&before), &of(&after));
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_equal_profile_and_more_of_everything_are_no_shrinkage() {
        assert!(compared(|_| {}).is_empty());
        assert!(
            compared(|after| {
                after.title = "another".into();
                after.purposes.push(PurposeProfile::unlimited("c"));
                after.max_concurrency = Some(1);
            })
            .is_empty()
        );
    }

    #[test]
    fn whatever_is_less_is_named() {
        type Change = fn(&mut Profile);
        let cases: [(Change, &str); 14] = [
            (
                |after| after.verify = VerifyMethod::Digest,
                "`verify` is `digest` instead of `mark`",
            ),
            (
                |after| after.verify = VerifyMethod::None,
                "`verify` is `none` instead of `mark`",
            ),
            (
                |after| after.delete = DeleteSemantics::Never,
                "`delete` is `never` instead of `hard`",
            ),
            (
                |after| after.delete = DeleteSemantics::Shared,
                "`delete` is `shared` instead of `hard`",
            ),
            (
                |after| after.treatment = Treatment::Content,
                "`treatment` is `content` instead of `extension`",
            ),
            (|after| drop(after.purposes.pop()), "it has no purpose `b`"),
            (
                |after| after.purposes.reverse(),
                "its default purpose is `b` instead of `a`",
            ),
            (
                |after| after.purposes[0].max_bytes = Some(1),
                "the purpose `a` has less of `max-bytes`",
            ),
            (
                |after| after.purposes[0].extensions = vec!["pdf".into()],
                "the purpose `a` has less of `extensions or media-types`",
            ),
            (
                |after| after.purposes[0].retention = Retention::Fixed(1),
                "the purpose `a` has less of `retention`",
            ),
            (
                |after| after.purposes[0].content = ContentKind::Never,
                "the purpose `a` has less of `content`",
            ),
            (|after| after.can_stat = false, "it has no `stat`"),
            (|after| after.can_list = false, "it has no `list`"),
            (|after| after.takes_empty = false, "it has no `takes-empty`"),
        ];
        for (change, expected) in cases {
            assert!(compared(change).iter().any(|found| found == expected), "{expected}");
        }
    }

    #[test]
    fn another_account_is_a_shrinkage_and_a_delete_that_there_was_not_is_none() {
        let (one, mut other) = (profile(), profile());
        let terms = |account, profile| SwapTerms { account, profile };
        let found = shrinks(&terms("x", &one), &terms("y", &one));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].to_string(), "its account is `y` instead of `x`");
        other.delete = DeleteSemantics::Never;
        assert!(shrinks(&terms("x", &other), &terms("x", &one)).is_empty());
    }

    #[test]
    fn retention_and_limits_may_grow() {
        let mut old = PurposeProfile::unlimited("a");
        old.max_bytes = Some(5);
        old.retention = Retention::Fixed(10);
        old.extensions = vec!["pdf".into()];
        let mut new = old.clone();
        new.max_bytes = None;
        new.retention = Retention::UntilDeleted;
        new.extensions.push("txt".into());
        assert!(less_of(&old, &new).is_empty());
        assert_eq!(
            less_of(&new, &old),
            ["max-bytes", "image-max-bytes", "extensions or media-types", "retention"]
        );
        new.extensions.clear();
        assert!(!fewer_types(&old, &new));
    }
}
