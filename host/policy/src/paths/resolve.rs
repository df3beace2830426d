//! From a requested path to a grant and a relative path beneath its root.

use std::path::{Component, Path, PathBuf};

use thiserror::Error;

use super::PathGrant;

/// Longest path in bytes; `PATH_MAX` of Linux.
const MAX_PATH_BYTES: usize = 4_096;

/// Who names the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requester<'a> {
    /// The command line on this machine, which has the operator's own rights.
    LocalCli,
    /// A principal of this tenant, over the network.
    Tenant(&'a str),
}

/// A path that someone wants uploaded.
#[derive(Clone, Copy, Debug)]
pub struct PathRequest<'a> {
    /// The path. A network principal's must be absolute: it has no current directory here.
    pub path: &'a Path,
    /// The directory that a relative path starts from.
    pub current_dir: Option<&'a Path>,
    /// Who asks.
    pub requester: Requester<'a>,
}

/// Where a path falls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Index of the grant.
    pub grant: usize,
    /// The path beneath its root: not empty, and normal components only. Open it beneath the root's handle.
    pub relative: PathBuf,
}

/// Why a path falls nowhere. What a network principal is told must be the same for all of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PathDenied {
    /// There is no path.
    #[error("the path is empty")]
    Empty,
    /// Longer than any path.
    #[error("the path is longer than {MAX_PATH_BYTES} bytes")]
    TooLong,
    /// A NUL, a line feed or the like.
    #[error("the path holds a control character; rename the file, or send its bytes")]
    Control,
    /// A component's interface speaks UTF-8.
    #[error("the path is not UTF-8; rename the file, or send its bytes")]
    NotUtf8,
    /// `..` means another directory after a link than before it.
    #[error("the path holds `..`; write the path that is meant")]
    Parent,
    /// Relative to nothing.
    #[error("the path is not absolute")]
    Relative,
    /// No root covers it.
    #[error(
        "no granted root covers the path; add its directory as the `root` of one of `[[grants]]` in the configuration"
    )]
    NotGranted,
    /// A root covers it, but not for who asks.
    #[error("the grant that covers the path does not name this tenant; add it to the grant's `tenants`")]
    NotThisTenant,
    /// The root itself is a directory, not a file.
    #[error("the path is a granted root, not a file beneath it")]
    IsRoot,
}

/// Every grant that covers the path for who asks, the longest root first.
///
/// More than one may: which provider may have the file depends on the grant, see [`PathGrant::allows_provider`]. Roots
/// are compared by whole components, so `/app` does not cover `/app-evil`.
///
/// # Errors
/// [`PathDenied`] says why none does. Log it; tell a network principal nothing but `path_not_allowed`.
///
/// ```
/// use std::path::Path;
/// use loadlock_policy::paths::{PathGrant, PathRequest, Requester, resolve};
/// let grants = [PathGrant::new("/srv/files")];
/// let path = |path| PathRequest { path: Path::new(path), current_dir: None, requester: Requester::LocalCli };
/// assert_eq!(resolve(path("/srv/files/a/b.pdf"), &grants)?[0].relative, Path::new("a/b.pdf"));
/// assert!(resolve(path("/srv/files-evil/b.pdf"), &grants).is_err());
/// assert!(resolve(path("/srv/files/../secret"), &grants).is_err());
/// # Ok::<(), loadlock_policy::paths::PathDenied>(())
/// ```
pub fn resolve(request: PathRequest<'_>, grants: &[PathGrant]) -> Result<Vec<Resolved>, PathDenied> {
    let path = absolute(request)?;
    let mut denied = PathDenied::NotGranted;
    let mut found: Vec<(usize, Resolved)> = Vec::new();
    for (index, grant) in grants.iter().enumerate() {
        if grant.check().is_err() {
            continue;
        }
        let Ok(relative) = path.strip_prefix(&grant.root) else {
            continue;
        };
        let allowed = match request.requester {
            Requester::LocalCli => true,
            Requester::Tenant(tenant) => grant.tenants.contains(tenant),
        };
        if !allowed {
            denied = PathDenied::NotThisTenant;
        } else if relative.as_os_str().is_empty() {
            denied = PathDenied::IsRoot;
        } else {
            let depth = grant.root.components().count();
            found.push((
                depth,
                Resolved {
                    grant: index,
                    relative: relative.to_owned(),
                },
            ));
        }
    }
    if found.is_empty() {
        return Err(denied);
    }
    found.sort_by_key(|(depth, resolved)| (std::cmp::Reverse(*depth), resolved.grant));
    Ok(found.into_iter().map(|(_, resolved)| resolved).collect())
}

/// The absolute path without `.` components; `..` is refused rather than resolved.
fn absolute(request: PathRequest<'_>) -> Result<PathBuf, PathDenied> {
    let text = request.path.to_str().ok_or(PathDenied::NotUtf8)?;
    if text.is_empty() {
        return Err(PathDenied::Empty);
    }
    if text.len() > MAX_PATH_BYTES {
        return Err(PathDenied::TooLong);
    }
    if text.chars().any(char::is_control) {
        return Err(PathDenied::Control);
    }
    let joined = match (request.path.is_absolute(), request.requester, request.current_dir) {
        (true, _, _) => request.path.to_owned(),
        (false, Requester::LocalCli, Some(dir)) if dir.is_absolute() => dir.join(request.path),
        _ => return Err(PathDenied::Relative),
    };
    let mut plain = PathBuf::new();
    for component in joined.components() {
        match component {
            Component::ParentDir => return Err(PathDenied::Parent),
            Component::CurDir => {}
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => plain.push(component),
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn grants() -> Vec<PathGrant> {
        vec![
            PathGrant {
                tenants: ["acme".into()].into(),
                ..PathGrant::new("/srv")
            },
            PathGrant::new("/srv/files/"),
            PathGrant {
                providers: ["kimi".into()].into(),
                ..PathGrant::new("/app")
            },
        ]
    }

    fn ask(path: &str, requester: Requester<'_>) -> Result<Vec<Resolved>, PathDenied> {
        let current_dir = Some(Path::new("/srv/files"));
        resolve(
            PathRequest {
                path: Path::new(path),
                current_dir,
                requester,
            },
            &grants(),
        )
    }

    fn at(grant: usize, relative: &str) -> Resolved {
        Resolved {
            grant,
            relative: relative.into(),
        }
    }

    #[test]
    fn the_longest_root_comes_first() {
        let cli = ask("/srv/files/a.pdf", Requester::LocalCli).unwrap();
        assert_eq!(cli, [at(1, "a.pdf"), at(0, "files/a.pdf")]);
        assert_eq!(
            ask("./x//y/./a.pdf", Requester::LocalCli).unwrap()[0],
            at(1, "x/y/a.pdf")
        );
    }

    #[test]
    fn a_root_ends_at_a_separator() {
        assert_eq!(ask("/app-evil/a", Requester::LocalCli), Err(PathDenied::NotGranted));
        assert_eq!(ask("/APP/a", Requester::LocalCli), Err(PathDenied::NotGranted));
        assert!(ask("/app/a", Requester::LocalCli).is_ok());
    }

    #[test]
    fn a_tenant_needs_to_be_named() {
        assert_eq!(ask("/srv/a", Requester::Tenant("acme")).unwrap(), [at(0, "a")]);
        assert_eq!(ask("/srv/a", Requester::Tenant("evil")), Err(PathDenied::NotThisTenant));
        assert_eq!(ask("/app/a", Requester::Tenant("acme")), Err(PathDenied::NotThisTenant));
        assert_eq!(ask("a", Requester::Tenant("acme")), Err(PathDenied::Relative));
    }

    #[test]
    fn tricks_are_refused_as_words() {
        for (path, denied) in [
            ("", PathDenied::Empty),
            ("/srv/files/../x", PathDenied::Parent),
            ("..", PathDenied::Parent),
            ("a/../b", PathDenied::Parent),
            ("/srv/files/a\0", PathDenied::Control),
            ("/srv/files/a\nb", PathDenied::Control),
            ("/etc/passwd", PathDenied::NotGranted),
            ("/", PathDenied::NotGranted),
            ("/srv/files", PathDenied::IsRoot),
            ("/proc/self/root/srv/files/a", PathDenied::NotGranted),
            ("//proc/self/environ", PathDenied::NotGranted),
        ] {
            // `/srv` covers `/srv/files` as a file beneath it; without that grant it is a root.
            let only = [PathGrant::new("/srv/files")];
            let path = Path::new(path);
            let current_dir = Some(Path::new("/srv/files"));
            let request = PathRequest {
                path,
                current_dir,
                requester: Requester::LocalCli,
            };
            assert_eq!(resolve(request, &only), Err(denied), "{}", path.display());
        }
        let long = format!("/srv/{}", "a/".repeat(2_100));
        assert_eq!(ask(&long, Requester::LocalCli), Err(PathDenied::TooLong));
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_no_component_could_be_told_are_refused() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"/srv/files/\xff"));
        let request = PathRequest {
            path,
            current_dir: None,
            requester: Requester::LocalCli,
        };
        assert_eq!(resolve(request, &grants()), Err(PathDenied::NotUtf8));
    }

    #[test]
    fn a_root_that_may_not_be_granted_covers_nothing() {
        let request = PathRequest {
            path: Path::new("/etc/passwd"),
            current_dir: None,
            requester: Requester::LocalCli,
        };
        assert_eq!(resolve(request, &[PathGrant::new("/")]), Err(PathDenied::NotGranted));
        assert_eq!(resolve(request, &[]), Err(PathDenied::NotGranted));
    }
}
