//! What can be written after `loadlock tracker`.

use clap::{Args, Subcommand};

use super::help::once;

/// `loadlock tracker`.
#[derive(Debug, Subcommand)]
pub(crate) enum Tracker {
    /// Bring the shared ledger's schema to the version that this gateway needs
    #[command(
        after_help = once("For a ledger in PostgreSQL (`tracker.component = \"builtin:tracker-supabase\"`). The script
may run any number of times and does what is still to be done; migrations only add, so gateways can be replaced one by one.

The connection is made with --database or LOADLOCK_DATABASE, by a role that may create schemas; its password is
best left to LOADLOCK_DATABASE, PGPASSWORD is not read. TLS is used when the server offers it, and demanded with
`sslmode=require`.

Examples:
  export LOADLOCK_DATABASE='postgresql://me@db.example.com/x?sslmode=require'
  loadlock tracker migrate --print | psql \"$LOADLOCK_DATABASE\"
  loadlock tracker migrate --apply")
    )]
    Migrate(Migrate),
    /// Try every function of the shared ledger, as the gateway and as a reader
    #[command(
        after_help = once("Each call that a gateway makes is made once, with the configured address and key, and changes
nothing; what is not exposed, not granted or missing is said. With --database or LOADLOCK_DATABASE the rights of both roles are looked
at too: the gateways' role must have every one, a reader its views and nothing else. The ledger remembers for a week that somebody
called `doctor` was there. Exit status 1 if there is a problem.

Examples:
  export LOADLOCK_DATABASE='postgresql://me@db.example.com/x?sslmode=require'
  loadlock tracker doctor
  loadlock tracker doctor --json")
    )]
    Doctor(Doctor),
    /// Import the records of the system that Loadlock replaces
    #[command(
        after_help = once("Reads the table `provider_file_uploads` of EX-AI-MCP-Server, in either of its forms, and
records every completed upload that has the vendor's id, a SHA-256 and a size as a file of --tenant, with whichever tracker is configured. Providers
are found by their names in the configuration. Nothing is sent to a vendor, and the table is only read. It may run
again: what was taken over stays as it is. What is left out is counted by its reason.

Examples:
  export LOADLOCK_DATABASE='postgresql://me@db.example.com/x?sslmode=require'
  loadlock tracker import --tenant acme --dry-run
  loadlock tracker import --tenant acme --table old.provider_file_uploads")
    )]
    Import(Import),
}

/// `loadlock tracker import`.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The tenant that gets the files: the table does not name it reliably
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: String,
    /// Where the table is: a PostgreSQL connection string
    #[arg(long, value_name = "URL", env = "LOADLOCK_DATABASE", hide_env_values = true)]
    pub(crate) database: Option<String>,
    /// The table, with its schema if that is not `public`
    #[arg(long, value_name = "NAME", default_value = "provider_file_uploads")]
    pub(crate) table: String,
    /// Count what would be imported, and record nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `loadlock tracker doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Where the rights are looked at: a PostgreSQL connection string
    #[arg(long, value_name = "URL", env = "LOADLOCK_DATABASE", hide_env_values = true)]
    pub(crate) database: Option<String>,
    /// The schema [default: `tracker.settings.schema`, else `loadlock`]
    #[arg(long, value_name = "NAME", value_parser = crate::ledger_schema::schema_name)]
    pub(crate) schema: Option<String>,
    /// The role of the gateways' key
    #[arg(long, value_name = "NAME", default_value = "service_role")]
    pub(crate) role: String,
    /// The role of keys that may read the files of the tenant they name
    #[arg(long, value_name = "NAME", default_value = "authenticated")]
    pub(crate) reader: String,
}

/// `loadlock tracker migrate`.
#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// Print the script
    #[arg(long, required_unless_present = "apply")]
    pub(crate) print: bool,
    /// Run the script
    #[arg(long, conflicts_with = "print")]
    pub(crate) apply: bool,
    /// Where: a PostgreSQL connection string
    #[arg(long, value_name = "URL", env = "LOADLOCK_DATABASE", hide_env_values = true)]
    pub(crate) database: Option<String>,
    /// The schema [default: `tracker.settings.schema`, else `loadlock`]
    #[arg(long, value_name = "NAME", value_parser = crate::ledger_schema::schema_name)]
    pub(crate) schema: Option<String>,
    /// The role of the gateways' key, which gets every right on the schema
    #[arg(long, value_name = "NAME", default_value = "service_role")]
    pub(crate) role: String,
    /// The role of keys that may read the files of the tenant they name, if there is such a role
    #[arg(long, value_name = "NAME", default_value = "authenticated")]
    pub(crate) reader: String,
    /// Make the roles that are missing, and let --login become them: a plain PostgreSQL has none of Supabase's
    #[arg(long)]
    pub(crate) create_roles: bool,
    /// The role that the REST interface logs in as, for --create-roles; one that is made has no password yet
    #[arg(long, value_name = "NAME", default_value = "authenticator")]
    pub(crate) login: String,
}
