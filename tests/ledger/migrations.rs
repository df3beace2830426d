//! `loadlock tracker migrate` against a real PostgreSQL.

use std::process::Output;

use tokio::process::Command;

use crate::place::{VERSION, variable};
use crate::sql::{Sql, url};

/// Runs `loadlock tracker migrate` for a schema of its own.
async fn migrate(schema: &str, more: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    Command::new(variable("LEDGER_LOADLOCK"))
        .env("LOADLOCK_HOME", home.path().join("home"))
        .env("LOADLOCK_DATABASE", url())
        .current_dir(home.path())
        .args(["tracker", "migrate", "--schema", schema])
        .args(more)
        .output()
        .await
        .unwrap()
}

async fn applied(schema: &str) {
    let output = migrate(schema, &["--apply"]).await;
    assert!(output.status.success(), "{output:?}");
}

async fn printed(schema: &str) -> String {
    let output = migrate(schema, &["--print"]).await;
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

async fn refused(schema: &str, more: &[&str]) -> String {
    let output = migrate(schema, more).await;
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Without `--schema` the configuration is read for its name, and the variable that names the database is none of its
/// settings.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_schema_is_the_configured_one() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("loadlock.toml");
    let text = "[tracker]\ncomponent = \"builtin:tracker-supabase\"\nsettings = { schema = \"configured\" }\n";
    std::fs::write(&config, text).unwrap();
    let output = Command::new(variable("LEDGER_LOADLOCK"))
        .env("LOADLOCK_HOME", home.path().join("home"))
        .env("LOADLOCK_DATABASE", url())
        .args(["--config".as_ref(), config.as_os_str()])
        .args(["tracker", "migrate", "--apply"])
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(versions(&Sql::connect().await, "configured").await, all_versions());
}

/// Everything that a schema is made of, as one text: columns, constraints, indexes, functions, policies and rights.
async fn shape(sql: &Sql, schema: &str) -> Vec<String> {
    let query = format!(
        "select replace(line, '{schema}', 'SCHEMA') from (
            select format('column %s.%s %s %s %s', table_name, column_name, data_type, is_nullable, collation_name) as line
                from information_schema.columns where table_schema = '{schema}'
            union all select format('constraint %s %s', conrelid::regclass, pg_get_constraintdef(oid))
                from pg_constraint where connamespace = '{schema}'::regnamespace
            union all select indexdef from pg_indexes where schemaname = '{schema}'
            union all select pg_get_functiondef(oid) from pg_proc where pronamespace = '{schema}'::regnamespace
            union all select format('policy %s %s %s', tablename, policyname, roles) from pg_policies where schemaname = '{schema}'
            union all select format('table %s %s %s', relname, relrowsecurity, relacl) from pg_class
                where relnamespace = '{schema}'::regnamespace
            union all select format('view %s', pg_get_viewdef(oid)) from pg_class
                where relnamespace = '{schema}'::regnamespace and relkind = 'v'
            union all select format('function %s %s', proname, proacl) from pg_proc where pronamespace = '{schema}'::regnamespace
        ) as lines order by 1"
    );
    let shape = sql.column(&query).await;
    assert!(shape.len() > 100, "{shape:?}");
    shape
}

async fn versions(sql: &Sql, schema: &str) -> Vec<String> {
    sql.column(&format!("select version from {schema}.migrations order by version"))
        .await
}

fn all_versions() -> Vec<String> {
    (1..=VERSION).map(|version| version.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_empty_and_again_and_by_two_at_once() {
    let sql = Sql::connect().await;
    applied("from_empty").await;
    assert_eq!(versions(&sql, "from_empty").await, all_versions());
    let before = shape(&sql, "from_empty").await;
    applied("from_empty").await;
    assert_eq!(versions(&sql, "from_empty").await, all_versions());
    assert_eq!(shape(&sql, "from_empty").await, before);
    tokio::join!(applied("by_two"), applied("by_two"));
    assert_eq!(shape(&sql, "by_two").await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_every_earlier_version_with_its_rows() {
    let sql = Sql::connect().await;
    applied("of_now").await;
    let now = shape(&sql, "of_now").await;
    for version in 1..VERSION {
        let schema = format!("of_version_{version}");
        let script = printed(&schema).await;
        // What was printed when that version was the newest.
        let mut parts: Vec<_> = script.split("\ndo $migration$").collect();
        assert_eq!(parts.len(), VERSION + 1);
        parts.truncate(version + 1);
        sql.run(&format!("{}\ncommit;", parts.join("\ndo $migration$"))).await;
        assert_eq!(versions(&sql, &schema).await, all_versions()[..version]);
        let file = r#"{"id": "f1", "key": {"tenant": "acme", "account": "main", "purpose": "p", "treatment": "", "sha256": "s"},
            "filename": "a", "bytes": 5000000000, "media_type": "", "provider": "some provider", "remote_id": "r1",
            "deduplicated": false, "attempts": 1, "created_at_ms": 1000, "expires_at_ms": null}"#;
        let recorded = sql.column(&format!("select {schema}.record_many('[{file}]')")).await;
        assert_eq!(recorded, ["[\"inserted\"]"]);
        if version == 3 {
            // What a gateway left that was forgotten then: from the next version on it goes with it.
            sql.run(&format!(
                "insert into {schema}.provider_states (gateway, account) values ('forgotten', 'a')"
            ))
            .await;
        }
        applied(&schema).await;
        assert_eq!(versions(&sql, &schema).await, all_versions());
        assert_eq!(shape(&sql, &schema).await, now, "from version {version}");
        let bytes = sql.column(&format!("select bytes from {schema}.files")).await;
        assert_eq!(bytes, ["5000000000"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_schema_is_refused_and_left_alone() {
    let sql = Sql::connect().await;
    applied("of_tomorrow").await;
    sql.run("insert into of_tomorrow.migrations (version, name) values (99, 'tomorrow')")
        .await;
    let said = refused("of_tomorrow", &["--apply"]).await;
    assert!(
        said.contains("has version 99") && said.contains("use the newer one"),
        "{said}"
    );
    // `--print` too: the script itself refuses.
    let script = printed("of_tomorrow").await;
    let said = Sql::connect().await.try_run(&script).await.unwrap_err();
    assert!(said.contains("has version 99"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_says_why_and_changes_nothing() {
    let sql = Sql::connect().await;
    let said = refused("without_role", &["--apply", "--role", "nobody_here"]).await;
    assert!(
        said.contains("role \"nobody_here\" does not exist") && said.contains("nothing was changed"),
        "{said}"
    );
    assert!(
        sql.column("select 1 from pg_namespace where nspname = 'without_role'")
            .await
            .is_empty()
    );

    let said = refused(
        "without_server",
        &["--apply", "--database", "postgresql://u@127.0.0.1:1/db"],
    )
    .await;
    assert!(said.contains("refused"), "{said}");
    let said = refused(
        "wrong_url",
        &["--apply", "--database", "postgresql://u:s3cret@host:notaport/db"],
    )
    .await;
    assert!(said.contains("connection string") && !said.contains("s3cret"), "{said}");
    let said = refused("Wrong-Name", &["--print"]).await;
    assert!(said.contains("lower-case"), "{said}");
}
