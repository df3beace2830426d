//! Opening a path that somebody names.
//!
//! Words first, handles second: the request is compared with the grants as text, so that a caller without a grant
//! learns nothing about the disk, and is then opened beneath the grant's handle, where no link is followed. A path that
//! goes through a link inside the grant is resolved once and judged again as the path that it leads to.

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
    let shown = path.display().to_string().escape_debug().to_string();
    match open(grants, who, path, current_dir) {
        Ok(opened) => {
            tracing::info!(target: "loadlock::path", subject = who.subject(), tenant = who.tenant(), "[PATH] allowed \
                 {shown}");
            Ok(opened)
        }
        Err(error) => {
            tracing::warn!(target: "loadlock::path", subject = who.subject(), tenant = who.tenant(), code = error.code.as_str(), "[PATH] refused {shown}: {}", error.message.escape_debug());
            Err(error)
        }
    }
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
    let absolute = current_dir.map_or_else(|| path.to_owned(), |dir| dir.join(path));
    let real: PathBuf = match absolute.canonicalize() {
        Ok(real) => real,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && lexically_granted(&absolute, &ask) => {
            return Err(open_error(path, OpenError::NotFound));
        }
        Err(_) => return Err(not_allowed(path, direct.err())),
    };
    let found = ask(&real).map_err(|denied| not_allowed(path, Some(denied)))?;
    let file = first(grants, &found).map_err(|error| open_error(path, error))?;
    admit(grants, &found, file, path)
}

/// Whether the path, with `..` taken as words, lies in a grant: then "not found" gives nothing away.
fn lexically_granted(absolute: &Path, ask: &dyn Fn(&Path) -> std::result::Result<Vec<Resolved>, PathDenied>) -> bool {
    let mut plain = PathBuf::new();
    for component in absolute.components() {
        match component {
            std::path::Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    ask(&plain).is_ok()
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
            "it lies in no directory that is granted to this caller".to_owned()
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
