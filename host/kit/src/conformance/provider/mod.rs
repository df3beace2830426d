//! A provider's cases.

mod bench;
mod case;
mod faults;
mod good;
mod hostile;
mod state;

use loadlock_sandbox::Sandbox;

use super::report::{CaseFacts, Finding, Found, KEPT, Recorder};
use super::subject::{ConformanceError, ConformanceSubject};
use bench::ProviderBench;

pub(crate) async fn check(
    sandbox: &Sandbox,
    subject: ConformanceSubject,
    recorder: &mut Recorder<'_>,
) -> Result<(), ConformanceError> {
    let bench = ProviderBench::set_up(sandbox, subject).await?;
    for case in good::CASES {
        bench.begin();
        recorder.record(&case.facts, (case.run)(&bench).await);
    }
    for case in faults::CASES {
        bench.begin();
        recorder.record(&case.facts, faults::run(&bench, case).await);
    }
    for case in hostile::CASES {
        bench.begin();
        recorder.record(&case.facts, (case.run)(&bench).await);
    }
    bench.begin();
    recorder.record(&state::CUT_OFF, state::cut_off_leaves_nothing(&bench).await);
    recorder.record(&SOCKETS, sockets(&bench));
    recorder.record(&TRAPS, traps(&bench));
    Ok(())
}

const SOCKETS: CaseFacts = CaseFacts {
    name: "no-sockets",
    promise: "no call opens a socket",
    advice: "use wasi:http/outgoing-handler; libraries that open sockets of their own cannot be used",
};

fn sockets(bench: &ProviderBench) -> Found {
    match bench.deaths().into_iter().find(|death| death.contains("wasi:sockets")) {
        Some(death) => Err(death),
        None => KEPT,
    }
}

const TRAPS: CaseFacts = CaseFacts {
    name: "errors-are-failures",
    promise: "no call of any case ends in a trap or at a limit: whatever goes wrong becomes a failure with a message",
    advice: "catch every exception at the outermost function of each call and answer a failure with its text; a trap \
             tells the user nothing but `unreachable`",
};

fn traps(bench: &ProviderBench) -> Found {
    let deaths = bench.deaths();
    match deaths.first() {
        None => Ok(Finding::Kept(Some(format!("{} calls", bench.calls())))),
        Some(first) => Err(format!("{} of {} calls: {first}", deaths.len(), bench.calls())),
    }
}
