//! The conformance suite: what is right passes every case, and what is wrong fails the case that is about it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use loadlock_kit::conformance::{CaseVerdict, ConformanceError, ConformanceReport, ConformanceSubject, check};
use loadlock_policy::model::Role;
use loadlock_sandbox::{EngineOptions, Limits, Sandbox, Source};
use loadlock_tests::{compile_options, guest};
use loadlock_upstream::{Options, Upstream, Vendor};
use tempfile::TempDir;

fn source(name: &str, bytes: &'static [u8]) -> Source {
    Source::built_in(name, bytes)
}

fn builtin(name: &'static str) -> Source {
    source(name, loadlock::builtins()[name])
}

async fn tested(
    role: Role,
    source: Source,
    upstream: Option<&Upstream>,
) -> Result<ConformanceReport, ConformanceError> {
    let sandbox = Sandbox::new(&EngineOptions::default(), compile_options()).unwrap();
    let scratch = TempDir::new().unwrap();
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", http::HeaderValue::from_static("Bearer sk-test"));
    let subject = ConformanceSubject {
        source,
        role,
        settings: Vec::new(),
        vendor: upstream.map(Upstream::base_url),
        headers,
        limits: Limits {
            memory_bytes: 256 << 20,
            ..Limits::default()
        },
        scratch: scratch.path().canonicalize().unwrap(),
    };
    check(&sandbox, subject, &mut |_| {}).await
}

fn failed(report: &ConformanceReport) -> Vec<String> {
    let failed = report.cases.iter().filter(|case| case.verdict == CaseVerdict::Failed);
    failed
        .map(|case| format!("{}: {}", case.name, case.seen.as_deref().unwrap_or_default()))
        .collect()
}

/// Every case passes, but for those that the component does not promise.
async fn passes(role: Role, source: Source, upstream: Option<&Upstream>, skipped: &[&str]) {
    let report = tested(role, source, upstream).await.unwrap();
    assert_eq!(failed(&report), [] as [String; 0]);
    let names: Vec<_> = report
        .cases
        .iter()
        .filter(|case| case.verdict == CaseVerdict::Skipped)
        .map(|case| case.name)
        .collect();
    assert_eq!(names, skipped);
}

/// The case that is about what is wrong fails, and says so.
async fn fails(role: Role, name: &str, case: &str, why: &str) {
    let report = tested(role, source(name, guest(name)), None).await.unwrap();
    let failed = failed(&report);
    let found = failed.iter().find(|failed| failed.starts_with(case));
    assert!(found.is_some_and(|found| found.contains(why)), "{failed:?}");
    assert!(!report.is_passed());
    assert_eq!(report.statement()["predicate"]["result"], "FAILED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_with_a_vendor_passes() {
    let options = Options {
        spill: true,
        ..Options::default()
    };
    let upstream = Upstream::start(Vendor::Openai, options).await.unwrap();
    passes(
        Role::Provider,
        builtin("openai"),
        Some(&upstream),
        &["locate-finds-a-lost-upload", "content-is-equal", "empty-file"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_without_a_vendor_passes_what_it_promises() {
    let report = tested(Role::Provider, builtin("local"), None).await.unwrap();
    assert_eq!(failed(&report), [] as [String; 0]);
    assert!(report.count(CaseVerdict::Passed) > 10);
    let lost = report.cases.iter().find(|case| case.name == "answer-lost").unwrap();
    assert_eq!(lost.verdict, CaseVerdict::Skipped);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_false_receipt_fails_its_case() {
    fails(
        Role::Provider,
        "lying_size",
        "upload-gives-a-receipt",
        "bytes are stored",
    )
    .await;
    fails(Role::Provider, "reads_half", "upload-gives-a-receipt", "it read").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trap_fails_its_case() {
    fails(Role::Provider, "digest_then_trap", "errors-are-failures", "trapped").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_fails_its_case() {
    fails(
        Role::Provider,
        "raw_sockets",
        "no-sockets",
        "there are no sockets in the sandbox",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_asks_for_a_vendor_needs_one() {
    let refused = tested(Role::Provider, builtin("openai"), None).await.err().unwrap();
    assert!(matches!(refused, ConformanceError::NoVendor(_)), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_validator_passes_and_one_that_remembers_does_not() {
    passes(Role::Validator, builtin("validator"), None, &[]).await;
    fails(
        Role::Validator,
        "validator_denies_all",
        "plain-files-pass",
        "is refused",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_auth_component_passes_and_one_that_lets_everybody_in_does_not() {
    passes(Role::Auth, builtin("auth"), None, &[]).await;
    fails(Role::Auth, "auth_everyone_is_mallory", "signatures-are-verified", "").await;
}
