//! What an installation needs besides the program.

use std::process::Command;

use crate::place::Place;

/// The commands as the help lists them.
fn commands(place: &Place) -> Vec<String> {
    let help = place.run(&["--help"]).expect(0).out;
    let list = help.split_once("Commands:\n").unwrap().1;
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names: Vec<_> = lines
        .filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')))
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect();
    assert!(names.iter().any(|name| name == "upload"), "{help}");
    names
}

/// What bash offers for the last of `words`.
fn offered(script: &str, words: &[&str]) -> Vec<String> {
    let last = words.len() - 1;
    let ask = format!(
        "{script}\nCOMP_WORDS=({}); COMP_CWORD={last}; _loadlock loadlock '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.join(" "),
        words[last],
        words[last - 1],
    );
    let said = Command::new("bash").args(["--norc", "-c", &ask]).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    assert!(said.status.success(), "{}", text(said.stderr));
    let offers = text(said.stdout);
    // Without any there is one empty line.
    offers
        .lines()
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn bash_completes_commands_and_flags() {
    let place = Place::new();
    let script = place.run(&["completions", "bash"]).expect(0).out;
    assert_eq!(offered(&script, &["loadlock", "up"]), ["upload"]);
    assert_eq!(offered(&script, &["loadlock", "upload", "--exp"]), ["--expires-in"]);
    assert!(offered(&script, &["loadlock", "compile"]).is_empty());
    for name in commands(&place) {
        assert!(offered(&script, &["loadlock", &name]).contains(&name), "{name}");
    }
}

#[test]
fn each_shell_knows_every_command() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = place.run(&["completions", shell]).expect(0).out;
        for name in commands(&place) {
            assert!(script.contains(&name), "{shell} does not know {name}");
        }
    }
    assert!(
        place
            .run(&["completions", "tcsh"])
            .expect(2)
            .err
            .contains("bash, zsh, fish")
    );
}

#[test]
fn every_command_has_a_man_page() {
    let place = Place::new();
    let folder = place.files().join("share/man1");
    let ran = place.run(&["manual", "--man", "share/man1"]).expect(0);
    assert!(ran.out.is_empty(), "{}", ran.out);
    for name in commands(&place) {
        let page = std::fs::read_to_string(folder.join(format!("loadlock-{name}.1"))).unwrap();
        assert!(page.contains(".TH") && page.contains(".SH NAME"), "{page}");
    }
    let page = std::fs::read_to_string(folder.join("loadlock-files-rm.1")).unwrap();
    assert!(page.contains("Delete files"), "{page}");
    let page = std::fs::read_to_string(folder.join("loadlock-serve.1")).unwrap();
    assert!(page.contains("Ctrl\\-C"), "{page}");

    let name = place.file("taken", "a file");
    let ran = place.run(&["manual", "--man", &name]).expect(2);
    assert!(ran.err.contains("taken"), "{}", ran.err);
}

#[test]
fn settings_of_the_system_before_become_a_configuration_that_is_right() {
    let place = Place::new();
    let old = "KIMI_API_KEY=sk-secret # ours\nKIMI_FILES_MAX_SIZE_MB=20\nKIMI_FILES_MAX_SIZE_MB=100\nMAX_FILE_SIZE=many\n\
               REDIS_URL=redis://here\nthis is nothing\n";
    let name = place.file(".env.docker", old);
    let ran = place.run(&["import-settings", &name]).expect(0);
    let rows: Vec<Vec<&str>> = ran.out.lines().map(|line| line.split('\t').collect()).collect();
    let results: Vec<_> = rows.iter().map(|row| (row[0], row[1])).collect();
    assert_eq!(
        results,
        [
            ("KIMI_API_KEY", "taken"),
            ("KIMI_FILES_MAX_SIZE_MB", "taken"),
            ("MAX_FILE_SIZE", "refused"),
            ("REDIS_URL", "obsolete")
        ]
    );
    assert!(
        ran.err.contains("not line 2") && ran.err.contains("line 6"),
        "{}",
        ran.err
    );
    let written = std::fs::read_to_string(place.files().join("loadlock.toml")).unwrap();
    assert!(
        !written.contains("sk-secret") && !ran.out.contains("sk-secret"),
        "{written}"
    );
    assert!(written.contains("\"100 MiB\""), "{written}");

    let check = |key: Option<&str>| {
        let mut command = place.command(&["config", "check", "--config", "loadlock.toml"]);
        command.envs(key.map(|key| ("KIMI_API_KEY", key)));
        crate::place::Ran::of(command.output().unwrap())
    };
    check(Some("sk-secret")).expect(0);
    assert!(check(None).expect(2).err.contains("KIMI_API_KEY"));

    // What is there stays.
    let ran = place.run(&["import-settings", "--json", &name]).expect(2);
    assert!(
        ran.objects()[0]["error"]["hint"].as_str().unwrap().contains("--output"),
        "{}",
        ran.out
    );
    let ran = place
        .run(&[
            "import-settings",
            "--json",
            "--secrets",
            "/run/secrets",
            "-o",
            "two.toml",
            &name,
        ])
        .expect(0);
    assert_eq!(ran.objects()[4]["summary"]["taken"], 2);
    let written = std::fs::read_to_string(place.files().join("two.toml")).unwrap();
    assert!(
        written.contains("Bearer ${file:/run/secrets/KIMI_API_KEY}"),
        "{written}"
    );
}

/// Check, state and mend of each line.
fn checkup(ran: &crate::place::Ran) -> Vec<(String, String, bool)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    ran.objects()
        .iter()
        .map(|line| (text(&line["check"]), text(&line["state"]), line["mend"].is_string()))
        .collect()
}

#[test]
fn a_first_configuration_is_right_and_stays() {
    let place = Place::new();
    let ran = place
        .run(&["init", "--provider", "kimi,local", "--grant", "."])
        .expect(0);
    assert!(ran.err.contains("KIMI_API_KEY"), "{}", ran.err);
    let written = std::fs::read_to_string(place.files().join("loadlock.toml")).unwrap();
    assert!(written.contains("order = [\"kimi\", \"local\"]"), "{written}");
    assert!(written.contains("\"Bearer ${env:KIMI_API_KEY}\""), "{written}");
    let check = |key: &str| {
        let mut command = place.command(&["config", "check", "--config", "loadlock.toml"]);
        crate::place::Ran::of(command.env("KIMI_API_KEY", key).output().unwrap())
    };
    check("sk-key").expect(0);
    assert!(
        place
            .run(&["init", "--provider", "local"])
            .expect(2)
            .err
            .contains("--output")
    );
    assert_eq!(
        std::fs::read_to_string(place.files().join("loadlock.toml")).unwrap(),
        written
    );

    // A file goes through what it made.
    place
        .run(&["init", "--provider", "local", "--grant", ".", "-o", "local.toml"])
        .expect(0);
    let name = place.file("report.txt", "hello");
    place.run(&["upload", &name, "--config", "local.toml"]).expect(0);

    // Nobody is asked where nobody is.
    assert!(
        place
            .run(&["init", "-o", "three.toml"])
            .expect(2)
            .err
            .contains("--provider")
    );
    assert!(!place.files().join("three.toml").exists());
    assert!(
        place
            .run(&["init", "--provider", "local", "--grant", "gone", "-o", "four.toml"])
            .expect(2)
            .err
            .contains("gone")
    );
}

#[test]
fn doctor_finds_nothing_where_all_is_well() {
    let place = Place::new();
    let ran = place.run(&["doctor", "--json", "--listen", "127.0.0.1:0"]).expect(0);
    let lines = checkup(&ran);
    for check in [
        "configuration",
        "home",
        "grants",
        "certificate",
        "provider local",
        "address",
        "start",
        "ledger",
        "vendor local",
    ] {
        let line = lines.iter().find(|(name, ..)| name == check);
        assert!(line.is_some(), "no line about {check}: {}", ran.out);
    }
    assert!(lines.iter().all(|(_, state, _)| state != "bad"), "{}", ran.out);
    assert!(
        place
            .run(&["doctor", "--quiet", "--listen", ":0"])
            .expect(0)
            .out
            .lines()
            .all(|line| !line.starts_with("ok"))
    );
}

#[test]
fn doctor_names_each_mistake_with_its_mend() {
    let place = Place::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (nobody, taken_at) = (closed.local_addr().unwrap(), taken.local_addr().unwrap().to_string());
    drop(closed);
    let base = format!("http://{nobody}/v1");
    std::fs::write(
        place.files().join("loadlock.toml"),
        format!(
            "[server]\ntls = {{ certificate = \"no.pem\", key = \"no.pem\" }}\n[providers.kimi]\nsettings = {{ base_url = \"{base}\" }}\n\
             [providers.openai]\ncredential = {{ header = \"Authorization\", value = \"Bearer ${{env:NOT_SET_ANYWHERE}}\" }}\n\
             [providers.local]\n"
        ),
    )
    .unwrap();
    std::fs::write(place.files().join("no.pem"), "not a certificate").unwrap();
    let doctor = |more: &[&str]| place.run(&[&["doctor", "--json", "--config", "loadlock.toml"], more].concat());
    let ran = doctor(&["--listen", &taken_at]).expect(1);
    let lines = checkup(&ran);
    for check in ["credential", "certificate", "address", "vendor kimi", "vendor openai"] {
        let line = lines.iter().find(|(name, ..)| name == check);
        assert_eq!(
            line.map(|(_, state, mend)| (state.as_str(), *mend)),
            Some(("bad", true)),
            "{check}: {}",
            ran.out
        );
    }
    for check in ["vendor local", "ledger", "start"] {
        let line = lines.iter().find(|(name, ..)| name == check);
        assert_eq!(
            line.map(|(_, state, _)| state.as_str()),
            Some("ok"),
            "{check}: {}",
            ran.out
        );
    }

    // What cannot be read at all has a line for each mistake, and nothing is made.
    std::fs::write(
        place.files().join("loadlock.toml"),
        "colour = 1\n[retry]\nattempts = 99\n",
    )
    .unwrap();
    let lines = checkup(&doctor(&[]).expect(1));
    assert_eq!(lines.len(), 2);
    assert!(
        lines
            .iter()
            .all(|(check, state, mend)| check == "configuration" && state == "bad" && *mend)
    );
}
