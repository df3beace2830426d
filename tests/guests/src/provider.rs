//! A provider whose every operation has a default.

use std::marker::PhantomData;

use crate::words::*;

/// A provider component. Implement what the guest is about; the rest is an honest profile and `unsupported`.
#[allow(
    missing_docs,
    reason = "the operations are documented in the contract, wit/provider.wit"
)]
pub trait Provider {
    fn profile() -> Result<Profile, Failure> {
        Ok(store_profile())
    }
    fn upload(_file: AdmittedFile, _options: UploadOptions) -> Result<RemoteFile, Failure> {
        Err(unsupported("upload"))
    }
    fn locate(_upload: LostUpload) -> Result<RemoteFile, Failure> {
        Err(unsupported("locate"))
    }
    fn stat(_remote: RemoteRef) -> Result<RemoteFile, Failure> {
        Err(unsupported("stat"))
    }
    fn list(_query: ListQuery) -> Result<RemotePage, Failure> {
        Err(unsupported("list"))
    }
    fn delete(_remote: RemoteRef) -> Result<Deletion, Failure> {
        Err(unsupported("delete"))
    }
    fn content(_remote: RemoteRef) -> Result<ContentInfo, Failure> {
        Err(unsupported("content"))
    }
    fn probe() -> Result<String, Failure> {
        Err(unsupported("probe"))
    }
}

/// Carries a [`Provider`] into the generated trait, which has no defaults.
pub struct Shell<P>(PhantomData<P>);

impl<P: Provider> Guest for Shell<P> {
    fn profile() -> Result<Profile, Failure> {
        P::profile()
    }
    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        P::upload(file, options)
    }
    fn locate(upload: LostUpload) -> Result<RemoteFile, Failure> {
        P::locate(upload)
    }
    fn stat(remote: RemoteRef) -> Result<RemoteFile, Failure> {
        P::stat(remote)
    }
    fn list(query: ListQuery) -> Result<RemotePage, Failure> {
        P::list(query)
    }
    fn delete(remote: RemoteRef) -> Result<Deletion, Failure> {
        P::delete(remote)
    }
    fn content(remote: RemoteRef) -> Result<ContentInfo, Failure> {
        P::content(remote)
    }
    fn probe() -> Result<String, Failure> {
        P::probe()
    }
}

/// Exports a type that implements [`Provider`] as this component's provider.
#[macro_export]
macro_rules! provider {
    ($provider:ty) => {
        type Exported = $crate::Shell<$provider>;
        $crate::bindings::provider::export!(Exported with_types_in $crate::bindings::provider);
    };
}

/// One purpose, `store`, that takes anything; no network; nothing can be looked up or verified afterwards.
pub fn store_profile() -> Profile {
    Profile {
        title: "A guest of the test suites".to_owned(),
        purposes: vec![purpose("store")],
        verify: VerifyMethod::None,
        delete: DeleteSemantics::Never,
        treatment: Treatment::Content,
        can_stat: false,
        can_list: false,
        takes_empty: true,
        max_concurrency: None,
        wants_digest: false,
        poll_interval_ms: None,
        egress: Vec::new(),
    }
}

/// A purpose without limits whose content never comes back.
pub fn purpose(name: &str) -> PurposeProfile {
    PurposeProfile {
        purpose: name.to_owned(),
        max_bytes: None,
        image_max_bytes: None,
        extensions: Vec::new(),
        media_types: Vec::new(),
        max_count: None,
        max_total_bytes: None,
        retention: Retention::UntilDeleted,
        content: ContentKind::Never,
    }
}

/// A failure whose outcome is known.
pub fn failure(kind: FailureKind, message: impl Into<String>) -> Failure {
    Failure {
        kind,
        status: None,
        code: None,
        message: message.into(),
        retry_after_ms: None,
        outcome_unknown: false,
    }
}

/// The default answer of every operation.
pub fn unsupported(operation: &str) -> Failure {
    failure(FailureKind::Unsupported, format!("this guest has no {operation}"))
}
