//! Refuses keys and variables that no setting has.

use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue};

use super::source::{Document, ValueSource};
use crate::error::{Code, ConfigError, Defect};
use crate::origin::Provenance;
use crate::settings::{self, ENVIRONMENT, SETTINGS};
use crate::suggest;

/// Keys of the file.
pub(crate) fn unknown_keys(document: &Document<'_>) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    walk(document, document.root(), &mut Vec::new(), &mut errors);
    errors
}

fn walk(document: &Document<'_>, table: &DeTable<'_>, prefix: &mut Vec<String>, errors: &mut Vec<ConfigError>) {
    for (key, value) in table {
        prefix.push(key.get_ref().to_string());
        let place = prefix.join(".");
        // A quoted key may hold a dot: it is one segment, and no setting has one.
        let dotted = key.get_ref().contains('.');
        let expected = expected_below(prefix);
        let origin = document.origin(key);
        if settings::find(&place).is_some() && !dotted {
            // A setting: its own reader judges the value.
        } else if expected.is_empty() || dotted {
            errors.push(unknown_key(prefix).at(place, &origin));
        } else if let DeValue::Table(inner) = value.get_ref() {
            walk(document, inner, prefix, errors);
        } else {
            let what = format!("is a section, found {}", value.get_ref().type_str());
            let words: Vec<&str> = expected.into_iter().collect();
            let hint = format!("A section holds settings: {}.", suggest::list(&words));
            errors.push(Defect::new(Code::WrongType, what, hint).at(place, &origin));
        }
        prefix.pop();
    }
}

/// The segments that may follow `prefix`.
fn expected_below(prefix: &[String]) -> BTreeSet<&'static str> {
    let patterns = SETTINGS.iter().flat_map(|setting| setting.places);
    let below = patterns.filter_map(|pattern| {
        let mut parts = pattern.split('.');
        prefix
            .iter()
            .all(|segment| parts.next().is_some_and(|part| part == segment || part == "<name>"))
            .then(|| parts.next())
            .flatten()
    });
    below.collect()
}

fn unknown_key(path: &[String]) -> Defect {
    let what = "is not a setting";
    let (Some(last), parents) = (path.last(), &path[..path.len().saturating_sub(1)]) else {
        return Defect::new(Code::UnknownKey, what, "Remove it.");
    };
    let siblings = expected_below(parents);
    let parent = parents.iter().map(|part| format!("{part}.")).collect::<String>();
    if let Some(near) = suggest::nearest(last, siblings.iter().copied()) {
        return Defect::new(Code::UnknownKey, what, format!("Did you mean `{parent}{near}`?"));
    }
    if let Some(place) = elsewhere(path, last) {
        return Defect::new(Code::UnknownKey, what, format!("Did you mean `{place}`?"));
    }
    let siblings: Vec<&str> = siblings.into_iter().collect();
    let hint = format!("Known here: {}.", suggest::list(&siblings));
    Defect::new(Code::UnknownKey, what, hint)
}

/// The right word in the wrong section: below the same provider if it exists there, else anywhere.
fn elsewhere(path: &[String], last: &str) -> Option<String> {
    let provider = match path {
        [first, name, _, ..] if first == "providers" => Some(name.as_str()),
        _ => None,
    };
    let places = SETTINGS.iter().flat_map(|setting| setting.places);
    let mut places: Vec<(&str, String)> = places
        .filter_map(|place| match (place.contains("<name>"), provider) {
            (true, None) => None,
            (true, Some(name)) => Some((*place, place.replace("<name>", name))),
            (false, _) => Some((*place, (*place).to_owned())),
        })
        .filter_map(|(place, shown)| place.rsplit('.').next().map(|word| (word, shown)))
        .collect();
    let below = |shown: &str| provider.is_some() && shown.starts_with("providers.");
    places.sort_by_key(|(_, shown)| !below(shown));
    let near = suggest::nearest(last, places.iter().map(|(word, _)| *word))?;
    places
        .into_iter()
        .find(|(word, _)| *word == near)
        .map(|(_, shown)| shown)
}

/// Variables that start with `LOADLOCK_` and are neither a setting, nor listed, nor referenced by a template in the
/// file's `text`. The text is searched, not the templates that were read: a bad one is an error of its own.
pub(crate) fn unknown_variables(source: &ValueSource<'_>, text: &str) -> Vec<ConfigError> {
    let mut known: Vec<String> = SETTINGS
        .iter()
        .flat_map(|setting| setting.places.iter().filter_map(|place| setting.variable(place)))
        .collect();
    known.extend(ENVIRONMENT.iter().map(|(name, _)| (*name).to_owned()));
    let unknown = source.env.keys().filter(|name| {
        name.starts_with("LOADLOCK_") && !known.contains(name) && !text.contains(&format!("${{env:{name}}}"))
    });
    unknown
        .map(|name| {
            let hint = match suggest::nearest(name, known.iter().map(String::as_str)) {
                Some(near) => format!("Did you mean `{near}`?"),
                None => "Unset it; `loadlock config explain` lists what can be set.".to_owned(),
            };
            let what = "This variable is not a setting";
            Defect::new(Code::UnknownVariable, what, hint).at("", &Provenance::Env(name.clone()))
        })
        .collect()
}
