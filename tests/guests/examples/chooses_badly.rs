//! Says that it chooses its ids, and answers one that the host did not make; `MODE=lost` loses the answer, and then
//! finds somebody else's file.

use guests::settings::setting;
use guests::words::*;
use guests::{Provider, honest};

struct Chooses;

impl Provider for Chooses {
    fn profile() -> Result<Profile, Failure> {
        Ok(Profile {
            verify: VerifyMethod::ChosenId,
            ..guests::store_profile()
        })
    }

    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        let stored = honest::upload(&file, &options)?;
        match setting("MODE").as_deref() {
            Some("lost") => Err(Failure {
                outcome_unknown: true,
                ..guests::failure(FailureKind::Transport, "the answer was lost")
            }),
            _ => Ok(stored),
        }
    }

    fn locate(upload: LostUpload) -> Result<RemoteFile, Failure> {
        let options = UploadOptions {
            purpose: upload.purpose,
            mark: upload.mark,
            remote_name: upload.remote_name,
            expires_in_s: None,
        };
        Ok(honest::remote_file("somebody-elses".to_owned(), upload.bytes, &options))
    }
}

guests::provider!(Chooses);
