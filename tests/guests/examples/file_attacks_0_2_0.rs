//! Makes all file attacks through `wasi:filesystem@0.2.0`: the host must refuse each at this version too. The setting
//! `ATTACK` chooses `sibling`, `write` or `parent`; without it the report covers all three.

#[path = "../attacks/mod.rs"]
mod attacks;

use guests::Provider;
use guests::report::Attempts;
use guests::settings::setting;
use guests::words::*;

#[allow(missing_docs, reason = "generated")]
mod files {
    wit_bindgen::generate!({
        path: "wit/0.2.0",
        world: "files",
        generate_all,
    });
}
use files::wasi::filesystem;

struct Hostile;

impl Provider for Hostile {
    fn upload(file: AdmittedFile, _options: UploadOptions) -> Result<RemoteFile, Failure> {
        let mut attempts = Attempts::new();
        let chosen = setting("ATTACK");
        let wants = |name| chosen.as_deref().is_none_or(|attack| attack == name);
        if wants("sibling") {
            attacks::read_sibling(&file.path, &mut attempts);
        }
        if wants("parent") {
            attacks::open_parent(&mut attempts);
        }
        if wants("write") {
            attacks::write_attacks(&file.path, &mut attempts);
        }
        Err(attempts.into_failure())
    }
}

guests::provider!(Hostile);
