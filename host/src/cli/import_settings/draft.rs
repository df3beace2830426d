//! What becomes of each key, and the configuration that grows from that.

use std::collections::{BTreeMap, BTreeSet};

use loadlock::config::{ConfigErrors, MachineFacts};

use super::super::new_config;
use super::super::toml_text::{SettingLine, file};
use super::env_file::{Variable, Variables};

/// What becomes of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ruling {
    /// Taken over, as what.
    Taken(String),
    /// Not needed any more, and why.
    Obsolete(String),
    /// Not taken over, and what to do instead.
    Refused(String),
}

/// The old settings, read one after the other, and what becomes of them.
pub(super) struct SettingsDraft {
    variables: BTreeMap<String, Variable>,
    /// Where secrets are to be read from, instead of variables.
    secrets: Option<String>,
    pub(super) lines: Vec<SettingLine>,
    pub(super) rulings: BTreeMap<String, Ruling>,
}

impl SettingsDraft {
    pub(super) fn new(variables: &Variables, secrets: Option<String>) -> Self {
        Self {
            variables: variables.all.clone(),
            secrets,
            lines: Vec::new(),
            rulings: BTreeMap::new(),
        }
    }

    /// The value of a key, if it has one that is not empty.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.variables
            .get(key)
            .map(|one| one.value.as_str())
            .filter(|value| !value.is_empty())
    }

    pub(super) fn is_there(&self, key: &str) -> bool {
        self.variables.contains_key(key)
    }

    pub(super) fn keys(&self) -> Vec<String> {
        self.variables.keys().cloned().collect()
    }

    /// `true`, `1`, `yes`, `on`, and their opposites; anything else is refused.
    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        let said = match self.value(key)?.to_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        };
        if said.is_none() {
            self.refuse(key, "is neither `true` nor `false`: decide by hand");
        }
        said
    }

    /// A whole number; anything else is refused.
    pub(super) fn number(&mut self, key: &str) -> Option<u64> {
        let number = self.value(key)?.parse().ok();
        if number.is_none() {
            self.refuse(key, "is not a whole number: set what it is to mean by hand");
        }
        number
    }

    /// Seconds, perhaps with a fraction, as a duration of the configuration; anything else is refused.
    pub(super) fn seconds(&mut self, key: &str) -> Option<String> {
        let seconds = self.value(key)?.parse::<f64>().ok();
        let milliseconds = seconds
            .map(|seconds| seconds * 1_000.0)
            .filter(|ms| ms.is_finite() && *ms >= 0.0);
        let Some(milliseconds) = milliseconds else {
            self.refuse(key, "is not a number of seconds: set what it is to mean by hand");
            return None;
        };
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "finite, at least 0, and rounded"
        )]
        let milliseconds = milliseconds.round() as u64;
        Some(match milliseconds % 1_000 {
            0 => format!("\"{}s\"", milliseconds / 1_000),
            _ => format!("\"{milliseconds}ms\""),
        })
    }

    /// The first of some keys that has a value; later ones with the same value are needless, with another are refused.
    pub(super) fn first_of(&mut self, keys: &[&str]) -> Option<(String, String)> {
        let mut given = keys
            .iter()
            .filter_map(|key| Some(((*key).to_owned(), self.value(key)?.to_owned())));
        let first = given.next()?;
        let others: Vec<_> = given.collect();
        for (key, value) in others {
            match value == first.1 {
                true => self.obsolete(&key, &format!("says the same as {}", first.0)),
                false => self.refuse(
                    &key,
                    &format!("contradicts {}, which is used: remove one of them", first.0),
                ),
            }
        }
        Some(first)
    }

    /// The smallest of several bounds, with its key; the others are needless.
    pub(super) fn smallest(&mut self, bounds: &[(&str, u64)]) -> Option<(String, u64)> {
        let mut given = Vec::new();
        for (key, unit) in bounds {
            if let Some(number) = self.number(key) {
                given.push(((*key).to_owned(), number.saturating_mul(*unit)));
            }
        }
        let smallest = given.iter().min_by_key(|(_, bound)| *bound).cloned()?;
        for (key, _) in given.iter().filter(|(key, _)| *key != smallest.0) {
            self.obsolete(
                key,
                &format!("{} is the smaller bound of the two, and holds", smallest.0),
            );
        }
        Some(smallest)
    }

    /// Takes over: a line of the configuration, from these keys.
    pub(super) fn take(&mut self, from: &[&str], path: &str, value: String) {
        for key in from {
            let ruling = self.rulings.get(*key);
            let taken = match ruling {
                Some(Ruling::Taken(before)) => format!("{before}, `{path}`"),
                _ => format!("`{path}`"),
            };
            self.rulings.insert((*key).to_owned(), Ruling::Taken(taken));
        }
        self.lines.push(SettingLine {
            path: path.to_owned(),
            value,
            from: from.iter().map(|key| (*key).to_owned()).collect(),
        });
    }

    pub(super) fn obsolete(&mut self, key: &str, why: &str) {
        self.rule(key, Ruling::Obsolete(why.to_owned()));
    }

    pub(super) fn refuse(&mut self, key: &str, todo: &str) {
        self.rule(key, Ruling::Refused(todo.to_owned()));
    }

    /// Of a key that is in the file and was not judged before.
    fn rule(&mut self, key: &str, ruling: Ruling) {
        if self.is_there(key) {
            self.rulings.entry(key.to_owned()).or_insert(ruling);
        }
    }

    /// Where the configuration reads a secret: its name, never its value.
    pub(super) fn reference(&self, key: &str) -> String {
        match &self.secrets {
            Some(folder) => format!("${{file:{}/{key}}}", folder.trim_end_matches('/')),
            None => format!("${{env:{key}}}"),
        }
    }

    /// Leaves out what the configuration itself refuses, until it takes the rest: its bounds are its own business.
    pub(super) fn checked(&mut self, facts: &MachineFacts, name: &std::path::Path) -> Result<String, ConfigErrors> {
        loop {
            let text = file(&self.lines);
            let errors = match new_config::check(&text, facts, name) {
                Ok(_) => return Ok(text),
                Err(errors) => errors,
            };
            let left = self.lines.len();
            for error in errors.as_slice() {
                let concerns = |line: &SettingLine| {
                    error
                        .key
                        .strip_prefix(&line.path)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
                };
                let keys: BTreeSet<String> = self
                    .lines
                    .iter()
                    .filter(|line| concerns(line))
                    .flat_map(|line| line.from.clone())
                    .collect();
                self.lines
                    .retain(|line| !line.from.iter().any(|key| keys.contains(key)));
                for key in keys {
                    let todo = format!("`{}` {}: {}", error.key, error.what, error.hint);
                    self.rulings.insert(key, Ruling::Refused(todo));
                }
            }
            if self.lines.len() == left {
                return Err(errors);
            }
        }
    }
}
