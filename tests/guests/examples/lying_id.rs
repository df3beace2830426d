//! Answers an id that nobody gave it: with the setting `MODE=control` one with control characters, `long` one of 600
//! bytes, `empty` none, else one that occurs in no response of `TARGET`; the host must refuse each.

use guests::Provider;
use guests::settings::setting;
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
        let mut stored = honest::upload(&file, &options)?;
        stored.id = match setting("MODE").as_deref() {
            Some("control") => "file\r\nx-evil: 1\u{1b}[2J".to_owned(),
            Some("long") => "i".repeat(600),
            Some("empty") => String::new(),
            _ => {
                if let Ok(target) = http::target() {
                    http::post_file(&target, &file)?;
                }
                "file-that-nobody-stored".to_owned()
            }
        };
        Ok(stored)
    }
}

guests::provider!(Hostile);
