//! Usage, configuration, and what a pipe gets.

use serde_json::Value;

use crate::place::{Place, Ran, code};

#[test]
fn a_pipe_gets_neither_colours_nor_bars_nor_logs() {
    let place = Place::new();
    let name = place.file("report.txt", "hello");
    let ran = place.run(&["upload", &name, "missing.txt"]).expect(1);
    assert!(
        !ran.out.contains('\x1b') && !ran.err.contains('\x1b'),
        "{}{}",
        ran.out,
        ran.err
    );
    let errors: Vec<_> = ran.err.lines().take(2).collect();
    assert!(
        errors[0].starts_with("error[path_not_found]: missing.txt"),
        "{}",
        ran.err
    );
    assert!(errors[1].starts_with("  hint: "), "{}", ran.err);
    assert!(!ran.err.contains("[PATH]"), "{}", ran.err);

    let verbose = place.run(&["upload", "-v", &name, "missing.txt"]).expect(1);
    assert!(
        verbose.err.contains("[PATH] allowed report.txt") && verbose.err.contains("[PATH] refused missing.txt"),
        "{}",
        verbose.err
    );
    assert!(verbose.err.contains("[AUTH]"), "{}", verbose.err);
}

#[test]
fn a_name_cannot_speak_to_the_terminal() {
    let place = Place::new();
    let ran = place.run(&["upload", "\x1b[2Jgone.txt"]).expect(1);
    assert!(!ran.err.contains('\x1b'), "{:?}", ran.err);
}

#[test]
fn wrong_usage_ends_with_two_and_touches_nothing() {
    let place = Place::new();
    let name = place.file("report.txt", "hello");
    for arguments in [
        ["upload", "--json", "--to", "nobody", &name].as_slice(),
        &["upload", "--json", "--unheard-of", &name],
        &["upload", "--json", "a", "b", "--name", "c"],
        &["token", "inspect", "--json", "not-a-token"],
        &["files", "content", "file-x", "--json"],
    ] {
        let ran = place.run(arguments).expect(2);
        let object = &ran.objects()[0];
        assert!(!object["error"]["hint"].as_str().unwrap().is_empty(), "{object}");
    }
    assert!(place.run(&["files", "ls", "-q"]).expect(0).out.is_empty());
}

#[test]
fn every_mistake_in_the_configuration_is_named_with_its_place() {
    let place = Place::new();
    let file = place.files().join("loadlock.toml");
    std::fs::write(&file, "colour = 1\n\n[retry]\nattempts = \"many\"\n").unwrap();
    let file = file.to_str().unwrap();
    let ran = place.run(&["config", "check", "--config", file]).expect(2);
    assert!(
        ran.err.contains(":1:1: `colour`") && ran.err.contains(":4:"),
        "{}",
        ran.err
    );
    let ran = place.run(&["upload", "x", "--json", "--config", file]).expect(2);
    let objects = ran.objects();
    assert_eq!(objects.len(), 2);
    for (object, (line, key)) in objects.iter().zip([(1, "colour"), (4, "retry.attempts")]) {
        assert_eq!(
            (code(object), &object["line"], &object["key"]),
            ("config_invalid", &Value::from(line), &Value::from(key))
        );
    }

    std::fs::write(file, "[providers.kimi]\negress = [{ url = \"https://api.moonshot.ai/v1/files\", methods = [\"GET\"] }]\ncredential = { header = \"Authorization\", value = \"Bearer ${env:NOT_SET_ANYWHERE}\" }\n").unwrap();
    for command in [["config", "check"], ["upload", "x"]] {
        let ran = place.run(&[command[0], command[1], "--config", file]).expect(2);
        assert!(
            ran.err.contains("NOT_SET_ANYWHERE") && ran.err.contains("loadlock.toml:3"),
            "{}",
            ran.err
        );
    }
}

#[test]
fn what_is_granted_by_default_is_shown() {
    let place = Place::new();
    let name = place.file("report.txt", "hello");
    let file = place.files().join("loadlock.toml");
    let base = "http://127.0.0.1:9/v1";
    std::fs::write(
        &file,
        format!("[providers.kimi]\nsettings = {{ base_url = \"{base}\" }}\n"),
    )
    .unwrap();
    let run = |arguments: &[&str]| {
        place
            .run(&[arguments, &["--config", "loadlock.toml"]].concat())
            .expect(0)
    };

    let shown = "what builtin:kimi asks for at its base URL (granted by default)";
    let checked = run(&["config", "check"]).out;
    assert!(checked.contains(&format!("kimi reaches {shown}")), "{checked}");
    assert_eq!(
        run(&["config", "check", "--json"]).objects()[0]["egress"]["kimi"],
        shown
    );
    let explained = run(&["config", "explain"]).out;
    assert!(
        explained.contains(&format!("providers.kimi.egress\t{shown}\tdefault\t")),
        "{explained}"
    );

    let route = run(&["route", &name]).out;
    assert!(
        route.contains(base) && route.contains("(granted by default)"),
        "{route}"
    );
    let egress = &run(&["route", &name, "--json"]).objects()[0]["eligible"][0]["egress"];
    assert_eq!(egress["by_default"], true);
    assert!(
        egress["rules"][0]
            .as_str()
            .unwrap()
            .contains("http://127.0.0.1:9/v1/files"),
        "{egress}"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new();
    for arguments in [
        ["errors", "--json"].as_slice(),
        &["errors"],
        &["config", "explain"],
        &["files", "show", "x", "--json"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = Ran::of(place.command(arguments).stdout(writer).output().unwrap()).expect(141);
        assert_eq!(ran.err, "");
    }
}
