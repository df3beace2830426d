//! The balance sheet of `fsck`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::compare::{Comparison, Ownership};

/// What the journal holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalBalance {
    /// Begun, not ended, and held by no upload of this process.
    pub open: u64,
    /// Held by an upload that is under way.
    pub under_way: u64,
    /// Accepted and not recorded.
    pub accepted: u64,
    /// Ended as outcome unknown.
    pub unknown: u64,
    /// Deletes that no vendor confirmed.
    pub pending_deletes: u64,
}

/// What the ledger counts, beside what a look at every row counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerBalance {
    /// Logical files, as counted.
    pub files: u64,
    /// References of all remote rows, summed over the rows.
    pub references: u64,
    /// Live remote files: as counted, and over the rows.
    pub live: (u64, u64),
    /// Their bytes.
    pub live_bytes: (u64, u64),
    /// Dying remote files.
    pub dying: (u64, u64),
    /// Missing remote files.
    pub missing: (u64, u64),
    /// Live remote files as counted for quotas, by account and purpose, and over the rows.
    pub quota: (u64, u64),
    /// Live rows to which no file refers.
    pub unreferenced: u64,
}

/// What the spool holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolBalance {
    /// Bodies of uploads under way or of open entries.
    pub owned: u64,
    /// Bodies that belong to nobody.
    pub ownerless: u64,
}

/// What a provider's list says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderBalance {
    /// Its configured name.
    pub name: String,
    /// Whether nobody but Loadlock stores there: a component that reaches no network and keeps files in its own
    /// directory. The account of a vendor is shared with other programs.
    pub exclusive: bool,
    /// The list against the books.
    pub comparison: Comparison,
}

/// What a line says about the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// It agrees.
    Balanced,
    /// To be known; the books agree with or without it.
    Note,
    /// It does not agree.
    Unbalanced,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceLine {
    /// What is counted; stable.
    pub name: Cow<'static, str>,
    /// The provider, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// How many.
    pub count: u64,
    /// How many there should be, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
    /// Whether it agrees.
    pub finding: Finding,
}

fn line(name: &'static str, count: u64, expected: Option<u64>, finding: Finding) -> BalanceLine {
    BalanceLine {
        name: Cow::Borrowed(name),
        provider: None,
        count,
        expected,
        finding,
    }
}

fn note(name: &'static str, count: u64) -> BalanceLine {
    line(name, count, None, Finding::Note)
}

fn agree(name: &'static str, count: u64, expected: u64) -> BalanceLine {
    let finding = if count == expected {
        Finding::Balanced
    } else {
        Finding::Unbalanced
    };
    line(name, count, Some(expected), finding)
}

/// The sheet. `providers` holds every provider whose list was read.
pub fn balance(
    journal: &JournalBalance,
    ledger: &LedgerBalance,
    spool: &SpoolBalance,
    providers: &[ProviderBalance],
) -> Vec<BalanceLine> {
    let mut lines = vec![
        note("uploads under way", journal.under_way),
        agree("open entries that nobody holds", journal.open, 0),
        note("accepted, not recorded yet", journal.accepted),
        note("unknown outcomes", journal.unknown),
        note("pending deletes", journal.pending_deletes),
        agree("files referring to remote files", ledger.references, ledger.files),
        agree("live remote files", ledger.live.0, ledger.live.1),
        agree("their bytes", ledger.live_bytes.0, ledger.live_bytes.1),
        agree("counted for quotas", ledger.quota.0, ledger.quota.1),
        agree("live remote files without a file", ledger.unreferenced, 0),
        agree("dying remote files", ledger.dying.0, ledger.dying.1),
        agree("missing remote files", ledger.missing.0, ledger.missing.1),
        note("spooled bodies in use", spool.owned),
        agree("spooled bodies without an owner", spool.ownerless, 0),
    ];
    for ProviderBalance {
        name,
        exclusive,
        comparison,
    } in providers
    {
        let owned = |owner: Ownership| {
            let of = |(_, one): &&(_, Ownership)| *one == owner;
            comparison.unrecorded.iter().filter(of).count() as u64
        };
        let accounted = comparison.live + unrecorded_accepted(comparison);
        let dying_listed = comparison.dying.iter().filter(|(_, listed)| *listed).count() as u64;
        let of_provider = [
            agree("stored files found at the vendor", comparison.matching, accounted),
            agree("stored files in another size", comparison.differing.len() as u64, 0),
            agree("marked missing but listed", comparison.found.len() as u64, 0),
            note("dying and still listed", dying_listed),
            note("to be deleted and still listed", owned(Ownership::ToBeDeleted)),
            note("of unsettled uploads", owned(Ownership::Unsettled)),
            agree("leftovers of failed uploads", owned(Ownership::Leftover), 0),
            match (exclusive, owned(Ownership::Foreign)) {
                (true, foreign) => agree("recorded by nobody here", foreign, 0),
                (false, foreign) => note("recorded by nobody here", foreign),
            },
        ];
        lines.extend(of_provider.into_iter().map(|line| BalanceLine {
            provider: Some(name.clone()),
            ..line
        }));
    }
    lines
}

/// Accepted uploads without a row that should be on the list: those that are missing, and those that match beyond the
/// rows.
fn unrecorded_accepted(comparison: &Comparison) -> u64 {
    let of_rows = comparison.live.saturating_sub(comparison.missing.len() as u64);
    let seen = comparison.matching + comparison.differing.len() as u64;
    seen.saturating_sub(of_rows) + comparison.accepted_missing.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upkeep::{JournalFacts, LedgerRow, LedgerRowState, Listed, compare};

    fn unbalanced(lines: &[BalanceLine]) -> Vec<&str> {
        lines
            .iter()
            .filter(|line| line.finding == Finding::Unbalanced)
            .map(|line| line.name.as_ref())
            .collect()
    }

    fn sheet(rows: &[&str], listed: &[&str], accepted: &[&str]) -> Vec<BalanceLine> {
        sheet_of(false, rows, listed, accepted)
    }

    fn sheet_of(exclusive: bool, rows: &[&str], listed: &[&str], accepted: &[&str]) -> Vec<BalanceLine> {
        let rows: Vec<LedgerRow> = rows
            .iter()
            .map(|id| LedgerRow {
                id: (*id).to_owned(),
                bytes: 1,
                state: LedgerRowState::Live,
                ours_to_judge: true,
            })
            .collect();
        let listed: Vec<Listed> = listed
            .iter()
            .map(|id| Listed {
                id: (*id).to_owned(),
                bytes: 1,
                name: None,
            })
            .collect();
        let journal = JournalFacts {
            accepted: accepted.iter().map(|id| ((*id).to_owned(), 1)).collect(),
            accepted_before: accepted.iter().map(|id| (*id).to_owned()).collect(),
            ..JournalFacts::default()
        };
        let comparison = compare(&rows, &listed, &rows, &journal);
        balance(
            &JournalBalance::default(),
            &LedgerBalance::default(),
            &SpoolBalance::default(),
            &[ProviderBalance {
                name: "p".to_owned(),
                exclusive,
                comparison,
            }],
        )
    }

    #[test]
    fn stored_files_are_weighed_against_the_list() {
        assert!(unbalanced(&sheet(&["a"], &["a"], &[])).is_empty());
        assert!(unbalanced(&sheet(&["a"], &["a", "foreign"], &[])).is_empty());
        assert!(unbalanced(&sheet(&["a"], &["a", "b"], &["b"])).is_empty());
        for (rows, listed, accepted) in [
            (&["a"][..], &[][..], &[][..]),
            (&["a"], &["a"], &["b"]),
            (&["a"], &["b"], &["b"]),
        ] {
            assert_eq!(
                unbalanced(&sheet(rows, listed, accepted)),
                ["stored files found at the vendor"]
            );
        }
    }

    #[test]
    fn a_store_of_our_own_holds_nothing_else() {
        let lines = sheet_of(true, &["a"], &["a", "foreign"], &[]);
        assert_eq!(unbalanced(&lines), ["recorded by nobody here"]);
    }

    #[test]
    fn each_count_can_tip_the_sheet_and_unknown_outcomes_cannot() {
        let of = |journal, ledger, spool| unbalanced(&balance(&journal, &ledger, &spool, &[])).len();
        let (journal, ledger, spool) = Default::default();
        assert_eq!(of(journal, ledger, spool), 0);
        let told = JournalBalance {
            under_way: 1,
            accepted: 1,
            unknown: 1,
            pending_deletes: 1,
            ..journal
        };
        assert_eq!(of(told, ledger, spool), 0);
        assert_eq!(of(JournalBalance { open: 1, ..journal }, ledger, spool), 1);
        for tipped in [
            LedgerBalance { files: 1, ..ledger },
            LedgerBalance {
                references: 1,
                ..ledger
            },
            LedgerBalance { live: (1, 0), ..ledger },
            LedgerBalance {
                live_bytes: (0, 1),
                ..ledger
            },
            LedgerBalance {
                dying: (1, 0),
                ..ledger
            },
            LedgerBalance {
                missing: (0, 1),
                ..ledger
            },
            LedgerBalance {
                quota: (1, 0),
                ..ledger
            },
            LedgerBalance {
                unreferenced: 1,
                ..ledger
            },
        ] {
            assert_eq!(of(journal, tipped, spool), 1, "{tipped:?}");
        }
        assert_eq!(of(journal, ledger, SpoolBalance { owned: 1, ownerless: 0 }), 0);
        assert_eq!(of(journal, ledger, SpoolBalance { owned: 0, ownerless: 1 }), 1);
    }
}
