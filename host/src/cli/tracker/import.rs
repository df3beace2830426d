//! `loadlock tracker import`: an earlier system's table into the ledger.

use std::collections::BTreeMap;

use futures::{StreamExt, pin_mut};
use loadlock::gateway::{ImportOutcome, Imported};
use loadlock::{Error, ErrorCode};
use serde_json::{Map, Value, json};

use super::super::args::Globals;
use super::super::context::{Session, configuration};
use super::super::failure::{Failure, Status};
use super::super::output::Output;
use super::super::tracker_args::Import;
use super::super::turn::{Whom, Wish, take};
use super::database::{connect, failed};
use super::predecessor::read;

/// Records handed over in one transaction.
const BATCH: usize = 256;

/// How many rows ended how, by what people read.
type Counts = BTreeMap<&'static str, u64>;

pub(super) async fn run(globals: &Globals, output: &Output, command: Import) -> Result<Status, Failure> {
    let session = match command.dry_run {
        true => None,
        false => match take(&configuration(globals)?, Wish::Own, globals, output).await {
            Ok(Whom::Own(session)) => Some(session),
            Ok(Whom::Running(_)) => None,
            Err(failure) => return Err(beside(failure)),
        },
    };
    let client = connect(command.database.as_deref()).await?;
    let query = format!("select to_jsonb(t)::text from {} as t", table(&command.table)?);
    let no_parameters: [&str; 0] = [];
    let rows = client
        .query_raw(&query, no_parameters)
        .await
        .map_err(|error| failed(&error))?;
    pin_mut!(rows);
    let mut counts = Counts::new();
    let mut batch = Vec::new();
    while let Some(row) = rows.next().await {
        let text: String = row.and_then(|row| row.try_get(0)).map_err(|error| failed(&error))?;
        let row: Map<String, Value> =
            serde_json::from_str(&text).map_err(|error| Error::new(ErrorCode::Internal, format!("a row: {error}")))?;
        match read(&row) {
            Ok(file) => batch.push(file),
            Err(left) => *counts.entry(left.reason()).or_default() += 1,
        }
        if batch.len() == BATCH {
            hand_over(session.as_ref(), &command.tenant, &mut batch, &mut counts).await?;
        }
    }
    hand_over(session.as_ref(), &command.tenant, &mut batch, &mut counts).await?;
    if output.json {
        output.object(&json!({ "tenant": command.tenant, "rows": counts }))?;
    } else {
        for (what, count) in &counts {
            output.line(format_args!("{count:>8}  {what}"))?;
        }
    }
    Ok(Status::Done)
}

async fn hand_over(
    session: Option<&Session>,
    tenant: &str,
    batch: &mut Vec<Imported>,
    counts: &mut Counts,
) -> Result<(), Failure> {
    let Some(session) = session else {
        if !batch.is_empty() {
            *counts.entry("could be recorded").or_default() += batch.len() as u64;
        }
        batch.clear();
        return Ok(());
    };
    for outcome in session.gateway.import(&session.who, tenant, batch).await? {
        let what = match outcome {
            ImportOutcome::Recorded => "recorded",
            ImportOutcome::Known => "recorded before",
            ImportOutcome::NoProvider => "of a provider that is not configured",
            ImportOutcome::NotLive => "over a remote file that is being deleted or is missing",
        };
        *counts.entry(what).or_default() += 1;
    }
    batch.clear();
    Ok(())
}

/// What to do where a gateway has the ledger.
fn beside(failure: Failure) -> Failure {
    match failure {
        Failure::Gateway(error) if error.code == ErrorCode::HomeInUse => error
            .hint(
                "an import writes the ledger, which the gateway has open: stop it, import, and start it again; \
                 `--dry-run` counts beside it",
            )
            .into(),
        other => other,
    }
}

/// A table's name, quoted, with its schema.
fn table(name: &str) -> Result<String, Failure> {
    let parts: Vec<_> = name.split('.').collect();
    let (schema, table) = match parts[..] {
        [table] => ("public", table),
        [schema, table] => (schema, table),
        _ => {
            let error = Error::new(ErrorCode::RequestInvalid, format!("`{name}` is not a table's name"));
            return Err(error.hint("write TABLE or SCHEMA.TABLE").into());
        }
    };
    let quoted = |part: &str| format!("\"{}\"", part.replace('"', "\"\""));
    Ok(format!("{}.{}", quoted(schema), quoted(table)))
}
