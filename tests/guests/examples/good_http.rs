//! An honest provider that posts the raw bytes to the setting `TARGET` and answers the id of the response: it must
//! succeed whatever other guests do.

use guests::Provider;
use guests::words::*;
use guests::{honest, http};

struct Good;

impl Provider for Good {
    fn profile() -> Result<Profile, Failure> {
        Ok(Profile {
            egress: http::egress_to_target(),
            ..guests::store_profile()
        })
    }

    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        let target = http::target()?;
        let answer = http::post_file(&target, &file)?;
        let kind = match answer.status {
            200..=299 => {
                let id = http::id_in(&answer.body);
                return Ok(honest::remote_file(id, file.size, &options));
            }
            401 | 403 => FailureKind::Unauthorized,
            429 => FailureKind::RateLimited,
            500.. => FailureKind::Unavailable,
            _ => FailureKind::Rejected,
        };
        let mut failure = guests::failure(kind, format!("the target answered {}", answer.status));
        failure.status = Some(answer.status);
        Err(failure)
    }
}

guests::provider!(Good);
