//! What can be written on the command line. The help texts are the manual: `docs/command-line.md` is made from them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueHint};

use super::duration::parse_duration;

/// One gateway that loads files into upstream file APIs through sandboxed provider components.
#[derive(Debug, Parser)]
#[command(
    name = "loadlock",
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    after_help = "Examples:
  loadlock upload report.pdf
  loadlock files ls
  loadlock route big.mp4

Exit status: 0 everything was done, 1 something failed (the rest was still done), 2 wrong usage
or configuration, 130 interrupted."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Globals {
    /// Configuration file [default: `LOADLOCK_CONFIG`, else loadlock/loadlock.toml in the platform's configuration directory]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// State directory [default: `LOADLOCK_HOME`, else `home` of the configuration, else the platform's data directory]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) home: Option<PathBuf>,
    /// One JSON object a line on standard output, errors included
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Log decisions to standard error (a filter in `LOADLOCK_LOG` says more precisely what)
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// No progress and no notes; of what succeeds only the ids
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Upload files
    Upload(Upload),
    /// Look at, read and delete uploaded files
    #[command(subcommand, arg_required_else_help = true)]
    Files(Files),
    /// Look at providers and their components
    #[command(subcommand, arg_required_else_help = true)]
    Providers(Providers),
    /// Say where a file would go and why, without sending anything
    Route(Route),
    /// Look at the configuration
    #[command(subcommand, arg_required_else_help = true)]
    Config(ConfigCommand),
    /// Make and look at tokens
    #[command(subcommand, arg_required_else_help = true)]
    Token(Token),
    /// The table of error codes: what leads to each, what to do
    #[command(after_help = "Examples:
  loadlock errors
  loadlock errors --json | jq -r 'select(.http_status == 503).code'")]
    Errors(Markdown),
    /// The manual of the command line as Markdown
    #[command(hide = true)]
    Manual,
    /// Compile a component from standard input to standard output; the gateway runs this under limits
    #[command(hide = true, name = super::COMPILE_COMMAND)]
    CompileComponent,
}

/// `loadlock upload`.
#[derive(Debug, Args)]
#[command(
    after_help = "Up to 4 files travel at a time. There is one result for each, in the order given. If some fail,
the rest is still done and the exit status is 1. Interrupted with Ctrl-C, what is not finished is
reported as `cancelled`. The same command again sends only that: what is stored is recognised.

With --json a result is {\"id\",\"filename\",\"bytes\",\"sha256\",\"media_type\",\"purpose\",\"provider\",
\"remote_id\",\"deduplicated\",\"attempts\",\"created_at\"} (and \"expires_at\" if it expires) or
{\"error\":{\"code\",\"message\",\"hint\"},\"path\"}.

Examples:
  loadlock upload report.pdf
  loadlock upload --to kimi --purpose file-extract *.pdf
  pg_dump shop | loadlock upload - --name shop.sql --expires-in 30d
  id=$(loadlock upload -q report.pdf)
  loadlock upload --json *.csv | jq -r 'select(.error) | .path'"
)]
pub(crate) struct Upload {
    /// Files; `-` is standard input and needs --name
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<OsString>,
    #[command(flatten)]
    pub(crate) choice: Choice,
    /// Another name than the file's own; for one file
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Delete it after this time, such as `90m` or `30d`; a vendor may delete it sooner
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) expires_in: Option<Duration>,
    /// The same key and content within 24 hours answer the same file; for one file
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
}

/// Which provider and what for.
#[derive(Debug, Clone, Args)]
pub(crate) struct Choice {
    /// A provider's name; `auto` takes the best that can take the file, a name never falls back to another
    #[arg(long, value_name = "PROVIDER", default_value = AUTO)]
    pub(crate) to: String,
    /// What the file is for: the vendor's word, or one that the configuration maps [default: the provider's first]
    #[arg(long, value_name = "PURPOSE")]
    pub(crate) purpose: Option<String>,
}

/// The word that leaves the choice of the provider to the gateway.
pub(crate) const AUTO: &str = "auto";

/// `loadlock files`.
#[derive(Debug, Subcommand)]
pub(crate) enum Files {
    /// List files, newest first
    #[command(
        after_help = "In a pipe the columns are separated by tabs: id, name, bytes, media type, purpose, provider,
created. With --json, if there are more files, the last line is {\"next\":\"CURSOR\"}.

Examples:
  loadlock files ls
  loadlock files ls --all --json | jq -s 'map(.bytes) | add'"
    )]
    Ls(FilesLs),
    /// Show all that is known about one file
    #[command(after_help = "Examples:
  loadlock files show file-7q2m8t4b6n5r0c1d2e3f4g5h6j")]
    Show {
        /// The id that `upload` and `files ls` give
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Delete files, and each remote file that no other file refers to
    #[command(after_help = "Examples:
  loadlock files rm file-7q2m8t4b6n5r0c1d2e3f4g5h6j
  loadlock files ls -q --purpose batch | xargs loadlock files rm")]
    Rm {
        /// Ids
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Write a file's content: its bytes, or the text that the vendor extracted from them
    #[command(
        after_help = "Nothing is left at FILE if the content does not arrive whole.

Examples:
  loadlock files content file-7q2m8t4b6n5r0c1d2e3f4g5h6j | less
  loadlock files content file-7q2m8t4b6n5r0c1d2e3f4g5h6j -o report.txt"
    )]
    Content {
        /// The id
        #[arg(value_name = "ID")]
        id: String,
        /// Write to this file instead of standard output
        #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        output: Option<PathBuf>,
    },
}

/// `loadlock files ls`.
#[derive(Debug, Args)]
pub(crate) struct FilesLs {
    /// Most files, 1 to 10000
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// Go on where the page before ended
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
    /// Only this purpose
    #[arg(long, value_name = "PURPOSE")]
    pub(crate) purpose: Option<String>,
    /// All files, page by page
    #[arg(long, conflicts_with_all = ["limit", "cursor"])]
    pub(crate) all: bool,
}

/// `loadlock providers`.
#[derive(Debug, Subcommand)]
pub(crate) enum Providers {
    /// List the configured providers
    #[command(after_help = "Examples:
  loadlock providers ls
  loadlock providers ls --json | jq .profile.purposes")]
    Ls,
    /// Show what a component is, imports and takes, and which imports are refused and why
    #[command(
        after_help = "Imports are read without running or compiling anything of the component. Only one that would
be loaded is then asked for its profile, without files and without network. Exit status 1 if the
component would be refused.

Examples:
  loadlock providers inspect ./target/wasm32-wasip2/release/my_provider.wasm
  loadlock providers inspect builtin:kimi
  loadlock providers inspect kimi --json"
    )]
    Inspect {
        /// A component file, `builtin:NAME`, or the name of a configured provider
        #[arg(value_name = "COMPONENT")]
        component: String,
    },
    /// Ask the vendors for something cheap: is each one there, does it accept the credential
    #[command(after_help = "Exit status 1 if a provider is not healthy.

Examples:
  loadlock providers probe
  loadlock providers probe kimi --json")]
    Probe {
        /// One provider [default: all]
        #[arg(value_name = "NAME")]
        name: Option<String>,
    },
}

/// `loadlock route`.
#[derive(Debug, Args)]
#[command(after_help = "Exit status 1 if no provider can take the file.

Examples:
  loadlock route big.mp4
  loadlock route report.pdf --purpose file-extract --json")]
pub(crate) struct Route {
    /// The file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) choice: Choice,
}

/// `loadlock config`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Find every mistake: file, line, key and what to do
    #[command(
        after_help = "Also looks for the variables and files that credentials name. Exit status 2 if there is a mistake.

Examples:
  loadlock config check
  loadlock config check --config loadlock.toml --json"
    )]
    Check,
    /// Show each value, who set it (default, line, variable) and what it means
    #[command(after_help = "Examples:
  loadlock config explain
  loadlock config explain --json | jq 'select(.origin != \"default\")'")]
    Explain,
}

/// `loadlock token`.
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token that this installation accepts
    #[command(
        after_help = "Signed (HS256) with the key of this installation, which is made at first use. Prints the token alone.

Examples:
  loadlock token issue --subject ci --tenant acme --scope write --ttl 1h
  LOADLOCK_TOKEN=$(loadlock token issue --tenant acme) loadlock files ls"
    )]
    Issue(TokenIssue),
    /// Show what a token says, and whether the key of this installation signed it
    #[command(after_help = "Examples:
  loadlock token inspect \"$TOKEN\"
  loadlock token issue | loadlock token inspect -")]
    Inspect {
        /// The token; `-` reads it from standard input, which keeps it out of the process list
        #[arg(value_name = "TOKEN")]
        token: String,
    },
}

/// `loadlock token issue`.
#[derive(Debug, Args)]
pub(crate) struct TokenIssue {
    /// Who it speaks for [default: your user name]
    #[arg(long, value_name = "NAME")]
    pub(crate) subject: Option<String>,
    /// Whose data it reaches
    #[arg(long, value_name = "TENANT", default_value = loadlock::local::TENANT)]
    pub(crate) tenant: String,
    /// read, write, delete or admin; repeat it or separate by commas
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',', default_values = ["read", "write"],
          value_parser = clap::builder::PossibleValuesParser::new(loadlock::config::SCOPES))]
    pub(crate) scopes: Vec<String>,
    /// How long it is good
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_duration)]
    pub(crate) ttl: Duration,
    /// Whom it is meant for [default: the first of `auth.audiences`]
    #[arg(long, value_name = "AUDIENCE")]
    pub(crate) audience: Option<String>,
}

/// Whether a table is for the documentation.
#[derive(Debug, Args)]
pub(crate) struct Markdown {
    /// As Markdown
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
}
