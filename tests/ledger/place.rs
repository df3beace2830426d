//! A ledger in a schema of its own, behind the servers that `run.sh` started.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jsonwebtoken::{EncodingKey, Header, encode};
use loadlock_egress::Transport;
use loadlock_egress::clock::SystemClock;
use loadlock_egress::credential::{Credential, HeaderSpec};
use loadlock_policy::credential::CredentialMode;
use loadlock_policy::egress::{EgressGrant, EgressPolicy, Method};
use loadlock_policy::model::{EgressNeed, Operation};
use loadlock_sandbox::batches::Batches;
use loadlock_sandbox::coordination::Coordination;
use loadlock_sandbox::tracker::{Tracker, TrackerGrants};
use loadlock_sandbox::{EngineOptions, Network, Outlet, Sandbox, Source};
use loadlock_tests::compile_options;
use serde_json::json;

use crate::suite::support::TestLedger;

/// Migrations that there are.
pub const VERSION: usize = 8;

/// What `run.sh` says.
pub fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run tests/ledger/run.sh"))
}

/// A schema that no other test uses.
pub fn schema() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let schemas = variable("LEDGER_SCHEMAS");
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    schemas
        .split(',')
        .nth(number)
        .expect("run.sh makes too few schemas")
        .to_owned()
}

/// A key as Supabase issues it: signed with the project's secret, for a role, until an instant.
pub fn key(role: &str, secret: &str, expires: u64) -> String {
    let claims = json!({ "role": role, "iss": "loadlock-tests", "exp": expires });
    encode(
        &Header::default(),
        &claims,
        &EncodingKey::from_secret(secret.as_bytes()),
    )
    .unwrap()
}

/// The key of a gateway.
pub fn service_key() -> String {
    key("service_role", &variable("LEDGER_SECRET"), 4_000_000_000)
}

/// The secret that keys are signed with.
pub fn secret() -> String {
    variable("LEDGER_SECRET")
}

/// A tracker on a schema with a key.
pub async fn tracker(schema: &str, key: &str) -> Tracker {
    tracker_at(&format!("http://127.0.0.1:{}", variable("LEDGER_PORT")), schema, key).await
}

/// A tracker on another server.
pub async fn tracker_at(url: &str, schema: &str, key: &str) -> Tracker {
    let (sandbox, source, grants) = parts(url, schema, key);
    Tracker::load(&sandbox, &source, grants).await.unwrap()
}

/// What gateways tell each other, in a schema.
pub async fn coordination(schema: &str) -> Coordination {
    let url = format!("http://127.0.0.1:{}", port());
    let (sandbox, source, grants) = parts(&url, schema, &service_key());
    let loaded = Coordination::load(&sandbox, &source, grants).await;
    loaded.unwrap().unwrap()
}

/// One instance for many things in one call, in a schema.
pub async fn batches(schema: &str) -> Batches {
    let url = format!("http://127.0.0.1:{}", port());
    let (sandbox, source, grants) = parts(&url, schema, &service_key());
    let loaded = Batches::load(&sandbox, &source, grants, 1).await;
    loaded.unwrap().remove(0)
}

fn parts(url: &str, schema: &str, key: &str) -> (Sandbox, Source, TrackerGrants) {
    let sandbox = Sandbox::new(&EngineOptions::default(), compile_options()).unwrap();
    let source = Source::built_in("builtin:tracker-supabase", loadlock::builtins()["tracker-supabase"]);
    let grants = TrackerGrants {
        settings: vec![
            ("url".to_owned(), url.to_owned()),
            ("schema".to_owned(), schema.to_owned()),
        ],
        network: network(url, key),
        ..TrackerGrants::default()
    };
    (sandbox, source, grants)
}

fn network(url: &str, key: &str) -> Network {
    let need = EgressNeed {
        origin: url.to_owned(),
        path_prefix: "/rpc".to_owned(),
        methods: vec!["POST".to_owned()],
        operations: vec![Operation::Track],
    };
    let grant = EgressGrant::parse(url, "/rpc", [Method::Post], true).unwrap();
    let origins = vec![grant.origin.clone()];
    let header = |name: &str, template: &str| HeaderSpec {
        name: name.parse().unwrap(),
        template: template.parse().unwrap(),
        mode: CredentialMode::Plain,
    };
    let specs = [
        header("apikey", "${env:KEY}"),
        header("authorization", "Bearer ${env:KEY}"),
    ];
    let env = |_: &str| Some(key.to_owned());
    let clock = Arc::new(SystemClock::new());
    let credential = Credential::load("tracker", &specs, &env, clock).unwrap();
    let transport = Transport::builder("tracker", origins)
        .credential(Arc::new(credential))
        .build(&|_| None)
        .unwrap();
    let policy = EgressPolicy::new("tracker", &[need], false, vec![grant]).unwrap();
    Network::Granted(Arc::new(Outlet { policy, transport }))
}

/// An empty ledger.
pub async fn open() -> TestLedger {
    TestLedger {
        tracker: tracker(&schema(), &service_key()).await,
        storage: Box::new(()),
        many: 1_000,
    }
}

/// Where the REST interface is.
pub fn port() -> u16 {
    variable("LEDGER_PORT").parse().unwrap()
}

/// Runs a statement as the database's owner.
pub fn sql(statement: &str) {
    let psql = std::path::Path::new(&variable("LEDGER_PROGRAMS")).join("psql");
    let run = std::process::Command::new(psql)
        .args(["--host", &variable("LEDGER_SOCKET"), "--username", "postgres"])
        .args(["--quiet", "--set", "ON_ERROR_STOP=1", "--command", statement])
        .status();
    assert!(run.unwrap().success(), "{statement}");
}
