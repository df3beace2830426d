//! `loadlock tracker`: the shared ledger's schema, what is wrong with it, and records of an earlier system.

mod database;
mod doctor;
mod import;
mod predecessor;

use loadlock::{Error, ErrorCode};
use serde_json::json;

use super::args::Globals;
use super::context::configuration;
use super::failure::{Failure, Status};
use super::output::Output;
use super::tracker_args::{self as args, Tracker};
use crate::ledger_schema::{Names, VERSION, schema_name, script};

pub(crate) async fn run(globals: &Globals, output: &Output, command: Tracker) -> Result<Status, Failure> {
    match command {
        Tracker::Migrate(command) => migrate(globals, output, command).await,
        Tracker::Import(command) => import::run(globals, output, command).await,
        Tracker::Doctor(command) => doctor::run(globals, output, command).await,
    }
}

async fn migrate(globals: &Globals, output: &Output, command: args::Migrate) -> Result<Status, Failure> {
    let schema = match command.schema {
        Some(schema) => schema,
        None => configured(globals)?,
    };
    let names = Names {
        schema: schema.clone(),
        role: command.role,
        reader: command.reader,
    };
    let login = command.create_roles.then_some(command.login.as_str());
    let script = script(&names, login);
    if command.print {
        output.line(script.trim_end())?;
        return Ok(Status::Done);
    }
    let client = database::connect(command.database.as_deref()).await?;
    let before = match login {
        Some(login) => database::roles(&client, &[&names.role, &names.reader, login]).await?,
        None => Vec::new(),
    };
    client
        .batch_execute(&script)
        .await
        .map_err(|error| database::failed(&error))?;
    let mut made = match login {
        Some(login) => database::roles(&client, &[&names.role, &names.reader, login]).await?,
        None => Vec::new(),
    };
    made.retain(|what| !before.contains(what));
    if output.json {
        output.object(&json!({ "schema": schema, "version": VERSION, "made": made }))?;
    } else {
        for what in &made {
            output.line(format_args!("made {what}"))?;
        }
        output.line(format_args!("schema `{schema}` is at version {VERSION}"))?;
    }
    Ok(Status::Done)
}

/// The schema that the configured tracker uses.
fn configured(globals: &Globals) -> Result<String, Failure> {
    let config = configuration(globals)?;
    match config.tracker.settings.get("schema") {
        None => Ok("loadlock".to_owned()),
        Some(name) => schema_name(name)
            .map_err(|wrong| Error::new(ErrorCode::ConfigInvalid, format!("tracker.settings.schema: {wrong}")).into()),
    }
}
