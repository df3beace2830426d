//! What can go wrong at the edge of the sandbox.

use std::path::PathBuf;

use thiserror::Error;
use wasmtime_wasi_http::FieldMapError;

use loadlock_policy::model::{Failure, Role};

use crate::files::InputError;
use crate::inspect::{ComponentImport, InspectError};
use crate::limits::Exhausted;

/// A component that is not loaded. Nothing of it has run.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read the component {path}: {source}")]
    Read {
        /// Where it should be.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The binary is too large to be compiled.
    #[error("the component {name} has {size} bytes, more than the limit of {limit}")]
    TooLarge {
        /// Which component.
        name: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The digest is not the pinned one.
    #[error("the component {name} has sha256 {found}, but the configuration pins {expected}")]
    PinMismatch {
        /// Which component.
        name: String,
        /// As configured.
        expected: String,
        /// As found.
        found: String,
    },
    /// Not a component.
    #[error("{name}: {source}")]
    NotAComponent {
        /// Which file.
        name: String,
        /// What it is instead.
        source: InspectError,
    },
    /// It exports another interface than its role needs.
    #[error("{name} does not export `{}`", crate::inspect::export(*expected))]
    WrongWorld {
        /// Which component.
        name: String,
        /// The role it is configured for.
        expected: Role,
        /// What it exports.
        exports: Vec<String>,
    },
    /// It imports what the host does not give.
    #[error("{name} imports {}", list(imports))]
    ForbiddenImports {
        /// Which component.
        name: String,
        /// The refused imports.
        imports: Vec<ComponentImport>,
    },
    /// It cannot be compiled.
    #[error("{name} cannot be compiled: {detail}")]
    Compile {
        /// Which component.
        name: String,
        /// The compiler's answer.
        detail: String,
    },
    /// Compiling it exceeded its limits.
    #[error("{name}: compiling it took more {what} than allowed")]
    CompileLimit {
        /// Which component.
        name: String,
        /// `time` or `memory`.
        what: &'static str,
    },
    /// Its functions have other types than the contract.
    #[error("{name} does not have the contract's types: {detail}")]
    Contract {
        /// Which component.
        name: String,
        /// The first difference.
        detail: String,
    },
}

fn list(imports: &[ComponentImport]) -> String {
    imports
        .iter()
        .map(|import| format!("`{}` ({})", import.name, import.reason))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A call that did not come back with an answer of the contract. It has cost this call and nothing else.
#[derive(Debug, Error)]
pub enum CallError {
    /// A limit ended it.
    #[error("the component used up its {}", .0.name())]
    Exhausted(Exhausted),
    /// It trapped: a panic, an `exit`, an unreachable instruction, a misuse of a resource.
    #[error("the component trapped: {0}")]
    Trap(String),
    /// The file is not one that this component may be shown.
    #[error(transparent)]
    Input(#[from] InputError),
    /// No slot came free in time.
    #[error("too many calls are under way")]
    Overloaded,
    /// The answer is outside the contract's bounds.
    #[error("the component's answer is not acceptable: {0}")]
    Answer(String),
    /// The host could not set the call up.
    #[error("cannot start the call: {0}")]
    Host(String),
    /// A long-lived component says that it cannot begin; each later call asks it again.
    #[error("it is not ready: {0}")]
    NotReady(Box<Failure>),
}

impl CallError {
    /// Sorts an error of the runtime.
    pub(crate) fn of(error: &wasmtime::Error) -> Self {
        use wasmtime::Trap;
        if let Some(trap) = error.downcast_ref::<Trap>() {
            return match trap {
                Trap::StackOverflow => Self::Exhausted(Exhausted::Stack),
                other => Self::Trap(other.to_string()),
            };
        }
        if let Some(wasmtime::component::ResourceTableError::Full) = error.downcast_ref() {
            return Self::Exhausted(Exhausted::Resources);
        }
        if let Some(FieldMapError::TooManyFields | FieldMapError::TotalSizeTooBig) = error.downcast_ref() {
            return Self::Exhausted(Exhausted::Headers);
        }
        if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
            return Self::Trap(format!("it called exit({})", exit.0));
        }
        let text = format!("{:#}", error.root_cause());
        // wasmtime 48 has no type for this one (`runtime/component/func/options.rs`).
        if text.contains("fuel allocated for hostcalls has been exhausted") {
            return Self::Exhausted(Exhausted::HostCall);
        }
        Self::Trap(text)
    }
}
