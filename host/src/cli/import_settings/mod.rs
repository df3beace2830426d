//! `loadlock import-settings`: from the settings of the system before to a configuration, and a report of every key.
//!
//! | module | one job |
//! |---|---|
//! | `env_file` | reads the file |
//! | `draft` | what becomes of each key; the configuration that grows |
//! | `providers`, `access`, `limits`, `obsolete` | the rules |

mod access;
mod draft;
mod env_file;
mod limits;
mod obsolete;
mod providers;

use std::path::Path;

use loadlock::config::MAX_FILE_BYTES;
use loadlock::{Error, ErrorCode};
use serde_json::json;

use super::args::ImportSettings;
use super::failure::{Failure, Status};
use super::new_config;
use super::output::{BAD, DIM, GOOD, Output, styled};
use super::text::{counted, pad, safe};
use access::{AccessChoices, access};
use draft::{Ruling, SettingsDraft};
use env_file::{Variables, read};

pub(crate) fn run(output: &Output, command: ImportSettings) -> Result<Status, Failure> {
    let text = text_of(&command.file)?;
    let variables = read(&text);
    let facts = new_config::facts()?;
    let secrets = command
        .secrets
        .as_deref()
        .map(Path::display)
        .map(|folder| folder.to_string());
    let mut draft = SettingsDraft::new(&variables, secrets);
    let choices = AccessChoices {
        tenant: command.tenant,
        legacy_until: command.legacy_until.map(|instant| instant.to_string()),
        kid: command.kid,
    };
    judge(&mut draft, &choices);
    let lines = draft.checked(&facts, &command.output)?;
    let header = format!(
        "# Made by `loadlock import-settings` from {}.\n",
        command.file.display().to_string().escape_debug()
    );
    new_config::write(&command.output, &format!("{header}{lines}"))?;
    report(output, &variables, &draft, &command.output)
}

/// Every key gets a ruling.
fn judge(draft: &mut SettingsDraft, choices: &AccessChoices) {
    providers::providers(draft);
    access(draft, choices);
    limits::limits(draft);
    for (key, why) in obsolete::OBSOLETE {
        draft.obsolete(key, why);
    }
    for key in draft.keys() {
        // Whoever wrote it may have meant something.
        match ["UPLOAD", "FILE"].iter().any(|word| key.contains(word)) {
            true => draft.refuse(
                &key,
                "it was no setting of uploads there, by its name it may be: look for it in the settings",
            ),
            false if draft.value(&key).is_none() => draft.obsolete(&key, "it is empty"),
            false => draft.obsolete(&key, "it is not about uploads"),
        }
    }
}

fn text_of(file: &Path) -> Result<String, Failure> {
    let unreadable = |what: String| {
        let error = Error::new(ErrorCode::RequestInvalid, format!("{} {what}", file.display()));
        Failure::from(error.hint("name the `.env` file of the system before"))
    };
    let length = std::fs::metadata(file).map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    if !length.is_file() || length.len() > MAX_FILE_BYTES {
        return Err(unreadable(format!("is not a file of at most {MAX_FILE_BYTES} bytes")));
    }
    let bytes = std::fs::read(file).map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|_| unreadable("is not UTF-8".to_owned()))
}

fn report(output: &Output, variables: &Variables, draft: &SettingsDraft, file: &Path) -> Result<Status, Failure> {
    let mut counts = [0u64; 3];
    let width = draft.rulings.keys().map(String::len).max().unwrap_or_default();
    for (key, ruling) in &draft.rulings {
        let (index, result, detail) = match ruling {
            Ruling::Taken(what) => (0, "taken", what),
            Ruling::Obsolete(why) => (1, "obsolete", why),
            Ruling::Refused(todo) => (2, "refused", todo),
        };
        counts[index] = u64::saturating_add(counts[index], 1);
        let line = variables.all.get(key).map(|variable| variable.line);
        let overridden = variables.overridden.get(key);
        if output.json {
            output.object(&json!({
                "key": key, "line": line, "overridden_lines": overridden, "result": result, "detail": detail,
            }))?;
            continue;
        }
        if !output.terminal {
            output.line(format_args!("{key}\t{result}\t{}", safe(detail)))?;
            continue;
        }
        let style = [GOOD, DIM, BAD][index];
        output.line(format_args!(
            "{}  {}  {}",
            pad(key, width),
            styled(style, pad(result, 8)),
            safe(detail)
        ))?;
    }
    for (key, lines) in variables.overridden.iter().filter(|_| !output.json) {
        let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        output.note(format_args!(
            "{key} stands more than once; the last one counts, not line {}",
            lines.join(", ")
        ));
    }
    for line in &variables.unreadable {
        output.note(format_args!(
            "line {line} is neither a comment nor NAME=VALUE, and was passed over"
        ));
    }
    let [taken, obsolete, refused] = counts;
    if output.json {
        output.object(&json!({ "summary": {
            "file": file.display().to_string(), "taken": taken, "obsolete": obsolete, "refused": refused,
            "unreadable_lines": variables.unreadable,
        } }))?;
    } else {
        output.note(format_args!(
            "{} taken over, {obsolete} obsolete, {refused} refused; wrote {}. Next: `loadlock --config {} config check`",
            counted(taken, "key"),
            file.display(),
            file.display(),
        ));
    }
    Ok(Status::Done)
}

#[cfg(test)]
mod tests;
