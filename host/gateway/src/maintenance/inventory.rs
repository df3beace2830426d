//! Reading lists, ledger and journal, so that they can be compared.

use std::time::Duration;

use loadlock_journal::{Entry, State};
use loadlock_policy::model::VerifyMethod;
use loadlock_policy::upkeep::{Comparison, JournalFacts, LedgerRow, LedgerRowState, Listed, compare};
use loadlock_sandbox::tracker::{RemoteRow, RemoteState, RemotesQuery};
use serde::{Deserialize, Serialize};

use crate::error::{Result, answered};
use crate::state::gateway::GatewayState;
use crate::state::provider::ProviderUnit;
use crate::upload::listing::{MAX_PAGES, PAGE, page};

/// Longest that one page may take.
const PAGE_TIME: Duration = Duration::from_secs(60);
/// Rows of the ledger that are read at once.
const ROWS: u32 = 10_000;
/// All of an index of the journal.
const ALL: usize = usize::MAX;

/// Why there is no list to compare with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", content = "detail", rename_all = "snake_case")]
pub enum Unlisted {
    /// The vendor has no list.
    CannotList,
    /// It did not answer, or not to the end.
    Failed(String),
}

/// One provider's list against the ledger and the journal.
pub(super) struct Compared {
    pub(super) comparison: Comparison,
    /// The rows that the comparison names.
    pub(super) rows: Vec<RemoteRow>,
}

impl GatewayState {
    /// Reads a provider's list, and the ledger and journal before and after it.
    pub(super) async fn compare(&self, unit: &ProviderUnit) -> Result<std::result::Result<Compared, Unlisted>> {
        if !unit.profile.can_list {
            return Ok(Err(Unlisted::CannotList));
        }
        let deleted = unit.health.deleted.now().await;
        // The journal before the ledger: what is recorded meanwhile is in one of them.
        let journal_before = self.journal_facts(unit)?;
        let before = self.rows(Some(&unit.account)).await?;
        // Asked before the vendor: what is recorded meanwhile is in the ledger's second look.
        let mut elsewhere = self.peers.marks_at(&unit.account).await?;
        let listed = match list_all(unit).await {
            Ok(listed) => listed,
            Err(unlisted) => return Ok(Err(unlisted)),
        };
        let journal_meanwhile = self.journal_facts(unit)?;
        elsewhere.extend(self.peers.marks_at(&unit.account).await?);
        let after = self.rows(Some(&unit.account)).await?;
        let mut journal = self.journal_facts(unit)?;
        for id in journal_before.accepted.into_keys() {
            if journal.accepted.contains_key(&id) {
                journal.accepted_before.insert(id);
            } else {
                journal.passing.insert(id);
            }
        }
        // Recorded after the ledger was read again, it is in neither of the two.
        for (id, bytes) in journal_meanwhile.accepted {
            if !after.iter().any(|row| row.remote_id == id) {
                journal.accepted.entry(id).or_insert(bytes);
            }
        }
        let open = [journal_before.open_marks, journal_meanwhile.open_marks];
        journal.open_marks.extend(open.into_iter().flatten());
        journal.open_marks.extend(elsewhere);
        let open = [journal_before.open_sizes, journal_meanwhile.open_sizes];
        journal.open_sizes.extend(open.into_iter().flatten());
        // Last: a delete is noted here before the journal forgets it.
        journal.passing.extend(unit.health.deleted.since(deleted).await);
        let rows =
            |rows: &[RemoteRow]| -> Vec<LedgerRow> { rows.iter().map(|row| self.ledger_row(unit, row)).collect() };
        let comparison = compare(&rows(&before), &listed, &rows(&after), &journal);
        Ok(Ok(Compared {
            comparison,
            rows: after,
        }))
    }

    fn ledger_row(&self, unit: &ProviderUnit, row: &RemoteRow) -> LedgerRow {
        LedgerRow {
            id: row.remote_id.clone(),
            bytes: row.bytes,
            state: match row.state {
                RemoteState::Live => LedgerRowState::Live,
                RemoteState::Dying => LedgerRowState::Dying,
                RemoteState::Missing => LedgerRowState::Missing,
            },
            ours_to_judge: self
                .providers
                .at_account(&row.provider, &row.account)
                .is_some_and(|judge| judge.name == unit.name),
        }
    }

    /// Every remote row, of one account or of all.
    pub(super) async fn rows(&self, account: Option<&str>) -> Result<Vec<RemoteRow>> {
        let mut rows = Vec::new();
        let mut cursor = None;
        loop {
            let query = RemotesQuery {
                account: account.map(str::to_owned),
                cursor,
                limit: ROWS,
                ..RemotesQuery::default()
            };
            let page = answered(self.ledger.tracker.remotes(query).await)?;
            rows.extend(page.items);
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(rows),
            }
        }
    }

    /// What the journal knows of a provider's account.
    fn journal_facts(&self, unit: &ProviderUnit) -> Result<JournalFacts> {
        let (journal, account) = (&self.journal, &unit.account);
        let read = || -> std::result::Result<JournalFacts, loadlock_journal::JournalError> {
            let mut facts = JournalFacts::default();
            for entry in journal.accepted_not_recorded(ALL)? {
                if let State::Accepted { accepted, .. } = &entry.state
                    && accepted.account == *account
                {
                    facts.accepted.insert(accepted.remote_id.clone(), accepted.bytes);
                }
            }
            let deletes = journal.pending_deletes(ALL)?.into_iter();
            let deletes = deletes.filter(|pending| pending.intent.account == *account);
            facts.deleting = deletes.map(|pending| pending.intent.remote_id).collect();
            facts.deleting.extend(self.conflicting_remotes(account)?);
            let marks = |entries: Vec<Entry>| {
                let attempts = entries.into_iter().flat_map(|entry| entry.attempts);
                attempts
                    .filter(|attempt| attempt.account == *account)
                    .map(|attempt| attempt.mark)
                    .collect::<Vec<_>>()
            };
            facts.failed_marks.extend(marks(journal.failed_entries(ALL)?));
            let open = journal.open_entries()?;
            if !matches!(unit.profile.verify, VerifyMethod::Mark | VerifyMethod::ChosenId) {
                let at_account = |entry: &&Entry| entry.intent.key.account == *account;
                let open = open.iter().filter(at_account);
                facts.open_sizes = open.map(|entry| entry.intent.bytes).collect();
            }
            facts.open_marks.extend(marks(open));
            facts.open_marks.extend(marks(journal.unknown_entries(ALL)?));
            Ok(facts)
        };
        Ok(read()?)
    }
}

/// The whole list of a provider's account.
async fn list_all(unit: &ProviderUnit) -> std::result::Result<Vec<Listed>, Unlisted> {
    let failed = |why: String| Unlisted::Failed(why);
    let mut listed = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let report = tokio::time::timeout(PAGE_TIME, page(unit, None, cursor.clone()))
            .await
            .map_err(|_| failed(format!("no page within {} s", PAGE_TIME.as_secs())))?;
        unit.called(&report);
        let page = match report.outcome {
            Ok(Ok(page)) => page,
            Ok(Err(failure)) => return Err(failed(failure.to_string())),
            Err(error) => return Err(failed(error.to_string())),
        };
        listed.extend(page.files.into_iter().map(|file| Listed {
            bytes: file.bytes,
            // Where the mark is.
            name: match unit.profile.verify {
                VerifyMethod::ChosenId => Some(file.id.clone()),
                _ => file.name,
            },
            id: file.id,
        }));
        match page.next {
            None => return Ok(listed),
            Some(next) if cursor.as_ref() == Some(&next) => {
                return Err(failed("the list repeats itself".to_owned()));
            }
            Some(next) => cursor = Some(next),
        }
    }
    Err(failed(format!(
        "the list is longer than {} files, so it was not read to its end",
        MAX_PAGES * PAGE as usize
    )))
}
