//! How each language's component is built: the steps, and what they need.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Language, Manifest, ProjectError};

/// A program that a step runs, and where it comes from.
struct Tool {
    program: &'static str,
    get: &'static str,
}

const CARGO: Tool = Tool {
    program: "cargo",
    get: "install Rust with rustup, https://rustup.rs",
};
const PYTHON: Tool = Tool {
    program: "python3",
    get: "install Python 3.10 or newer with its `venv` module",
};
const NPM: Tool = Tool {
    program: "npm",
    get: "install Node.js 20 or newer, which brings npm",
};
/// The tools that a language's build needs.
fn tools(language: Language) -> &'static [Tool] {
    match language {
        Language::Rust => &[CARGO],
        Language::Python => &[PYTHON],
        Language::JavaScript => &[NPM],
    }
}

/// One command of a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildStep {
    /// Program and arguments.
    pub command: Vec<String>,
    /// What it makes: it is not run again while that is there and newer than what it is made from.
    pub makes: Option<(PathBuf, PathBuf)>,
}

impl BuildStep {
    fn of(line: &str) -> Self {
        Self {
            command: line.split_whitespace().map(str::to_owned).collect(),
            makes: None,
        }
    }

    fn making(mut self, what: &str, from: &str) -> Self {
        self.makes = Some((what.into(), from.into()));
        self
    }

    /// Whether what it makes is there already.
    fn is_done(&self, folder: &Path) -> bool {
        let modified = |path: &Path| {
            std::fs::metadata(folder.join(path))
                .and_then(|file| file.modified())
                .ok()
        };
        let times = self.makes.as_ref().map(|(what, from)| (modified(what), modified(from)));
        matches!(times, Some((Some(made), Some(from))) if made >= from)
    }
}

/// The steps of a project's build, in order.
///
/// ```
/// use loadlock_kit::project::{Manifest, recipe::steps};
/// let manifest = Manifest::parse("name = \"shelf\"\nlanguage = \"rust\"\nrole = \"provider\"\n")?;
/// assert_eq!(steps(&manifest)[0].command[..2], ["cargo", "build"]);
/// # Ok::<(), loadlock_kit::project::ProjectError>(())
/// ```
pub fn steps(manifest: &Manifest) -> Vec<BuildStep> {
    let (name, world) = (&manifest.name, format!("{}-author", manifest.role.interface()));
    match manifest.language {
        Language::Rust => vec![BuildStep::of(
            "cargo build --release --locked --target wasm32-wasip2 --target-dir target",
        )],
        Language::Python => vec![
            BuildStep::of("python3 -m venv .venv").making(".venv/bin/pip", "requirements.txt"),
            BuildStep::of(".venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt")
                .making(".venv/bin/componentize-py", "requirements.txt"),
            BuildStep::of(&format!(
                ".venv/bin/componentize-py --quiet --wit-path wit --world {world} componentize app --output {name}.wasm"
            )),
        ],
        Language::JavaScript => vec![
            BuildStep::of("npm ci --no-audit --no-fund --loglevel=error")
                .making("node_modules/.package-lock.json", "package-lock.json"),
            BuildStep::of("node_modules/.bin/rolldown --config rolldown.config.js"),
            BuildStep::of(&format!(
                "node_modules/.bin/jco componentize bundle.js --wit wit --world-name {world} --disable http \
                 --disable fetch-event --out {name}.wasm"
            )),
        ],
    }
}

/// Builds the project in `folder` and answers its component. What the tools say goes to standard error.
///
/// # Errors
/// [`ProjectError::ToolMissing`] before anything runs, [`ProjectError::Step`], or those of [`Manifest::read`].
pub fn build(folder: &Path) -> Result<PathBuf, ProjectError> {
    let manifest = Manifest::read(folder)?;
    for tool in tools(manifest.language) {
        if !is_installed(tool.program) {
            return Err(ProjectError::ToolMissing {
                tool: tool.program,
                language: manifest.language,
                get: tool.get,
            });
        }
    }
    if manifest.language == Language::Rust && !has_wasm_target() {
        return Err(ProjectError::ToolMissing {
            tool: "wasm32-wasip2",
            language: manifest.language,
            get: "`rustup target add wasm32-wasip2`",
        });
    }
    for step in steps(&manifest) {
        if !step.is_done(folder) {
            run(folder, &step)?;
        }
    }
    let component = folder.join(manifest.component());
    if manifest.language == Language::Rust {
        let file = format!("target/wasm32-wasip2/release/{}.wasm", manifest.name.replace('-', "_"));
        let from = folder.join(file);
        std::fs::copy(&from, &component).map_err(|source| ProjectError::Io { path: from, source })?;
    }
    Ok(component)
}

fn run(folder: &Path, step: &BuildStep) -> Result<(), ProjectError> {
    let line = step.command.join(" ");
    let Some((program, arguments)) = step.command.split_first() else {
        return Ok(());
    };
    // A path of the project is one from its folder, whatever the system makes of it.
    let program = if program.contains('/') {
        folder.join(program)
    } else {
        PathBuf::from(program)
    };
    let program = if program.is_relative() && program.components().count() > 1 {
        std::path::absolute(&program).unwrap_or(program)
    } else {
        program
    };
    let mut command = Command::new(program);
    command.args(arguments);
    // The result of this program is on its standard output; a build's words are remarks.
    let stderr = std::io::stderr();
    let told = rustix::io::dup(&stderr).map_or_else(|_| Stdio::null(), Stdio::from);
    let status = command.current_dir(folder).stdin(Stdio::null()).stdout(told).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(ProjectError::Step(line)),
        Err(source) => Err(ProjectError::Io {
            path: PathBuf::from(line),
            source,
        }),
    }
}

/// Whether `PATH` has it.
fn is_installed(program: &str) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| {
        let metadata = std::fs::metadata(folder.join(program));
        metadata.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    })
}

fn has_wasm_target() -> bool {
    let printed = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", "wasm32-wasip2"])
        .stderr(Stdio::null())
        .output();
    // Where `rustc` cannot be asked, cargo says what is wrong.
    printed.map_or(true, |output| {
        let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        !output.status.success() || Path::new(&folder).is_dir()
    })
}
