//! At a million rows every statement that the component's calls run is answered by an index.

use crate::place::schema;
use crate::sql::Sql;

/// Tables that grow with the files, the uploads under way and the days. `totals` has 16 rows a tenant, `gateways` and
/// `provider_states` a few a gateway, and `migrations` a handful.
const LARGE: [&str; 5] = ["files", "remote_files", "claims", "attempts", "audit_summary"];

async fn fill(sql: &Sql, schema: &str) {
    // Indexes that nothing depends on are made afterwards, which is faster.
    let later = sql
        .column(&format!(
            "select indexdef from pg_indexes where schemaname = '{schema}' and indexname not in (
                select conname from pg_constraint where connamespace = '{schema}'::regnamespace)"
        ))
        .await;
    assert!(later.len() >= 6, "{later:?}");
    for index in &later {
        let name = index.split_whitespace().nth(2).unwrap();
        sql.run(&format!("drop index {schema}.{name}")).await;
    }
    rows(sql, schema).await;
    sql.run(&later.join(";")).await;
    sql.run(&format!(
        "analyze {schema}.remote_files; analyze {schema}.files; analyze {schema}.claims;
        analyze {schema}.gateways; analyze {schema}.attempts; analyze {schema}.provider_states; analyze {schema}.audit_summary"
    ))
    .await;
}

async fn rows(sql: &Sql, schema: &str) {
    // Not logged: filling takes half the time.
    let tenant = "'t' || (n % 50)";
    sql.run(&format!(
        "alter table {schema}.remote_addresses set unlogged;
        alter table {schema}.remote_files set unlogged; alter table {schema}.files set unlogged;
        alter table {schema}.claims set unlogged; set maintenance_work_mem = '128MB';
        insert into {schema}.remote_files (account, remote_id, provider, tenant, purpose, treatment, sha256, bytes, media_type,
            state, reference_count, created_at, verified_at, expires_at)
        select 'a' || (n % 4), 'r' || n, 'kimi', {tenant}, 'p' || (n % 3), 'pdf', lpad(n::text, 16, '0'), n * 10, 'text/plain',
            case n % 1000 when 0 then 'dying' when 1 then 'missing' else 'live' end, 1,
            timestamptz 'epoch' + n * interval '1 second', timestamptz 'epoch' + n * interval '1 second',
            case when n % 2 = 0 then timestamptz 'epoch' + n * interval '2 seconds' end
        from generate_series(1, 1000000) as n;
        insert into {schema}.files
        select 'f' || n, {tenant}, 'a' || (n % 4), 'p' || (n % 3), 'pdf', lpad(n::text, 16, '0'), 'name', n * 10, 'text/plain', 'kimi',
            'r' || n, false, 1, timestamptz 'epoch' + n * interval '1 second',
            case when n % 2 = 0 then timestamptz 'epoch' + n * interval '2 seconds' end
        from generate_series(1, 1000000) as n;
        insert into {schema}.claims
        select {tenant}, 'a' || (n % 4), 'p' || (n % 3), 'pdf', lpad(n::text, 16, '0'), 'r' || n, 1
        from generate_series(1, 1000000) as n"
    ))
    .await;
    coordination_rows(sql, schema).await;
}

/// Twenty gateways, one of them gone, with 100,000 uploads under way; and two years of an audit log.
async fn coordination_rows(sql: &Sql, schema: &str) {
    sql.run(&format!(
        "insert into {schema}.gateways (id, seen_at, alive_until)
        select 'g' || n, now(), case n when 19 then '-infinity' else timestamptz 'infinity' end from generate_series(0, 19) as n;
        insert into {schema}.attempts (id, gateway, tenant, account, purpose, treatment, sha256, bytes, entry, fence, leads, taken_over)
        select 'x' || n, 'g' || (n % 20), 't' || (n % 50), 'a' || (n % 4), 'p' || (n % 3), 'pdf', 'u' || n, n, repeat('entry', 100), n,
            case when n % 10 <> 0 then true end, n % 100 = 0
        from generate_series(1, 100000) as n;
        insert into {schema}.provider_states (gateway, account, open_until)
        select 'g' || n, 'a' || account, now() + interval '1 hour' from generate_series(0, 19) as n, generate_series(0, 3) as account;
        insert into {schema}.audit_summary (tenant, day, event, outcome, gateway, since, records)
        select 't' || tenant, date '2024-01-01' + day, event, 'ok', 'g1', timestamptz 'epoch', 1
        from generate_series(0, 49) as tenant, generate_series(0, 729) as day,
            unnest(array['upload', 'admission', 'authentication']) as event"
    ))
    .await;
}

/// Runs a call and looks at the plan of every statement in it; otherwise what it reads too much of.
async fn look(sql: &Sql, call: &str) -> Result<(), String> {
    sql.take_notices();
    assert_eq!(sql.column(&format!("select {call}")).await.len(), 1);
    let plans = sql.take_notices();
    assert!(!plans.is_empty(), "{call}: no plan was heard");
    for plan in &plans {
        for line in plan.lines() {
            let scanned = line.split("Seq Scan on ").nth(1).unwrap_or_default();
            let scanned = scanned.split_whitespace().next().unwrap_or_default();
            let table = scanned.rsplit('.').next().unwrap_or_default();
            if LARGE.contains(&table) {
                return Err(format!("reads all of {table}:\n{plan}"));
            }
            // An index that is walked from end to end is no better. `remotes` looks at a window of 50,000 rows.
            let passed_over = line.trim().strip_prefix("Rows Removed by Filter: ");
            let passed_over: u32 = passed_over.map_or(0, |number| number.parse().unwrap());
            if passed_over > 50_000 {
                return Err(format!("passes over {passed_over} rows:\n{plan}"));
            }
        }
    }
    Ok(())
}

/// As [`calls`], of what gateways tell each other.
fn coordination_calls(file: &dyn Fn(&str, &str) -> String) -> Vec<(&'static str, Vec<String>)> {
    let all = |calls: &[&str]| calls.iter().map(ToString::to_string).collect();
    let attempt = |id: &str, sha256: &str, more: &str| {
        format!(
            r#"('g1', 10000, '{{"id": "{id}", "key": {{"tenant": "t7", "account": "a3", "purpose": "p1", "treatment": "pdf",
            "sha256": "{sha256}"}}, "bytes": 1, "entry": "e"}}'{more})"#
        )
    };
    // The attempts of gateway 1, of whatever key, and records that never had one.
    let records = (0..100).map(|n| file(&format!("x{}", 20 * n + 1), &format!("own{n}")));
    let late = (0..100).map(|n| file(&format!("late{n}"), &format!("late{n}")));
    let records: Vec<_> = records.chain(late).collect();
    let ids = (1..100).map(|n| format!("\"x{}\"", 20 * n + 1));
    let ids = ids.collect::<Vec<_>>().join(",");
    let count = |day: u32| {
        format!(r#"{{"day": {day}, "since_ms": 0, "tenant": "t7", "event": "upload", "outcome": "ok", "records": 9}}"#)
    };
    let counts: Vec<_> = (19_800..20_500).map(count).collect();
    vec![
        (
            "beat",
            all(&[
                "('g1', 10000, '[]')",
                r#"('g1', 10000, '[{"account": "a1", "open_ms": 5, "cool_ms": 0}]', 'https://one.example')"#,
            ]),
        ),
        (
            "acquire",
            vec![
                attempt("first", "1", ""),
                attempt("first", "1", ""),
                attempt("second", "1", ""),
                attempt("second", "1", ", null, null, 'first'"),
                attempt("third", "3", ", 10000000, 10000000000000"),
                attempt("fourth", "4", ", 1"),
            ],
        ),
        ("record_leased", vec![format!("('g1', '[{}]')", records.join(","))]),
        (
            "ended",
            vec![format!("('g1', '[{ids}]', true)"), format!("('g1', '[{ids}]', false)")],
        ),
        ("lost", vec![format!("('g2', '[{ids}]')")]),
        ("others", all(&["('g1', 1000)", "('g1', 10000, 'x500')"])),
        ("take_over", all(&[r#"('g1', '["a1", "a3"]', 20)"#, "('g1', '[]', 20)"])),
        ("resume", vec![format!("('g1', '[{ids}]')")]),
        ("audit_counts", vec![format!("('g1', '[{}]')", counts.join(","))]),
    ]
}

/// As [`calls`], of many things at once.
fn batch_calls(file: &dyn Fn(&str, &str) -> String) -> Vec<(&'static str, Vec<String>)> {
    let key = |sha256: &str| {
        format!(r#"{{"tenant": "t7", "account": "a3", "purpose": "p1", "treatment": "pdf", "sha256": "{sha256}"}}"#)
    };
    let beginning = |id: &str, sha256: &str, limit: &str| {
        let key = key(sha256);
        format!(
            r#"{{"attempt": {{"id": "{id}", "key": {key}, "bytes": 1, "entry": "e"}}, "max_files": {limit}, "now_ms": 8000,
            "places": [{{"key": {key}, "verified_since_ms": 0, "kept_ms": null}}],
            "terms": {{"filename": "n", "media_type": "m", "expires_at_ms": null}}}}"#
        )
    };
    let many = |limit: &str| {
        // New ones; one that is stored; and one whose lease another has.
        let new = (0..62).map(|n| beginning(&format!("many{limit}{n}"), &format!("many{n}"), limit));
        let stored = beginning(&format!("stored{limit}"), "0000000000000007", limit);
        let held = beginning(&format!("held{limit}"), "u57", limit);
        format!(
            "('g1', 10000, '[{}]')",
            new.chain([stored, held]).collect::<Vec<_>>().join(",")
        )
    };
    let record = |id: &str, remote: &str| format!(r#"{{"record": {}}}"#, file(id, remote));
    let led = (0..62).map(|n| record(&format!("manynull{n}"), &format!("many{n}")));
    let late = record("late", "r407");
    let others = [
        r#"{"over": "x21"}"#,
        r#"{"unled": "x41"}"#,
        r#"{"gone": {"account": "a1", "remote_id": "r2001", "attempt": "x61"}}"#,
    ];
    let ends = led
        .chain([late])
        .chain(others.map(str::to_owned))
        .collect::<Vec<_>>()
        .join(",");
    let removals = (0..50).map(|n| format!(r#"{{"tenant": "t7", "id": "f{}", "attempt": "d{n}"}}"#, 50 * n + 7007));
    let removals = removals.collect::<Vec<_>>().join(",");
    vec![
        ("begin_many", vec![many("null"), many("10000000"), many("1")]),
        ("end_many", vec![format!("('g1', '[{ends}]')")]),
        ("remove_many", vec![format!("('g1', '[{removals}]')")]),
    ]
}

/// One call, or more where the arguments choose between statements, for every function that the component calls.
fn calls() -> Vec<(&'static str, Vec<String>)> {
    let file = |id: &str, remote: &str| {
        format!(
            r#"{{"id": "{id}", "key": {{"tenant": "t7", "account": "a3", "purpose": "p1", "treatment": "pdf", "sha256": "{remote}"}},
            "filename": "n", "bytes": 70, "media_type": "", "provider": "kimi", "remote_id": "{remote}", "deduplicated": true,
            "attempts": 0, "created_at_ms": 7000, "expires_at_ms": null}}"#
        )
    };
    let many: Vec<String> = (0..100)
        .map(|n| file(&format!("new{n}"), &format!("r{}", 4 * n + 3)))
        .collect();
    let all = |calls: &[&str]| calls.iter().map(ToString::to_string).collect();
    let mut calls = vec![
        ("ledger_open", all(&["()"])),
        ("find", all(&["('t7', 'a3', 'p1', 'pdf', lpad('7', 16, '0'), 8000)"])),
        ("has_size", all(&["('t7', 'a3', 70)", "('t7', 'a3', 71)"])),
        (
            "record_many",
            vec![
                format!("('[{}]')", many.join(",")),
                format!("('[{}]')", file("newest", "brand-new")),
                format!("('[{}]')", file("f7", "r7")),
            ],
        ),
        (
            "reference",
            vec![
                format!("('{}')", file("another", "r7")),
                format!("('{}')", file("lost", "nowhere")),
            ],
        ),
        ("get", all(&["('t7', 'f7', 8000)"])),
        (
            "list",
            all(&[
                "('t7', true, 8000, 101)",
                "('t7', false, 8000, 101)",
                "('t7', true, 8000, 101, 'p1')",
                "('t7', false, 8000, 101, 'p1', 700000, 'f707')",
                "('t7', true, 8000, 101, null, 700000, 'f707')",
                "('t7', false, 8000, 10001, null, 700000000, 'f707')",
            ]),
        ),
        ("copies_of", all(&[r#"('t7', '["f7", "f57", "f700"]')"#])),
        ("tombstone", all(&["('t7', 'f57')", "('t7', 'f8')"])),
        ("expire", all(&["(40000, 10)", "(1000, 1000)"])),
        ("forget", all(&["('a1', 'r1001')", "('a3', 'r7')"])),
        (
            "observe",
            all(&["('a3', 'r107', 'missing', 8000)", "('a3', 'r107', 'live', 9000)"]),
        ),
        ("remote", all(&["('a3', 'r107')", "('a3', 'nowhere')"])),
        (
            "remotes",
            all(&[
                "(1000, 50000)",
                "(1000, 50000, 'a1')",
                "(1000, 50000, null, 'dying')",
                "(1000, 50000, 'a0', 'dying', null, 'a0', 'r5000')",
                "(1000, 50000, 'a1', 'missing')",
                "(1000, 50000, null, null, 40000, 'a1', 'r5001')",
                "(1000, 50000, 'a1', 'live', null, 'a1', 'r5001')",
            ]),
        ),
        ("stats", all(&["()", "('t7')"])),
        ("usage", all(&["()"])),
    ];
    calls.extend(coordination_calls(&file));
    calls.extend(batch_calls(&file));
    calls
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_reads_a_million_rows() {
    let calls = calls();
    let source = concat!(
        include_str!("../../components/tracker-supabase/src/ledger.rs"),
        include_str!("../../components/tracker-supabase/src/coordination.rs"),
        include_str!("../../components/tracker-supabase/src/batches.rs"),
    );
    let named = source.split(".call(\"").skip(1);
    let named = named.chain(source.split(".each(\"").skip(1));
    for called in named.chain(source.split(".attempts(\"").skip(1)) {
        let name = called.split('"').next().unwrap();
        assert!(
            calls.iter().any(|(known, _)| *known == name),
            "`{name}` is called, and its plans are not looked at"
        );
    }
    let sql = Sql::connect().await;
    let schema = schema();
    fill(&sql, &schema).await;
    sql.run(
        "load 'auto_explain'; set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on; set \
         auto_explain.log_analyze = on;
        set auto_explain.log_level = notice; set client_min_messages = notice",
    )
    .await;
    let mut all_wrong = Vec::new();
    // The plan that is made for the arguments, and the one that is kept for all.
    for mode in ["force_custom_plan", "force_generic_plan"] {
        // As a gateway: row-level security is part of its plans.
        sql.run(&format!(
            "begin; set local role service_role; set local plan_cache_mode = {mode}"
        ))
        .await;
        for (function, arguments) in &calls {
            for arguments in arguments {
                let call = format!("{schema}.{function}{arguments}");
                if let Err(wrong) = look(&sql, &call).await {
                    all_wrong.push(format!("{call} with {mode} {wrong}"));
                }
            }
        }
        sql.run("rollback").await;
    }
    assert!(all_wrong.is_empty(), "{}", all_wrong.join("\n"));
    // People's questions, as a reader: the tenant's rows and no others. That they come in order is not asked, since a
    // view that keeps a reader's functions from other tenants' rows is planned for all of its own.
    sql.run(
        "begin; select set_config('request.jwt.claims', '{\"tenant\": \"t7\"}', true); set local role authenticated",
    )
    .await;
    sql.take_notices();
    let query = format!("select filename from {schema}.tenant_files order by created_at desc limit 20");
    assert_eq!(sql.column(&query).await.len(), 20);
    let plans = sql.take_notices();
    assert!(
        plans
            .iter()
            .any(|plan| plan.contains("Index Scan") && plan.contains("files_of_")),
        "{plans:?}"
    );
    assert!(
        !plans.iter().any(|plan| plan.contains("Seq Scan on files")),
        "{plans:?}"
    );

    // And what it looks for it finds.
    sql.run(&format!("rollback; begin; drop index {schema}.files_expiry"))
        .await;
    let found = look(&sql, &format!("{schema}.expire(40000, 10)")).await;
    assert!(found.is_err_and(|wrong| wrong.contains("reads all of files")));
}
