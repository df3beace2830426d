//! The embedded default provider: files kept on this machine, in a directory of the provider's own.
//!
//! The host preopens that directory, writable, as `/state`. An object is named by the SHA-256 of its content:
//!
//! ```text
//! incoming/<call>-….part     what is being written; what belongs to no call under way is removed by the next call
//! objects/ab/cdef…           the bytes, exactly as uploaded
//! objects/ab/cdef….json      its record: size, media type, and the name under each purpose
//! ```
//!
//! Everything is written under a temporary name, synced and renamed, the bytes before the record, and an object exists
//! only if both are there and agree on the size: what `stat` and `list` show is complete, whatever crashed in between.
//! Equal content shares one object and one id, so `delete` is for all of them and the host counts references. No
//! symbolic link beneath `/state` is ever followed.

mod directory;
mod fault;
mod id;
mod incoming;
mod record;
mod store;

use loadlock_sdk::content::pipe_stream;
use loadlock_sdk::prelude::*;
use loadlock_sdk::profile::PurposeFacts;

use store::Store;

loadlock_sdk::state_version!("1");

/// `store` is this provider's own word; the others are there so that any client's purpose can be kept locally.
const PURPOSES: [&str; 8] = [
    "store",
    "user_data",
    "assistants",
    "batch",
    "fine-tune",
    "vision",
    "evals",
    "file-extract",
];

/// The provider.
struct Local;

impl Provider for Local {
    fn profile() -> Result<Profile, Failure> {
        // The first call after a start: what an earlier run left behind goes.
        Store::clean_up_if_there();
        Ok(profile())
    }

    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        if !PURPOSES.contains(&options.purpose.as_str()) {
            return Err(Failure::new(
                FailureKind::Rejected,
                format!("there is no purpose `{}` here", options.purpose),
            ));
        }
        let reader = AdmittedReader::open(&file)?;
        let store = Store::open()?;
        store.clean_up();
        store.put(&reader, &file.media_type, &options)
    }

    fn stat(remote: RemoteRef) -> Result<RemoteFile, Failure> {
        let store = Store::open()?;
        Ok(store.get(&remote.id)?.remote_file(Some(&remote.purpose)))
    }

    fn list(query: ListQuery) -> Result<RemotePage, Failure> {
        let store = Store::open()?;
        store.clean_up();
        store.page(query.purpose.as_deref(), query.cursor.as_deref(), query.limit)
    }

    fn delete(remote: RemoteRef) -> Result<Deletion, Failure> {
        Store::open()?.delete(&remote.id)
    }

    fn content(remote: RemoteRef) -> Result<ContentInfo, Failure> {
        let (record, bytes) = Store::open()?.open_content(&remote.id)?;
        let moved = pipe_stream(&bytes, Some(record.bytes))?;
        if moved != record.bytes {
            return Err(Failure::internal(format!(
                "the stored object ended after {moved} of {} bytes",
                record.bytes
            )));
        }
        Ok(ContentInfo {
            media_type: record.media_type,
            bytes: moved,
            kind: ContentKind::Raw,
        })
    }

    fn probe() -> Result<String, Failure> {
        Store::open()?.probe()?;
        Ok("writable: a probe file was written, synced and removed".to_owned())
    }
}

export_provider!(Local);

fn profile() -> Profile {
    let purpose = |name| {
        PurposeFacts {
            name,
            content: ContentKind::Raw,
            ..PurposeFacts::ANY
        }
        .profile()
    };
    Profile {
        title: "Local disk".to_owned(),
        purposes: PURPOSES.into_iter().map(purpose).collect(),
        verify: VerifyMethod::Digest,
        delete: DeleteSemantics::Shared,
        treatment: Treatment::Content,
        can_stat: true,
        can_list: true,
        takes_empty: true,
        max_concurrency: None,
        wants_digest: false,
        poll_interval_ms: None,
        egress: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_content_is_shared_and_can_be_verified_by_listing() {
        let profile = profile();
        assert_eq!(profile.delete, DeleteSemantics::Shared);
        assert!(profile.verify == VerifyMethod::Digest && profile.can_list);
        assert!(profile.egress.is_empty() && profile.takes_empty);
        let first = profile.purposes.first().map(|first| first.purpose.as_str());
        assert_eq!(first, Some("store"));
    }
}
