//! `loadlock:upload@0.1.0`.

use std::sync::Arc;

use super::calls::Contract;
use crate::bindings::v0_1 as bindings;

/// A row of the ledger. This version knows no addresses: a tracker that speaks it does not keep them.
macro_rules! with_address {
    (to $address:expr => $module:ident::$row:ident { $($fields:tt)* }) => {{
        let _ = $address;
        $module::$row { $($fields)* }
    }};
    (from $from:ident => $row:ident { $($fields:tt)* }) => {
        $row { address: RemoteAddress::default(), $($fields)* }
    };
}

#[macro_use]
#[path = "../common/ledger_types.rs"]
mod ledger_types;

#[path = "../common/auth.rs"]
mod auth;
#[path = "../common/batches.rs"]
mod batches;
#[path = "../common/coordination.rs"]
mod coordination;
#[path = "../common/provider.rs"]
mod provider;
mod provider_differences;
#[path = "../common/tracker.rs"]
mod tracker;
#[path = "../common/validator.rs"]
mod validator;

pub(super) const CONTRACT: Contract = Contract {
    version: "0.1.0",
    provider: bind!(bindings::provider::ProviderComponentPre<_>),
    tracker: tracker::bind,
    coordination: bind!(bindings::shared_tracker::SharedTrackerComponentPre<_>),
    batches: bind!(bindings::batching_tracker::BatchingTrackerComponentPre<_>),
    validator: bind!(bindings::validator::ValidatorComponentPre<_>),
    auth: bind!(bindings::auth::AuthComponentPre<_>),
};
