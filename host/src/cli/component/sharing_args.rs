//! What can be written after `loadlock component` about signing and sharing.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use crate::cli::help::once;

/// The commands that sign, share and lock.
#[derive(Debug, Subcommand)]
pub(crate) enum Sharing {
    /// Make a key pair that components are signed with
    #[command(after_help = once("Writes NAME.key, the private key (mode 0600), and NAME.pub, the public key that others put
into `[[components.trust]]`. ECDSA on P-256, PEM. Neither file is ever overwritten.

Examples:
  loadlock component keygen acme
  loadlock component keygen acme-2027 --output keys"))]
    Keygen(Keygen),
    /// Sign a component: a file, or what is in a registry
    #[command(after_help = once("A Sigstore bundle, version 0.3, made with the key alone. Of a file it is of the bytes and
goes into FILE.sigstore.json; of a component in a registry it is of the manifest, and goes beside it in the registry.
Several people can sign the same component, one after the other.

Examples:
  loadlock component sign shelf.wasm --key acme.key
  loadlock component sign reg.example/acme/shelf:1.2.0 --key acme.key"))]
    Sign(Sign),
    /// Check who signed a component, without taking it
    #[command(after_help = once("With --key these keys are asked for, else those that the configuration trusts for the
source. A file is checked against FILE.sigstore.json, and needs --key. Exit status 1 if the signatures do not do.

Examples:
  loadlock component verify shelf.wasm --key acme.pub
  loadlock component verify reg.example/acme/shelf:1.2.0"))]
    Verify(Verify),
    /// Push a component to a registry, and sign it
    #[command(after_help = once("In the CNCF's layout for wasm, which other tools read. A tag that is a version (1.2.0) is
never moved to other bytes. Credentials are those of `docker login`, `podman login` or `skopeo login`. With --report what
`component test --output` wrote goes beside it, signed by the same key; `verify` and `add` show it.

Examples:
  loadlock component push shelf.wasm reg.example/acme/shelf:1.2.0 --key acme.key
  loadlock component push shelf.wasm reg.example/shelf:1.2 --report report.json"))]
    Push(Push),
    /// Fetch what the lock names and this machine does not have
    #[command(after_help = once("Exactly the bytes that are locked, if the keys that the configuration trusts have signed
them. A start and an upload fetch nothing: run this before them on a new machine.

Examples:
  loadlock component pull"))]
    Pull(Pull),
    /// Take a component from a registry: verify, keep and lock it
    #[command(after_help = once("Without a tag the newest version that this host speaks is taken, and later updates stay
compatible with it. With a tag it is that version, until another is asked for with --require. The lock stands beside the
configuration; a provider uses the component by `component = \"locked:NAME\"`.

Examples:
  loadlock component add reg.example/acme/shelf
  loadlock component add reg.example/acme/shelf --require '^1.2'
  loadlock component add reg.example/acme/shelf:1.2.0"))]
    Add(Add),
    /// Take newer versions, and show what changes with them
    #[command(after_help = once("A version that imports, asks for or limits more than the one before is shown and not
taken without --accept. Exit status 1 if one was not taken.

Examples:
  loadlock component update --dry-run
  loadlock component update shelf --accept"))]
    Update(Update),
    /// List what is locked
    #[command(after_help = once("In a pipe the columns are separated by tabs: name, version, role, state, signed by, source.

Examples:
  loadlock component ls
  loadlock component ls --json | jq -r .sha256"))]
    Ls,
    /// Remove components from the lock and from this machine
    #[command(after_help = once("Examples:
  loadlock component rm shelf"))]
    Rm {
        /// Names in the lock
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
}

/// How a registry is reached.
#[derive(Debug, Args)]
pub(crate) struct RegistryAccess {
    /// Speak plain HTTP, to a registry on this machine only
    #[arg(long)]
    pub(crate) plain_http: bool,
    /// Another host that the registry may send downloads and logins to
    #[arg(long, value_name = "HOST")]
    pub(crate) allow_host: Vec<String>,
    /// PEM file of the certificate authorities to trust instead of the platform's
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) ca_file: Option<PathBuf>,
}

/// `loadlock component keygen`.
#[derive(Debug, Args)]
pub(crate) struct Keygen {
    /// Name of both files
    #[arg(value_name = "NAME", default_value = "component")]
    pub(crate) name: String,
    /// Folder to write them to
    #[arg(short, long, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) output: PathBuf,
}

/// `loadlock component sign`.
#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// A file, or HOST/REPOSITORY:TAG
    #[arg(value_name = "FILE|REFERENCE", value_hint = ValueHint::FilePath)]
    pub(crate) target: String,
    /// Private key that `keygen` made
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: PathBuf,
    #[command(flatten)]
    pub(crate) registry: RegistryAccess,
}

/// `loadlock component verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A file, or HOST/REPOSITORY:TAG
    #[arg(value_name = "FILE|REFERENCE", value_hint = ValueHint::FilePath)]
    pub(crate) target: String,
    /// Public key; several may be named
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: Vec<PathBuf>,
    /// How many of the keys have to have signed
    #[arg(long, value_name = "N", default_value_t = 1, requires = "key", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) threshold: u32,
    /// Bundle of a file, if it is not at FILE.sigstore.json; several may be named
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) bundle: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) registry: RegistryAccess,
}

/// `loadlock component push`.
#[derive(Debug, Args)]
pub(crate) struct Push {
    /// The component
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// HOST/REPOSITORY:VERSION
    #[arg(value_name = "REFERENCE")]
    pub(crate) reference: String,
    /// Private key to sign it with at once
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,
    /// Report of `component test` to put beside it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) report: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) registry: RegistryAccess,
}

/// `loadlock component pull`.
#[derive(Debug, Args)]
pub(crate) struct Pull {
    /// Names in the lock [default: all]
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) registry: RegistryAccess,
}

/// `loadlock component add`.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// HOST/REPOSITORY, with :VERSION or @sha256:DIGEST
    #[arg(value_name = "REFERENCE")]
    pub(crate) reference: String,
    /// What the configuration calls it [default: the last part of the repository]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Versions that may be taken, such as `^1.2` or `>=1.2, <3`
    #[arg(long, value_name = "REQUIREMENT")]
    pub(crate) require: Option<String>,
    #[command(flatten)]
    pub(crate) registry: RegistryAccess,
}

/// `loadlock component update`.
#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Names in the lock [default: all]
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Take versions that import, ask for or limit more
    #[arg(long)]
    pub(crate) accept: bool,
    /// Show what would change, and change nothing
    #[arg(long, conflicts_with = "accept")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) registry: RegistryAccess,
}
