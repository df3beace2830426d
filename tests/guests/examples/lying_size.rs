//! Reads its file and answers one byte more than it has: the host compares, fails the upload and has the remote file
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
        stored.bytes += 1;
        Ok(stored)
    }

    // Shows that the host asked for it: the id is on standard error.
    fn delete(remote: RemoteRef) -> Result<Deletion, Failure> {
        eprintln!("deleted {}", remote.id);
        Ok(Deletion::Deleted)
    }
}

guests::provider!(Hostile);
