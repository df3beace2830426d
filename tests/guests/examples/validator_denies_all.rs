//! A validator that refuses every file, for swapping components: nothing may pass it.

use guests::bindings::validator::exports::loadlock::upload::validator::*;

struct Denier;

impl Guest for Denier {
    fn inspect(_candidate: Candidate, _rules: Rules) -> Verdict {
        Verdict::Refused(Refusal {
            code: "denied_by_test".to_owned(),
            reason: "This validator refuses every file.".to_owned(),
            hint: "Configure another validator.".to_owned(),
        })
    }
}

guests::bindings::validator::export_validator!(Denier with_types_in guests::bindings::validator);
