//! The database decides about leases as the model does that was checked exhaustively (`tests/ledger/lease`).

use loadlock_sandbox::batches::{Batches, Beginning, Begun, Ended, Ending};
use loadlock_sandbox::coordination::{Acquired, Attempt, Coordination, Leased};
use loadlock_sandbox::tracker::{DedupKey, FileRecord, Recorded};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::lease::{Acquired as Wanted, Lease, Recorded as Kept};
use crate::place;

/// Longer than any test.
const LEASE_MS: u64 = 3_600_000;

#[derive(Clone, Copy, Debug)]
enum Step {
    Acquire(u8),
    Seize(u8),
    Ended(u8, u8, bool),
    TakeOver(u8),
    Record(u8, u8, u8),
    Expire(u8),
    Beat(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let gateway = 0..3_u8;
    // Ids are given out in order, so small ones are there.
    let id = 1..9_u8;
    prop_oneof![
        4 => gateway.clone().prop_map(Step::Acquire),
        2 => gateway.clone().prop_map(Step::Seize),
        2 => (gateway.clone(), id.clone(), any::<bool>()).prop_map(|(g, id, only)| Step::Ended(g, id, only)),
        2 => gateway.clone().prop_map(Step::TakeOver),
        5 => (gateway.clone(), id.clone(), 0..3_u8).prop_map(|(g, id, r)| Step::Record(g, id, r)),
        3 => gateway.clone().prop_map(Step::Expire),
        1 => gateway.prop_map(Step::Beat),
    ]
}

fn key(case: usize) -> DedupKey {
    DedupKey {
        tenant: format!("tenant-{case}"),
        account: format!("account-{case}"),
        purpose: "p".into(),
        treatment: String::new(),
        sha256: "00".into(),
    }
}

fn name(case: usize, gateway: u8) -> String {
    format!("gateway-{case}-{gateway}")
}

fn file(case: usize, id: u8) -> String {
    format!("file-{case}-{id}")
}

/// The ledger as gateways call it: the first one thing at a time, as those of the version before; the others in batches.
struct Both {
    one: Coordination,
    many: Batches,
}

/// Those that speak as before.
const BEFORE: u8 = 0;

impl Both {
    async fn acquire(&self, case: usize, gateway: u8, attempt: Attempt, instead: Option<String>) -> Acquired {
        let name = name(case, gateway);
        if gateway == BEFORE {
            let answer = self.one.acquire(name, LEASE_MS, attempt, None, instead).await;
            return answer.unwrap().unwrap();
        }
        let item = Beginning {
            attempt,
            limits: None,
            instead,
            places: Vec::new(),
            terms: None,
            now_ms: 1,
        };
        // Asked twice: the first answer is lost.
        let first = self.many.begin_many(name.clone(), LEASE_MS, vec![item.clone()]).await;
        let again = self.many.begin_many(name, LEASE_MS, vec![item]).await.unwrap().unwrap();
        assert_eq!(first.unwrap().unwrap(), again);
        match again.into_iter().next().unwrap().unwrap().begun {
            Begun::Granted { fence, .. } => Acquired::Granted(fence),
            Begun::Held(holder) => Acquired::Held(holder),
            other => panic!("{other:?}"),
        }
    }

    async fn end(&self, case: usize, gateway: u8, items: Vec<Ending>) -> Vec<Ended> {
        let ended = self.many.end_many(name(case, gateway), items).await.unwrap().unwrap();
        ended.into_iter().map(Result::unwrap).collect()
    }

    async fn ended(&self, case: usize, gateway: u8, id: String, lease_only: bool) {
        if gateway == BEFORE {
            let ended = self.one.ended(name(case, gateway), vec![id], lease_only);
            ended.await.unwrap().unwrap();
        } else {
            let ending = if lease_only {
                Ending::Unled(id)
            } else {
                Ending::Over(id)
            };
            self.end(case, gateway, vec![ending]).await;
        }
    }

    async fn record(&self, case: usize, gateway: u8, record: FileRecord) -> Leased {
        if gateway == BEFORE {
            let answer = self.one.record_leased(name(case, gateway), vec![record]).await;
            return answer.unwrap().unwrap().remove(0);
        }
        match self
            .end(case, gateway, vec![Ending::Record(Box::new(record))])
            .await
            .remove(0)
        {
            Ended::Recorded(outcome) => outcome,
            other @ Ended::Done(_) => panic!("{other:?}"),
        }
    }
}

async fn run(both: &Both, schema: &str, case: usize, steps: &[Step]) {
    let ledger = &both.one;
    let mut model = Lease::default();
    let mut next = 0;
    for (at, step) in steps.iter().enumerate() {
        let context = format!("step {at} of {steps:?}");
        match *step {
            Step::Acquire(gateway) | Step::Seize(gateway) => {
                next += 1;
                let leader = model.leader().map(|(id, _)| id);
                let instead = leader.filter(|_| matches!(step, Step::Seize(_)));
                let attempt = Attempt {
                    id: file(case, next),
                    key: key(case),
                    bytes: 1,
                    entry: "entry".into(),
                };
                let seized = instead.map(|id| file(case, id));
                let answer = both.acquire(case, gateway, attempt, seized).await;
                match (answer, model.acquire(gateway, next, instead)) {
                    (Acquired::Granted(_), Wanted::Granted(_)) => {}
                    (
                        Acquired::Held(holder),
                        Wanted::Held {
                            gateway,
                            attempt,
                            alive,
                        },
                    ) => assert_eq!(
                        (holder.gateway, holder.attempt, holder.alive),
                        (name(case, gateway), file(case, attempt), alive),
                        "{context}"
                    ),
                    (answer, wanted) => panic!("{answer:?} and not {wanted:?}: {context}"),
                }
            }
            Step::Ended(gateway, id, lease_only) => {
                both.ended(case, gateway, file(case, id), lease_only).await;
                model.ended(gateway, id, lease_only);
            }
            Step::TakeOver(gateway) => {
                // Being there is what taking over begins with.
                let beat = ledger.beat(name(case, gateway), LEASE_MS, vec![]);
                beat.await.unwrap().unwrap();
                let taken = ledger.take_over(name(case, gateway), vec![key(case).account], 100);
                let taken = taken.await.unwrap().unwrap();
                let taken: Vec<_> = taken.into_iter().map(|one| one.id).collect();
                let wanted = model.take_over(gateway);
                let wanted: Vec<_> = wanted.into_iter().map(|id| file(case, id)).collect();
                assert_eq!(taken, wanted, "{context}");
            }
            Step::Record(gateway, id, remote) => {
                let record = FileRecord {
                    id: file(case, id),
                    key: key(case),
                    filename: "a".into(),
                    bytes: 1,
                    media_type: "text/plain".into(),
                    provider: "p".into(),
                    remote_id: format!("remote-{remote}"),
                    address: Default::default(),
                    deduplicated: false,
                    attempts: 1,
                    created_at_ms: 1,
                    expires_at_ms: None,
                };
                let answer = both.record(case, gateway, record).await;
                let wanted = match model.record(gateway, id, remote) {
                    Kept::Inserted => Leased::Done(Recorded::Inserted),
                    Kept::Existing => Leased::Done(Recorded::Existing),
                    Kept::Fenced => Leased::Fenced,
                };
                assert_eq!(answer, wanted, "{context}");
            }
            Step::Expire(gateway) => {
                place::sql(&format!(
                    "update {schema}.gateways set alive_until = '-infinity' where id = '{}'",
                    name(case, gateway)
                ));
                model.expire(gateway);
            }
            Step::Beat(gateway) => {
                let beat = ledger.beat(name(case, gateway), LEASE_MS, vec![]);
                beat.await.unwrap().unwrap();
                model.beat(gateway);
            }
        }
        let mut ids: Vec<_> = (1..=next).map(|id| file(case, id)).collect();
        ids.sort();
        for gateway in 0..3 {
            let lost = ledger.lost(name(case, gateway), ids.clone()).await;
            let mut lost = lost.unwrap().unwrap();
            lost.sort();
            let mut wanted: Vec<_> = (1..=next)
                .filter(|id| model.is_lost(gateway, *id))
                .map(|id| file(case, id))
                .collect();
            wanted.sort();
            assert_eq!(lost, wanted, "{context}");
        }
    }
}

#[test]
fn the_database_decides_as_the_model_does() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let schema = place::schema();
    let ledger = Both {
        one: runtime.block_on(place::coordination(&schema)),
        many: runtime.block_on(place::batches(&schema)),
    };
    let cases = std::sync::atomic::AtomicUsize::new(0);
    let config = Config {
        cases: 24,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&proptest::collection::vec(step(), 1..24), |steps| {
            let case = cases.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let _entered = runtime.enter();
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                runtime.block_on(run(&ledger, &schema, case, &steps));
            }));
            done.map_err(|panic| {
                let said = panic.downcast_ref::<String>();
                TestCaseError::fail(said.cloned().unwrap_or_default())
            })
        })
        .unwrap();
}
