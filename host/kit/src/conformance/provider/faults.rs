//! What a provider says when its vendor fails, as data: which answer, to which request, and what must come of it.

use bytes::Bytes;
use loadlock_policy::model::{Failure, FailureKind};

use super::bench::{Ended, ProviderBench};
use crate::conformance::proxy::{FaultProxy, ProxyAnswer, ProxyFault, SeenRequest};
use crate::conformance::report::{CaseFacts, Finding, Found, KEPT};

/// A fault that an upload meets.
pub(super) struct FaultCase {
    pub(super) facts: CaseFacts,
    fault: fn() -> ProxyFault,
    /// Which of the requests that store something meets it.
    at: StoringRequest,
    expected: ExpectedFailure,
    size: u64,
}

/// A request of an upload.
#[derive(Clone, Copy)]
enum StoringRequest {
    /// The one with most of the file.
    Largest,
    /// The last, whose answer is the receipt.
    Last,
}

/// What the failure must say.
struct ExpectedFailure {
    /// One of these; empty: any.
    kinds: &'static [FailureKind],
    outcome_unknown: Option<bool>,
    retry_after_ms: Option<u64>,
}

const ANY: ExpectedFailure = ExpectedFailure {
    kinds: &[],
    outcome_unknown: None,
    retry_after_ms: None,
};
const LOST: ExpectedFailure = ExpectedFailure {
    outcome_unknown: Some(true),
    ..ANY
};
const UNREADABLE: ExpectedFailure = ExpectedFailure {
    kinds: &[FailureKind::Protocol, FailureKind::Transport],
    outcome_unknown: Some(true),
    ..ANY
};

const fn known(kinds: &'static [FailureKind]) -> ExpectedFailure {
    ExpectedFailure {
        kinds,
        outcome_unknown: Some(false),
        ..ANY
    }
}

const fn case(
    name: &'static str,
    promise: &'static str,
    advice: &'static str,
    at: StoringRequest,
    fault: fn() -> ProxyFault,
    expected: ExpectedFailure,
) -> FaultCase {
    FaultCase {
        facts: CaseFacts { name, promise, advice },
        fault,
        at,
        expected,
        size: 100_000,
    }
}

const fn status(status: u16) -> ProxyFault {
    ProxyFault::Answer(ProxyAnswer {
        status,
        header: None,
        body: (Bytes::from_static(b"{\"error\":\"as the test says\"}"), 1),
    })
}

fn instead(body: &'static [u8], times: usize) -> ProxyFault {
    ProxyFault::Instead(ProxyAnswer {
        status: 200,
        header: None,
        body: (Bytes::from_static(body), times),
    })
}

const UNKNOWN: &str = "set `outcome-unknown` where the request was sent whole and its answer was lost or unreadable: the \
                       host then looks before it sends again";
const KNOWN: &str = "classify by the status, and leave `outcome-unknown` false where the vendor said that it did not \
                     store the file: the host then need not look";

use StoringRequest::{Largest, Last};

pub(super) const CASES: &[FaultCase] = &[
    case(
        "answer-lost",
        "an answer that is lost after the vendor stored the file leaves the outcome unknown",
        UNKNOWN,
        Last,
        || ProxyFault::LoseAnswer,
        LOST,
    ),
    case(
        "answer-cut",
        "an answer that breaks off leaves the outcome unknown",
        UNKNOWN,
        Last,
        || ProxyFault::CutAnswer,
        LOST,
    ),
    case(
        "gateway-lost-it",
        "a 502 after the vendor stored the file leaves the outcome unknown",
        "502 and 504 come from a gateway in between: the vendor may have stored the file",
        Last,
        || ProxyFault::Instead(ProxyAnswer::status(502)),
        LOST,
    ),
    case(
        "json-broken-off",
        "half of the expected JSON is no success, and leaves the outcome unknown",
        UNKNOWN,
        Last,
        || instead(b"{\"id\":\"file-1\",\"byt", 1),
        UNREADABLE,
    ),
    case(
        "not-json",
        "a page where JSON is expected is no success, and leaves the outcome unknown",
        UNKNOWN,
        Last,
        || instead(b"<!doctype html><title>Welcome</title>", 1),
        UNREADABLE,
    ),
    case(
        "endless-answer",
        "an answer of 64 MiB is not read to its end, and leaves the outcome unknown",
        "read answers with a cap; a megabyte is plenty for JSON",
        Last,
        || instead(&[b' '; 65_536], 1_024),
        UNREADABLE,
    ),
    FaultCase {
        size: 8 << 20,
        ..case(
            "early-413",
            "a 413 while the body is still being sent is a rejection, and not a broken connection",
            "stop writing when the stream closes, and read the answer all the same",
            Largest,
            || ProxyFault::Early(65_536, ProxyAnswer::status(413)),
            known(&[FailureKind::Rejected]),
        )
    },
    case(
        "rate-limited",
        "a 429 is `rate-limited`, with the time that `Retry-After` names",
        "429 is `rate-limited`; `retry-after-ms` is the header's seconds in milliseconds",
        Largest,
        || {
            ProxyFault::Answer(ProxyAnswer {
                header: Some(("retry-after", "7")),
                ..ProxyAnswer::status(429)
            })
        },
        ExpectedFailure {
            retry_after_ms: Some(7_000),
            ..known(&[FailureKind::RateLimited])
        },
    ),
    case(
        "server-error",
        "a 500 is `unavailable`: it is tried again",
        KNOWN,
        Largest,
        || status(500),
        ExpectedFailure {
            kinds: &[FailureKind::Unavailable],
            ..ANY
        },
    ),
    case(
        "overloaded",
        "a 503 is `unavailable`: it is tried again",
        KNOWN,
        Largest,
        || status(503),
        ExpectedFailure {
            kinds: &[FailureKind::Unavailable],
            ..ANY
        },
    ),
    case(
        "unauthorized",
        "a 401 is `unauthorized`: it is not tried again",
        KNOWN,
        Largest,
        || status(401),
        known(&[FailureKind::Unauthorized]),
    ),
    case(
        "rejected",
        "a 422 is `rejected`: it is not tried again",
        KNOWN,
        Largest,
        || status(422),
        known(&[FailureKind::Rejected]),
    ),
    case(
        "redirect",
        "a redirect is followed nowhere, and is no success",
        "answer a failure of the kind `unavailable`; where the vendor has moved, the operator changes the address",
        Largest,
        || {
            ProxyFault::Answer(ProxyAnswer {
                header: Some(("location", "http://169.254.169.254/latest/meta-data/")),
                ..ProxyAnswer::status(307)
            })
        },
        known(&[]),
    ),
    case(
        "connection-closed",
        "a connection that closes at once is a failure",
        "answer `transport`",
        Largest,
        || ProxyFault::Close,
        ANY,
    ),
];

/// Uploads a file without a fault to learn which requests that takes, then another with it.
pub(super) async fn run(bench: &ProviderBench, case: &FaultCase) -> Found {
    let Some(proxy) = bench.proxy() else {
        return Ok(Finding::NotPromised(
            "it asks for no network, so there is no vendor to fail",
        ));
    };
    let stored = bench.stored("fault.bin", case.size).await?;
    let usual = proxy.seen();
    bench.clean(&stored).await;
    let before = position(&usual, case.at).ok_or("`upload` sends no request that stores something")?;
    let file = bench.file("fault.bin", case.size)?;
    proxy.clear();
    proxy.plan(before, (case.fault)());
    let ended = bench.upload(&file).await;
    once(proxy)?;
    let failure = match ended {
        Ended::Failed(failure) => failure,
        Ended::Done(file) => return Err(format!("`upload` answers success, with the id `{}`", file.id)),
        Ended::Refused(why) | Ended::Died(why) => return Err(why),
    };
    judge(&failure, &case.expected)
}

fn position(requests: &[SeenRequest], at: StoringRequest) -> Option<usize> {
    let mut storing = requests.iter().enumerate().filter(|(_, request)| request.stores());
    let found = match at {
        StoringRequest::Last => storing.next_back(),
        StoringRequest::Largest => storing.max_by_key(|(_, request)| request.bytes),
    };
    found.map(|(position, _)| position)
}

/// A request that stores something is sent once in a call, whatever became of it.
fn once(proxy: &FaultProxy) -> Result<(), String> {
    let seen = proxy.seen();
    let storing: Vec<_> = seen.iter().filter(|request| request.stores()).collect();
    for (at, request) in storing.iter().enumerate() {
        let same = |other: &&&SeenRequest| (&other.method, &other.path) == (&request.method, &request.path);
        if let Some(again) = storing[at + 1..].iter().find(same) {
            return Err(format!(
                "it sent `{} {}` again within the call",
                again.method, again.path
            ));
        }
    }
    Ok(())
}

fn judge(failure: &Failure, expected: &ExpectedFailure) -> Found {
    let said = format!("it answers {}: {}", failure.kind, failure.message);
    if !expected.kinds.is_empty() && !expected.kinds.contains(&failure.kind) {
        let kinds: Vec<_> = expected.kinds.iter().map(|kind| kind.as_str()).collect();
        return Err(format!("{said}; expected is {}", kinds.join(" or ")));
    }
    let unknown = failure.leaves_outcome_unknown();
    if expected.outcome_unknown.is_some_and(|expected| expected != unknown) {
        return Err(format!("{said}, with `outcome-unknown` {unknown}"));
    }
    let waits = failure.retry_after.map(|wait| wait.0);
    if expected.retry_after_ms.is_some() && expected.retry_after_ms != waits {
        return Err(format!("{said}, with `retry-after-ms` {waits:?}"));
    }
    if failure.message.trim().is_empty() {
        return Err(format!("{said} without a message"));
    }
    KEPT
}
