//! Opening a path that somebody names.
//!
//! Words first, handles second: the request is compared with the grants as text, so that a caller without a grant
//! learns nothing about the disk, and is then opened beneath the grant's handle, where no link is followed. A path that
//! goes through a link inside the grant is resolved once and judged again as the path that it leads to.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use loadlock_policy::paths::{
    FileFacts, HardLinks, PathDenied, PathRequest, Requester, Resolved, check_links, resolve,
};
use loadlock_sandbox::files::{OpenError, OpenedFile};

use super::grants::Grants;
use super::opened::Opened;
use crate::error::{Error, ErrorCode, Result};
use crate::principal::{Door, Principal};

/// Opens `path` for `who`. Logs the decision, whatever it is.
pub(crate) fn open_path(grants: &Grants, who: &Principal, path: &Path, current_dir: Option<&Path>) -> Result<Opened> {
    // A decision is one line of the log, whatever the path says.
    let shown = shown(path);
    match open(grants, who, path, current_dir).and_then(|opened| not_a_folder(opened, path)) {
        Ok(opened) => {
            tracing::info!(target: "loadlock::path", subject = who.subject(), tenant = who.tenant(), "[PATH] allowed \
                 {shown}");
            Ok(opened)
        }
        Err(error) => {
            tracing::warn!(target: "loadlock::path", subject = who.subject(), tenant = who.tenant(), code = error.code.as_str(), "[PATH] refused {shown}: {}", why(path, &error));
            Err(error)
        }
    }
}

/// Of a path, in the log: the audit log has all of it.
const SHOWN: usize = 512;

fn shown(path: &Path) -> String {
    let path = path.display().to_string();
    let mut shown = path.chars().take(SHOWN).collect::<String>().escape_debug().to_string();
    if path.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// The reason without the path, with which most messages begin.
fn why(path: &Path, error: &Error) -> String {
    let begin = format!("{}: ", path.display());
    let why = error.message.strip_prefix(&begin).unwrap_or(&error.message);
    why.chars().take(SHOWN).collect::<String>().escape_debug().to_string()
}

/// A file is not opened by the name of a folder, as no program opens it.
fn not_a_folder(opened: Opened, path: &Path) -> Result<Opened> {
    let text = path.as_os_str().as_bytes();
    if text.ends_with(b"/") || text.ends_with(b"/.") {
        return Err(Error::new(
            ErrorCode::PathNotFound,
            format!(
                "{} does not exist: the path ends as a folder's does, but a file is there",
                path.display()
            ),
        )
        .hint("write the path without the `/` at its end"));
    }
    Ok(opened)
}

fn open(grants: &Grants, who: &Principal, path: &Path, current_dir: Option<&Path>) -> Result<Opened> {
    let requester = match who.door() {
        Door::Local => Requester::LocalCli,
        Door::Network => Requester::Tenant(who.tenant()),
    };
    let ask = |path: &Path| {
        resolve(
            PathRequest {
                path,
                current_dir,
                requester,
            },
            grants.rules(),
        )
    };
    let direct = ask(path);
    // A network caller learns nothing about paths that no grant covers, not even by how long the answer takes.
    if who.door() == Door::Network && direct.is_err() {
        return Err(not_allowed(path, direct.err()));
    }
    if let Ok(found) = &direct {
        match first(grants, found) {
            Ok(file) => return admit(grants, found, file, path),
            Err(OpenError::Link(_)) => {}
            Err(error) => return Err(open_error(path, error)),
        }
    }
    // A link or `..` on the way: judge the path that it leads to.
    // A `/` at its end is left out until it is known what is there.
    let absolute = current_dir.map_or_else(|| path.to_owned(), |dir| dir.join(path));
    let absolute: PathBuf = absolute.components().collect();
    let real: PathBuf = match absolute.canonicalize() {
        Ok(real) => real,
        // "Not found" gives nothing away only where what is missing would lie in a grant.
        Err(_) => {
            let is_granted = missing(&absolute).is_some_and(|missing| ask(&missing).is_ok());
            return Err(match is_granted {
                true => open_error(path, OpenError::NotFound),
                false => not_allowed(path, direct.err()),
            });
        }
    };
    let found = ask(&real).map_err(|denied| not_allowed(path, Some(denied)))?;
    let file = first(grants, &found).map_err(|error| open_error(path, error))?;
    admit(grants, &found, file, path)
}

/// Links that are followed on one path; Linux follows as many.
const MAX_LINKS: usize = 40;

/// Where a path leads to at which there is nothing, links and `..` followed as the kernel does. None if something is
/// there, or nobody can say.
fn missing(absolute: &Path) -> Option<PathBuf> {
    let owned = |path: &Path| -> Vec<OsString> { path.iter().rev().map(OsString::from).collect() };
    let mut left = owned(absolute);
    let mut reached = PathBuf::new();
    let mut links = 0;
    while let Some(part) = left.pop() {
        if part == ".." {
            reached.pop();
            continue;
        }
        let next = reached.join(&part);
        match std::fs::symlink_metadata(&next) {
            Ok(found) if found.is_symlink() => {
                links += 1;
                if links > MAX_LINKS {
                    return None;
                }
                left.extend(owned(&std::fs::read_link(&next).ok()?));
            }
            Ok(_) => reached = next,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // Behind what is missing, `..` is a word.
                return Some(left.iter().rev().fold(next, |mut path, part| {
                    if part == ".." {
                        path.pop();
                    } else if part != "." {
                        path.push(part);
                    }
                    path
                }));
            }
            Err(_) => return None,
        }
    }
    None
}

fn first(grants: &Grants, found: &[Resolved]) -> std::result::Result<OpenedFile, OpenError> {
    let resolved = found.first().ok_or(OpenError::NotFound)?;
    let cover = grants
        .cover(resolved.grant, resolved.relative.clone())
        .ok_or(OpenError::NotFound)?;
    cover.root.open_file(&cover.relative)
}

fn admit(grants: &Grants, found: &[Resolved], file: OpenedFile, path: &Path) -> Result<Opened> {
    let facts = FileFacts {
        links: file.links,
        owner: file.owner,
    };
    check_links(facts, HardLinks::Refuse, rustix::process::geteuid().as_raw()).map_err(|error| {
        Error::new(ErrorCode::PathNotAllowed, format!("{}: {error}", path.display()))
            .hint("copy the file into the granted directory, or send its bytes")
    })?;
    let covers: Vec<_> = found
        .iter()
        .filter_map(|resolved| grants.cover(resolved.grant, resolved.relative.clone()))
        .collect();
    let relative = found
        .first()
        .map(|resolved| resolved.relative.as_path())
        .unwrap_or(path);
    let name = relative.file_name().unwrap_or_default().as_bytes().to_vec();
    let typed = path.file_name().map(|typed| typed.as_bytes().to_vec());
    let folder = relative
        .parent()
        .map(|folder| folder.as_os_str().as_bytes().to_vec())
        .unwrap_or_default();
    Ok(Opened {
        file,
        covers,
        typed: typed.filter(|typed| *typed != name),
        name,
        folder,
        declared_type: None,
        sha256: None,
        spooled: None,
    })
}

fn not_allowed(path: &Path, denied: Option<PathDenied>) -> Error {
    let why = match denied {
        Some(PathDenied::NotGranted | PathDenied::NotThisTenant | PathDenied::Relative | PathDenied::Parent) | None => {
            "it is in no directory that is granted to this caller".to_owned()
        }
        Some(other) => other.to_string(),
    };
    Error::new(ErrorCode::PathNotAllowed, format!("{}: {why}", path.display()))
}

fn open_error(path: &Path, error: OpenError) -> Error {
    let shown = path.display();
    match error {
        OpenError::NotFound => Error::new(ErrorCode::PathNotFound, format!("{shown} does not exist")),
        OpenError::NotRegular(kind) => Error::new(
            ErrorCode::NotARegularFile,
            format!("{shown} is not a regular file but a {kind}"),
        ),
        OpenError::Protected => Error::new(
            ErrorCode::PathNotAllowed,
            format!("{shown} belongs to Loadlock's own state or configuration"),
        ),
        OpenError::NotBeneath | OpenError::Link(_) => {
            Error::new(ErrorCode::PathNotAllowed, format!("{shown}: {error}"))
        }
        OpenError::Io(source) => match source.kind() {
            std::io::ErrorKind::PermissionDenied => {
                Error::new(ErrorCode::PathNotReadable, format!("{shown}: {source}"))
            }
            _ => Error::new(
                ErrorCode::PathNotReadable,
                format!("{shown} cannot be opened: {source}"),
            ),
        },
    }
}
