//! Components that are replaced while uploads run.
//!
//! A component is read, verified, compiled, inspected and asked for its profile, compared with the one that runs, and
//! probed, all before anything changes. Then it takes the place: what is under way goes on with the generation that it
//! began with, and what comes gets the new one. Its first calls are on trial.
//!
//! `// Order:` The bytes of the new component are on the disk, and the record that it is to run, before it takes the
//! place: a process that ends at any step leaves a home that opens with the old generation or with the new one.
//!
//! | module | one job |
//! |---|---|
//! | `kept` | the bytes of components that run, in the home |
//! | `record`, `store` | which component a command put where, over a restart |
//! | `target` | which component is meant |
//! | `request` | what is asked, and what is answered |
//! | `provider`, `role` | a provider; validator and auth |
//! | `trial` | the way back after a trial that failed |

mod kept;
pub(crate) mod provider;
pub(crate) mod record;
mod request;
pub(crate) mod role;
mod store;
pub(crate) mod target;
pub(crate) mod trial;

use std::sync::Arc;

use loadlock_audit::Event;

pub(crate) use kept::KeptComponents;
pub use request::{ComponentState, SwapRequest, Swapped};
use target::SwapTarget;

use crate::error::{Error, ErrorCode, Result};
use crate::principal::{Door, Principal, Scope};
use crate::state::gateway::{Gateway, GatewayState};

/// Which way a component is changed.
enum Change {
    /// To another component.
    To(SwapRequest),
    /// To the one before.
    Back {
        /// Also where what it keeps may have changed meanwhile.
        accept: bool,
    },
}

impl Gateway {
    /// Puts another component in the place of a provider's (`NAME` or `providers.NAME`), the validator's or the auth
    /// component's, while uploads run. What is under way goes on with the old one; if the first calls of the new one go
    /// wrong, the old one comes back by itself. It stays over a restart, until the configuration names another one.
    ///
    /// Once it is begun it is carried through, even if the caller goes away.
    ///
    /// # Errors
    /// [`ErrorCode::SwapRefused`] if the new one could not stand in for the old one, or answers no probe, unless that
    /// is accepted; [`ErrorCode::ComponentRefused`], [`ErrorCode::ComponentFailed`], [`ErrorCode::ProviderUnknown`];
    /// [`ErrorCode::Forbidden`] without the scope `admin`, and for everybody over a network.
    pub async fn swap(&self, who: &Principal, component: &str, request: SwapRequest) -> Result<Swapped> {
        self.change(who, component, Change::To(request)).await
    }

    /// Puts the component back that [`Self::swap`], or a reload, took away.
    ///
    /// # Errors
    /// As [`Self::swap`]; [`ErrorCode::SwapRefused`] if there is none to go back to.
    pub async fn roll_back(&self, who: &Principal, component: &str, accept: bool) -> Result<Swapped> {
        self.change(who, component, Change::Back { accept }).await
    }

    async fn change(&self, who: &Principal, component: &str, change: Change) -> Result<Swapped> {
        who.require(Scope::Admin)?;
        if who.door() == Door::Network {
            let message = "components are swapped on the gateway's own machine";
            let hint = format!("run `loadlock component swap {component} SOURCE` there");
            return Err(Error::new(ErrorCode::Forbidden, message).hint(hint));
        }
        let target = SwapTarget::of(component)?;
        let mut pending = self.0.audit.begin_for(who, Event::Component).await?;
        let state = self.0.clone();
        let changing = tokio::spawn(async move {
            let back = matches!(change, Change::Back { .. });
            let changed = state.changed(&target, change).await;
            let what = pending.what();
            if let SwapTarget::Provider(name) = &target {
                what.provider = Some(name.clone());
            }
            what.detail = Some(match &changed {
                Ok(swapped) => format!("{target}: {}", swapped.story(back)),
                Err(error) => format!("{target}: {}", error.message),
            });
            what.component = changed.as_ref().ok().map(|swapped| swapped.after.sha256.clone());
            let outcome = match (&changed, back) {
                (Err(_), _) => "refused",
                (Ok(_), true) => "rolled_back",
                (Ok(_), false) => "swapped",
            };
            // Names that nobody has configured are the caller's, and no label.
            if !matches!(&changed, Err(error) if error.code == ErrorCode::ProviderUnknown) {
                crate::metrics::swap(target.label(), outcome);
            }
            log(&target, &changed, back);
            pending.ended(&changed).await;
            changed
        });
        changing
            .await
            .unwrap_or_else(|error| Err(Error::new(ErrorCode::Internal, format!("the swap broke off: {error}"))))
    }
}

impl GatewayState {
    async fn changed(self: &Arc<Self>, target: &SwapTarget, change: Change) -> Result<Swapped> {
        let _turn = self.config.changing().await;
        match target {
            SwapTarget::Provider(name) => self.change_provider(name, change).await,
            SwapTarget::Validator => self.change_validator(change).await,
            SwapTarget::Auth => self.change_auth(change).await,
        }
    }
}

fn log(target: &SwapTarget, changed: &Result<Swapped>, back: bool) {
    match changed {
        Ok(swapped) => {
            let (sha256, generation) = (&swapped.after.sha256, swapped.generation);
            tracing::warn!(target: "loadlock::swap", component = %target, sha256, generation, "[SWAP] {target}: {}",
                 swapped.story(back));
        }
        Err(error) => {
            tracing::warn!(target: "loadlock::swap", component = %target, %error, "[SWAP] {target} stays as it is");
        }
    }
}

/// Nothing that a rollback could go to.
fn no_way_back(target: &str) -> Error {
    Error::new(
        ErrorCode::SwapRefused,
        format!("no generation of `{target}` is known to go back to"),
    )
    .hint("name a component: `loadlock component swap NAME SOURCE`")
}
