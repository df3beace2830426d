//! What reconciling does.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::compare::{Comparison, Listed, Ownership};

/// One change, or one thing to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// The vendor lost it: mark the row, so that it is never handed out.
    MarkMissing {
        /// The vendor's id.
        remote_id: String,
    },
    /// A row that was marked missing is at the vendor after all.
    MarkLive {
        /// The vendor's id.
        remote_id: String,
    },
    /// Ours and unwanted: delete it at the vendor.
    Delete {
        /// The vendor's id.
        remote_id: String,
        /// Why it is unwanted.
        why: Reason,
    },
    /// A dying row that the vendor does not hold any more: drop it.
    Forget {
        /// The vendor's id.
        remote_id: String,
    },
    /// Told and left alone.
    LeaveAlone {
        /// The file.
        file: Listed,
        /// Why it is told.
        why: Reason,
    },
}

/// Why something is deleted or told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its last file was deleted or expired.
    Dying,
    /// Its deletion was decided and never confirmed.
    Unwanted,
    /// It carries the mark of an upload that failed.
    Leftover,
    /// It carries the mark of an upload whose outcome is open or unknown.
    Unsettled,
    /// Nobody here recorded it.
    Foreign,
    /// The vendor lists it in another size than what was sent.
    OtherSize,
}

/// Too much would change at once: a wrong account, an empty list or a damaged ledger look like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error(
    "{marks} remote files would be marked missing and {deletes} deleted, of {live} live ones; at most {limit} of each \
     are \
     changed at once"
)]
pub struct MassChange {
    /// Rows to be marked missing.
    pub marks: u64,
    /// Files to be deleted.
    pub deletes: u64,
    /// Live rows of the account.
    pub live: u64,
    /// The most of each.
    pub limit: u64,
}

/// What reconciling one provider comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// In the order in which they are carried out.
    pub actions: Vec<Action>,
    /// Set if that is too much at once: then nothing is carried out without a person's word.
    pub mass: Option<MassChange>,
}

/// The most rows to mark and the most files to delete at once, of an account with so many live rows: a fifth, or ten.
pub const fn mass_limit(live: u64) -> u64 {
    let fifth = live / 5;
    if fifth > 10 { fifth } else { 10 }
}

/// What to do about a comparison. What heals comes first, what deletes last.
pub fn plan(comparison: &Comparison) -> Plan {
    let mut actions = Vec::new();
    actions.extend(
        comparison
            .found
            .iter()
            .cloned()
            .map(|remote_id| Action::MarkLive { remote_id }),
    );
    actions.extend(
        comparison
            .missing
            .iter()
            .cloned()
            .map(|remote_id| Action::MarkMissing { remote_id }),
    );
    for file in &comparison.differing {
        actions.push(Action::LeaveAlone {
            file: file.clone(),
            why: Reason::OtherSize,
        });
    }
    for (remote_id, listed) in &comparison.dying {
        let remote_id = remote_id.clone();
        actions.push(if *listed {
            Action::Delete {
                remote_id,
                why: Reason::Dying,
            }
        } else {
            Action::Forget { remote_id }
        });
    }
    for (file, owner) in &comparison.unrecorded {
        let remote_id = file.id.clone();
        let tell = |why| Action::LeaveAlone {
            file: file.clone(),
            why,
        };
        actions.push(match owner {
            Ownership::ToBeDeleted => Action::Delete {
                remote_id,
                why: Reason::Unwanted,
            },
            Ownership::Leftover => Action::Delete {
                remote_id,
                why: Reason::Leftover,
            },
            Ownership::Unsettled => tell(Reason::Unsettled),
            Ownership::Foreign => tell(Reason::Foreign),
        });
    }
    let count = |of: fn(&Action) -> bool| actions.iter().filter(|action| of(action)).count() as u64;
    let marks = count(|action| matches!(action, Action::MarkMissing { .. }));
    let deletes = count(|action| matches!(action, Action::Delete { .. }));
    let limit = mass_limit(comparison.live);
    let mass = (marks > limit || deletes > limit).then_some(MassChange {
        marks,
        deletes,
        live: comparison.live,
        limit,
    });
    Plan { actions, mass }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upkeep::{JournalFacts, LedgerRow, LedgerRowState, compare};
    use proptest::prelude::*;

    fn rows(count: usize) -> Vec<LedgerRow> {
        (0..count)
            .map(|number| LedgerRow {
                id: format!("r{number}"),
                bytes: 1,
                state: LedgerRowState::Live,
                ours_to_judge: true,
            })
            .collect()
    }

    fn listed(id: String) -> Listed {
        Listed {
            id,
            bytes: 1,
            name: None,
        }
    }

    #[test]
    fn ten_or_a_fifth_may_change_and_no_more() {
        for (live, lost, refused) in [
            (5, 5, false),
            (10, 10, false),
            (11, 11, true),
            (100, 20, false),
            (100, 21, true),
        ] {
            let rows = rows(live);
            let list: Vec<Listed> = rows[lost..].iter().map(|row| listed(row.id.clone())).collect();
            let plan = plan(&compare(&rows, &list, &rows, &JournalFacts::default()));
            assert_eq!(plan.mass.is_some(), refused, "{lost} of {live}");
        }
    }

    #[test]
    fn an_empty_ledger_deletes_nothing() {
        let list: Vec<Listed> = (0..500).map(|number| listed(format!("x{number}"))).collect();
        let plan = plan(&compare(&[], &list, &[], &JournalFacts::default()));
        assert!(plan.mass.is_none());
        assert!(plan.actions.iter().all(|action| matches!(
            action,
            Action::LeaveAlone {
                why: Reason::Foreign,
                ..
            }
        )));
    }

    fn state() -> impl Strategy<Value = LedgerRowState> {
        prop_oneof![
            Just(LedgerRowState::Live),
            Just(LedgerRowState::Dying),
            Just(LedgerRowState::Missing),
        ]
    }

    proptest! {
        /// Whatever the list and the books say: what is deleted was recorded by us as unwanted, and neither a live nor
        /// a missing row nor an accepted upload is ever among it.
        #[test]
        fn nothing_is_deleted_that_is_not_ours_and_unwanted(
            rows in proptest::collection::btree_map(0..12u8, state(), 0..12),
            list in proptest::collection::btree_map(0..12u8, proptest::option::of(0..4u8), 0..12),
            accepted in proptest::collection::btree_set(0..12u8, 0..4),
            deleting in proptest::collection::btree_set(0..12u8, 0..4),
        ) {
            let id = |number: &u8| format!("r{number}");
            let rows: Vec<LedgerRow> = rows
                .iter()
                .map(|(number, state)| LedgerRow { id: id(number), bytes: 1, state: *state, ours_to_judge: true })
                .collect();
            let list: Vec<Listed> = list
                .iter()
                .map(|(number, mark)| Listed { name: mark.map(|mark| format!("a-M{mark}.txt")), ..listed(id(number)) })
                .collect();
            let journal = JournalFacts {
                accepted: accepted.iter().map(|number| (id(number), 1)).collect(),
                deleting: deleting.iter().map(id).collect(),
                failed_marks: ["M0".to_owned(), "M1".to_owned()].into(),
                open_marks: ["M1".to_owned(), "M2".to_owned()].into(),
                accepted_before: accepted.iter().map(id).collect(),
                ..JournalFacts::default()
            };
            for action in plan(&compare(&rows, &list, &rows, &journal)).actions {
                let Action::Delete { remote_id, .. } = action else { continue };
                let row = rows.iter().find(|row| row.id == remote_id);
                prop_assert!(row.is_none_or(|row| row.state == LedgerRowState::Dying));
                if row.is_none() {
                    prop_assert!(!journal.accepted.contains_key(&remote_id));
                    let name = list.iter().find(|file| file.id == remote_id).and_then(|file| file.name.clone());
                    prop_assert!(journal.deleting.contains(&remote_id) || name.as_deref() == Some("a-M0.txt"));
                }
            }
        }
    }
}
