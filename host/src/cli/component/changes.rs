//! What differs between two versions of a component, and what of that somebody has to accept. A decision without I/O.

use std::collections::{BTreeMap, BTreeSet};

use loadlock::config::LockedComponent;
use loadlock_policy::model::Profile;
use loadlock_policy::swap::{SwapTerms, shrinks};
use serde::Serialize;

/// What differs.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct VersionChanges {
    /// Interfaces that it imports besides.
    pub(super) imports_added: Vec<String>,
    /// Interfaces that it imports no more.
    pub(super) imports_gone: Vec<String>,
    /// Requests that it asks for besides.
    pub(super) egress_added: Vec<String>,
    /// Requests that it asks for no more.
    pub(super) egress_gone: Vec<String>,
    /// What it does or takes less of.
    pub(super) limits: Vec<String>,
    /// Keys that signed this version and not the one before.
    pub(super) signers_added: Vec<String>,
}

impl VersionChanges {
    /// Whether it imports, asks for or limits more.
    pub(super) fn is_more(&self) -> bool {
        !(self.imports_added.is_empty() && self.egress_added.is_empty() && self.limits.is_empty())
    }

    /// Between two entries of the lock, and the profiles of both with the same settings, in the same order.
    pub(super) fn between(
        old: &LockedComponent,
        new: &LockedComponent,
        old_profiles: &[Profile],
        new_profiles: &[Profile],
    ) -> Self {
        let (old_imports, new_imports) = (interfaces(&old.imports), interfaces(&new.imports));
        let missing = |these: &BTreeSet<&str>, those: &BTreeSet<&str>| {
            those.difference(these).map(|one| (*one).to_owned()).collect()
        };
        let (old_asks, new_asks) = (asks(&old.egress), asks(&new.egress));
        let pairs = old_profiles.iter().zip(new_profiles);
        let limits: BTreeSet<String> = pairs
            .flat_map(|(old, new)| {
                let terms = |profile| SwapTerms { account: "", profile };
                shrinks(&terms(old), &terms(new))
            })
            .map(|shrinkage| shrinkage.to_string())
            .collect();
        let mut limits: Vec<String> = limits.into_iter().collect();
        if old.role != new.role {
            limits.push(format!(
                "it is a component for `{}` instead of `{}`",
                new.role, old.role
            ));
        }
        if old_profiles.len() > new_profiles.len() {
            limits.push("it gives no profile with the settings that it has".to_owned());
        }
        let signers = new.signers.iter().filter(|id| !old.signers.contains(id));
        Self {
            imports_added: missing(&old_imports, &new_imports),
            imports_gone: missing(&new_imports, &old_imports),
            egress_added: beyond(&new_asks, &old_asks),
            egress_gone: beyond(&old_asks, &new_asks),
            limits,
            signers_added: signers.cloned().collect(),
        }
    }
}

/// Without the version: a later patch of an interface is no other interface.
fn interfaces(imports: &[String]) -> BTreeSet<&str> {
    let plain = imports.iter().map(|import| import.split('@').next().unwrap_or(import));
    plain.collect()
}

/// Method and URL, and the operations that ask for it.
type Asks<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

fn asks(egress: &[String]) -> Asks<'_> {
    let mut asks = Asks::new();
    for line in egress {
        let (request, operations) = line.split_once(" for ").unwrap_or((line, ""));
        asks.entry(request).or_default().extend(operations.split(", "));
    }
    asks
}

/// What `these` has and `those` has not.
fn beyond(these: &Asks<'_>, those: &Asks<'_>) -> Vec<String> {
    let none = BTreeSet::new();
    let beyond = these.iter().filter_map(|(request, operations)| {
        let known = those.get(request).unwrap_or(&none);
        let added: Vec<&str> = operations.difference(known).copied().collect();
        (!added.is_empty()).then(|| format!("{request} for {}", added.join(", ")))
    });
    beyond.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(imports: &[&str], egress: &[&str]) -> LockedComponent {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        LockedComponent {
            name: "shelf".into(),
            source: "registry.example/acme/shelf".into(),
            requirement: "^1".into(),
            version: "1.0.0".into(),
            manifest: [1; 32],
            sha256: [2; 32],
            role: "provider".into(),
            contract: "0.1.0".into(),
            signers: vec!["a".into()],
            imports: texts(imports),
            egress: texts(egress),
        }
    }

    #[test]
    fn a_new_import_or_request_is_more_and_a_patch_or_less_is_not() {
        let old = locked(
            &["wasi:io/streams@0.2.9"],
            &["GET https://a.example/v1 for probe, stat"],
        );
        let between = |new: &LockedComponent| VersionChanges::between(&old, new, &[], &[]);
        assert_eq!(between(&old), VersionChanges::default());
        let less = between(&locked(
            &["wasi:io/streams@0.2.12"],
            &["GET https://a.example/v1 for stat"],
        ));
        assert!(
            !less.is_more() && less.egress_gone == ["GET https://a.example/v1 for probe"],
            "{less:?}"
        );
        for (imports, egress) in [
            (&["wasi:io/streams@0.2.9", "wasi:http/types@0.2.9"][..], &[][..]),
            (&[], &["GET https://a.example/v1 for content, stat"]),
            (&[], &["DELETE https://a.example/v1 for delete"]),
            (&[], &["GET https://b.example/v1 for stat"]),
        ] {
            assert!(between(&locked(imports, egress)).is_more(), "{imports:?} {egress:?}");
        }
        let other = LockedComponent {
            role: "auth".into(),
            ..old.clone()
        };
        assert!(between(&other).is_more());
        let signed = LockedComponent {
            signers: vec!["b".into()],
            ..old.clone()
        };
        assert_eq!(between(&signed).signers_added, ["b"]);
    }
}
