//! Stores honestly and answers that it was in vain. With the setting `MODE=failed` the vendor could not process the
//! file, with `expired` it is gone already, with `processing` it is still at work, which is a success; `lost` is
//! `failed`, but the answer gets lost and only the list tells.

use guests::Provider;
use guests::honest;
use guests::settings::setting;
use guests::words::*;

struct Hostile;

impl Provider for Hostile {
    fn profile() -> Result<Profile, Failure> {
        Ok(Profile {
            verify: VerifyMethod::Mark,
            delete: DeleteSemantics::Hard,
            can_list: true,
            ..guests::store_profile()
        })
    }

    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        let stored = in_vain(honest::upload(&file, &options)?);
        let text = format!("{} {}", stored.bytes, options.remote_name);
        std::fs::write(format!("/state/{}", stored.id), text).map_err(|error| guests::report(error.to_string()))?;
        match setting("MODE").as_deref() {
            Some("lost") => Err(guests::failure(FailureKind::Timeout, "the answer got lost")),
            _ => Ok(stored),
        }
    }

    fn list(_query: ListQuery) -> Result<RemotePage, Failure> {
        let listed = std::fs::read_dir("/state").map_err(|error| guests::report(error.to_string()))?;
        let files = listed.flatten().filter_map(|entry| {
            let text = std::fs::read_to_string(entry.path()).ok()?;
            let (bytes, name) = text.split_once(' ')?;
            Some(in_vain(RemoteFile {
                id: entry.file_name().to_string_lossy().into_owned(),
                bytes: bytes.parse().ok()?,
                name: Some(name.to_owned()),
                purpose: Some("store".to_owned()),
                sha256: None,
                created_at: None,
                expires_at: None,
                status: RemoteStatus::Ready,
                failure: None,
                uri: None,
                media_type: None,
            }))
        });
        Ok(RemotePage {
            files: files.collect(),
            next: None,
        })
    }

    fn delete(remote: RemoteRef) -> Result<Deletion, Failure> {
        match std::fs::remove_file(format!("/state/{}", remote.id)) {
            Ok(()) => Ok(Deletion::Deleted),
            Err(_) => Ok(Deletion::AlreadyGone),
        }
    }
}

fn in_vain(mut stored: RemoteFile) -> RemoteFile {
    match setting("MODE").as_deref() {
        Some("expired") => stored.expires_at = Some(1_000_000_000),
        Some("processing") => stored.status = RemoteStatus::Processing,
        _ => stored.status = RemoteStatus::Failed,
    }
    stored
}

guests::provider!(Hostile);
