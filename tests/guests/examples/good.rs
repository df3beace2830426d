//! An honest provider without a network: reads the whole file, the id is its digest; it must succeed whatever other
//! guests do.

use guests::Provider;
use guests::honest;
use guests::words::*;

struct Good;

impl Provider for Good {
    fn profile() -> Result<Profile, Failure> {
        Ok(Profile {
            delete: DeleteSemantics::Hard,
            ..guests::store_profile()
        })
    }

    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        honest::upload(&file, &options)
    }

    fn delete(_remote: RemoteRef) -> Result<Deletion, Failure> {
        Ok(Deletion::Deleted)
    }

    fn probe() -> Result<String, Failure> {
        Ok("well".to_owned())
    }
}

guests::provider!(Good);
