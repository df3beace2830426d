//! Traps in the export that the setting `TRAP` names (`profile`, `upload`, `stat`, `list`, `delete`, `content`,
//! `probe`) and is honest in the others: the host must report a trap of that call, and the next call must work.

use guests::Provider;
use guests::honest;
use guests::settings::setting;
use guests::words::*;

struct Hostile;

fn trap_if(export: &str) {
    if setting("TRAP").as_deref() == Some(export) {
        std::process::abort();
    }
}

impl Provider for Hostile {
    fn profile() -> Result<Profile, Failure> {
        trap_if("profile");
        let mut profile = Profile {
            delete: DeleteSemantics::Hard,
            can_stat: true,
            can_list: true,
            ..guests::store_profile()
        };
        for purpose in &mut profile.purposes {
            purpose.content = ContentKind::Raw;
        }
        Ok(profile)
    }

    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        trap_if("upload");
        honest::upload(&file, &options)
    }

    fn stat(remote: RemoteRef) -> Result<RemoteFile, Failure> {
        trap_if("stat");
        Err(guests::failure(FailureKind::NotFound, remote.id))
    }

    fn list(_query: ListQuery) -> Result<RemotePage, Failure> {
        trap_if("list");
        Ok(RemotePage {
            files: Vec::new(),
            next: None,
        })
    }

    fn delete(_remote: RemoteRef) -> Result<Deletion, Failure> {
        trap_if("delete");
        Ok(Deletion::Deleted)
    }

    fn content(remote: RemoteRef) -> Result<ContentInfo, Failure> {
        trap_if("content");
        Err(guests::failure(FailureKind::NotFound, remote.id))
    }

    fn probe() -> Result<String, Failure> {
        trap_if("probe");
        Ok("well".to_owned())
    }
}

guests::provider!(Hostile);
