//! A tracker's cases: the contract as `wit/tracker.wit` states it. Every tracker keeps it, whatever it stores in.

/// Whether something holds, or the case is broken.
macro_rules! holds {
    ($what:expr $(, $why:expr)? $(,)?) => {{
        let holds: bool = $what;
        if !holds {
            let why: &[&str] = &[$(": ", $why)?];
            return Err(BrokenCase(format!("`{}` does not hold{}", stringify!($what), why.concat())));
        }
    }};
}

/// Whether two are equal, or the case is broken.
macro_rules! same {
    ($got:expr, $wanted:expr $(, $why:expr)? $(,)?) => {
        match (&$got, &$wanted) {
            (got, wanted) => {
                if *got != *wanted {
                    let why: &[&str] = &[$(": ", $why)?];
                    let (what, why) = (stringify!($got), why.concat());
                    return Err(BrokenCase(format!("`{what}` is {got:?}, and has to be {wanted:?}{why}")));
                }
            }
        }
    };
}

mod lifecycle;
mod lookups;
mod pages;
pub mod support;

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use loadlock_sandbox::tracker::{Tracker, TrackerGrants};
use loadlock_sandbox::{Inspection, Sandbox};

use super::report::{CaseFacts, Finding, Found, Recorder};
use super::subject::{ConformanceError, ConformanceSubject};
use support::{CaseOutcome, TestLedger};

type CaseRun = for<'l> fn(&'l TestLedger) -> Pin<Box<dyn Future<Output = CaseOutcome> + Send + 'l>>;

/// A case of the contract.
pub struct TrackerCase {
    facts: CaseFacts,
    run: CaseRun,
}

impl TrackerCase {
    /// Its name in a report.
    pub fn name(&self) -> &'static str {
        self.facts.name
    }

    /// Runs it on a ledger that has to be empty.
    ///
    /// # Errors
    /// [`BrokenCase`](support::BrokenCase).
    pub async fn run(&self, ledger: &TestLedger) -> CaseOutcome {
        (self.run)(ledger).await
    }
}

macro_rules! cases {
    ($($module:ident::$case:ident, $name:literal, $promise:literal;)*) => {
        /// All of them.
        pub const CASES: &[TrackerCase] = &[$(
            TrackerCase {
                facts: CaseFacts {
                    name: $name,
                    promise: $promise,
                    advice: "`wit/tracker.wit` says what each call answers; `components/tracker-local` keeps it",
                },
                run: |ledger| Box::pin($module::$case(ledger)),
            },
        )*];
    };
}

cases! {
    lifecycle::a_recorded_file_can_be_looked_up_whole, "recorded-whole",
        "a recorded file can be looked up whole";
    lifecycle::recording_again_changes_nothing_whatever_it_says, "recorded-once",
        "recording an id again changes nothing, whatever it says";
    lifecycle::a_batch_is_answered_in_order_and_sees_itself, "batches",
        "a batch is answered in order, and sees what it has recorded itself";
    lifecycle::the_last_release_over_all_tenants_makes_the_remote_file_die, "last-release",
        "the last release over all tenants makes the remote file die";
    lifecycle::only_its_tenant_can_release_a_file_and_only_once, "released-by-its-tenant",
        "only its tenant can release a file, and only once";
    lifecycle::no_reference_is_taken_to_what_is_not_live, "references-to-live-files",
        "no reference is taken to a remote file that is not live";
    lifecycle::an_expired_remote_file_is_claimed_by_nobody_but_may_be_recorded_anew, "expired-remote-files",
        "an expired remote file is claimed by nobody, and may be recorded anew";
    lifecycle::observing_moves_between_live_and_missing_but_never_out_of_dying, "observed-states",
        "observing moves a remote file between live and missing, and never out of dying";
    lifecycle::the_last_release_of_a_missing_remote_file_makes_it_die_too, "missing-files-die",
        "the last release of a missing remote file makes it die too";
    lifecycle::only_what_is_not_live_can_be_forgotten, "forgotten",
        "only a remote file that is not live can be forgotten";
    lifecycle::files_of_a_forgotten_remote_file_count_again_if_its_id_comes_back, "ids-that-come-back",
        "files of a forgotten remote file count again if its id comes back";
    lifecycle::expiring_releases_what_expired_in_portions, "expiry",
        "expiring releases what has expired, in portions";
    lookups::a_key_matches_as_a_whole, "whole-keys",
        "a key matches as a whole, and in no other way";
    lookups::each_tenant_finds_a_shared_remote_file_under_its_own_key, "shared-remote-files",
        "each tenant finds a shared remote file under its own key";
    lookups::of_several_remote_files_the_one_verified_last_is_found, "verified-last",
        "of several remote files the one verified last is found";
    lookups::an_expired_file_is_neither_found_nor_listed, "expired-files",
        "an expired file is neither found nor listed";
    lookups::sizes_are_known_by_tenant_and_account, "sizes",
        "sizes are known by tenant and account";
    lookups::the_address_of_a_remote_file_is_kept, "addresses",
        "the address of a remote file is kept";
    lookups::copies_are_found_by_the_ids_of_their_files, "copies",
        "copies are found by the ids of their files";
    lookups::totals_and_usage_follow_every_change, "totals",
        "totals and usage follow every change";
    lookups::names_may_hold_anything_but_a_nul, "odd-names",
        "names may hold anything but a NUL";
    pages::a_walk_over_equal_timestamps_meets_every_file_once_in_either_order, "equal-timestamps",
        "a walk over equal timestamps meets every file once, in either order";
    pages::the_newest_come_first, "newest-first",
        "the newest come first";
    pages::a_cursor_survives_the_removal_of_its_row_and_new_rows_in_front, "cursors-survive",
        "a cursor survives the removal of its row, and new rows before it";
    pages::a_cursor_of_another_list_opens_nothing, "foreign-cursors",
        "a cursor of another list opens nothing";
    pages::a_limit_out_of_range_is_refused, "limits",
        "a limit out of range is refused";
    pages::remote_files_are_paged_by_account_and_id_with_filters, "remote-pages",
        "remote files are paged by account and id, with filters";
}

/// Rows of the large lists.
const MANY: usize = 2_000;
/// What a tracker imports that keeps its ledger elsewhere.
const HTTP: &str = "wasi:http/outgoing-handler";

/// Each case has a ledger of its own, in a directory of its own.
pub(super) async fn check(
    sandbox: &Sandbox,
    subject: &ConformanceSubject,
    inspection: &Inspection,
    recorder: &mut Recorder<'_>,
) -> Result<(), ConformanceError> {
    if inspection.imports.iter().any(|import| import.name.starts_with(HTTP)) {
        return Err(ConformanceError::LedgerElsewhere);
    }
    for (number, case) in CASES.iter().enumerate() {
        let folder = subject.scratch.join(format!("ledger-{number}"));
        std::fs::create_dir(&folder).map_err(|error| ConformanceError::Machine(error.to_string()))?;
        let ledger = open(sandbox, subject, &folder).await?;
        recorder.record(&case.facts, found(case.run(&ledger).await));
    }
    Ok(())
}

async fn open(sandbox: &Sandbox, subject: &ConformanceSubject, folder: &Path) -> Result<TestLedger, ConformanceError> {
    let state = std::fs::File::open(folder).map_err(|error| ConformanceError::Machine(error.to_string()))?;
    let grants = TrackerGrants {
        settings: subject.settings.clone(),
        state: Some(Arc::new(state)),
        limits: subject.limits.clone(),
        ..TrackerGrants::default()
    };
    Ok(TestLedger {
        tracker: Tracker::load(sandbox, &subject.source, grants).await?,
        storage: Box::new(()),
        many: MANY,
    })
}

fn found(kept: CaseOutcome) -> Found {
    kept.map(|()| Finding::Kept(None)).map_err(|broken| broken.0)
}
