//! `loadlock init`: a first configuration, by flags or by questions.

use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::json;

use super::args::{FirstProvider, Globals, Init};
use super::failure::{Failure, Status};
use super::new_config;
use super::output::Output;
use super::toml_text::{SettingLine, file, list, quoted};

/// How often a question is asked again that was not answered.
const TRIES: usize = 3;
/// Longest answer that is read.
const ANSWER_BYTES: u64 = 64 << 10;

impl FirstProvider {
    fn name(self) -> &'static str {
        match self {
            Self::Kimi => "kimi",
            Self::Glm => "glm",
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Local => "local",
        }
    }

    /// Where its key is kept.
    fn secret(self) -> Option<&'static str> {
        match self {
            Self::Kimi => Some("KIMI_API_KEY"),
            Self::Glm => Some("GLM_API_KEY"),
            Self::Openai => Some("OPENAI_API_KEY"),
            Self::Anthropic => Some("ANTHROPIC_API_KEY"),
            Self::Gemini => Some("GEMINI_API_KEY"),
            Self::Local => None,
        }
    }

    fn line(self, reference: impl Fn(&str) -> String) -> SettingLine {
        let name = self.name();
        let (key, value) = match self.secret() {
            None => ("component", quoted(&format!("builtin:{name}"))),
            Some(secret) => {
                let reference = reference(secret);
                let header =
                    |name: &str, value: &str| format!("{{ header = {}, value = {} }}", quoted(name), quoted(value));
                let value = match self {
                    Self::Glm => format!("{{ kind = \"glm-signed\", value = {} }}", quoted(&reference)),
                    Self::Anthropic => header("x-api-key", &reference),
                    Self::Gemini => header("x-goog-api-key", &reference),
                    _ => header("Authorization", &format!("Bearer {reference}")),
                };
                ("credential", value)
            }
        };
        SettingLine {
            path: format!("providers.{name}.{key}"),
            value,
            from: Vec::new(),
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FirstChoices {
    providers: Vec<FirstProvider>,
    grants: Vec<PathBuf>,
}

pub(crate) fn run(globals: &Globals, output: &Output, command: Init) -> Result<Status, Failure> {
    let mut choices = FirstChoices {
        providers: command.providers,
        grants: command.grants,
    };
    if choices.providers.is_empty() {
        if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
            return Err(Failure::usage(
                "no provider is named, and there is no terminal to ask on",
                "name providers, best first: `loadlock init --provider kimi --provider local`",
            ));
        }
        choices = ask(choices, &mut std::io::stdin().lock(), &mut std::io::stderr())?;
    }
    let secrets = command.secrets.map(|folder| folder.display().to_string());
    let reference = |name: &str| match &secrets {
        Some(folder) => format!("${{file:{}/{name}}}", folder.trim_end_matches('/')),
        None => format!("${{env:{name}}}"),
    };
    let mut lines = vec![
        line("order", list(&names(&choices.providers))),
        line("grants", grants(&choices.grants)?),
    ];
    if let Some(home) = &globals.home {
        lines.push(line("home", quoted(&std::path::absolute(home)?.display().to_string())));
    }
    lines.extend(choices.providers.iter().map(|provider| provider.line(reference)));
    let text = format!(
        "# Made by `loadlock init`; every setting is in docs/reference/configuration.md.\n{}",
        file(&lines)
    );
    new_config::check(&text, &new_config::facts()?, &command.output)?;
    new_config::write(&command.output, &text)?;
    done(output, &command.output.display().to_string(), &choices.providers)
}

fn line(path: &str, value: String) -> SettingLine {
    SettingLine {
        path: path.to_owned(),
        value,
        from: Vec::new(),
    }
}

fn names(providers: &[FirstProvider]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for provider in providers {
        let name = provider.name().to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn grants(folders: &[PathBuf]) -> std::io::Result<String> {
    let mut grants = Vec::new();
    for folder in folders {
        grants.push(format!(
            "{{ root = {} }}",
            quoted(&std::path::absolute(folder)?.display().to_string())
        ));
    }
    Ok(format!("[{}]", grants.join(", ")))
}

fn done(output: &Output, file: &str, providers: &[FirstProvider]) -> Result<Status, Failure> {
    let secrets: Vec<&str> = providers.iter().filter_map(|provider| provider.secret()).collect();
    if output.json {
        output.object(&json!({ "file": file, "providers": names(providers), "secrets": secrets }))?;
        return Ok(Status::Done);
    }
    let keys = match secrets.is_empty() {
        true => String::new(),
        false => format!("; the key of a vendor is read from {}", secrets.join(", ")),
    };
    output.note(format_args!(
        "wrote {file}{keys}. Next: `loadlock --config {file} doctor`"
    ));
    Ok(Status::Done)
}

/// Asks for what no flag said.
fn ask(known: FirstChoices, answers: &mut impl BufRead, questions: &mut impl Write) -> Result<FirstChoices, Failure> {
    let providers = question(
        "Which providers, best first: kimi, glm, openai, anthropic, gemini, local?",
        "local",
        answers,
        questions,
        |text| {
            let read =
                |name: &str| FirstProvider::from_str(name, true).map_err(|_| format!("`{name}` is none of them"));
            text.split([',', ' '])
                .filter(|name| !name.is_empty())
                .map(read)
                .collect()
        },
    )?;
    let grants = match known.grants.is_empty() {
        false => known.grants,
        true => question(
            "From which folders may files be uploaded by path (commas between)?",
            "none",
            answers,
            questions,
            folders,
        )?,
    };
    Ok(FirstChoices { providers, grants })
}

fn folders(text: &str) -> Result<Vec<PathBuf>, String> {
    if text == "none" {
        return Ok(Vec::new());
    }
    let folder = |name: &str| match PathBuf::from(name) {
        path if path.is_dir() => Ok(path),
        _ => Err(format!("`{name}` is no folder")),
    };
    text.split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(folder)
        .collect()
}

/// An empty answer is the usual one; a wrong one is asked for again.
fn question<T>(
    text: &str,
    usual: &str,
    answers: &mut impl BufRead,
    questions: &mut impl Write,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Failure> {
    for _ in 0..TRIES {
        write!(questions, "{text} [{usual}] ")?;
        questions.flush()?;
        let mut answer = String::new();
        if std::io::Read::take(&mut *answers, ANSWER_BYTES).read_line(&mut answer)? == 0 {
            break;
        }
        let answer = answer.trim();
        match read(if answer.is_empty() { usual } else { answer }) {
            Ok(value) => return Ok(value),
            Err(wrong) => writeln!(questions, "{wrong}")?,
        }
    }
    Err(Failure::usage(
        "a question was not answered",
        "answer it, or use flags: `loadlock init --help`",
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn asked(answers: &str) -> (Result<FirstChoices, Failure>, String) {
        let nothing = FirstChoices {
            providers: Vec::new(),
            grants: Vec::new(),
        };
        let mut said = Vec::new();
        let choices = ask(nothing, &mut answers.as_bytes(), &mut said);
        (choices, String::from_utf8(said).unwrap())
    }

    #[test]
    fn an_empty_answer_is_the_usual_one() {
        let choices = asked("\n\n").0.unwrap();
        assert_eq!(choices.providers, [FirstProvider::Local]);
        assert!(choices.grants.is_empty());
    }

    #[test]
    fn a_wrong_answer_is_asked_for_again_and_not_for_ever() {
        let (choices, said) = asked("kimi, dropbox\nkimi openai\n/nowhere/at/all\n/tmp\n");
        let choices = choices.unwrap();
        assert_eq!(choices.providers, [FirstProvider::Kimi, FirstProvider::Openai]);
        assert_eq!(choices.grants, [PathBuf::from("/tmp")]);
        assert!(
            said.contains("`dropbox` is none of them") && said.contains("`/nowhere/at/all` is no folder"),
            "{said}"
        );
        assert!(asked("a\nb\nc\nlocal\n").0.is_err());
        assert!(asked("").0.is_err());
    }
}
