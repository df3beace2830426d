//! Whatever the file holds, parsing answers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use loadlock_config::SETTINGS;
use proptest::prelude::*;
use support::Machine;

const SAMPLE: &str = include_str!("../samples/gateway.toml");

/// Keys of the table with values of every shape, so that the readers behind the syntax are reached.
fn lines() -> impl Strategy<Value = String> {
    let places: Vec<&str> = SETTINGS.iter().flat_map(|setting| setting.places).copied().collect();
    let value = prop_oneof![
        "-?[0-9]{1,40}",
        "\"[^\"\\\\\\p{Cc}]{0,20}\"",
        "\"[0-9]{0,25} ?(ms|s|d|B|MiB|TB)\"",
        "\"https?://[\\[\\]a-z0-9.:@/%-]{0,20}\"",
        "\"(Bearer )?\\$\\{(env|file):[A-Za-z/.]{0,8}\\}?\"",
        Just("true".to_owned()),
        Just("nan".to_owned()),
        Just("9999-12-31T23:59:60Z".to_owned()),
        Just("[{ root = \"/srv\", url = \"https://h\", methods = [\"GET\"], value = \"${env:X}\" }]".to_owned()),
        Just("{ path = \"builtin:kimi\", a = [[]], header = \"x\" }".to_owned()),
    ];
    let line = (prop::sample::select(places), "[a-z\"é.]{1,6}", value)
        .prop_map(|(place, name, value)| format!("{} = {value}", place.replace("<name>", &name)));
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in "\\PC*|(?s).{0,300}") {
        let _ = Machine::new().parse(&text);
    }

    #[test]
    fn any_values(text in lines()) {
        if let Err(errors) = Machine::new().parse(&text) {
            for error in errors {
                prop_assert!(error.line().is_some_and(|line| line >= 1), "{error:?}");
                let _ = error.to_string();
            }
        }
    }

    #[test]
    fn a_damaged_file(at in 0..SAMPLE.len(), length in 0_usize..40, insert in "[\\[\\]{}\"'=.,#\n0a\u{feff}é]{0,4}") {
        let mut text = SAMPLE.as_bytes().to_vec();
        let end = (at + length).min(text.len());
        text.splice(at..end, insert.bytes());
        if let Ok(text) = String::from_utf8(text) {
            let _ = Machine::new().parse(&text);
        }
    }

    #[test]
    fn any_variable(name in "[A-Z_]{0,20}", value in "\\PC{0,40}") {
        let _ = Machine::new().env(&format!("LOADLOCK_{name}"), &value).parse_file(None);
        let known = SETTINGS.iter().flat_map(|setting| {
            setting.places.iter().filter_map(|place| setting.variable(place))
        });
        let machine = known.fold(Machine::new(), |machine, name| machine.env(&name, &value));
        let _ = machine.parse_file(None);
    }
}

#[test]
fn deep_nesting_is_an_error() {
    for text in [
        "[".repeat(100_000),
        format!("a = {}", "[".repeat(100_000)),
        "a.".repeat(50_000),
    ] {
        assert!(Machine::new().parse(&text).is_err());
    }
}
