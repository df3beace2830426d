//! What holds for each setting, taken from the table, so that a new one is covered without being named here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use std::collections::BTreeSet;

use loadlock_config::{Code, Provenance, SETTINGS, Setting, SettingKind, explain};
use support::{FILE, Machine, explained};

/// Each setting at each of its places, with the provider `kimi` for `<name>`.
fn places() -> impl Iterator<Item = (&'static Setting, String)> {
    SETTINGS.iter().flat_map(|setting| {
        let places = setting.places.iter();
        places.map(move |place| (setting, place.replace("<name>", "kimi")))
    })
}

fn bad_values(kind: &SettingKind) -> &'static [(&'static str, Code)] {
    match kind {
        SettingKind::Path | SettingKind::Name => &[
            ("3", Code::WrongType),
            ("[\"x\"]", Code::WrongType),
            ("\"\"", Code::BadValue),
            ("\"a\\u0000b\"", Code::BadValue),
        ],
        SettingKind::Texts => &[
            ("\"x\"", Code::WrongType),
            ("[3]", Code::WrongType),
            ("[\"\"]", Code::BadValue),
            ("{ a = 1 }", Code::WrongType),
        ],
        SettingKind::Size { .. } => &[
            ("-1", Code::BadValue),
            ("true", Code::WrongType),
            ("\"12 elephants\"", Code::BadValue),
            ("\"1.5 GB\"", Code::BadValue),
            ("\"0 B\"", Code::OutOfRange),
            ("\"1000000 TB\"", Code::OutOfRange),
        ],
        SettingKind::Duration { .. } => &[
            ("60", Code::WrongType),
            ("\"60\"", Code::BadValue),
            ("\"-1s\"", Code::BadValue),
            ("\"soon\"", Code::BadValue),
            ("\"9999d\"", Code::OutOfRange),
            ("[]", Code::WrongType),
        ],
        SettingKind::Integer { .. } => &[
            ("\"3\"", Code::WrongType),
            ("1.5", Code::WrongType),
            ("-1", Code::OutOfRange),
            ("99999999999999999999999999", Code::OutOfRange),
        ],
        SettingKind::Ratio { .. } => &[
            ("\"2\"", Code::WrongType),
            ("nan", Code::OutOfRange),
            ("inf", Code::OutOfRange),
            ("0.5", Code::OutOfRange),
        ],
        SettingKind::Date => &[
            ("\"tomorrow\"", Code::BadValue),
            ("2027-01-01", Code::BadValue),
            ("2027-01-01T00:00:00", Code::BadValue),
            ("3", Code::WrongType),
        ],
        SettingKind::Component => &[
            ("3", Code::WrongType),
            ("\"builtin:nobody\"", Code::BadValue),
            ("\"/etc\"", Code::BadPath),
            ("{ path = \"x.wasm\", sha256 = \"12\" }", Code::BadValue),
            ("{ sha256 = \"12\" }", Code::Missing),
            ("{ path = \"x.wasm\", sha526 = \"12\" }", Code::UnknownKey),
        ],
        SettingKind::Map => &[("3", Code::WrongType), ("{ a = [1] }", Code::WrongType)],
        SettingKind::Records(_) => &[
            ("3", Code::WrongType),
            ("[3]", Code::WrongType),
            ("[{ bogus = 1 }]", Code::UnknownKey),
            ("{}", Code::Missing),
        ],
    }
}

#[test]
fn there_are_fewer_than_fifty() {
    assert!(SETTINGS.len() < 50, "{}", SETTINGS.len());
}

#[test]
fn a_bad_value_names_file_line_and_key() {
    for (setting, place) in places() {
        for (value, code) in bad_values(&setting.kind) {
            let text = format!("# a comment\n\n{place} = {value}\n");
            let errors = Machine::new().parse(&text).expect_err(&text);
            let found = errors
                .iter()
                .find(|error| error.code == *code && error.key.starts_with(&place));
            let error = found.unwrap_or_else(|| panic!("{text}\n{errors:#?}"));
            assert_eq!(error.line(), Some(3), "{text}\n{error:#?}");
            assert!(error.to_string().starts_with(&format!("{FILE}:3:")), "{error}");
        }
    }
}

#[test]
fn a_section_cannot_be_a_value() {
    let sections: BTreeSet<String> = places()
        .filter_map(|(_, place)| place.rsplit_once('.').map(|(section, _)| section.to_owned()))
        .collect();
    assert!(sections.len() > 8);
    for section in sections {
        support::refused(&format!("{section} = 3"), 1, &section, Code::WrongType);
    }
}

#[test]
fn a_typo_suggests_the_setting() {
    for (_, place) in places() {
        let mut typo = place.clone();
        let last = typo.pop().unwrap();
        typo.push(if last == 'x' { 'y' } else { 'x' });
        let text = format!("\n{typo} = 3\n");
        let errors = Machine::new().parse(&text).expect_err(&text);
        let error = errors.iter().find(|error| error.key == typo).expect(&text);
        assert_eq!((error.code, error.line()), (Code::UnknownKey, Some(2)));
        assert_eq!(error.hint, format!("Did you mean `{place}`?"));
    }
}

#[test]
fn a_setting_in_the_wrong_section_is_found() {
    let error = support::refused("max_upload_size = 3", 1, "max_upload_size", Code::UnknownKey);
    assert_eq!(error.hint, "Did you mean `limits.max_upload_size`?");
    let error = support::refused("[retry]\nmemory = 3", 2, "retry.memory", Code::UnknownKey);
    assert_eq!(error.hint, "Did you mean `sandbox.memory`?");
    let key = "providers.kimi.concurrency";
    let error = support::refused(&format!("{key} = 3"), 1, key, Code::UnknownKey);
    assert_eq!(error.hint, "Did you mean `providers.kimi.limits.concurrency`?");
}

#[test]
fn defaults_are_valid_and_shown() {
    let config = Machine::new().accept("");
    for (setting, place) in places() {
        let Some(text) = setting.default.value() else {
            continue;
        };
        if place.starts_with("providers.") {
            continue;
        }
        let line = explained(&config, &place);
        assert_eq!(line.origin, Provenance::Default, "{place}");
        assert_eq!(line.meaning, setting.meaning);
        // What `explain` shows comes from the table; that it also parses shows in an accepted file.
        let literal = match setting.kind {
            SettingKind::Texts => format!("[\"{text}\"]"),
            SettingKind::Integer { .. } | SettingKind::Ratio { .. } => text.into_owned(),
            _ => format!("\"{text}\""),
        };
        let written = Machine::new().accept(&format!("{place} = {literal}"));
        let same = |line: &loadlock_config::Explained| line.key != place;
        assert!(
            explain(&written)
                .into_iter()
                .filter(same)
                .eq(explain(&config).into_iter().filter(same))
        );
        assert!(matches!(explained(&written, &place).origin, Provenance::File(_)));
    }
}

#[test]
fn every_variable_is_distinct_and_overrides() {
    let mut seen = BTreeSet::new();
    for (setting, place) in places() {
        let Some(name) = setting.variable(&place) else {
            continue;
        };
        assert!(seen.insert(name.clone()), "{name}");
        let errors = Machine::new().env(&name, "\u{7}").parse("").expect_err(&name);
        assert_eq!(errors.len(), 1, "{errors:#?}");
        assert_eq!(errors[0].key, place);
        assert_eq!(errors[0].origin, Provenance::Env(name.clone()));
        assert!(
            errors[0]
                .to_string()
                .starts_with(&format!("environment variable {name}: "))
        );
    }
    assert!(seen.contains("LOADLOCK_HOME") && seen.contains("LOADLOCK_RETRY_BASE"));
}
