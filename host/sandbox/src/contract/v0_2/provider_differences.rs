//! What a provider says that one of 0.1 cannot.

use loadlock_policy::model as m;
use wasmtime::Store;

use super::bindings::provider::ProviderComponent;
use super::bindings::provider::exports::loadlock::upload::provider as w;
use super::provider::{failure, remote_file};
use crate::contract::calls::Answered;
use crate::model::provider::LostUpload;
use crate::state::CallState;

pub(super) fn locate<'s>(
    component: &'s ProviderComponent,
    store: &'s mut Store<CallState>,
    upload: &LostUpload,
) -> Answered<'s, m::RemoteFile> {
    let asked = lost_upload(upload);
    Box::pin(async move {
        let answer = component.loadlock_upload_provider().call_locate(store, &asked).await?;
        Ok(answer.map(remote_file).map_err(failure))
    })
}

pub(super) fn verify_method(method: w::VerifyMethod) -> m::VerifyMethod {
    match method {
        w::VerifyMethod::IdempotencyKey => m::VerifyMethod::IdempotencyKey,
        w::VerifyMethod::Mark => m::VerifyMethod::Mark,
        w::VerifyMethod::ChosenId => m::VerifyMethod::ChosenId,
        w::VerifyMethod::Digest => m::VerifyMethod::Digest,
        w::VerifyMethod::None => m::VerifyMethod::None,
    }
}

pub(super) fn delete_semantics(delete: w::DeleteSemantics) -> m::DeleteSemantics {
    match delete {
        w::DeleteSemantics::Hard => m::DeleteSemantics::Hard,
        w::DeleteSemantics::Hidden => m::DeleteSemantics::Hidden,
        w::DeleteSemantics::Shared => m::DeleteSemantics::Shared,
        w::DeleteSemantics::Never => m::DeleteSemantics::Never,
    }
}

pub(super) fn operation(operation: w::Operation) -> m::Operation {
    match operation {
        w::Operation::Upload => m::Operation::Upload,
        w::Operation::Locate => m::Operation::Locate,
        w::Operation::Stat => m::Operation::Stat,
        w::Operation::Listing => m::Operation::Listing,
        w::Operation::Delete => m::Operation::Delete,
        w::Operation::Content => m::Operation::Content,
        w::Operation::Probe => m::Operation::Probe,
    }
}

/// Whether it wants the digest before the bytes, and how often a file that is processed is asked for, in milliseconds.
pub(super) fn terms(profile: &w::ProviderProfile) -> (bool, Option<u32>) {
    (profile.wants_digest, profile.poll_interval_ms)
}

/// Why the vendor could not process a file, held to what a failure's message is held to; and what else names it.
pub(super) fn described(file: &mut w::RemoteFile) -> (Option<String>, m::RemoteAddress) {
    let sentence = |text| m::Failure::new(m::FailureKind::Rejected, text).capped().message;
    let address = m::RemoteAddress {
        uri: file.uri.take(),
        media_type: file.media_type.take(),
    };
    (file.failure.take().map(sentence), address)
}

fn lost_upload(upload: &LostUpload) -> w::LostUpload {
    w::LostUpload {
        mark: upload.mark.clone(),
        purpose: upload.purpose.clone(),
        remote_name: upload.remote_name.clone(),
        bytes: upload.bytes,
        media_type: upload.media_type.clone(),
        sha256: upload.sha256.clone(),
    }
}
