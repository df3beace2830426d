//! The trait that a provider implements, and how it becomes the component's export.

use std::marker::PhantomData;

use crate::types::{
    AdmittedFile, ContentInfo, Deletion, Failure, FailureKind, ListQuery, LostUpload, Profile, RemoteFile, RemotePage,
    RemoteRef, UploadOptions,
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

    /// Finds an upload by the id that was chosen for it, where the profile says `verify: chosen-id`.
    ///
    /// # Errors
    /// `not-found` only if the vendor has none for certain; `unsupported` by default.
    fn locate(upload: LostUpload) -> Result<RemoteFile, Failure> {
        let _ = upload;
        Err(unsupported("locate"))
    }

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

/// States the version of what a component keeps in its own directory (`/state`), one word of printable ASCII. A
/// component that takes another one's place while uploads run gives way to it by itself only if both state the same
/// version, or if nothing is kept: change it whenever an older component could not read what a newer one writes.
///
/// ```
/// loadlock_sdk::state_version!("1");
/// ```
#[macro_export]
macro_rules! state_version {
    ($version:literal) => {
        #[cfg(target_family = "wasm")]
        #[used]
        #[unsafe(link_section = "loadlock:state-version")]
        static STATE_VERSION: [u8; $version.len()] = {
            let (mut bytes, text, mut at) = ([0; $version.len()], $version.as_bytes(), 0);
            while at < bytes.len() {
                bytes[at] = text[at];
                at += 1;
            }
            bytes
        };
    };
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
