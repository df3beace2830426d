//! Random histories, compared after each step with a model that keeps nothing but files and remote files and counts by
//! looking.

use super::support::*;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::collections::{BTreeMap, BTreeSet};

const TENANTS: [&str; 2] = ["acme", "beta"];
const ACCOUNTS: [&str; 2] = ["main", "spare"];

#[derive(Debug, Clone)]
enum Step {
    Record(Vec<FileRecord>),
    Reference(Box<FileRecord>),
    Tombstone(String, String),
    Expire(u64, u32),
    Forget(String, String),
    Observe(String, String, RemoteState, u64),
}

fn tenant() -> impl Strategy<Value = String> {
    proptest::sample::select(TENANTS.to_vec()).prop_map(Into::into)
}

fn account() -> impl Strategy<Value = String> {
    proptest::sample::select(ACCOUNTS.to_vec()).prop_map(Into::into)
}

fn remote_id() -> impl Strategy<Value = String> {
    (0..3).prop_map(|n| format!("r{n}"))
}

fn file_id() -> impl Strategy<Value = String> {
    (0..10).prop_map(|n| format!("f{n}"))
}

prop_compose! {
    fn any_file()(
        id in file_id(),
        tenant in tenant(),
        account in account(),
        remote_id in remote_id(),
        sha256 in 0..2,
        purpose in 0..2,
        bytes in 1u64..3,
        deduplicated in any::<bool>(),
        created_at_ms in 0u64..10,
        expires_at_ms in proptest::option::of(0u64..12),
    ) -> FileRecord {
        with(file(&id, &remote_id), |file| {
            file.key.tenant = tenant;
            file.key.account = account;
            file.key.sha256 = format!("s{sha256}");
            file.key.purpose = format!("p{purpose}");
            file.bytes = bytes;
            file.deduplicated = deduplicated;
            file.created_at_ms = created_at_ms;
            file.expires_at_ms = expires_at_ms;
        })
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let seen = prop_oneof![Just(RemoteState::Live), Just(RemoteState::Missing)];
    prop_oneof![
        3 => proptest::collection::vec(any_file(), 0..4).prop_map(Step::Record),
        2 => any_file().prop_map(|file| Step::Reference(Box::new(file))),
        3 => (tenant(), file_id()).prop_map(|(tenant, id)| Step::Tombstone(tenant, id)),
        1 => (0u64..14, 0u32..3).prop_map(|(now, limit)| Step::Expire(now, limit)),
        2 => (account(), remote_id()).prop_map(|(account, id)| Step::Forget(account, id)),
        2 => (account(), remote_id(), seen, 0u64..14).prop_map(|(a, r, s, n)| Step::Observe(a, r, s, n)),
    ]
}

#[derive(Debug, Default)]
struct Model {
    files: BTreeMap<String, FileRecord>,
    remotes: BTreeMap<(String, String), RemoteRow>,
}

fn place(file: &FileRecord) -> (String, String) {
    (file.key.account.clone(), file.remote_id.clone())
}

fn is_over(expires: Option<u64>, now: u64) -> bool {
    expires.is_some_and(|instant| instant < now)
}

impl Model {
    fn references(&self, of: &(String, String)) -> u64 {
        self.files.values().filter(|file| place(file) == *of).count() as u64
    }

    fn row(&self, of: &(String, String)) -> Option<RemoteRow> {
        self.remotes.get(of).map(|row| RemoteRow {
            references: self.references(of),
            ..row.clone()
        })
    }

    fn record(&mut self, file: &FileRecord, only_existing: bool) -> Recorded {
        if self.files.contains_key(&file.id) {
            return Recorded::Existing;
        }
        match self.remotes.get_mut(&place(file)) {
            None if only_existing => return Recorded::RemoteNotLive,
            None => {
                let row = RemoteRow {
                    account: file.key.account.clone(),
                    provider: file.provider.clone(),
                    remote_id: file.remote_id.clone(),
                    address: file.address.clone(),
                    key: file.key.clone(),
                    bytes: file.bytes,
                    media_type: file.media_type.clone(),
                    state: RemoteState::Live,
                    references: 0,
                    created_at_ms: file.created_at_ms,
                    verified_at_ms: file.created_at_ms,
                    expires_at_ms: file.expires_at_ms,
                };
                self.remotes.insert(place(file), row);
            }
            Some(row) => {
                let expired = only_existing && is_over(row.expires_at_ms, file.created_at_ms);
                if row.state != RemoteState::Live || expired {
                    return Recorded::RemoteNotLive;
                }
                row.expires_at_ms = match (row.expires_at_ms, file.expires_at_ms) {
                    (Some(a), Some(b)) => Some(a.max(b)),
                    _ => None,
                };
                if !file.deduplicated {
                    row.verified_at_ms = row.verified_at_ms.max(file.created_at_ms);
                }
            }
        }
        self.files.insert(file.id.clone(), file.clone());
        Recorded::Inserted
    }

    fn release(&mut self, id: &str) -> Release {
        let Some(file) = self.files.remove(id) else {
            return Release::NotFound;
        };
        let place = place(&file);
        let left = self.references(&place);
        match self.remotes.get_mut(&place) {
            Some(row) if left == 0 => {
                row.state = RemoteState::Dying;
                Release::Last(Box::new(self.row(&place).unwrap()))
            }
            _ => Release::Released(left),
        }
    }

    fn totals(&self, tenant: Option<&str>) -> LedgerStats {
        let files: Vec<&FileRecord> = self
            .files
            .values()
            .filter(|file| tenant.is_none_or(|tenant| file.key.tenant == tenant))
            .collect();
        let held: BTreeSet<_> = files.iter().map(|file| place(file)).collect();
        let rows = |state: RemoteState| {
            let rows = self.remotes.iter().filter(move |(_, row)| row.state == state);
            rows.filter(|(place, row)| match (tenant, state) {
                (None, _) => true,
                (Some(tenant), RemoteState::Dying) => row.key.tenant == tenant,
                (Some(_), _) => held.contains(*place),
            })
            .map(|(_, row)| row.bytes)
            .collect::<Vec<u64>>()
        };
        LedgerStats {
            files: files.len() as u64,
            bytes: files.iter().map(|file| file.bytes).sum(),
            remotes: rows(RemoteState::Live).len() as u64,
            remote_bytes: rows(RemoteState::Live).iter().sum(),
            dying: rows(RemoteState::Dying).len() as u64,
            missing: rows(RemoteState::Missing).len() as u64,
            schema_version: 0,
        }
    }

    fn usage(&self) -> Vec<AccountUsage> {
        let mut usage: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
        for row in self.remotes.values().filter(|row| row.state == RemoteState::Live) {
            let sum = usage.entry((row.account.clone(), row.key.purpose.clone())).or_default();
            *sum = (sum.0 + 1, sum.1 + row.bytes);
        }
        usage
            .into_iter()
            .map(|((account, purpose), (remotes, bytes))| AccountUsage {
                account,
                purpose,
                remotes,
                bytes,
            })
            .collect()
    }

    fn list(&self, tenant: &str, purpose: Option<&str>, now: u64) -> Vec<String> {
        let mut files: Vec<_> = self
            .files
            .values()
            .filter(|file| file.key.tenant == tenant)
            .filter(|file| purpose.is_none_or(|purpose| file.key.purpose == purpose))
            .filter(|file| !is_over(file.expires_at_ms, now))
            .map(|file| (file.created_at_ms, file.id.clone()))
            .collect();
        files.sort();
        files.into_iter().rev().map(|(_, id)| id).collect()
    }
}

/// Takes one step in both and compares the answers.
async fn step(ledger: &TestLedger, model: &mut Model, step: &Step) {
    match step {
        Step::Record(files) => {
            let expected: Vec<_> = files.iter().map(|file| model.record(file, false)).collect();
            assert_eq!(ledger.record_many(files).await.unwrap(), expected);
        }
        Step::Reference(file) => {
            assert_eq!(ledger.reference(file).await.unwrap(), model.record(file, true));
        }
        Step::Tombstone(tenant, id) => {
            let owned = model.files.get(id).is_some_and(|file| file.key.tenant == *tenant);
            let expected = if owned { model.release(id) } else { Release::NotFound };
            assert_eq!(ledger.tombstone(tenant, id).await.unwrap(), expected);
        }
        Step::Expire(now, limit) => {
            let mut expired: Vec<_> = model
                .files
                .values()
                .filter(|file| is_over(file.expires_at_ms, *now))
                .map(|file| (file.expires_at_ms, file.id.clone()))
                .collect();
            expired.sort();
            expired.truncate(*limit as usize);
            let mut dying = Vec::new();
            for (_, id) in expired {
                if let Release::Last(row) = model.release(&id) {
                    dying.push(*row);
                }
            }
            assert_eq!(ledger.expire(*now, *limit).await.unwrap(), dying);
        }
        Step::Forget(account, id) => {
            let place = (account.clone(), id.clone());
            let gone = model
                .remotes
                .get(&place)
                .is_some_and(|row| row.state != RemoteState::Live);
            if gone {
                model.remotes.remove(&place);
            }
            assert_eq!(ledger.forget(account, id).await.unwrap(), gone);
        }
        Step::Observe(account, id, seen, now) => {
            let row = model.remotes.get_mut(&(account.clone(), id.clone()));
            assert_eq!(ledger.observe(account, id, *seen, *now).await.unwrap(), row.is_some());
            if let Some(row) = row {
                if *seen == RemoteState::Live {
                    row.verified_at_ms = row.verified_at_ms.max(*now);
                }
                if row.state != RemoteState::Dying {
                    row.state = *seen;
                }
            }
        }
    }
}

/// Compares everything that can be asked.
async fn compare(ledger: &TestLedger, model: &Model, now: u64) {
    for scope in [None, Some(TENANTS[0]), Some(TENANTS[1])] {
        let mut totals = ledger.stats(scope).await.unwrap();
        assert!(totals.schema_version > 0);
        // Each store counts its own schema's versions.
        totals.schema_version = 0;
        assert_eq!(totals, model.totals(scope), "{scope:?}");
    }
    assert_eq!(ledger.usage().await.unwrap(), model.usage());
    let rows: Vec<_> = model.remotes.keys().map(|place| model.row(place).unwrap()).collect();
    assert_eq!(ledger.remotes(&remotes_query(100)).await.unwrap().items, rows);
    for account in ACCOUNTS {
        for id in (0..4).map(|n| format!("r{n}")) {
            let expected = model.row(&(account.to_owned(), id.clone()));
            assert_eq!(ledger.remote(account, &id).await.unwrap(), expected);
        }
    }
    for state in [RemoteState::Live, RemoteState::Dying, RemoteState::Missing] {
        let mut query = remotes_query(2);
        query.state = Some(state);
        let expected: Vec<_> = rows
            .iter()
            .filter(|row| row.state == state)
            .map(|row| (row.account.clone(), row.remote_id.clone()))
            .collect();
        assert_eq!(walk_remotes(ledger, query).await.unwrap(), expected);
    }
    for id in (0..10).map(|n| format!("f{n}")) {
        for tenant in TENANTS {
            let expected = model
                .files
                .get(&id)
                .filter(|file| file.key.tenant == tenant && !is_over(file.expires_at_ms, now));
            assert_eq!(ledger.get(tenant, &id, now).await.unwrap().as_ref(), expected);
        }
    }
    for tenant in TENANTS {
        for purpose in [None, Some("p0"), Some("p1")] {
            let mut query = query(tenant, 2);
            query.purpose = purpose.map(Into::into);
            query.now_ms = now;
            assert_eq!(walk(ledger, query).await.unwrap(), model.list(tenant, purpose, now));
        }
        for account in ACCOUNTS {
            compare_keys(ledger, model, now, tenant, account).await;
        }
    }
}

async fn compare_keys(ledger: &TestLedger, model: &Model, now: u64, tenant: &str, account: &str) {
    for bytes in 0..4 {
        let expected = model.files.values().any(|file| {
            file.key.tenant == tenant
                && file.key.account == account
                && model
                    .remotes
                    .get(&place(file))
                    .is_some_and(|row| row.state == RemoteState::Live && row.bytes == bytes)
        });
        assert_eq!(ledger.has_size(tenant, account, bytes).await.unwrap(), expected);
    }
    for (sha256, purpose) in [("s0", "p0"), ("s0", "p1"), ("s1", "p0"), ("s1", "p1")] {
        let mut key = key(tenant, sha256);
        key.account = account.into();
        key.purpose = purpose.into();
        let usable: Vec<_> = model
            .files
            .values()
            .filter(|file| file.key == key)
            .filter_map(|file| model.row(&place(file)))
            .filter(|row| row.state == RemoteState::Live && !is_over(row.expires_at_ms, now))
            .collect();
        let best = usable.iter().map(|row| row.verified_at_ms).max();
        match ledger.find(&key, now).await.unwrap() {
            None => assert_eq!(best, None),
            Some(found) => {
                assert_eq!(found.key, key);
                assert_eq!(Some(found.verified_at_ms), best);
                assert!(
                    usable
                        .iter()
                        .any(|row| { row.remote_id == found.remote_id && row.references == found.references })
                );
            }
        }
    }
}

/// Every history begins with the ledger that the one before left, emptied through the contract alone.
pub async fn the_ledger_agrees_with_counting_by_looking(ledger: &TestLedger, (histories, longest): (u32, usize)) {
    let steps = proptest::collection::vec((any_step(), 0u64..14), 1..longest);
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(histories)
    });
    let runtime = tokio::runtime::Handle::current();
    let outcome = tokio::task::block_in_place(|| {
        runner.run(&steps, |steps| {
            runtime.block_on(async {
                empty(ledger).await;
                let mut model = Model::default();
                for (one, now) in &steps {
                    step(ledger, &mut model, one).await;
                    compare(ledger, &model, *now).await;
                }
            });
            Ok(())
        })
    });
    outcome.unwrap();
}

async fn empty(ledger: &TestLedger) {
    for tenant in TENANTS {
        let mut all = query(tenant, 100);
        all.now_ms = 0;
        for file in ledger.list(&all).await.unwrap().items {
            ledger.tombstone(tenant, &file.id).await.unwrap();
        }
    }
    for (account, remote_id) in walk_remotes(ledger, remotes_query(100)).await.unwrap() {
        let seen = RemoteState::Missing;
        ledger.observe(&account, &remote_id, seen, 0).await.unwrap();
        assert!(ledger.forget(&account, &remote_id).await.unwrap());
    }
}
