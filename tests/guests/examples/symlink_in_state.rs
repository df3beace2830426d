//! Plants links that point out of its own directory `/state` (relative, absolute, to a directory; setting `OUTSIDE`
//! names the goal) and reads through them: the host must not follow them, neither for the guest nor in its own work
//! there.

#[path = "../attacks/mod.rs"]
#[allow(dead_code, unused_imports, reason = "only its helpers are used here")]
mod attacks;

use guests::Provider;
use guests::report::Attempts;
use guests::settings::setting;
use guests::words::*;
use wasip2::filesystem;
use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};

struct Hostile;

impl Provider for Hostile {
    fn upload(_file: AdmittedFile, _options: UploadOptions) -> Result<RemoteFile, Failure> {
        let mut attempts = Attempts::new();
        let outside = setting("OUTSIDE").unwrap_or_else(|| "/etc/passwd".to_owned());
        let climb = format!("{}{}", "../".repeat(16), outside.trim_start_matches('/'));
        let parent = outside.rsplit_once('/').map_or("/", |(parent, _)| parent);
        let climb_parent = climb.rsplit_once('/').map_or("..", |(parent, _)| parent);
        let own = outside.rsplit('/').next().unwrap_or_default();
        let Some(state) = attacks::state() else {
            return Err(guests::report("no /state"));
        };
        let state = &state.directory;
        let links = [
            ("x", climb.as_str(), String::from("x")),
            ("absolute", &outside, String::from("absolute")),
            ("up", "..", String::from("up")),
            ("folder", climb_parent, format!("folder/{own}")),
            ("absolute-folder", parent, format!("absolute-folder/{own}")),
            ("proc", "/proc/self/root", format!("proc{outside}")),
        ];
        for (link, to, read) in links {
            // Making a link is no harm; following it is. Which links could be made is told on standard error.
            eprintln!("symlink {link} -> {to}: {:?}", state.symlink_at(to, link));
            match attacks::open(state, PathFlags::SYMLINK_FOLLOW, &read) {
                Ok(file) => attempts.allowed(&format!("open.{link}"), &attacks::taste(&file)),
                Err(code) => attempts.refused(&format!("open.{link}"), code),
            }
            let written = state.open_at(
                PathFlags::SYMLINK_FOLLOW,
                &read,
                OpenFlags::CREATE | OpenFlags::TRUNCATE,
                DescriptorFlags::WRITE,
            );
            match written {
                // A link that could not be made leaves an ordinary name of its own, which it may write.
                Ok(_) if state.readlink_at(link).is_err() => attempts.refused(&format!("write.{link}"), "own-file"),
                written => drop(attempts.note(&format!("write.{link}"), written)),
            }
            let stat = state.stat_at(PathFlags::SYMLINK_FOLLOW, &read);
            match stat {
                Ok(_) if state.readlink_at(link).is_err() => {}
                stat => drop(attempts.note(&format!("stat.{link}"), stat)),
            }
        }
        Err(attempts.into_failure())
    }
}

guests::provider!(Hostile);
