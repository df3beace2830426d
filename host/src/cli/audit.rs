//! `loadlock audit`: look at the log and check it. Needs no gateway and works beside a running one.

use std::time::Duration;

use loadlock::audit::{AuditError, Check, Follow, Outcome, Record, Report, last, verify};
use loadlock::{Error, ErrorCode};
use serde_json::json;

use super::args::{Audit, Globals};
use super::context::configuration;
use super::failure::{Failure, Status};
use super::output::{BAD, DIM, GOOD, Output, WARN, styled};
use super::text::{counted, safe};

/// How often a followed log is looked at.
const LOOK: Duration = Duration::from_millis(250);

pub(crate) fn run(globals: &Globals, output: &Output, command: Audit) -> Result<Status, Failure> {
    let dir = configuration(globals)?.home.join("audit");
    match command {
        Audit::Verify { archived, contains } => {
            let report = verify(&dir, &Check { archived, contains }).map_err(unreadable)?;
            show(output, &report)
        }
        Audit::Tail { lines, follow } => {
            // Where the following begins is looked up first: what comes in between is shown twice rather than never.
            let mut next = Follow::from_end(&dir).map_err(unreadable)?;
            for line in last(&dir, lines).map_err(unreadable)? {
                record(output, &line)?;
            }
            if follow {
                // Until it is interrupted, or nobody reads any more.
                loop {
                    std::thread::sleep(LOOK);
                    for line in next.next_lines().map_err(unreadable)? {
                        record(output, &line)?;
                    }
                }
            }
            Ok(Status::Done)
        }
    }
}

fn unreadable(error: AuditError) -> Failure {
    Error::new(ErrorCode::StateUnavailable, format!("the audit log: {error}")).into()
}

fn show(output: &Output, report: &Report) -> Result<Status, Failure> {
    let status = if report.broken.is_some() {
        Status::Failed
    } else {
        Status::Done
    };
    if output.json {
        output.object(&json!({
            "ok": report.broken.is_none(), "files": report.files, "records": report.records,
            "last": report.last, "broken": report.broken, "notes": report.notes,
        }))?;
        return Ok(status);
    }
    for note in &report.notes {
        output.note(format_args!("{} {}", styled(WARN, "note:"), safe(note)));
    }
    if let Some(broken) = &report.broken {
        let place = if broken.line == 0 {
            broken.file.display().to_string()
        } else {
            format!("{}:{}", broken.file.display(), broken.line)
        };
        output.line(format_args!(
            "{} record {} ({}): {}",
            styled(BAD, "broken:"),
            broken.seq,
            safe(&place),
            safe(&broken.reason)
        ))?;
    }
    if output.quiet {
        return Ok(status);
    }
    let (records, files) = (report.records, report.files);
    let good = if report.broken.is_none() {
        styled(GOOD, "ok:")
    } else {
        styled(WARN, "before it:")
    };
    output.line(format_args!(
        "{good} {} in {}",
        counted(records, "record"),
        counted(files, "file")
    ))?;
    if let Some(last) = &report.last {
        output.line(format_args!("last {}:{}", last.seq, last.hash))?;
    }
    Ok(status)
}

fn record(output: &Output, (line, record): &(String, Option<Record>)) -> Result<(), Failure> {
    if output.json {
        output.line(line)?;
        return Ok(());
    }
    let Some(record) = record else {
        output.line(format_args!("{} {}", styled(BAD, "damaged:"), safe(line)))?;
        return Ok(());
    };
    let outcome = match record.outcome {
        Outcome::Ok => styled(GOOD, "ok"),
        Outcome::Denied | Outcome::Failed => styled(BAD, record.outcome.as_str()),
        Outcome::Unknown | Outcome::Cancelled => styled(WARN, record.outcome.as_str()),
    };
    let (who, what) = (&record.who, &record.what);
    let address = who.address.map(|address| address.to_string());
    let bytes = what.bytes.map(|bytes| bytes.to_string());
    let told: Vec<String> = [
        ("code", &record.code),
        ("tenant", &who.tenant),
        ("subject", &who.subject),
        ("from", &address),
        ("key", &who.key_id),
        ("token", &who.token_id),
        ("file", &what.file_id),
        ("path", &what.path),
        ("name", &what.name),
        ("provider", &what.provider),
        ("remote", &what.remote_id),
        ("bytes", &bytes),
        ("sha256", &what.sha256),
        ("component", &what.component),
        ("detail", &what.detail),
        ("request", &record.request_id),
    ]
    .into_iter()
    .filter_map(|(name, value)| {
        let value = value.as_ref()?;
        Some(format!("{}{}", styled(DIM, format_args!("{name}=")), safe(value)))
    })
    .collect();
    output.line(format_args!(
        "{} {} {} {outcome} {}",
        record.seq,
        record.time,
        record.event.as_str(),
        told.join(" ")
    ))?;
    Ok(())
}
