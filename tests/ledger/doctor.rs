//! `loadlock tracker doctor`, and the roles that `migrate --create-roles` makes on a plain PostgreSQL.

use std::process::Output;

use serde_json::Value;
use tokio::process::Command;

use crate::place::{port, schema, service_key, variable};
use crate::sql::{Sql, url};

/// Runs a command of `loadlock tracker` in a home of its own, whose ledger is in this schema.
async fn tracker(schema: &str, arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("loadlock.toml");
    let address = format!("http://127.0.0.1:{}", port());
    let text = format!(
        "[tracker]\ncomponent = \"builtin:tracker-supabase\"\nsettings = {{ url = \"{address}\", schema = \"{schema}\" }}\n\
         egress = [{{ url = \"{address}/rpc\", methods = [\"POST\"], private = true }}]\n\
         credential = [{{ header = \"Authorization\", value = \"Bearer ${{env:LEDGER_KEY}}\" }}]\n"
    );
    std::fs::write(&config, text).unwrap();
    Command::new(variable("LEDGER_LOADLOCK"))
        .env("LOADLOCK_HOME", home.path().join("home"))
        .env("LOADLOCK_CONFIG", &config)
        .env("LOADLOCK_DATABASE", url())
        .env("LEDGER_KEY", service_key())
        .current_dir(home.path())
        .arg("tracker")
        .args(arguments)
        .output()
        .await
        .unwrap()
}

/// What the doctor says, and whether it is content.
async fn doctor(schema: &str) -> (bool, Vec<String>) {
    let output = tracker(schema, &["doctor", "--json"]).await;
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let problems = said["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| !one["problem"].is_null());
    let problems = problems.map(|one| {
        let text = |name: &str| one[name].as_str().unwrap().to_owned();
        format!("{}: {}: {}", text("who"), text("what"), text("problem"))
    });
    (output.status.success(), problems.collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_says_what_is_not_granted_and_what_is_not_exposed() {
    let (schema, sql) = (schema(), Sql::connect().await);
    assert_eq!(doctor(&schema).await, (true, vec![]));
    // Nothing is left of what it tried, but that it was there.
    for table in ["files", "remote_files", "attempts"] {
        let rows = sql.column(&format!("select 1 from {schema}.{table}")).await;
        assert!(rows.is_empty(), "{table}");
    }
    sql.run(&format!(
        "revoke execute on function {schema}.begin_many from service_role;
        grant execute on function {schema}.stats to authenticated; revoke select on {schema}.tenant_files from authenticated"
    ))
    .await;
    let (content, problems) = doctor(&schema).await;
    assert!(!content);
    for (who, what, why) in [
        ("the gateway", "call begin-many", "permission denied"),
        ("role `service_role`", "begin_many", "not granted"),
        ("role `authenticated`", "stats", "must not have it"),
        ("role `authenticated`", "tenant_files", "not granted"),
    ] {
        let is_said = |one: &String| one.starts_with(who) && one.contains(what) && one.contains(why);
        assert!(problems.iter().any(is_said), "{who} {what} {why}: {problems:#?}");
    }
    assert_eq!(problems.len(), 4, "{problems:#?}");
    let (content, problems) = doctor("not_exposed_anywhere").await;
    assert!(
        !content && problems[0].contains("expose schema `not_exposed_anywhere`"),
        "{problems:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_that_are_missing_are_made_and_named() {
    let names = [
        "--role",
        "plain_gateway",
        "--reader",
        "plain_reader",
        "--login",
        "plain_login",
    ];
    let migrate = async |more: &[&str]| {
        let arguments = [&["migrate", "--apply", "--schema", "plain"], &names[..], more].concat();
        tracker("plain", &arguments).await
    };
    let refused = migrate(&[]).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("--create-roles"), "{said}");
    let made = migrate(&["--create-roles"]).await;
    let said = String::from_utf8_lossy(&made.stdout).into_owned();
    assert!(made.status.success(), "{made:?}");
    for what in [
        "made role `plain_gateway`",
        "made role `plain_reader`",
        "made role `plain_login`",
        "made the right of `plain_login` to become `plain_gateway`",
        "made the right of `plain_login` to become `plain_reader`",
    ] {
        assert!(said.contains(what), "{said}");
    }
    let again = migrate(&["--create-roles"]).await;
    let said = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(again.status.success() && !said.contains("made"), "{said}");
    // As the REST interface does: it logs in, and becomes the gateways' role.
    let sql = Sql::connect().await;
    sql.run("set session authorization plain_login; set role plain_gateway; select plain.stats()")
        .await;
}
