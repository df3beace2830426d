//! `loadlock:upload@0.1.0`.

/// Implements the calls of an interface whose answers may be failures: the call of the bindings with its arguments, and
/// the conversion of what it answers.
macro_rules! answers {
    ($interface:ident: $(
        $name:ident($($arg:ident: $ty:ty),*) -> $out:ty = $call:ident($($pass:expr),*), $convert:expr;
    )*) => {
        $(fn $name<'s>(&'s self, store: &'s mut Store<CallState> $(, $arg: $ty)*) -> Answered<'s, $out> {
            Box::pin(async move {
                let answer = self.$interface().$call(store $(, $pass)*).await?;
                Ok(answer.map($convert).map_err(failure))
            })
        })*
    };
}

#[macro_use]
mod ledger_types;

mod auth;
mod batches;
mod coordination;
mod provider;
mod tracker;
mod validator;

use std::sync::Arc;

use super::Contract;
use crate::bindings::auth::AuthComponentPre;
use crate::bindings::batching_tracker::BatchingTrackerComponentPre;
use crate::bindings::provider::ProviderComponentPre;
use crate::bindings::shared_tracker::SharedTrackerComponentPre;
use crate::bindings::tracker::TrackerComponentPre;
use crate::bindings::validator::ValidatorComponentPre;

macro_rules! bind {
    ($pre:ident) => {
        |component| {
            let pre = Arc::new($pre::new(component)?);
            Ok(Arc::new(move |store| {
                let pre = pre.clone();
                Box::pin(async move { Ok(Box::new(pre.instantiate_async(store).await?) as Box<_>) })
            }))
        }
    };
}

pub(super) const CONTRACT: Contract = Contract {
    version: "0.1.0",
    provider: bind!(ProviderComponentPre),
    tracker: bind!(TrackerComponentPre),
    coordination: bind!(SharedTrackerComponentPre),
    batches: bind!(BatchingTrackerComponentPre),
    validator: bind!(ValidatorComponentPre),
    auth: bind!(AuthComponentPre),
};
