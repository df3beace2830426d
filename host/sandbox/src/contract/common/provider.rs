//! The provider's part, and the failures that it shares with the tracker.

use loadlock_policy::Millis;
use loadlock_policy::model as m;
use wasmtime::Store;

use super::bindings::provider::ProviderComponent;
use super::bindings::provider::exports::loadlock::upload::provider as w;
use super::bindings::provider::loadlock::upload::types as t;
use super::provider_differences::{delete_semantics, described, locate, operation, terms, verify_method};
use crate::contract::calls::{Answered, ProviderCalls};
use crate::model::provider::{FileDescription, ListQuery, LostUpload, UploadOptions};
use crate::state::CallState;

impl ProviderCalls for ProviderComponent {
    fn profile<'s>(&'s self, store: &'s mut Store<CallState>) -> Answered<'s, m::Profile> {
        Box::pin(async move {
            let answer = self.loadlock_upload_provider().call_profile(store).await?;
            Ok(answer.map(profile).map_err(failure))
        })
    }

    fn upload<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        file: &FileDescription,
        path: String,
        options: &UploadOptions,
    ) -> Answered<'s, m::RemoteFile> {
        let (file, options) = (admitted_file(file, path), upload_options(options));
        Box::pin(async move {
            let provider = self.loadlock_upload_provider();
            let answer = provider.call_upload(store, &file, &options).await?;
            Ok(answer.map(remote_file).map_err(failure))
        })
    }

    fn locate<'s>(&'s self, store: &'s mut Store<CallState>, upload: &LostUpload) -> Answered<'s, m::RemoteFile> {
        locate(self, store, upload)
    }

    fn stat<'s>(&'s self, store: &'s mut Store<CallState>, remote: &m::RemoteRef) -> Answered<'s, m::RemoteFile> {
        let asked = remote_ref(remote);
        Box::pin(async move {
            let answer = self.loadlock_upload_provider().call_stat(store, &asked).await?;
            Ok(answer.map(remote_file).map_err(failure))
        })
    }

    fn list<'s>(&'s self, store: &'s mut Store<CallState>, query: &ListQuery) -> Answered<'s, m::RemotePage> {
        let asked = list_query(query);
        Box::pin(async move {
            let answer = self.loadlock_upload_provider().call_list(store, &asked).await?;
            Ok(answer.map(remote_page).map_err(failure))
        })
    }

    fn delete<'s>(&'s self, store: &'s mut Store<CallState>, remote: &m::RemoteRef) -> Answered<'s, m::Deletion> {
        let asked = remote_ref(remote);
        Box::pin(async move {
            let answer = self.loadlock_upload_provider().call_delete(store, &asked).await?;
            Ok(answer.map(deletion).map_err(failure))
        })
    }

    fn content<'s>(&'s self, store: &'s mut Store<CallState>, remote: &m::RemoteRef) -> Answered<'s, m::ContentInfo> {
        let asked = remote_ref(remote);
        Box::pin(async move {
            let answer = self.loadlock_upload_provider().call_content(store, &asked).await?;
            Ok(answer.map(content_info).map_err(failure))
        })
    }

    fn probe<'s>(&'s self, store: &'s mut Store<CallState>) -> Answered<'s, String> {
        Box::pin(async move {
            let answer = self.loadlock_upload_provider().call_probe(store).await?;
            Ok(answer.map_err(failure))
        })
    }
}

pub(super) fn failure(failure: t::Failure) -> m::Failure {
    use m::FailureKind as M;
    use t::FailureKind as T;
    m::Failure {
        kind: match failure.kind {
            T::Rejected => M::Rejected,
            T::Unauthorized => M::Unauthorized,
            T::QuotaExhausted => M::QuotaExhausted,
            T::RateLimited => M::RateLimited,
            T::Unavailable => M::Unavailable,
            T::Timeout => M::Timeout,
            T::Transport => M::Transport,
            T::Protocol => M::Protocol,
            T::NotFound => M::NotFound,
            T::Unsupported => M::Unsupported,
            T::Internal => M::Internal,
        },
        status: failure.status,
        code: failure.code,
        message: failure.message,
        retry_after: failure.retry_after_ms.map(Millis),
        outcome_unknown: failure.outcome_unknown,
        reach: m::Reach::Untold,
    }
    .capped()
}

fn profile(profile: w::ProviderProfile) -> m::Profile {
    let (wants_digest, poll_interval_ms) = terms(&profile);
    m::Profile {
        title: profile.title,
        purposes: profile.purposes.into_iter().map(purpose).collect(),
        verify: verify_method(profile.verify),
        delete: delete_semantics(profile.delete),
        treatment: match profile.treatment {
            w::Treatment::Content => m::Treatment::Content,
            w::Treatment::Extension => m::Treatment::Extension,
            w::Treatment::MediaType => m::Treatment::MediaType,
        },
        can_stat: profile.can_stat,
        can_list: profile.can_list,
        takes_empty: profile.takes_empty,
        max_concurrency: profile.max_concurrency,
        wants_digest,
        poll_interval_ms,
        egress: profile.egress.into_iter().map(need).collect(),
    }
}

fn purpose(purpose: w::PurposeProfile) -> m::PurposeProfile {
    m::PurposeProfile {
        purpose: purpose.purpose,
        max_bytes: purpose.max_bytes,
        image_max_bytes: purpose.image_max_bytes,
        extensions: purpose.extensions,
        media_types: purpose.media_types,
        max_count: purpose.max_count,
        max_total_bytes: purpose.max_total_bytes,
        retention: match purpose.retention {
            w::Retention::UntilDeleted => m::Retention::UntilDeleted,
            w::Retention::Fixed(seconds) => m::Retention::Fixed(seconds),
            w::Retention::Chosen((min, max)) => m::Retention::Chosen(min, max),
            w::Retention::Unknown => m::Retention::Unknown,
        },
        content: content_kind(purpose.content),
    }
}

fn need(need: w::EgressNeed) -> m::EgressNeed {
    m::EgressNeed {
        origin: need.origin,
        path_prefix: need.path_prefix,
        methods: need.methods,
        operations: need.operations.into_iter().map(operation).collect(),
    }
}

fn content_kind(kind: w::ContentKind) -> m::ContentKind {
    match kind {
        w::ContentKind::Raw => m::ContentKind::Raw,
        w::ContentKind::Extracted => m::ContentKind::Extracted,
        w::ContentKind::Never => m::ContentKind::Never,
    }
}

pub(super) fn remote_file(mut file: w::RemoteFile) -> m::RemoteFile {
    let (failure, address) = described(&mut file);
    m::RemoteFile {
        id: file.id,
        bytes: file.bytes,
        name: file.name,
        purpose: file.purpose,
        sha256: file.sha256,
        created_at: file.created_at,
        expires_at: file.expires_at,
        status: match file.status {
            w::RemoteStatus::Ready => m::RemoteStatus::Ready,
            w::RemoteStatus::Processing => m::RemoteStatus::Processing,
            w::RemoteStatus::Failed => m::RemoteStatus::Failed,
        },
        failure,
        address,
    }
}

fn remote_page(page: w::RemotePage) -> m::RemotePage {
    m::RemotePage {
        files: page.files.into_iter().map(remote_file).collect(),
        next: page.next,
    }
}

fn content_info(info: w::ContentInfo) -> m::ContentInfo {
    m::ContentInfo {
        media_type: info.media_type,
        bytes: info.bytes,
        kind: content_kind(info.kind),
    }
}

fn deletion(deletion: w::Deletion) -> m::Deletion {
    match deletion {
        w::Deletion::Deleted => m::Deletion::Deleted,
        w::Deletion::AlreadyGone => m::Deletion::AlreadyGone,
    }
}

fn remote_ref(remote: &m::RemoteRef) -> w::RemoteRef {
    w::RemoteRef {
        id: remote.id.clone(),
        purpose: remote.purpose.clone(),
    }
}

fn admitted_file(file: &FileDescription, path: String) -> t::AdmittedFile {
    t::AdmittedFile {
        path,
        name: file.name.clone(),
        size: file.size,
        media_type: file.media_type.clone(),
        sha256: file.sha256.clone(),
    }
}

fn upload_options(options: &UploadOptions) -> w::UploadOptions {
    w::UploadOptions {
        purpose: options.purpose.clone(),
        mark: options.mark.clone(),
        remote_name: options.remote_name.clone(),
        expires_in_s: options.expires_in_s,
    }
}

fn list_query(query: &ListQuery) -> w::ListQuery {
    w::ListQuery {
        purpose: query.purpose.clone(),
        cursor: query.cursor.clone(),
        limit: query.limit,
    }
}
