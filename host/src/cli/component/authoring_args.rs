//! What can be written after `loadlock component` about making and testing.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use loadlock::config::Size;
use loadlock::sandbox::Role;
use loadlock_kit::project::Language;

use crate::cli::help::once;

/// The commands of authors.
#[derive(Debug, Subcommand)]
pub(crate) enum Authoring {
    /// Make a project that builds a component at once, with a vendor to test it against
    #[command(
        after_help = once("In a new folder: sources that work, a copy of the contract (`wit/`) with the WASI files that the
language needs, lock files, a vendor of files on loopback, and a page on how to go on. Providers and validators in
Rust, Python and JavaScript; auth components in Rust and Python.

Examples:
  loadlock component new acme-files --lang python
  loadlock component new house-rules --lang rust --role validator")
    )]
    New(ComponentNew),
    /// Build the component of a project; says which tool is missing and how it is got
    #[command(
        after_help = once("Runs the recipe of the project's language, with what its lock files name: cargo; componentize-py
in the project's own `.venv`; jco in its `node_modules`. Prints the component's path. What the tools say goes to standard error.

Examples:
  loadlock component build
  loadlock component build acme-files
  loadlock component test acme-files/acme-files.wasm")
    )]
    Build {
        /// The project's folder
        #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
        folder: PathBuf,
    },
    /// Take a component through everything that the contract promises
    #[command(
        after_help = once("In the real sandbox, under the limits of a provider. A provider's requests go to a vendor of your
own on this machine, through a proxy that loses answers, breaks them off, answers 413 early, 429, 5xx, broken JSON and
redirects, as each case says. The vendor is a command that prints its base URL on a line of its own, or one that runs
already. The component finds it in the setting `base_url`; `--set endpoint={vendor}` names another. In a project's folder
component and vendor are known. A tracker gets an empty ledger for each case, in a directory of its own.

The exit status is 1 if a case failed. With --json the report is one in-toto statement, whose predicate
(https://in-toto.io/attestation/test-result/v0.1) names the cases that passed and failed; --output writes it to a file
as well. With --verbose everything that the component logs is on standard error.

Examples:
  loadlock component test
  loadlock component test acme.wasm --vendor 'python3 vendor.py' --set owner=me
  loadlock component test house-rules.wasm --json | jq .predicate.failedTests")
    )]
    Test(ComponentTest),
    /// Build and test a project whenever its sources change
    #[command(
        after_help = once("Until Ctrl-C. What does not build or does not pass is said, and the next change is waited for.
What the component logs while it is tested is on standard error. With --swap what passes takes the place of a component
of the gateway that serves on this home, as `component swap` does it; what it logs there is in the gateway's own log, if
that was started with `loadlock --verbose serve` or with LOADLOCK_LOG=loadlock=info,loadlock::component=info.

Examples:
  loadlock component dev
  loadlock component dev acme-files --set owner=me
  loadlock --config loadlock.toml component dev acme-files --swap mine")
    )]
    Dev(ComponentDev),
}

/// `loadlock component new`.
#[derive(Debug, Args)]
pub(crate) struct ComponentNew {
    /// Its name: lower-case letters, digits and `-`
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// What to write it in
    #[arg(long = "lang", value_name = "LANGUAGE")]
    pub(crate) language: LanguageName,
    /// What it is for
    #[arg(long, value_name = "ROLE", default_value = "provider")]
    pub(crate) role: RoleName,
    /// Make the folder in this one
    #[arg(long = "in", value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) place: PathBuf,
}

/// A language that there are templates for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LanguageName {
    /// Needs rustup
    Rust,
    /// Needs Python 3.10
    Python,
    /// Needs Node.js 20
    Javascript,
}

impl From<LanguageName> for Language {
    fn from(name: LanguageName) -> Self {
        match name {
            LanguageName::Rust => Self::Rust,
            LanguageName::Python => Self::Python,
            LanguageName::Javascript => Self::JavaScript,
        }
    }
}

/// A part that a component plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleName {
    /// Speaks a vendor's API
    Provider,
    /// Judges names, types and sizes
    Validator,
    /// Decides who is asking
    Auth,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Provider => Self::Provider,
            RoleName::Validator => Self::Validator,
            RoleName::Auth => Self::Auth,
        }
    }
}

/// `loadlock component test`.
#[derive(Debug, Args)]
pub(crate) struct ComponentTest {
    /// A component file [default: that of the project in this folder]
    #[arg(value_name = "COMPONENT", value_hint = ValueHint::FilePath)]
    pub(crate) component: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) with: TestedWith,
    /// Write the report, an in-toto statement, to this file as well
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

/// What a component is tested with.
#[derive(Debug, Clone, Args)]
pub(crate) struct TestedWith {
    /// Start this vendor, which prints its base URL
    #[arg(long, value_name = "COMMAND", conflicts_with = "vendor_url")]
    pub(crate) vendor: Option<String>,
    /// The base URL of a vendor that runs on this machine
    #[arg(long, value_name = "URL")]
    pub(crate) vendor_url: Option<String>,
    /// A setting of the component; may be repeated. `{vendor}` in its value stands for the vendor's base URL
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<(String, String)>,
    /// A header that each request to the vendor gets, as a gateway adds a credential; may be repeated
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub(crate) headers: Vec<(http::HeaderName, http::HeaderValue)>,
    /// Most memory of one call [default: `sandbox.memory` of the configuration, 256 MiB]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) memory: Option<Size>,
}

/// `loadlock component dev`.
#[derive(Debug, Args)]
pub(crate) struct ComponentDev {
    /// The project's folder
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
    /// Put what passes into the gateway that serves: a provider's name, `validator` or `auth`
    #[arg(long, value_name = "NAME")]
    pub(crate) swap: Option<String>,
    /// Swap also if something is less than it was
    #[arg(long, requires = "swap")]
    pub(crate) accept: bool,
    #[command(flatten)]
    pub(crate) with: TestedWith,
}

fn size(text: &str) -> Result<Size, String> {
    Size::parse(text).ok_or_else(|| "write a size such as `64 MiB`".to_owned())
}

fn header(text: &str) -> Result<(http::HeaderName, http::HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("write NAME: VALUE")?;
    let name = name.trim().parse().map_err(|_| "that is no name of a header")?;
    let value = value.trim().parse().map_err(|_| "that is no value of a header")?;
    Ok((name, value))
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.is_empty() || !name.bytes().all(plain) {
        return Err("a setting's name has lower-case letters, digits and `_`".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}
