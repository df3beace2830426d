//! What a provider of this version cannot say: nothing is found by an id that was chosen, no file has an address.

use loadlock_policy::model as m;
use wasmtime::Store;

use super::bindings::provider::ProviderComponent;
use super::bindings::provider::exports::loadlock::upload::provider as w;
use crate::contract::calls::Answered;
use crate::model::provider::LostUpload;
use crate::state::CallState;

pub(super) fn locate<'s>(
    _component: &'s ProviderComponent,
    _store: &'s mut Store<CallState>,
    _upload: &LostUpload,
) -> Answered<'s, m::RemoteFile> {
    let none = m::Failure::new(
        m::FailureKind::Unsupported,
        "this version of the contract has no `locate`",
    );
    Box::pin(async move { Ok(Err(none)) })
}

pub(super) fn verify_method(method: w::VerifyMethod) -> m::VerifyMethod {
    match method {
        w::VerifyMethod::IdempotencyKey => m::VerifyMethod::IdempotencyKey,
        w::VerifyMethod::Mark => m::VerifyMethod::Mark,
        w::VerifyMethod::Digest => m::VerifyMethod::Digest,
        w::VerifyMethod::None => m::VerifyMethod::None,
    }
}

pub(super) fn delete_semantics(delete: w::DeleteSemantics) -> m::DeleteSemantics {
    match delete {
        w::DeleteSemantics::Hard => m::DeleteSemantics::Hard,
        w::DeleteSemantics::Shared => m::DeleteSemantics::Shared,
        w::DeleteSemantics::Never => m::DeleteSemantics::Never,
    }
}

pub(super) fn operation(operation: w::Operation) -> m::Operation {
    match operation {
        w::Operation::Upload => m::Operation::Upload,
        w::Operation::Stat => m::Operation::Stat,
        w::Operation::Listing => m::Operation::Listing,
        w::Operation::Delete => m::Operation::Delete,
        w::Operation::Content => m::Operation::Content,
        w::Operation::Probe => m::Operation::Probe,
    }
}

/// It does not want the digest before the bytes, and has nothing asked again.
pub(super) fn terms(_profile: &w::ProviderProfile) -> (bool, Option<u32>) {
    (false, None)
}

pub(super) fn described(_file: &mut w::RemoteFile) -> (Option<String>, m::RemoteAddress) {
    (None, m::RemoteAddress::default())
}
