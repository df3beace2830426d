//! What can be written on the command line. The help texts are the manual: `docs/reference/command-line.md` is made
//! from them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

use super::duration::parse_duration;
pub(crate) use super::globals::Globals;
use super::help::once;

/// The word by which the gateway has components compiled, see [`loadlock::sandbox::compile_child`]. It stands first, is
/// for no person, and so is no command here.
pub(crate) const COMPILE_COMMAND: &str = "compile-component";

/// The word that leaves the choice of the provider to the gateway.
pub(crate) use loadlock_server::AUTO;

/// One gateway that loads files into upstream file APIs through sandboxed provider components.
#[derive(Debug, Parser)]
#[command(
    name = "loadlock",
    version = env!("LOADLOCK_VERSION"),
    propagate_version = true,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    after_help = once("Examples:
  loadlock upload report.pdf
  loadlock files ls
  loadlock route big.mp4

Exit status: 0 everything was done, 1 something failed (the rest was still done), 2 wrong usage
or configuration, 130 interrupted.")
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
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
    /// Look at who is told of uploads, and send again what was not taken
    #[command(subcommand, arg_required_else_help = true)]
    Webhooks(super::webhooks_args::Webhooks),
    /// Make, test, sign, share, lock and swap components
    #[command(subcommand, arg_required_else_help = true)]
    Component(super::component::args::Component),
    /// Show where a file would go and why, without sending anything
    Route(Route),
    /// Serve many clients over HTTP
    Serve(Serve),
    /// Compare the vendors' lists with the ledger, and correct what belongs to this installation
    Reconcile(ReconcileArgs),
    /// Check journal, ledger, vendors and spool against each other; changes nothing
    #[command(
        after_help = once("Prints a balance sheet, and exits 0 only if it balances: every count agrees, and every vendor
that has a list was read. Unknown outcomes have a line of their own and do not unbalance it. With --json the
sheet is one object: {\"lines\": [{\"name\", \"provider\", \"count\", \"expected\", \"finding\"}], \"not_listed\",
\"damaged\": [{\"provider\", \"remote_id\", \"sha256\"}], \"balanced\"}.

Examples:
  loadlock fsck
  loadlock fsck --deep
  loadlock fsck --json | jq '.lines[] | select(.finding == \"unbalanced\")'")
    )]
    Fsck {
        /// Also read every stored file and compare it with its digest, where its vendor returns the bytes
        #[arg(long)]
        deep: bool,
    },
    /// Serve one MCP client on standard input and output
    #[command(
        after_help = once("For MCP clients that start their servers themselves. Messages go over standard input and \
             output,
the log goes to standard error. Calls act for the user of this machine, or for the token in
LOADLOCK_TOKEN; relative paths are relative to the directory in which it is started. Beside a running
gateway it uses that one. It ends when the client closes standard input.

Examples:
  loadlock mcp
  npx @modelcontextprotocol/inspector --cli loadlock mcp --method tools/list")
    )]
    Mcp,
    /// Look at the configuration
    #[command(subcommand, arg_required_else_help = true)]
    Config(ConfigCommand),
    /// Write a first configuration, by flags or, on a terminal, by questions
    Init(Init),
    /// Check everything that a start needs, and ask each vendor, one line each
    Doctor(Doctor),
    /// Turn the settings of the system before into a configuration, with a report of each key
    ImportSettings(ImportSettings),
    /// Create, list, revoke and inspect tokens
    #[command(subcommand, arg_required_else_help = true)]
    Token(Token),
    /// Look at the audit log and check it
    #[command(subcommand, arg_required_else_help = true)]
    Audit(Audit),
    /// Copy the state of this installation, also while it serves, and verify the copy
    #[command(
        after_help = once("Keys, journal, ledger, audit log, and what components keep (the files of a `local` provider) as
they are at one moment: uploads go on meanwhile, and those under way at that moment are settled by the gateway that is
opened from the copy. Every file is read again and compared; a damaged ledger is refused. The configuration and the
secrets that it names are not in it. The key that signs tokens is: keep the copy as you keep that key.

With --json: {\"files\", \"bytes\", \"ledger\", \"place\", \"kept\"}.

Examples:
  loadlock backup ../backup-$(date +%F)
  loadlock backup ../today && loadlock restore ../today --home ../try")
    )]
    Backup {
        /// A folder that is not there yet, outside of the home
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        folder: PathBuf,
    },
    /// Make a home from a backup, or replace a damaged ledger
    #[command(
        after_help = once("The whole backup is verified before anything is written, and the copy before it is used. The
home must not have state yet. A restore that was interrupted is made again with the same command; until then nothing
starts on that home.

With --ledger the home is the damaged one: nothing but its ledger is replaced, and what was there is kept beside it.
What was uploaded since the backup is then at the vendors and not in the ledger: `loadlock reconcile` lists it.

Examples:
  loadlock restore ../today --home ../restored
  loadlock restore ../today --ledger && loadlock reconcile")
    )]
    Restore(Restore),
    /// Maintain the shared ledger
    #[command(subcommand, arg_required_else_help = true)]
    Tracker(super::tracker_args::Tracker),
    /// Show the table of error codes: the cause of each, and what to do
    #[command(after_help = once("Examples:
  loadlock errors
  loadlock errors --json | jq -r 'select(.http_status == 503).code'"))]
    Errors(Markdown),
    /// Show the manual of the command line as Markdown, or write its man pages
    #[command(after_help = once("Examples:
  loadlock manual | less
  loadlock manual --man share/man/man1"))]
    Manual {
        /// Write a man page for each command into this folder, which is made if it is missing
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        man: Option<PathBuf>,
    },
    /// Show what your shell needs to complete commands, flags and file names
    #[command(after_help = once("Examples:
  source <(loadlock completions bash)
  loadlock completions zsh > _loadlock
  loadlock completions fish > loadlock.fish"))]
    Completions {
        /// Your shell
        #[arg(value_name = "SHELL")]
        shell: ShellName,
    },
}

/// A shell that completions are made for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ShellName {
    /// GNU Bash with bash-completion
    Bash,
    /// Z shell
    Zsh,
    /// fish
    Fish,
}

/// `loadlock upload`.
#[derive(Debug, Args)]
#[command(
    after_help = once("A directory means the files in it and below it, sorted by name; hidden files and
symbolic links are skipped and counted. A pattern in quotes (`*`, `?`, `[a-z]`, `**` for any depth) is matched as a
shell would, and names files only. A directory or a pattern without a file is a failed item.

There is one result for each file, in the order given. A file that is named twice is reported twice,
and so are equal files: each gets an id, the bytes are sent once. If some fail, the rest is still done
and the exit status is 1.

Interrupted with Ctrl-C, uploads under way are cut off, what the provider has of them is deleted, what
is not finished is reported as `cancelled`, and the exit status is 130; Ctrl-C again stops at once. The
same command again, after that or after a crash, finishes the rest: what is stored is recognised, and
reported as already stored.

With --json a result is {\"id\", \"filename\", \"bytes\", \"sha256\", \"media_type\", \"purpose\",
\"provider\", \"remote_id\", \"deduplicated\", \"attempts\", \"created_at\", \
     \"path\"} (\"expires_at\" if it expires, \"uri\" and
\"remote_media_type\" if its vendor has them) or
{\"error\": {\"code\", \"message\", \"hint\"}, \"path\"}. Unless one file alone was named, the last line is
{\"summary\": {\"stored\", \"deduplicated\", \"failed\", \"cancelled\", \"skipped\"}}.

Examples:
  loadlock upload report.pdf
  loadlock upload reports/ 'scans/**/*.tiff' --jobs 8
  loadlock upload --to kimi --purpose file-extract *.pdf
  pg_dump shop | loadlock upload - --name shop.sql --expires-in 30d
  id=$(loadlock upload -q report.pdf)
  loadlock upload --json reports/ | jq -r 'select(.error) | .path'")
)]
pub(crate) struct Upload {
    /// Files, directories and quoted patterns; `-` is standard input and needs --name
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub(crate) files: Vec<OsString>,
    /// Upload at most this many files at a time; a provider may be limited to fewer (`limits.concurrency`)
    #[arg(short, long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: u16,
    #[command(flatten)]
    pub(crate) choice: Choice,
    /// Store it under this name instead of its own; for one file
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Delete it after this time, such as `90m` or `30d`; a vendor may delete it sooner
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) expires_in: Option<Duration>,
    /// The same key with the same content within 24 hours returns the same file; for one file
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
}

/// `loadlock serve`.
#[derive(Debug, Args)]
#[command(
    after_help = once("Every request needs a token; `loadlock token issue` makes one. The first Ctrl-C lets requests
under way end, the second one stops at once. The configuration and the certificate of
`server.tls` are read again when their files change, and on SIGHUP; what waits for a restart all the
same is in the log, key by key. Started in a terminal, it ends when the terminal is closed. Every other command
with the same home goes through it meanwhile.

Examples:
  loadlock serve
  curl -H \"Authorization: Bearer $(loadlock token issue)\" \\
    -F purpose=batch -F file=@a.jsonl http://127.0.0.1:8420/v1/files")
)]
pub(crate) struct Serve {
    /// Address or name, and port; `:8420` is that port on loopback only, port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8420")]
    pub(crate) listen: super::listen::Listen,
    /// Serve plain HTTP beyond loopback: only behind a proxy that speaks TLS
    #[arg(long)]
    pub(crate) plain_http: bool,
    /// A host name by which clients of /mcp reach it, besides its addresses and localhost; may be repeated
    #[arg(long = "host", value_name = "NAME")]
    pub(crate) hosts: Vec<String>,
}

/// Which provider and what for.
#[derive(Debug, Clone, Args)]
pub(crate) struct Choice {
    /// A provider's name; `auto` takes the best one that can take the file, a name never falls back to another
    #[arg(long, value_name = "PROVIDER", default_value = AUTO)]
    pub(crate) to: String,
    /// What the file is for: the vendor's word, or one that the configuration maps [default: the provider's first]
    #[arg(long, value_name = "PURPOSE")]
    pub(crate) purpose: Option<String>,
}

/// `loadlock files`.
#[derive(Debug, Subcommand)]
pub(crate) enum Files {
    /// List files, newest first
    #[command(
        after_help = once("In a pipe the columns are separated by tabs: id, name, bytes, media type, purpose, provider,
created, remote id. A file with copies names all of its providers, separated by commas. With --json, if there are more files, the last line is {\"next\":\"CURSOR\"}.

Examples:
  loadlock files ls
  loadlock files ls --all --json | jq -s 'map(.bytes) | add'")
    )]
    Ls(FilesLs),
    /// Show all that is known about one file
    #[command(after_help = once("Examples:
  id=$(loadlock upload -q report.pdf)
  loadlock files show $id"))]
    Show {
        /// The id that `upload` and `files ls` give
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Copy a file to another provider, from one that gives its bytes back
    #[command(after_help = once("A copy that is there is shown as it is; one that has expired is made again. With -q
only the id that the vendor's API wants is printed.

Examples:
  id=$(loadlock upload -q --to local report.pdf)
  loadlock files copy $id --to kimi"))]
    Copy {
        /// The id that `upload` and `files ls` give
        #[arg(value_name = "ID")]
        id: String,
        /// The provider
        #[arg(long, value_name = "PROVIDER")]
        to: String,
        /// What it is for there [default: the file's own purpose, or the provider's first]
        #[arg(long, value_name = "PURPOSE")]
        purpose: Option<String>,
    },
    /// Delete files with their copies, and each remote file that no other file refers to
    #[command(after_help = once("Examples:
  loadlock files rm $(loadlock files ls -q --limit 1)
  loadlock files ls -q --all --purpose batch | xargs -r loadlock files rm"))]
    Rm {
        /// Ids
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// Only their copies at this provider; the files stay
        #[arg(long, value_name = "PROVIDER")]
        from: Option<String>,
    },
    /// Write a file's content: its bytes, or the text that the vendor extracted from them
    #[command(after_help = once("Nothing is left at FILE if the content does not arrive completely. Only you can
read a new FILE; an existing one keeps its mode.

Examples:
  id=$(loadlock upload -q report.pdf)
  loadlock files content $id | less
  loadlock files content $id -o copy.pdf"))]
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
    /// List at most this many files, 1 to 10000
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// Continue after the previous page
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
    #[command(after_help = once("Examples:
  loadlock providers ls
  loadlock providers ls --json | jq .profile.purposes"))]
    Ls,
    /// Show what a component is, what it imports and takes, and which imports are refused and why
    #[command(
        after_help = once("Imports are read without running or compiling any part of the component. Only one that would
be loaded is then asked for its profile, without files and without network. Exit status 1 if the
component would be refused.

Examples:
  loadlock providers inspect ./target/wasm32-wasip2/release/my_provider.wasm
  loadlock providers inspect builtin:kimi
  loadlock providers inspect kimi --json")
    )]
    Inspect {
        /// A component file, `builtin:NAME`, or the name of a configured provider
        #[arg(value_name = "COMPONENT")]
        component: String,
    },
    /// Ask each vendor, with a cheap request, whether it answers and accepts the credential
    #[command(after_help = once("Exit status 1 if a provider is not healthy.

Examples:
  loadlock providers probe
  loadlock providers probe kimi --json"))]
    Probe {
        /// One provider [default: all]
        #[arg(value_name = "NAME")]
        name: Option<String>,
    },
}

/// `loadlock route`.
#[derive(Debug, Args)]
#[command(after_help = once("Exit status 1 if no provider can take the file.

Examples:
  loadlock route big.mp4
  loadlock route report.pdf --purpose file-extract --json"))]
pub(crate) struct Route {
    /// The file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) choice: Choice,
}

/// `loadlock reconcile`.
#[derive(Debug, Args)]
#[command(
    after_help = once("Stored files that a vendor lost are marked and never reused. What is left of this installation's
uploads and deletes is deleted. Files that were never recorded here are reported and left alone:
accounts are shared with other programs. Prints one line for each action and a summary for each
provider; exit status 1 if something failed or was refused. Nothing is changed if the ledger or a
list cannot be read to its end, or if more than a fifth of an account (and more than 10 files) would
be marked or deleted at once.

Examples:
  loadlock reconcile --dry-run
  loadlock reconcile --provider kimi --json")
)]
pub(crate) struct ReconcileArgs {
    /// Only this provider [default: all]
    #[arg(long, value_name = "PROVIDER")]
    pub(crate) provider: Option<String>,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Continue even if much of an account would be marked or deleted at once
    #[arg(long)]
    pub(crate) allow_mass: bool,
}

/// `loadlock config`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Find every mistake: file, line, key and what to do
    #[command(
        after_help = once("Also looks for the variables and files that credentials name. Exit status 2 if there is a \
             mistake.

Examples:
  loadlock config check
  loadlock config check --config loadlock.toml --json")
    )]
    Check,
    /// Show each value, who set it (default, line, variable) and what it means
    #[command(after_help = once("Examples:
  loadlock config explain
  loadlock config explain --json | jq 'select(.origin != \"default\")'"))]
    Explain,
}

/// `loadlock init`.
#[derive(Debug, Args)]
#[command(
    after_help = once("Without --provider it asks, if there is a terminal. Keys are not asked for: the configuration names the
variable, or with --secrets the file, that holds each. A file that is there is not overwritten.

Examples:
  loadlock init --provider local --output local.toml
  loadlock init --provider kimi,local --grant reports --output team.toml")
)]
pub(crate) struct Init {
    /// A provider, the best one first; may be repeated
    #[arg(long = "provider", value_name = "NAME", value_delimiter = ',')]
    pub(crate) providers: Vec<FirstProvider>,
    /// A folder that files may be uploaded from by path; may be repeated
    #[arg(long = "grant", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) grants: Vec<PathBuf>,
    /// Write the configuration to this new file
    #[arg(short, long, value_name = "FILE", default_value = "loadlock.toml", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
    /// Refer to secrets as files in this folder instead of as variables
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) secrets: Option<PathBuf>,
}

/// A provider that needs nothing but a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FirstProvider {
    /// Moonshot's Kimi, with KIMI_API_KEY
    Kimi,
    /// Z.ai's GLM, with GLM_API_KEY
    Glm,
    /// OpenAI, with OPENAI_API_KEY
    Openai,
    /// Anthropic, with ANTHROPIC_API_KEY
    Anthropic,
    /// Google's Gemini, with GEMINI_API_KEY
    Gemini,
    /// A store on this machine
    Local,
}

/// `loadlock doctor`.
#[derive(Debug, Args)]
#[command(
    after_help = once("Looks at the configuration, credentials, home, disk, grants, certificate, the limit of open files,
each provider's component, whether a gateway starts, its ledger, and what each vendor answers to a cheap request. A
line is `ok`, `note` (it works, and you should know) or `bad`, with what to do. Exit status 1 if one is bad. Beside a
running gateway it asks that one. Nothing is settled or deleted; a home that is missing is made.

With --json there is one object for each line: {\"check\", \"state\", \"detail\", \"mend\"}.

Examples:
  loadlock doctor
  loadlock doctor --json | jq 'select(.state == \"bad\")'")
)]
pub(crate) struct Doctor {
    /// The address that `loadlock serve` is to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8420")]
    pub(crate) listen: super::listen::Listen,
}

/// `loadlock restore`.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// A folder that `loadlock backup` made
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
    /// Replace the ledger of the home, and nothing else
    #[arg(long)]
    pub(crate) ledger: bool,
}

/// `loadlock import-settings`.
#[derive(Debug, Args)]
#[command(
    after_help = once("For the settings of the Python service that Loadlock replaces. Each key is taken over (as what),
obsolete (why) or refused (what to do). The configuration that is written is one that `loadlock config check` knows to
be free of mistakes; what it would refuse, such as a number out of bounds, is refused here. Secrets are not copied:
the configuration names the variable, or with --secrets the file, that holds each. Nothing is sent anywhere, and the
old file stays as it is.

With --json there is one object for each key, {\"key\", \"line\", \"overridden_lines\", \"result\", \"detail\"}, and at the
end {\"summary\": {\"file\", \"taken\", \"obsolete\", \"refused\", \"unreadable_lines\"}}.

Examples:
  loadlock import-settings .env.docker --output moved.toml
  loadlock import-settings .env -o a.toml --legacy-until 2027-01-01T00:00:00Z
  loadlock import-settings .env.docker -o b.toml --json | jq -c .summary")
)]
pub(crate) struct ImportSettings {
    /// The old file: `NAME=VALUE` lines, as for Docker or a shell
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Write the configuration to this new file
    #[arg(short, long, value_name = "FILE", default_value = "loadlock.toml", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
    /// Whose data the old credentials and tokens reach
    #[arg(long, value_name = "TENANT", default_value = loadlock::local::TENANT)]
    pub(crate) tenant: String,
    /// Take over static credentials, by digest, until this instant, such as 2027-01-01T00:00:00Z
    #[arg(long, value_name = "INSTANT")]
    pub(crate) legacy_until: Option<jiff::Timestamp>,
    /// Take over the key of old tokens, which name this `kid`, `tenant` and `scope`
    #[arg(long, value_name = "KID")]
    pub(crate) kid: Option<String>,
    /// Refer to secrets as files in this folder, named like the keys, instead of as variables
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) secrets: Option<PathBuf>,
}

/// `loadlock token`.
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Create a token that this installation accepts
    #[command(
        after_help = once("Signed (HS256) with the key of this installation, which is made at first use. Prints
the token alone.

Examples:
  loadlock token issue --subject ci --tenant acme --scope write --ttl 1h
  LOADLOCK_TOKEN=$(loadlock token issue --tenant acme) loadlock files ls")
    )]
    Issue(TokenIssue),
    /// Revoke tokens: from now on they are refused at every door, also after a restart
    #[command(
        after_help = once("By id, as `token issue --json` and `token ls` give it, or by the token itself. A running
gateway knows it with the next request; sockets that are open end within a minute, background uploads
that the token started end as `unauthenticated`. A token of another issuer is revoked by its `jti`. What is
revoked stays revoked; gateways on other homes do not know it (`auth.revoked` of their configuration).

Examples:
  loadlock token revoke $(loadlock token ls -q --subject ci)
  loadlock token issue --ttl 1h | loadlock token revoke -")
    )]
    Revoke {
        /// Ids or tokens; `-` reads one from standard input, which keeps it out of the process list
        #[arg(required = true, value_name = "ID")]
        tokens: Vec<String>,
    },
    /// List the tokens that this installation issued and that have not expired
    #[command(after_help = once("In a pipe the columns are separated by tabs: id, subject, tenant, scopes, issued, expires,
state. Tokens that were issued before there was a list are not in it; the audit log has all of them.

Examples:
  loadlock token ls
  loadlock token ls --json | jq -r 'select(.state == \"good\") | .id'"))]
    Ls {
        /// Only of this subject
        #[arg(long, value_name = "NAME")]
        subject: Option<String>,
        /// Only of this tenant
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
    },
    /// Show what a token says, and whether the key of this installation signed it
    #[command(after_help = once("Examples:
  loadlock token issue | loadlock token inspect -
  loadlock token inspect \"$(loadlock token issue --ttl 1h)\""))]
    Inspect {
        /// The token; `-` reads it from standard input, which keeps it out of the process list
        #[arg(value_name = "TOKEN")]
        token: String,
    },
}

/// `loadlock token issue`.
#[derive(Debug, Args)]
pub(crate) struct TokenIssue {
    /// Its subject: who it speaks for [default: your user name]
    #[arg(long, value_name = "NAME")]
    pub(crate) subject: Option<String>,
    /// The tenant whose data it reaches
    #[arg(long, value_name = "TENANT", default_value = loadlock::local::TENANT)]
    pub(crate) tenant: String,
    /// read, write, delete or admin; may be repeated, or separated by commas
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',', default_values = ["read", "write"],
          value_parser = clap::builder::PossibleValuesParser::new(loadlock::config::SCOPES))]
    pub(crate) scopes: Vec<String>,
    /// How long it is valid
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_duration)]
    pub(crate) ttl: Duration,
    /// Its audience [default: the first of `auth.audiences`]
    #[arg(long, value_name = "AUDIENCE")]
    pub(crate) audience: Option<String>,
}

/// `loadlock audit`.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Check every record of every file, and say where the chain breaks
    #[command(
        after_help = once("Works beside a running gateway. Exit status 1 if something is wrong. Keep the last number \
             and hash
elsewhere: with --contains they show later that nothing before them was changed.

Examples:
  loadlock audit verify
  last=$(loadlock audit verify --json | jq -r '\"\\(.last.seq):\\(.last.hash)\"')
  loadlock audit verify --contains \"$last\"")
    )]
    Verify {
        /// Older files were moved away: start with the oldest one present
        #[arg(long)]
        archived: bool,
        /// The record with this number must exist and have this hash
        #[arg(long, value_name = "NUMBER:HASH", value_parser = position)]
        contains: Option<loadlock::audit::Position>,
    },
    /// Show the newest records
    #[command(after_help = once("With --json the records are printed exactly as they are in the file.

Examples:
  loadlock audit tail -n 100
  loadlock audit tail -f --json | jq 'select(.outcome == \"denied\")'"))]
    Tail {
        /// How many records
        #[arg(short = 'n', long = "lines", value_name = "N", default_value_t = 20)]
        lines: usize,
        /// Keep printing records as they are written
        #[arg(short, long)]
        follow: bool,
    },
}

fn position(text: &str) -> Result<loadlock::audit::Position, String> {
    let (seq, hash) = text.split_once(':').ok_or("write NUMBER:HASH")?;
    let digits = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !digits {
        return Err("a hash is 64 hexadecimal digits".to_owned());
    }
    Ok(loadlock::audit::Position {
        seq: seq.parse().map_err(|_| "the part before `:` is not a number")?,
        hash: hash.to_lowercase(),
    })
}

/// Whether a table is for the documentation.
#[derive(Debug, Args)]
pub(crate) struct Markdown {
    /// As Markdown
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
}
