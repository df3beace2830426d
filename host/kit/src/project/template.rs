//! From a template to a project.

use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry, include_dir};
use loadlock_policy::model::Role;

use super::{Language, MANIFEST, Manifest, ProjectError};

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");
static CONTRACT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../wit");

/// What templates are called, and the name by which languages that know no `-` call them.
const NAME: &str = "my-component";
const NAME_SNAKE: &str = "my_component";
const NAME_CAMEL: &str = "MyComponent";
/// Stands for the contract's package and version.
const PACKAGE: &str = "loadlock:upload@0.0.0";
/// Longest name.
const NAME_BYTES: usize = 40;

pub(super) fn check_name(name: &str) -> Result<(), ProjectError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = (1..=NAME_BYTES).contains(&name.len()) && name.bytes().all(plain);
    let ends = name.starts_with(|first: char| first.is_ascii_lowercase()) && !name.ends_with('-');
    if fits && ends && !name.contains("--") {
        return Ok(());
    }
    Err(ProjectError::Name(name.to_owned()))
}

/// Makes the project `name` in a new folder of that name beneath `place`, and answers the folder.
///
/// # Errors
/// [`ProjectError::Name`], [`ProjectError::Exists`], [`ProjectError::NoTemplate`], [`ProjectError::Io`].
pub fn create(place: &Path, name: &str, language: Language, role: Role) -> Result<PathBuf, ProjectError> {
    check_name(name)?;
    let template = TEMPLATES
        .get_dir(format!("{language}/{}", role.interface()))
        .ok_or_else(|| ProjectError::NoTemplate(language, why_not(language, role)))?;
    let folder = place.join(name);
    if folder.symlink_metadata().is_ok() {
        return Err(ProjectError::Exists(folder));
    }
    let made = write_all(&folder, template, name, language, role);
    if made.is_err() {
        // Half a project would be taken for a whole one.
        let _ = std::fs::remove_dir_all(&folder);
    }
    made.map(|()| folder)
}

fn write_all(
    folder: &Path,
    template: &Dir<'_>,
    name: &str,
    language: Language,
    role: Role,
) -> Result<(), ProjectError> {
    let texts = Texts::of(name);
    // What projects of one language have in common, whatever their role.
    if let Some(shared) = TEMPLATES.get_dir(format!("{language}/shared")) {
        copy(shared, shared.path(), folder, &texts)?;
    }
    copy(template, template.path(), folder, &texts)?;
    for file in CONTRACT.files() {
        write(&folder.join("wit").join(file_name(file.path())), file.contents())?;
    }
    if let Some(worlds) = TEMPLATES.get_file("author.wit") {
        let text = texts.of_text(&String::from_utf8_lossy(worlds.contents()));
        write(&folder.join("wit/author.wit"), text.as_bytes())?;
    }
    if let Some(wasi) = TEMPLATES.get_dir("wasi") {
        for file in wasi.files() {
            write(&folder.join("wit/deps").join(file_name(file.path())), file.contents())?;
        }
    }
    let manifest = Manifest {
        name: name.to_owned(),
        language,
        role,
        vendor: vendor(language, role).map(str::to_owned),
    };
    let text = toml::to_string(&manifest).map_err(|error| ProjectError::Manifest(error.to_string()))?;
    let text = format!("# What `loadlock component build`, `test` and `dev` go by.\n{text}");
    write(&folder.join(MANIFEST), text.as_bytes())
}

/// The command that starts a template's own vendor.
fn vendor(language: Language, role: Role) -> Option<&'static str> {
    if role != Role::Provider {
        return None;
    }
    Some(match language {
        Language::Rust => "cargo run --quiet --manifest-path vendor/Cargo.toml --target-dir target/vendor",
        Language::Python => "python3 vendor.py",
        Language::JavaScript => "node vendor.mjs",
    })
}

fn why_not(language: Language, role: Role) -> &'static str {
    match (language, role) {
        (Language::JavaScript, Role::Auth) => "its engine has no synchronous digests",
        (_, Role::Tracker) => "copy `components/tracker-local`, whose store keeps transactions",
        _ => "it makes no sense",
    }
}

/// What is put in the place of the template's words.
struct Texts {
    name: String,
    snake: String,
    camel: String,
    package: String,
}

impl Texts {
    fn of(name: &str) -> Self {
        let word = |word: &str| {
            let (first, rest) = word.split_at(word.len().min(1));
            format!("{}{rest}", first.to_ascii_uppercase())
        };
        let first_line = |file: &include_dir::File<'_>| Some(file.contents_utf8()?.lines().next()?.to_owned());
        let package = CONTRACT.get_file("types.wit").and_then(first_line).unwrap_or_default();
        let package = package.trim_start_matches("package ").trim_end_matches(';').to_owned();
        Self {
            name: name.to_owned(),
            snake: name.replace('-', "_"),
            camel: name.split('-').map(word).collect(),
            package,
        }
    }

    fn of_text(&self, text: &str) -> String {
        text.replace(NAME, &self.name)
            .replace(NAME_SNAKE, &self.snake)
            .replace(NAME_CAMEL, &self.camel)
            .replace(PACKAGE, &self.package)
    }
}

fn copy(dir: &Dir<'_>, top: &Path, folder: &Path, texts: &Texts) -> Result<(), ProjectError> {
    for entry in dir.entries() {
        match entry {
            DirEntry::Dir(inner) => copy(inner, top, folder, texts)?,
            DirEntry::File(file) => {
                let relative = file.path().strip_prefix(top).unwrap_or(file.path());
                let target = folder.join(relative);
                match file.contents_utf8() {
                    Some(text) => write(&target, texts.of_text(text).as_bytes())?,
                    None => write(&target, file.contents())?,
                }
            }
        }
    }
    Ok(())
}

fn file_name(path: &Path) -> PathBuf {
    PathBuf::from(path.file_name().unwrap_or_default())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ProjectError> {
    let failed = |source| ProjectError::Io {
        path: path.to_owned(),
        source,
    };
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    std::fs::write(path, bytes).map_err(failed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_project_has_its_name_and_the_contract_everywhere() {
        let place = tempfile::tempdir().unwrap();
        for (language, role) in [
            (Language::Rust, Role::Provider),
            (Language::Python, Role::Provider),
            (Language::JavaScript, Role::Provider),
        ] {
            let name = format!("acme-{language}");
            let folder = create(place.path(), &name, language, role).unwrap();
            let manifest = Manifest::read(&folder).unwrap();
            assert_eq!((manifest.language, manifest.role), (language, role));
            let worlds = std::fs::read_to_string(folder.join("wit/author.wit")).unwrap();
            let types = std::fs::read_to_string(folder.join("wit/types.wit")).unwrap();
            assert_eq!(worlds.lines().next(), types.lines().next());
            assert!(folder.join("wit/deps/http.wit").exists());
            let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
            assert!(readme.contains(&name) && !readme.contains(NAME), "{language}");
        }
    }

    #[test]
    fn nothing_is_overwritten_and_no_name_leads_elsewhere() {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("there")).unwrap();
        let make = |name: &str| create(place.path(), name, Language::Rust, Role::Provider);
        assert!(matches!(make("there"), Err(ProjectError::Exists(_))));
        for name in [
            "",
            "..",
            "../up",
            "a/b",
            "A",
            "a_b",
            "-a",
            "a-",
            "a--b",
            "ä",
            &"a".repeat(41),
        ] {
            assert!(matches!(make(name), Err(ProjectError::Name(_))), "{name}");
        }
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
    }
}
