//! Reads its file and answers a digest of other bytes: the host compares, fails the upload and has the remote file
//! deleted.

use guests::Provider;
use guests::honest;
use guests::words::*;

struct Hostile;

impl Provider for Hostile {
    fn profile() -> Result<Profile, Failure> {
        Ok(Profile {
            delete: DeleteSemantics::Hard,
            ..guests::store_profile()
        })
    }

    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        let mut stored = honest::upload(&file, &options)?;
        stored.sha256 = Some("0".repeat(64));
        Ok(stored)
    }

    // Shows that the host asked for it: the id is on standard error.
    fn delete(remote: RemoteRef) -> Result<Deletion, Failure> {
        eprintln!("deleted {}", remote.id);
        Ok(Deletion::Deleted)
    }
}

guests::provider!(Hostile);
