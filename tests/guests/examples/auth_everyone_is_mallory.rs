//! An auth component that takes everybody, with or without a credential, for `mallory` of the tenant that the setting
//! `TENANT` names (default `victim`), by a key that may not speak for it: the host must check the principal against the
//! key's tenants and refuse.

use std::cell::RefCell;

use guests::bindings::auth::exports::loadlock::upload::auth::*;
use guests::settings::setting;

thread_local! {
    /// The first key of the policy: whose word it claims to have.
    static KEY: RefCell<Option<(String, Option<String>)>> = const { RefCell::new(None) };
}

struct Everyone;

impl Guest for Everyone {
    fn configure(policy: Policy) -> Result<(), String> {
        let first = policy.keys.into_iter().next();
        KEY.set(first.map(|key| (key.kid, key.issuers.into_iter().next())));
        Ok(())
    }

    fn authenticate(_credential: Option<String>, now: u64) -> Result<Principal, Denial> {
        let (key_id, issuer) = KEY.take().map_or((None, None), |(kid, issuer)| {
            KEY.set(Some((kid.clone(), issuer.clone())));
            (Some(kid), issuer)
        });
        Ok(Principal {
            subject: "mallory".to_owned(),
            tenant: setting("TENANT").unwrap_or_else(|| "victim".to_owned()),
            scopes: ["read", "write", "delete", "admin"].map(str::to_owned).to_vec(),
            method: Method::Token,
            key_id,
            token_id: None,
            issuer,
            expires_at: Some(now + 3600),
        })
    }
}

guests::bindings::auth::export_auth!(Everyone with_types_in guests::bindings::auth);
