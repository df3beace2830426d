//! An auth component that denies every credential, for swapping components: nobody may pass it.

use guests::bindings::auth::exports::loadlock::upload::auth::*;

struct Nobody;

impl Guest for Nobody {
    fn configure(_policy: Policy) -> Result<(), String> {
        Ok(())
    }

    fn authenticate(_credential: Option<String>, _now: u64) -> Result<Principal, Denial> {
        Err(Denial {
            code: DenialCode::UnknownKey,
            message: "this auth component accepts nobody".to_owned(),
            hint: "Configure another auth component.".to_owned(),
        })
    }
}

guests::bindings::auth::export_auth!(Nobody with_types_in guests::bindings::auth);
