//! A vendor's list against what we know.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// One file of a vendor's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The vendor's id.
    pub id: String,
    /// Bytes.
    pub bytes: u64,
    /// The remote name, if the vendor shows one: it may carry the mark of an upload.
    pub name: Option<String>,
}

/// State of a row of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LedgerRowState {
    /// Handed out.
    Live,
    /// Its last file went; to be deleted.
    Dying,
    /// The vendor was seen without it.
    Missing,
}

/// One remote file as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// The vendor's id.
    pub id: String,
    /// Bytes.
    pub bytes: u64,
    /// State.
    pub state: LedgerRowState,
    /// Whether it was stored through this provider, or through one that has this account no more. Another provider of the
    /// same account is asked about its own.
    pub ours_to_judge: bool,
}

/// What the journal knows of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalFacts {
    /// Remote ids of accepted uploads that the ledger does not have yet, with their sizes.
    pub accepted: BTreeMap<String, u64>,
    /// Remote ids whose deletion was decided and not confirmed.
    pub deleting: BTreeSet<String>,
    /// Marks of attempts of uploads that failed.
    pub failed_marks: BTreeSet<String>,
    /// Marks of attempts whose outcome is open or unknown.
    pub open_marks: BTreeSet<String>,
}

/// Whose a listed file is that no row of the ledger names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ownership {
    /// The journal decided its deletion.
    ToBeDeleted,
    /// It carries the mark of an upload that failed.
    Leftover,
    /// It carries the mark of an upload whose outcome is open or unknown.
    Unsettled,
    /// Nobody here recorded it: another program's, most likely.
    Foreign,
}

/// What of a list and the ledger fits together, and what does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Live rows that this provider is asked about.
    pub live: u64,
    /// Files on the list.
    pub listed: u64,
    /// Live rows, and accepted uploads without a row, that are on the list in their size.
    pub matching: u64,
    /// Live rows that are not on the list.
    pub missing: Vec<String>,
    /// Accepted uploads without a row yet that are not on the list.
    pub accepted_missing: Vec<String>,
    /// Rows marked missing that are on the list in their size.
    pub found: Vec<String>,
    /// Live rows that are on the list in another size.
    pub differing: Vec<Listed>,
    /// Dying rows, and whether they are on the list.
    pub dying: Vec<(String, bool)>,
    /// Listed files that no row of the ledger names.
    pub unrecorded: Vec<(Listed, Ownership)>,
}

/// Compares. `before` is the ledger as it was read before the list, `after` as it was read after it: what was recorded in
/// between is neither missing from the list nor foreign to us. The journal is read last.
pub fn compare(
    before: &[LedgerRow],
    listed: &[Listed],
    after: &[LedgerRow],
    journal: &JournalFacts,
) -> Comparison {
    let known_before: BTreeSet<&str> = before
        .iter()
        .filter(|row| row.state == LedgerRowState::Live)
        .map(|row| row.id.as_str())
        .collect();
    let on_list: BTreeMap<&str, &Listed> =
        listed.iter().map(|file| (file.id.as_str(), file)).collect();
    let mut result = Comparison {
        listed: on_list.len() as u64,
        ..Comparison::default()
    };
    for row in after.iter().filter(|row| row.ours_to_judge) {
        let there = on_list.get(row.id.as_str());
        match (row.state, there) {
            (LedgerRowState::Dying, there) => {
                result.dying.push((row.id.clone(), there.is_some()));
            }
            (LedgerRowState::Missing, Some(file)) if file.bytes == row.bytes => {
                result.found.push(row.id.clone());
            }
            (LedgerRowState::Missing, _) => {}
            (LedgerRowState::Live, there) => {
                result.live += 1;
                match there {
                    Some(file) if file.bytes == row.bytes => result.matching += 1,
                    Some(file) => result.differing.push((*file).clone()),
                    None if known_before.contains(row.id.as_str()) => {
                        result.missing.push(row.id.clone());
                    }
                    // Recorded while the list was read.
                    None => result.matching += 1,
                }
            }
        }
    }
    let recorded: BTreeSet<&str> = before
        .iter()
        .chain(after)
        .map(|row| row.id.as_str())
        .collect();
    for (id, bytes) in &journal.accepted {
        if recorded.contains(id.as_str()) {
            continue;
        }
        match on_list.get(id.as_str()) {
            Some(file) if file.bytes == *bytes => result.matching += 1,
            Some(file) => result.differing.push((*file).clone()),
            None => result.accepted_missing.push(id.clone()),
        }
    }
    for file in on_list.values() {
        let id = file.id.as_str();
        if recorded.contains(id) || journal.accepted.contains_key(id) {
            continue;
        }
        result
            .unrecorded
            .push(((*file).clone(), ownership(file, journal)));
    }
    result
}

fn ownership(file: &Listed, journal: &JournalFacts) -> Ownership {
    let carries = |marks: &BTreeSet<String>| {
        file.name.as_deref().is_some_and(|name| {
            marks
                .iter()
                .any(|mark| !mark.is_empty() && name.contains(mark.as_str()))
        })
    };
    if journal.deleting.contains(&file.id) {
        Ownership::ToBeDeleted
    } else if carries(&journal.open_marks) {
        Ownership::Unsettled
    } else if carries(&journal.failed_marks) {
        Ownership::Leftover
    } else {
        Ownership::Foreign
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn row(id: &str, state: LedgerRowState) -> LedgerRow {
        LedgerRow {
            id: id.into(),
            bytes: 1,
            state,
            ours_to_judge: true,
        }
    }

    fn listed(id: &str) -> Listed {
        Listed {
            id: id.into(),
            bytes: 1,
            name: None,
        }
    }

    #[test]
    fn each_class_is_told_apart() {
        let rows = [
            row("live", LedgerRowState::Live),
            row("lost", LedgerRowState::Live),
            row("dying", LedgerRowState::Dying),
            row("gone", LedgerRowState::Dying),
            row("back", LedgerRowState::Missing),
            row("still-missing", LedgerRowState::Missing),
            row("other-size", LedgerRowState::Live),
            LedgerRow {
                ours_to_judge: false,
                ..row("another-providers", LedgerRowState::Live)
            },
        ];
        let named = |id: &str, name: &str| Listed {
            name: Some(name.into()),
            ..listed(id)
        };
        let list = [
            listed("live"),
            listed("dying"),
            listed("back"),
            Listed {
                bytes: 2,
                ..listed("other-size")
            },
            listed("accepted"),
            listed("unwanted"),
            named("leftover", "a-MARK1.txt"),
            named("unsettled", "a-MARK2.txt"),
            named("foreign", "a.txt"),
        ];
        let journal = JournalFacts {
            accepted: [("accepted".to_owned(), 1), ("vanished".to_owned(), 1)].into(),
            deleting: ["unwanted".to_owned()].into(),
            failed_marks: ["MARK1".to_owned(), String::new()].into(),
            open_marks: ["MARK2".to_owned(), String::new()].into(),
        };
        let found = compare(&rows, &list, &rows, &journal);
        assert_eq!((found.live, found.listed, found.matching), (3, 9, 2));
        assert_eq!(found.missing, ["lost"]);
        assert_eq!(found.accepted_missing, ["vanished"]);
        assert_eq!(found.found, ["back"]);
        assert_eq!(found.differing.len(), 1);
        assert_eq!(
            found.dying,
            [("dying".to_owned(), true), ("gone".to_owned(), false)]
        );
        let owners: BTreeMap<&str, Ownership> = found
            .unrecorded
            .iter()
            .map(|(file, owner)| (file.id.as_str(), *owner))
            .collect();
        assert_eq!(
            owners,
            BTreeMap::from([
                ("foreign", Ownership::Foreign),
                ("leftover", Ownership::Leftover),
                ("unsettled", Ownership::Unsettled),
                ("unwanted", Ownership::ToBeDeleted),
            ])
        );
    }

    #[test]
    fn what_happens_while_the_list_is_read_is_no_difference() {
        let (before, after) = (
            [row("deleted", LedgerRowState::Live)],
            [row("stored", LedgerRowState::Live)],
        );
        // `deleted` was still listed, `stored` not yet.
        let found = compare(
            &before,
            &[listed("deleted")],
            &after,
            &JournalFacts::default(),
        );
        assert!(found.missing.is_empty() && found.unrecorded.is_empty());
    }
}
