//! Writes content for ever: the cap on standard output must end the call, in bounded memory.

use std::io::Write;

use guests::Provider;
use guests::honest;
use guests::words::*;

struct Hostile;

impl Provider for Hostile {
    fn profile() -> Result<Profile, Failure> {
        let mut profile = guests::store_profile();
        for purpose in &mut profile.purposes {
            purpose.content = ContentKind::Raw;
        }
        Ok(profile)
    }

    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        honest::upload(&file, &options)
    }

    fn content(_remote: RemoteRef) -> Result<ContentInfo, Failure> {
        let chunk = [b'c'; 64 * 1024];
        loop {
            if let Err(error) = std::io::stdout().write_all(&chunk) {
                return Err(guests::failure(FailureKind::Internal, error.to_string()));
            }
        }
    }
}

guests::provider!(Hostile);
