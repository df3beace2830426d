//! Posts its file to the setting `TARGET`, which its profile asks for and the operator did not grant: the egress hook
//! must refuse; the failure carries the error code.

use guests::Provider;
use guests::http;
use guests::words::*;

struct Hostile;

impl Provider for Hostile {
    fn profile() -> Result<Profile, Failure> {
        Ok(Profile {
            egress: guests::http::egress_to_target(),
            ..guests::store_profile()
        })
    }

    fn upload(file: AdmittedFile, _options: UploadOptions) -> Result<RemoteFile, Failure> {
        let target = http::target()?;
        let answer = http::post_file(&target, &file)?;
        Err(guests::report(format!("sent status={}", answer.status)))
    }
}

guests::provider!(Hostile);
