//! Writes 10 bytes of content and says that they are 1,000: the host counts, and must abort the client's connection.

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
        let written = std::io::stdout()
            .write_all(b"ten bytes!")
            .and_then(|()| std::io::stdout().flush());
        if let Err(error) = written {
            return Err(guests::failure(FailureKind::Internal, error.to_string()));
        }
        Ok(ContentInfo {
            media_type: "text/plain".to_owned(),
            bytes: 1000,
            kind: ContentKind::Raw,
        })
    }
}

guests::provider!(Hostile);
