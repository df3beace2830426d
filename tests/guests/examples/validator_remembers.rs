//! A validator that counts its calls, and that dies or never ends when a name says so: whether an instance is kept, and
//! whether one that failed is.

use std::sync::atomic::{AtomicU32, Ordering};

use guests::bindings::validator::exports::loadlock::upload::validator::*;

static CALLS: AtomicU32 = AtomicU32::new(0);

struct Remembers;

impl Guest for Remembers {
    fn inspect(candidate: Candidate, _rules: Rules) -> Verdict {
        let call = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
        match candidate.name.as_slice() {
            b"dies" => std::process::abort(),
            b"never_ends" => loop {
                std::hint::black_box(call);
            },
            _ => {}
        }
        Verdict::Refused(Refusal {
            code: format!("call_{call}"),
            reason: "This validator counts.".to_owned(),
            hint: "Configure another validator.".to_owned(),
        })
    }
}

guests::bindings::validator::export_validator!(Remembers with_types_in guests::bindings::validator);
