//! The trait that a provider implements, and how it becomes the component's export.

use std::marker::PhantomData;

use crate::types::{
    AdmittedFile, ContentInfo, Deletion, Failure, FailureKind, ListQuery, Profile, RemoteFile, RemotePage, RemoteRef,
    UploadOptions,
};

/// One upstream file API.
///
/// The host makes a fresh instance for every call: nothing survives in memory, and nothing needs to be thread safe.
/// [`profile`](Provider::profile) and [`upload`](Provider::upload) must be written; an operation that the vendor does
/// not have keeps its default, which answers `unsupported`, and the profile says so (`can_stat`, `can_list`, `delete:
/// never`).
///
/// Export the implementation with [`export_provider!`](crate::export_provider).
pub trait Provider {
    /// What this provider takes. Called without network and without files, and must answer the same for equal settings.
    ///
    /// # Errors
    /// `internal` if the settings cannot be used; the message names the setting.
    fn profile() -> Result<Profile, Failure>;

    /// Uploads one file, streaming; success only after the vendor has acknowledged it with an id.
    ///
    /// # Errors
    /// A classified [`Failure`]; `outcome_unknown` if the request was sent whole and no answer could be read.
    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure>;

    /// Looks one remote file up.
    ///
    /// # Errors
    /// `not-found` if the vendor has none; `unsupported` by default.
    fn stat(remote: RemoteRef) -> Result<RemoteFile, Failure> {
        let _ = remote;
        Err(unsupported("stat"))
    }

    /// One page of the account's files.
    ///
    /// # Errors
    /// `unsupported` by default.
    fn list(query: ListQuery) -> Result<RemotePage, Failure> {
        let _ = query;
        Err(unsupported("list"))
    }

    /// Deletes one remote file.
    ///
    /// # Errors
    /// `unsupported` by default. A file that is already gone is a success: [`Deletion::AlreadyGone`].
    fn delete(remote: RemoteRef) -> Result<Deletion, Failure> {
        let _ = remote;
        Err(unsupported("delete"))
    }

    /// Writes the content to standard output; see [`content`](mod@crate::content).
    ///
    /// # Errors
    /// `unsupported` by default.
    fn content(remote: RemoteRef) -> Result<ContentInfo, Failure> {
        let _ = remote;
        Err(unsupported("content"))
    }

    /// Asks the vendor for something cheap that needs the credential; answers one line for a person.
    ///
    /// # Errors
    /// `unsupported` by default.
    fn probe() -> Result<String, Failure> {
        Err(unsupported("probe"))
    }
}

/// The failure of an operation that a vendor or a purpose does not have.
///
/// ```
/// use loadlock_sdk::{types::FailureKind, unsupported};
/// assert_eq!(unsupported("stat").kind, FailureKind::Unsupported);
/// ```
pub fn unsupported(operation: &str) -> Failure {
    Failure::new(FailureKind::Unsupported, format!("this provider has no {operation}"))
}

/// Carries a [`Provider`] into the generated trait, which has no defaults. Made by `export_provider!`.
#[doc(hidden)]
#[derive(Debug)]
pub struct Shell<P>(PhantomData<P>);

impl<P: Provider> crate::bindings::exports::loadlock::upload::provider::Guest for Shell<P> {
    fn profile() -> Result<Profile, Failure> {
        P::profile()
    }
    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        P::upload(file, options)
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

/// Exports a type that implements [`Provider`] as this component's provider. Once per component.
///
/// Outside of WebAssembly nothing is exported, so that a provider's pure code can be tested on the author's machine:
/// the names of component exports are no names for a native linker.
#[macro_export]
macro_rules! export_provider {
    ($provider:ty) => {
        #[doc(hidden)]
        type LoadlockExportedProvider = $crate::Shell<$provider>;
        #[cfg(target_family = "wasm")]
        $crate::bindings::export_provider_world!(
            LoadlockExportedProvider with_types_in $crate::bindings
        );
        #[cfg(not(target_family = "wasm"))]
        const _: fn() -> ::core::result::Result<$crate::types::Profile, $crate::types::Failure> =
            <LoadlockExportedProvider as $crate::bindings::exports::loadlock::upload::provider::Guest>::profile;
    };
}
