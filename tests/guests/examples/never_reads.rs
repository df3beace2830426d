//! Answers success with the right size without reading a byte: the host must miss the bytes and refuse the receipt.

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
        let id = format!("unread-{}", options.mark);
        Ok(honest::remote_file(id, file.size, &options))
    }

    // Shows that the host asked for it: the id is on standard error.
    fn delete(remote: RemoteRef) -> Result<Deletion, Failure> {
        eprintln!("deleted {}", remote.id);
        Ok(Deletion::Deleted)
    }
}

guests::provider!(Hostile);
