//! `fsck`: journal, ledger, vendors' lists and spool against each other. Changes nothing.

use std::collections::HashSet;
use std::time::Duration;

use loadlock_journal::SourceRef;
use loadlock_policy::upkeep::{
    BalanceLine, Finding, JournalBalance, LedgerBalance, ProviderBalance, SpoolBalance, balance,
};
use loadlock_sandbox::tracker::{RemoteRow, RemoteState};
use serde::{Deserialize, Serialize};

use super::inventory::Unlisted;
use crate::error::{Error, ErrorCode, Result, answered};
use crate::principal::{Principal, Scope};
use crate::state::gateway::{Gateway, GatewayState};
use crate::upload::content_check::ReadThrough;

/// Journal, ledger, lists and spool, side by side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceSheet {
    /// Line by line.
    pub lines: Vec<BalanceLine>,
    /// Providers whose list could not be compared.
    pub not_listed: Vec<NotListed>,
    /// Stored files that are not what was uploaded. Looked for by [`Gateway::fsck_deep`] alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<Damaged>,
    /// Whether every line agrees, every list that there is was read, and nothing is damaged.
    pub balanced: bool,
}

/// A stored file that is not what was uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damaged {
    /// The provider's configured name.
    pub provider: String,
    /// The vendor's id.
    pub remote_id: String,
    /// The digest of what was uploaded.
    pub sha256: String,
}

/// A provider whose list could not be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotListed {
    /// Its configured name.
    pub provider: String,
    /// Why. A vendor that has no list does not unbalance the sheet, one that does not answer does.
    #[serde(flatten)]
    pub why: Unlisted,
}

impl Gateway {
    /// Checks journal, ledger, vendors' lists and spool against each other.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`] without the scope `admin`; [`ErrorCode::TrackerFailed`] or
    /// [`ErrorCode::StateUnavailable`] if ledger or journal cannot be read.
    pub async fn fsck(&self, who: &Principal) -> Result<BalanceSheet> {
        self.balance_sheet(who, false).await
    }

    /// As [`Gateway::fsck`], and reads every stored file whose vendor gives its bytes back.
    ///
    /// # Errors
    /// Those of [`Gateway::fsck`].
    pub async fn fsck_deep(&self, who: &Principal) -> Result<BalanceSheet> {
        self.balance_sheet(who, true).await
    }

    async fn balance_sheet(&self, who: &Principal, deep: bool) -> Result<BalanceSheet> {
        who.require(Scope::Admin)?;
        let state = &*self.0;
        // Nothing is settled while it is counted. Uploads may go on.
        let _one_at_a_time = state.open_entries.settling().await;
        // What is damaged is not compared: what is missing in it would look like what never was.
        answered(state.ledger.tracker.verify().await)?;
        let mut providers = Vec::new();
        let mut not_listed = Vec::new();
        for unit in state.providers.iter() {
            match state.compare(&unit).await? {
                Ok(compared) => providers.push(ProviderBalance {
                    name: unit.name.clone(),
                    exclusive: !unit.component.grants().network.is_granted(),
                    comparison: compared.comparison,
                }),
                Err(why) => not_listed.push(NotListed {
                    provider: unit.name.clone(),
                    why,
                }),
            }
        }
        not_listed.extend(state.providers.now().out_of_service.iter().map(|one| NotListed {
            provider: one.name.clone(),
            why: Unlisted::Failed(one.reason()),
        }));
        let spool = state.spool_balance()?;
        let journal = state.journal_balance()?;
        let ledger = state.ledger_balance().await?;
        let mut lines = balance(&journal, &ledger, &spool, &providers);
        let mut damaged = Vec::new();
        if deep {
            let (line, found) = state.read_everything().await?;
            lines.push(line);
            damaged = found;
        }
        let balanced = lines.iter().all(|line| line.finding != Finding::Unbalanced)
            && not_listed.iter().all(|one| one.why == Unlisted::CannotList);
        Ok(BalanceSheet {
            lines,
            not_listed,
            damaged,
            balanced,
        })
    }
}

/// Longest that one stored file is read.
const READ_TIME: Duration = Duration::from_secs(600);

/// How often the ledger is counted anew because it changed meanwhile.
const LOOKS: usize = 20;

impl GatewayState {
    /// Reads every live remote file whose vendor gives its bytes back, one at a time.
    async fn read_everything(&self) -> Result<(BalanceLine, Vec<Damaged>)> {
        let (mut read, mut to_read, mut damaged) = (0, 0, Vec::new());
        for row in self.rows(None).await? {
            let Some(unit) = self.providers.at_account(&row.provider, &row.account) else {
                continue;
            };
            if row.state != RemoteState::Live {
                continue;
            }
            match self.read_through(&unit, &row, READ_TIME).await {
                ReadThrough::NotRaw => continue,
                ReadThrough::Agrees => read += 1,
                ReadThrough::Unread => {}
                ReadThrough::Differs => damaged.push(Damaged {
                    provider: unit.name.clone(),
                    remote_id: row.remote_id,
                    sha256: row.key.sha256,
                }),
            }
            to_read += 1;
        }
        let line = BalanceLine {
            name: "stored files that are what was uploaded".into(),
            provider: None,
            count: read,
            expected: Some(to_read),
            finding: if read == to_read {
                Finding::Balanced
            } else {
                Finding::Unbalanced
            },
        };
        Ok((line, damaged))
    }

    fn journal_balance(&self) -> Result<JournalBalance> {
        let counts = self.journal.counts()?;
        let open = self.abandoned()?.len() as u64;
        Ok(JournalBalance {
            open,
            under_way: counts.open.saturating_sub(open),
            accepted: counts.accepted,
            unknown: counts.unknown,
            pending_deletes: counts.pending_deletes,
        })
    }

    /// Counts what the ledger counted. A file that is recorded between the two looks would make them differ: then they
    /// are taken once more.
    async fn ledger_balance(&self) -> Result<LedgerBalance> {
        let mut before = answered(self.ledger.tracker.stats(None).await)?;
        for _ in 0..LOOKS {
            let rows = self.rows(None).await?;
            let usage = self.usage_rows().await;
            let after = answered(self.ledger.tracker.stats(None).await)?;
            if before != after {
                before = after;
                continue;
            }
            let of = |state: RemoteState| rows.iter().filter(move |row| row.state == state);
            let bytes = |rows: &mut dyn Iterator<Item = &RemoteRow>| -> u64 { rows.map(|row| row.bytes).sum() };
            return Ok(LedgerBalance {
                files: after.files,
                references: rows.iter().map(|row| row.references).sum(),
                live: (after.remotes, of(RemoteState::Live).count() as u64),
                live_bytes: (after.remote_bytes, bytes(&mut of(RemoteState::Live))),
                dying: (after.dying, of(RemoteState::Dying).count() as u64),
                missing: (after.missing, of(RemoteState::Missing).count() as u64),
                quota: (
                    usage.iter().map(|row| row.remotes).sum(),
                    of(RemoteState::Live).count() as u64,
                ),
                unreferenced: of(RemoteState::Live).filter(|row| row.references == 0).count() as u64,
            });
        }
        Err(Error::new(
            ErrorCode::Overloaded,
            "the ledger changes faster than it can be counted",
        )
        .hint("try again when fewer files come and go"))
    }

    fn spool_balance(&self) -> Result<SpoolBalance> {
        let entries = self.intake.spool.entries().map_err(|error| {
            Error::new(
                ErrorCode::StateUnavailable,
                format!("the spool cannot be read: {error}"),
            )
        })?;
        let open = self.journal.open_entries()?;
        let named: HashSet<_> = open
            .into_iter()
            .filter_map(|entry| match entry.intent.source {
                SourceRef::Spool { dir } => dir.file_name().map(ToOwned::to_owned),
                SourceRef::Path { .. } => None,
            })
            .collect();
        let mut spool = SpoolBalance::default();
        for (path, held) in entries {
            let owned = held || path.file_name().is_some_and(|name| named.contains(name));
            *(if owned { &mut spool.owned } else { &mut spool.ownerless }) += 1;
        }
        Ok(spool)
    }
}
