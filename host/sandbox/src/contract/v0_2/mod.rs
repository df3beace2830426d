//! `loadlock:upload@0.2.0`.

use std::sync::Arc;

use super::calls::Contract;
use crate::bindings::v0_2 as bindings;

/// A row of the ledger with the address of its remote file.
macro_rules! with_address {
    (to $address:expr => $module:ident::$row:ident { $($fields:tt)* }) => {{
        let address: &RemoteAddress = $address;
        let address = $module::RemoteAddress {
            uri: address.uri.clone(),
            media_type: address.media_type.clone(),
        };
        $module::$row { address, $($fields)* }
    }};
    (from $from:ident => $row:ident { $($fields:tt)* }) => {{
        let address = RemoteAddress {
            uri: $from.address.uri,
            media_type: $from.address.media_type,
        };
        $row { address, $($fields)* }
    }};
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
    version: "0.2.0",
    provider: bind!(bindings::provider::ProviderComponentPre<_>),
    tracker: tracker::bind,
    coordination: bind!(bindings::shared_tracker::SharedTrackerComponentPre<_>),
    batches: bind!(bindings::batching_tracker::BatchingTrackerComponentPre<_>),
    validator: bind!(bindings::validator::ValidatorComponentPre<_>),
    auth: bind!(bindings::auth::AuthComponentPre<_>),
};
