//! Stores honestly in its own directory, shows the digest in its list, and traps before it answers.

use guests::Provider;
use guests::honest;
use guests::words::*;

struct Trapping;

impl Provider for Trapping {
    fn profile() -> Result<Profile, Failure> {
        Ok(Profile {
            verify: VerifyMethod::Digest,
            delete: DeleteSemantics::Hard,
            can_list: true,
            ..guests::store_profile()
        })
    }

    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        let stored = honest::upload(&file, &options)?;
        std::fs::write(format!("/state/{}", stored.id), stored.bytes.to_string())
            .map_err(|error| guests::report(error.to_string()))?;
        panic!("stored and not answered");
    }

    fn list(_query: ListQuery) -> Result<RemotePage, Failure> {
        let listed = std::fs::read_dir("/state").map_err(|e| guests::report(e.to_string()))?;
        let files = listed
            .flatten()
            .map(|entry| {
                let id = entry.file_name().to_string_lossy().into_owned();
                let bytes = std::fs::read_to_string(entry.path())
                    .ok()
                    .and_then(|text| text.parse().ok())
                    .unwrap_or_default();
                RemoteFile {
                    sha256: Some(id.clone()),
                    id,
                    bytes,
                    name: None,
                    purpose: Some("store".to_owned()),
                    created_at: None,
                    expires_at: None,
                    status: RemoteStatus::Ready,
                    failure: None,
                    uri: None,
                    media_type: None,
                }
            })
            .collect();
        Ok(RemotePage { files, next: None })
    }

    fn delete(remote: RemoteRef) -> Result<Deletion, Failure> {
        let _ = std::fs::remove_file(format!("/state/{}", remote.id));
        Ok(Deletion::Deleted)
    }
}

guests::provider!(Trapping);
