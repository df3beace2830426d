//! Who may do what: the gateways' role everything, a reader its own tenant's files, everybody else nothing.

use crate::place::schema;
use crate::sql::Sql;

const TABLES: [&str; 10] = [
    "migrations",
    "remote_files",
    "files",
    "claims",
    "totals",
    "usage_totals",
    "gateways",
    "attempts",
    "provider_states",
    "audit_summary",
];
/// Of files.
const VIEWS: [&str; 2] = ["tenant_files", "file_uploads"];
const AUDIT: &str = "tenant_audit";

/// A ledger with a file of each of two tenants, one of them expired.
async fn filled(sql: &Sql) -> String {
    let schema = schema();
    for (id, tenant, expires) in [("f1", "acme", "null"), ("f2", "beta", "null"), ("f3", "acme", "2000")] {
        let file = format!(
            r#"{{"id": "{id}", "key": {{"tenant": "{tenant}", "account": "main", "purpose": "p", "treatment": "", "sha256": "s{id}"}},
            "filename": "{id}.txt", "bytes": 10, "media_type": "text/plain", "provider": "kimi", "remote_id": "r-{id}",
            "deduplicated": false, "attempts": 1, "created_at_ms": 1000, "expires_at_ms": {expires}}}"#
        );
        sql.run(&format!("select {schema}.record_many('[{file}]')")).await;
    }
    schema
}

/// Becomes a role with a key's claims, as the REST interface does.
async fn become_role(sql: &Sql, role: &str, claims: &str) {
    sql.run(&format!(
        "reset role; select set_config('request.jwt.claims', '{claims}', false); set role {role}"
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_but_the_gateways_role_touches_a_table_or_a_function() {
    let sql = Sql::connect().await;
    let schema = filled(&sql).await;
    for role in ["anon", "authenticated"] {
        become_role(&sql, role, r#"{"tenant": "acme"}"#).await;
        for table in TABLES {
            for statement in [
                format!("select * from {schema}.{table}"),
                format!("delete from {schema}.{table}"),
            ] {
                let said = sql.try_run(&statement).await.unwrap_err();
                assert!(said.starts_with("42501"), "{role}: {statement}: {said}");
            }
        }
        for view in VIEWS.into_iter().chain([AUDIT]) {
            let said = sql.try_run(&format!("delete from {schema}.{view}")).await.unwrap_err();
            // 55000: it joins tables or adds up rows, and takes no changes from anybody.
            assert!(
                said.starts_with("42501") || said.starts_with("55000"),
                "{role}: {view}: {said}"
            );
        }
        for call in [
            "ledger_open()",
            "stats()",
            "usage()",
            "record_many('[]')",
            "tombstone('acme', 'f1')",
        ] {
            let said = sql.try_run(&format!("select {schema}.{call}")).await.unwrap_err();
            assert!(said.starts_with("42501"), "{role}: {call}: {said}");
        }
    }
    become_role(&sql, "service_role", "").await;
    assert_eq!(
        sql.column(&format!("select id from {schema}.files order by id")).await,
        ["f1", "f2", "f3"]
    );
    sql.run(&format!("select {schema}.tombstone('acme', 'f1')")).await;
}

/// Supabase gives its roles rights on what is made in an exposed schema: row-level security holds all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_that_somebody_grants_show_no_row() {
    let sql = Sql::connect().await;
    let schema = filled(&sql).await;
    sql.run(&format!(
        "grant usage on schema {schema} to anon; grant all on all tables in schema {schema} to anon, authenticated"
    ))
    .await;
    for role in ["anon", "authenticated"] {
        become_role(&sql, role, r#"{"role": "x"}"#).await;
        for table in TABLES.iter().chain(&VIEWS).chain([&AUDIT]) {
            let rows = sql.column(&format!("select 1 from {schema}.{table}")).await;
            assert!(rows.is_empty(), "{role} sees {table}");
        }
        for table in TABLES {
            let said = sql
                .try_run(&format!("insert into {schema}.{table} default values"))
                .await
                .unwrap_err();
            assert!(
                said.starts_with("42501") || said.starts_with("23"),
                "{role}: {table}: {said}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_sees_its_own_tenants_unexpired_files() {
    let sql = Sql::connect().await;
    let schema = filled(&sql).await;
    for claims in [r#"{"tenant": "acme"}"#, r#"{"app_metadata": {"tenant": "acme"}}"#] {
        become_role(&sql, "authenticated", claims).await;
        for view in VIEWS {
            let ids = sql.column(&format!("select id from {schema}.{view} order by id")).await;
            assert_eq!(ids, ["f1"], "{view} {claims}");
        }
    }
    // What users may write themselves counts for nothing.
    for claims in [
        "",
        "{}",
        r#"{"user_metadata": {"tenant": "acme"}}"#,
        r#"{"tenant": null}"#,
    ] {
        become_role(&sql, "authenticated", claims).await;
        for view in VIEWS {
            let ids = sql.column(&format!("select id from {schema}.{view}")).await;
            assert!(ids.is_empty(), "{view} {claims}");
        }
    }
    become_role(&sql, "anon", r#"{"tenant": "acme"}"#).await;
    assert!(
        sql.try_column(&format!("select id from {schema}.tenant_files"))
            .await
            .is_err()
    );
    // Functions that say what they are given must not see other tenants' rows before the filter does.
    sql.run(&format!("reset role; create function {schema}.leak(text) returns boolean language plpgsql cost 0.0001 as
        $$ begin raise notice 'saw %', $1; return true; end $$; grant execute on function {schema}.leak to authenticated")).await;
    become_role(&sql, "authenticated", r#"{"tenant": "acme"}"#).await;
    sql.take_notices();
    for view in VIEWS {
        sql.run(&format!("select * from {schema}.{view} where {schema}.leak(filename)"))
            .await;
    }
    assert_eq!(sql.take_notices(), ["saw f1.txt", "saw f1.txt"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_sees_how_often_what_happened_to_its_own_tenant() {
    let sql = Sql::connect().await;
    let schema = filled(&sql).await;
    for (gateway, tenant, records) in [("g1", "acme", 2), ("g2", "acme", 3), ("g1", "beta", 5), ("g1", "", 7)] {
        let count = format!(
            r#"{{"day": 20000, "since_ms": 1, "tenant": "{tenant}", "event": "upload", "outcome": "ok", "records": {records}}}"#
        );
        sql.run(&format!("select {schema}.audit_counts('{gateway}', '[{count}]')"))
            .await;
    }
    let seen = format!("select format('%s %s %s %s', day, event, outcome, records) from {schema}.{AUDIT}");
    for (claims, expected) in [
        (r#"{"tenant": "acme"}"#, vec!["2024-10-04 upload ok 5"]),
        (
            r#"{"app_metadata": {"tenant": "beta"}}"#,
            vec!["2024-10-04 upload ok 5"],
        ),
        // What no tenant did is not for one without a name.
        (r#"{"tenant": ""}"#, vec![]),
        ("{}", vec![]),
    ] {
        become_role(&sql, "authenticated", claims).await;
        assert_eq!(sql.column(&seen).await, expected, "{claims}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dashboards_find_the_names_they_were_made_for() {
    let sql = Sql::connect().await;
    let schema = filled(&sql).await;
    become_role(&sql, "service_role", "").await;
    let rows = sql
        .column(&format!(
            "select format('%s|%s|%s|%s|%s|%s|%s|%s|%s', file_id, user_id, provider, provider_file_id, file_size, \
             sha256,
                mime_type, upload_status, is_duplicate) from {schema}.file_uploads order by file_id limit 1"
        ))
        .await;
    assert_eq!(rows, ["f1|acme|kimi|r-f1|10|sf1|text/plain|completed|f"]);
    sql.run(&format!("select {schema}.observe('main', 'r-f1', 'missing', 5000)"))
        .await;
    let status = format!("select upload_status || health_status from {schema}.file_uploads where file_id = 'f1'");
    assert_eq!(sql.column(&status).await, ["failedunhealthy"]);
}
