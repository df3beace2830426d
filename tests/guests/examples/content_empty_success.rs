//! Answers `content` with success and not a byte: the host must refuse an empty success for a file that is not empty.

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
        Ok(ContentInfo {
            media_type: "application/octet-stream".to_owned(),
            bytes: 0,
            kind: ContentKind::Raw,
        })
    }
}

guests::provider!(Hostile);
