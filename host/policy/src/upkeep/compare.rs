//! A vendor's list against what we know.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// One file of a vendor's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Whether it was stored through this provider, or through one that has this account no more. Another provider of
    /// the same account is asked about its own.
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
    /// Sizes of uploads under way, where the list shows no marks: all that there is to know them by.
    pub open_sizes: BTreeSet<u64>,
    /// Those of `accepted` that were accepted before the list was asked for. The others need not be on it.
    pub accepted_before: BTreeSet<String>,
    /// Remote ids of ours that went, or came and went, while the list was read: it may show them or not.
    pub passing: BTreeSet<String>,
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

/// Compares. `before` is the ledger as it was read before the list, `after` as it was read after it: what was recorded
/// or deleted in between is neither missing from the list nor foreign to us, and what was marked missing in between is
/// not found. The journal is read last.
pub fn compare(before: &[LedgerRow], listed: &[Listed], after: &[LedgerRow], journal: &JournalFacts) -> Comparison {
    let known_before: BTreeMap<&str, LedgerRowState> = before.iter().map(|row| (row.id.as_str(), row.state)).collect();
    let was = |row: &LedgerRow| known_before.get(row.id.as_str()) == Some(&row.state);
    let on_list: BTreeMap<&str, &Listed> = listed.iter().map(|file| (file.id.as_str(), file)).collect();
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
            (LedgerRowState::Missing, Some(file)) if file.bytes == row.bytes && was(row) => {
                result.found.push(row.id.clone());
            }
            (LedgerRowState::Missing, _) => {}
            (LedgerRowState::Live, there) => {
                result.live += 1;
                match there {
                    Some(file) if file.bytes == row.bytes => result.matching += 1,
                    Some(file) => result.differing.push((*file).clone()),
                    None if was(row) && !journal.passing.contains(&row.id) => {
                        result.missing.push(row.id.clone());
                    }
                    // Recorded while the list was read.
                    None => result.matching += 1,
                }
            }
        }
    }
    let recorded: BTreeSet<&str> = before.iter().chain(after).map(|row| row.id.as_str()).collect();
    for (id, bytes) in &journal.accepted {
        if recorded.contains(id.as_str()) {
            continue;
        }
        match on_list.get(id.as_str()) {
            Some(file) if file.bytes == *bytes => result.matching += 1,
            Some(file) => result.differing.push((*file).clone()),
            None if journal.accepted_before.contains(id) => {
                result.accepted_missing.push(id.clone());
            }
            None => {}
        }
    }
    for file in on_list.values() {
        let id = file.id.as_str();
        if recorded.contains(id) || journal.accepted.contains_key(id) || journal.passing.contains(id) {
            continue;
        }
        result.unrecorded.push(((*file).clone(), ownership(file, journal)));
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
    } else if journal.open_sizes.contains(&file.bytes) {
        Ownership::Unsettled
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
            accepted_before: ["accepted".to_owned(), "vanished".to_owned()].into(),
            ..JournalFacts::default()
        };
        let found = compare(&rows, &list, &rows, &journal);
        assert_eq!((found.live, found.listed, found.matching), (3, 9, 2));
        assert_eq!(found.missing, ["lost"]);
        assert_eq!(found.accepted_missing, ["vanished"]);
        assert_eq!(found.found, ["back"]);
        assert_eq!(found.differing.len(), 1);
        assert_eq!(found.dying, [("dying".to_owned(), true), ("gone".to_owned(), false)]);
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
        let found = compare(&before, &[listed("deleted")], &after, &JournalFacts::default());
        assert!(found.missing.is_empty() && found.unrecorded.is_empty());
    }

    #[test]
    fn a_list_says_nothing_about_what_came_or_went_after_it() {
        let (live, missing) = (LedgerRowState::Live, LedgerRowState::Missing);
        let before = [row("reborn", live), row("marked", live)];
        let after = [row("reborn", live), row("marked", missing)];
        let journal = JournalFacts {
            accepted: [("accepted".to_owned(), 1)].into(),
            passing: ["reborn".to_owned(), "came and went".to_owned()].into(),
            ..JournalFacts::default()
        };
        let list = [listed("marked"), listed("came and went")];
        let found = compare(&before, &list, &after, &journal);
        let nothing = Comparison {
            live: 1,
            listed: 2,
            matching: 1,
            ..Comparison::default()
        };
        assert_eq!(found, nothing);
    }

    #[test]
    fn what_is_on_its_way_into_a_store_without_marks_is_known_by_its_size() {
        let journal = JournalFacts {
            open_sizes: [1].into(),
            ..JournalFacts::default()
        };
        let other = Listed {
            bytes: 2,
            ..listed("foreign")
        };
        let found = compare(&[], &[listed("coming"), other], &[], &journal);
        let owners: Vec<_> = found.unrecorded.iter().map(|(_, owner)| *owner).collect();
        assert_eq!(owners, [Ownership::Unsettled, Ownership::Foreign]);
    }
}
