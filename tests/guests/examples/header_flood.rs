//! Posts to the setting `TARGET` with 10,000 headers of 1 KiB: the header limit must refuse before anything is sent.

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

    fn upload(_file: AdmittedFile, _options: UploadOptions) -> Result<RemoteFile, Failure> {
        let target = http::target()?;
        let headers: Vec<_> = (0..10_000)
            .map(|at| (format!("x-flood-{at}"), vec![b'z'; 1024]))
            .collect();
        let answer = http::post(&target, &headers, Some(0), |_| {})?;
        Err(guests::report(format!("sent status={}", answer.status)))
    }
}

guests::provider!(Hostile);
