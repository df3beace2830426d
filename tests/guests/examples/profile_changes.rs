//! Answers another profile on each call: the host must notice and refuse the component.

use guests::Provider;
use guests::honest;
use guests::words::*;
use wasip2::random::random::get_random_u64;

struct Hostile;

impl Provider for Hostile {
    fn profile() -> Result<Profile, Failure> {
        let mut profile = guests::store_profile();
        for purpose in &mut profile.purposes {
            purpose.max_bytes = Some(get_random_u64());
        }
        Ok(profile)
    }

    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        honest::upload(&file, &options)
    }
}

guests::provider!(Hostile);
