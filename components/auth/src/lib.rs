//! Decides who is asking: the `auth` role of `loadlock:upload`.
//!
//! A credential is a JWT judged against pinned keys, or a legacy credential recognised by its digest until an absolute
//! date. `configure` compiles a `policy` as a whole; `authenticate` is a function of that policy, the credential and
//! the host's `now`. Nothing here reads a clock, a file or the network.
//!
//! | module | job |
//! |---|---|
//! | `policy` | compiles and checks the operator's policy |
//! | `keys` | parses one verification key, refuses weak ones |
//! | `header` | what a token's header may say |
//! | `claims` | what a token's payload may say |
//! | `token` | judges a JWT |
//! | `legacy` | judges a credential from before tokens |
//! | `denial` | the words of a refusal |

mod bindings;
mod claims;
mod denial;
mod header;
mod keys;
mod legacy;
mod policy;
#[cfg(test)]
mod tests;
mod token;

use bindings::exports::loadlock::upload::auth::{Denial, Guest, Policy, Principal};
use policy::Compiled;
use std::sync::{PoisonError, RwLock};

/// The policy in force. Until the first `configure` it is empty, so that everything is refused.
static POLICY: RwLock<Option<Compiled>> = RwLock::new(None);

struct Component;

impl Guest for Component {
    fn configure(policy: Policy) -> Result<(), String> {
        let compiled = Compiled::new(policy).map_err(|defect| defect.to_string())?;
        *POLICY.write().unwrap_or_else(PoisonError::into_inner) = Some(compiled);
        Ok(())
    }

    fn authenticate(credential: Option<String>, now: u64) -> Result<Principal, Denial> {
        let policy = POLICY.read().unwrap_or_else(PoisonError::into_inner);
        match policy.as_ref() {
            Some(policy) => policy.authenticate(credential.as_deref(), now),
            None => Compiled::default().authenticate(credential.as_deref(), now),
        }
    }
}

#[cfg(target_family = "wasm")]
bindings::export!(Component with_types_in bindings);
