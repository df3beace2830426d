//! Projects: a component's sources with everything that their build needs, in one folder.
//!
//! A project has a copy of the contract and of the WASI files that its language wants, lock files, a vendor to test
//! against, and [`MANIFEST`], by which [`build`](recipe::build) knows what it is.

pub mod recipe;
mod template;
pub mod watch;

use std::fmt;
use std::path::{Path, PathBuf};

use loadlock_policy::model::Role;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use template::create;

/// The file that says what a project is.
pub const MANIFEST: &str = "component.toml";

/// What a component is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// With `cargo`, for `wasm32-wasip2`.
    Rust,
    /// With componentize-py.
    Python,
    /// With jco, on StarlingMonkey.
    JavaScript,
}

impl Language {
    /// As in [`MANIFEST`].
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::JavaScript => "javascript",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What [`MANIFEST`] says.
///
/// ```
/// use loadlock_kit::project::{Language, Manifest};
/// let manifest: Manifest = Manifest::parse("name = \"shelf\"\nlanguage = \"python\"\nrole = \"provider\"\n")?;
/// assert_eq!(manifest.language, Language::Python);
/// assert_eq!(manifest.component(), std::path::Path::new("shelf.wasm"));
/// # Ok::<(), loadlock_kit::project::ProjectError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The component's name, and its file's without `.wasm`.
    pub name: String,
    /// What it is written in.
    pub language: Language,
    /// What it is for.
    pub role: Role,
    /// The command that starts the vendor that it is tested against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
}

impl Manifest {
    /// Reads one.
    ///
    /// # Errors
    /// [`ProjectError::Manifest`].
    pub fn parse(text: &str) -> Result<Self, ProjectError> {
        let manifest: Self = toml::from_str(text).map_err(|error| ProjectError::Manifest(error.to_string()))?;
        template::check_name(&manifest.name)?;
        Ok(manifest)
    }

    /// Of the project in a folder.
    ///
    /// # Errors
    /// [`ProjectError::Io`] if there is none, [`ProjectError::Manifest`].
    pub fn read(folder: &Path) -> Result<Self, ProjectError> {
        let path = folder.join(MANIFEST);
        let text = std::fs::read_to_string(&path).map_err(|source| ProjectError::Io { path, source })?;
        Self::parse(&text)
    }

    /// The component that its build makes, within its folder.
    pub fn component(&self) -> PathBuf {
        PathBuf::from(format!("{}.wasm", self.name))
    }
}

/// Why there is no project, or no component of it.
#[derive(Debug, Error)]
pub enum ProjectError {
    /// Not a name for a component.
    #[error("`{0}` is not a name for a component: 1 to 40 of `a-z`, `0-9` and `-`, beginning with a letter")]
    Name(String),
    /// The folder is there.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// There is no template.
    #[error("there is no template for a component of this role in {0}: {1}")]
    NoTemplate(Language, &'static str),
    /// [`MANIFEST`] says something that is not understood.
    #[error("{MANIFEST}: {0}")]
    Manifest(String),
    /// A file.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A tool that a build needs is not here.
    #[error("`{tool}` is missing, which a build of a component in {language} needs")]
    ToolMissing {
        /// Which.
        tool: &'static str,
        /// Whose build.
        language: Language,
        /// How it is got.
        get: &'static str,
    },
    /// A step of a build failed; its own words were shown.
    #[error("`{0}` failed")]
    Step(String),
}

impl ProjectError {
    /// What to do.
    pub fn hint(&self) -> String {
        match self {
            Self::Name(_) => "choose another name, such as `acme-files`".to_owned(),
            Self::Exists(_) => "choose another name, or remove the folder".to_owned(),
            Self::NoTemplate(..) => "choose another language".to_owned(),
            Self::Manifest(_) => "correct it, or make a new project with `loadlock component new`".to_owned(),
            Self::Io { path, .. } if path.ends_with(MANIFEST) => {
                "name the folder of a project that `loadlock component new` made".to_owned()
            }
            Self::Io { .. } => "check the path and its permissions".to_owned(),
            Self::ToolMissing { get, .. } => (*get).to_owned(),
            Self::Step(_) => "correct what its output above names".to_owned(),
        }
    }
}
