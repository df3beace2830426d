//! Wants a file's digest before its first byte, and refuses one without. Honest otherwise.

use guests::words::*;
use guests::{Provider, honest};

struct Wants;

impl Provider for Wants {
    fn profile() -> Result<Profile, Failure> {
        Ok(Profile {
            wants_digest: true,
            ..guests::store_profile()
        })
    }

    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        let Some(told) = file.sha256.clone() else {
            return Err(guests::report("no digest"));
        };
        let stored = honest::upload(&file, &options)?;
        match stored.id == told {
            true => Ok(stored),
            false => Err(guests::report("another digest")),
        }
    }
}

guests::provider!(Wants);
