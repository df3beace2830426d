//! Reads half of its file and answers success with the right size: the host must miss the other half and refuse the
//! receipt.

use std::fs::File;
use std::io::Read;

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
        let half = File::open(&file.path).and_then(|input| {
            let mut half = input.take(file.size / 2);
            std::io::copy(&mut half, &mut std::io::sink())
        });
        let read = half.map_err(|error| guests::failure(FailureKind::Internal, error.to_string()))?;
        let id = format!("half-{read}-{}", options.mark);
        Ok(honest::remote_file(id, file.size, &options))
    }

    // Shows that the host asked for it: the id is on standard error.
    fn delete(remote: RemoteRef) -> Result<Deletion, Failure> {
        eprintln!("deleted {}", remote.id);
        Ok(Deletion::Deleted)
    }
}

guests::provider!(Hostile);
