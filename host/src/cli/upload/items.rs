//! From arguments to files: directories are walked, patterns are matched, one item at a time, so that a hundred
//! thousand files need no more memory than one.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern, PatternError};
use loadlock::{Error, ErrorCode};
use walkdir::{DirEntry, WalkDir};

/// The word for standard input.
pub(super) const STDIN: &str = "-";

/// One thing that is reported on.
#[derive(Debug)]
pub(super) enum Item {
    /// Standard input.
    Stdin,
    /// A file as it was given or found.
    File(PathBuf),
    /// Nothing that could be uploaded, and why.
    Wrong(PathBuf, Error),
}

impl Item {
    /// As the user would write it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Stdin => STDIN.to_owned(),
            Self::File(path) | Self::Wrong(path, _) => path.to_string_lossy().into_owned(),
        }
    }
}

/// What directories and patterns hold and nobody asked for by name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Skipped {
    /// Names that begin with a dot; a directory counts once, whatever it holds.
    pub(super) hidden: u64,
    /// Symbolic links.
    pub(super) links: u64,
    /// Devices, sockets and FIFOs.
    pub(super) special: u64,
}

/// Whether an argument may stand for several files.
pub(super) fn is_many(argument: &OsStr) -> bool {
    argument != STDIN && (Path::new(argument).is_dir() || pattern(argument).is_some())
}

/// Calls `each` with every item, in the order of the arguments and within one of them by name, until it breaks.
/// Blocking.
pub(super) fn for_each_item(
    arguments: &[OsString],
    skipped: &mut Skipped,
    each: &mut dyn FnMut(Item) -> ControlFlow<()>,
) -> ControlFlow<()> {
    for argument in arguments {
        let path = Path::new(argument);
        if argument == STDIN {
            each(Item::Stdin)?;
        } else if path.is_dir() {
            let nothing = nothing(path, "the directory holds no file to upload");
            walk(path, None, nothing, skipped, each)?;
        } else if let Some(pattern) = pattern(argument) {
            matches(pattern, skipped, each)?;
        } else {
            each(Item::File(path.to_owned()))?;
        }
    }
    ControlFlow::Continue(())
}

/// A pattern, unless there is a file of that very name.
fn pattern(argument: &OsStr) -> Option<&str> {
    let text = argument.to_str()?;
    (is_special(text) && Path::new(argument).symlink_metadata().is_err()).then_some(text)
}

fn is_special(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// A pattern below the directory that its first components name.
struct Wanted {
    base: PathBuf,
    /// Of the path below the base.
    whole: Pattern,
    /// Of its components, up to the first `**`.
    directories: Vec<Pattern>,
    /// Without `**` nothing deeper can match.
    depth: usize,
}

impl Wanted {
    /// As a shell does it.
    const OPTIONS: MatchOptions = MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };

    fn parse(text: &str) -> Result<Self, PatternError> {
        let components: Vec<&str> = text.split('/').collect();
        let literal = components.iter().take_while(|one| !is_special(one)).count();
        let (base, rest) = components.split_at(literal);
        let base = match base {
            [] => String::new(),
            [""] => "/".to_owned(),
            _ => base.join("/"),
        };
        let directories: Result<Vec<_>, _> = rest
            .iter()
            .take_while(|one| !one.contains("**"))
            .map(|one| Pattern::new(one))
            .collect();
        let directories = directories?;
        Ok(Self {
            base: base.into(),
            whole: Pattern::new(&rest.join("/"))?,
            depth: if directories.len() == rest.len() {
                rest.len()
            } else {
                usize::MAX
            },
            directories,
        })
    }

    /// Whether something below this directory, at this depth below the base, can match.
    fn may_enter(&self, entry: &DirEntry) -> bool {
        match self.directories.get(entry.depth().saturating_sub(1)) {
            Some(pattern) => matches_name(pattern, Path::new(entry.file_name())),
            None => !is_hidden(entry),
        }
    }

    fn matches(&self, path: &Path) -> bool {
        let below = path.strip_prefix(&self.base).unwrap_or(path);
        matches_name(&self.whole, below)
    }
}

/// A name that is not UTF-8 matches too: it is reported, as one in a directory is, and not passed over in silence.
fn matches_name(pattern: &Pattern, name: &Path) -> bool {
    pattern.matches_with(&name.to_string_lossy(), Wanted::OPTIONS)
}

fn matches(text: &str, skipped: &mut Skipped, each: &mut dyn FnMut(Item) -> ControlFlow<()>) -> ControlFlow<()> {
    let wanted = match Wanted::parse(text) {
        Ok(wanted) => wanted,
        Err(error) => {
            let message = format!("{text} is neither a file nor a pattern: {error}");
            let error = Error::new(ErrorCode::RequestInvalid, message);
            let error = error.hint("`*`, `?`, `[a-z]` and `**` can be used");
            return each(Item::Wrong(text.into(), error));
        }
    };
    let nothing = nothing(Path::new(text), "no file matches the pattern");
    walk(Path::new(text), Some(&wanted), nothing, skipped, each)
}

/// Walks a directory, or the base of a pattern, without following a link.
fn walk(
    given: &Path,
    wanted: Option<&Wanted>,
    nothing: Error,
    skipped: &mut Skipped,
    each: &mut dyn FnMut(Item) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let here = Path::new(".");
    let root = match wanted {
        Some(wanted) if wanted.base.as_os_str().is_empty() => here,
        Some(wanted) => &wanted.base,
        None => given,
    };
    let depth = wanted.map_or(usize::MAX, |wanted| wanted.depth);
    let mut found = false;
    let mut entries = WalkDir::new(root).max_depth(depth).sort_by_file_name().into_iter();
    while let Some(entry) = entries.next() {
        let entry = match entry {
            Ok(entry) => entry,
            // The base of a pattern that is not there: nothing matches.
            Err(error) if error.depth() == 0 && wanted.is_some() => break,
            Err(error) => {
                found = true;
                let kind = error.io_error().map(std::io::Error::kind);
                let path = error.path().unwrap_or(given).to_owned();
                each(Item::Wrong(path, unreadable(kind, &error)))?;
                continue;
            }
        };
        let kind = entry.file_type();
        if entry.depth() == 0 && !kind.is_file() {
            continue;
        }
        let path = match wanted {
            Some(_) => entry.path().strip_prefix(here).unwrap_or(entry.path()),
            None => entry.path(),
        };
        let (enter, take) = match wanted {
            Some(wanted) => (wanted.may_enter(&entry), wanted.matches(path)),
            None => (!is_hidden(&entry), !is_hidden(&entry)),
        };
        if kind.is_dir() && !enter {
            entries.skip_current_dir();
        }
        if !take {
            skipped.hidden += u64::from(wanted.is_none());
        } else if kind.is_symlink() {
            skipped.links += 1;
        } else if kind.is_file() {
            found = true;
            each(Item::File(path.to_owned()))?;
        } else if !kind.is_dir() {
            skipped.special += 1;
        }
    }
    if found {
        return ControlFlow::Continue(());
    }
    each(Item::Wrong(given.to_owned(), nothing))
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

fn nothing(path: &Path, what: &str) -> Error {
    Error::new(ErrorCode::PathNotFound, format!("{}: {what}", path.display()))
        .hint("hidden files and symbolic links are skipped: name them to upload them")
}

fn unreadable(kind: Option<ErrorKind>, error: &dyn std::error::Error) -> Error {
    let code = match kind {
        Some(ErrorKind::NotFound) => ErrorCode::PathNotFound,
        _ => ErrorCode::PathNotReadable,
    };
    Error::new(code, error.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    /// What the arguments stand for, relative to the place.
    fn found(place: &TempDir, arguments: &[&str]) -> (Vec<String>, Skipped) {
        let root = place.path().to_str().unwrap();
        let arguments: Vec<OsString> = arguments
            .iter()
            .map(|argument| format!("{root}/{argument}").into())
            .collect();
        let (mut items, mut skipped) = (Vec::new(), Skipped::default());
        let _ = for_each_item(&arguments, &mut skipped, &mut |item| {
            let shown = item.shown().replace(&format!("{root}/"), "");
            items.push(match item {
                Item::Wrong(_, error) => format!("{}: {shown}", error.code),
                _ => shown,
            });
            ControlFlow::Continue(())
        });
        (items, skipped)
    }

    fn place() -> TempDir {
        let place = tempfile::tempdir().unwrap();
        for directory in ["d/b/.git", "d/empty", "empty", "d/c.txt"] {
            std::fs::create_dir_all(place.path().join(directory)).unwrap();
        }
        for file in [
            "d/b/2.txt",
            "d/b/10.txt",
            "d/a.txt",
            "d/z.md",
            "d/.env",
            "d/b/.git/x",
            "d/[1].txt",
            "e.txt",
        ] {
            std::fs::write(place.path().join(file), file).unwrap();
        }
        symlink("a.txt", place.path().join("d/link.txt")).unwrap();
        symlink("b", place.path().join("d/way")).unwrap();
        place
    }

    #[test]
    fn a_directory_is_walked_in_order_without_hidden_files_and_links() {
        let (items, skipped) = found(&place(), &["d", "e.txt", "missing", "empty"]);
        let expected = [
            "d/[1].txt",
            "d/a.txt",
            "d/b/10.txt",
            "d/b/2.txt",
            "d/z.md",
            "e.txt",
            "missing",
            "path_not_found: empty",
        ];
        assert_eq!(items, expected);
        let expected = Skipped {
            hidden: 2,
            links: 2,
            special: 0,
        };
        assert_eq!(skipped, expected);
    }

    #[test]
    fn a_pattern_names_files_as_in_a_shell() {
        let place = place();
        let of = |pattern: &str| found(&place, &[pattern]).0;
        assert_eq!(of("d/*.txt"), ["d/[1].txt", "d/a.txt"]);
        assert_eq!(of("d/*/*.txt"), ["d/b/10.txt", "d/b/2.txt"]);
        assert_eq!(of("d/way/1*"), ["d/way/10.txt"]);
        assert_eq!(of("no/such/*"), ["path_not_found: no/such/*"]);
        assert_eq!(of("d/**/*.txt"), ["d/[1].txt", "d/a.txt", "d/b/10.txt", "d/b/2.txt"]);
        assert_eq!(of("**/z.md"), ["d/z.md"]);
        assert_eq!(of("?.txt"), ["e.txt"]);
        assert_eq!(of("d/.e*"), ["d/.env"]);
        assert_eq!(of("d/*.pdf"), ["path_not_found: d/*.pdf"]);
        assert_eq!(of("d/empt*"), ["path_not_found: d/empt*"]);
        assert_eq!(of("d/a**"), ["request_invalid: d/a**"]);
        // A file of that very name is no pattern.
        assert_eq!(of("d/[1].txt"), ["d/[1].txt"]);
    }

    #[test]
    fn a_pattern_finds_names_that_are_not_utf_8() {
        use std::os::unix::ffi::OsStrExt;
        let place = place();
        std::fs::write(place.path().join(OsStr::from_bytes(b"d/r\xe9sum\xe9.txt")), "x").unwrap();
        std::fs::create_dir(place.path().join(OsStr::from_bytes(b"d/\xff"))).unwrap();
        std::fs::write(place.path().join(OsStr::from_bytes(b"d/\xff/y.pdf")), "x").unwrap();
        let of = |pattern: &str| found(&place, &[pattern]).0;
        assert_eq!(of("d/r*.txt"), ["d/r\u{fffd}sum\u{fffd}.txt"]);
        assert_eq!(of("d/r?sum?.txt"), ["d/r\u{fffd}sum\u{fffd}.txt"]);
        assert_eq!(of("d/*/y.pdf"), ["d/\u{fffd}/y.pdf"]);
        assert_eq!(of("d/**/*.pdf"), ["d/\u{fffd}/y.pdf"]);
    }

    #[test]
    fn nothing_is_looked_at_before_it_is_asked_for() {
        let place = place();
        let arguments = [place.path().join("d").into_os_string()];
        let mut items = 0;
        let mut skipped = Skipped::default();
        let _ = for_each_item(&arguments, &mut skipped, &mut |_| {
            items += 1;
            ControlFlow::Break(())
        });
        assert_eq!((items, skipped.links), (1, 0));
    }
}
