//! `loadlock tracker import` from a table as the predecessor made it, into the shared ledger.

use loadlock_tests::Shop;
use serde_json::Value;
use tokio::process::Command;

use crate::away::world;
use crate::place::{schema, service_key, variable};
use crate::sql::{Sql, url};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_completed_is_taken_over_once() {
    let (sql, schema) = (Sql::connect().await, schema());
    let digest = "ab".repeat(32);
    sql.run(&format!(
        "create schema before;
        create table before.provider_file_uploads (
            id uuid primary key default gen_random_uuid(), provider text not null, provider_file_id text not null, sha256 text,
            filename text, file_size_bytes integer, last_used timestamptz default now(), upload_status text default 'completed',
            error_message text, created_at timestamptz default now(), updated_at timestamptz default now(),
            unique (provider, provider_file_id));
        insert into before.provider_file_uploads (provider, provider_file_id, sha256, filename, file_size_bytes, upload_status, created_at)
        values ('kimi', 'd1', '{digest}', 'a.pdf', 10, 'completed', '2025-10-17T10:00:00Z'),
            ('kimi', 'd2', '{digest}', 'copy of a.pdf', 10, 'completed', '2025-10-18T10:00:00Z'),
            ('kimi', 'd3', null, 'b.pdf', 10, 'completed', now()),
            ('kimi', 'd4', '{digest}', 'c.pdf', 10, 'failed', now()),
            ('glm', 'g1', '{digest}', 'a.pdf', 10, 'completed', now())"
    ))
    .await;
    let shop = Shop::kimi().await;
    let world = shop.join(world(
        &format!("http://127.0.0.1:{}", variable("LEDGER_PORT")),
        &schema,
        &service_key(),
    ));
    world.load();
    let import = async |more: &[&str]| -> Value {
        let output = Command::new(variable("LEDGER_LOADLOCK"))
            .args(["--home".as_ref(), world.path("home").as_os_str()])
            .args(["--config".as_ref(), world.path("loadlock.toml").as_os_str()])
            .args([
                "--json",
                "tracker",
                "import",
                "--tenant",
                "acme",
                "--table",
                "before.provider_file_uploads",
                "--database",
                &url(),
            ])
            .args(more)
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["rows"].take()
    };
    let left = [("without a SHA-256", 1), ("not completed, or deleted", 1)];
    let expected = |more: &[(&str, u64)]| {
        Value::from_iter(
            left.iter()
                .chain(more)
                .map(|(what, count)| ((*what).to_owned(), Value::from(*count))),
        )
    };
    let glm = ("of a provider that is not configured", 1);
    assert_eq!(import(&["--dry-run"]).await, expected(&[("could be recorded", 3)]));
    assert!(sql.column(&format!("select id from {schema}.files")).await.is_empty());
    assert_eq!(import(&[]).await, expected(&[glm, ("recorded", 2)]));
    assert_eq!(import(&[]).await, expected(&[glm, ("recorded before", 2)]));
    let rows = sql
        .column(&format!(
            "select concat_ws('|', user_id, provider, provider_file_id, filename, file_size, created_at at time zone \
             'UTC')
            from {schema}.file_uploads order by provider_file_id"
        ))
        .await;
    assert_eq!(
        rows,
        [
            "acme|kimi|d1|a.pdf|10|2025-10-17 10:00:00",
            "acme|kimi|d2|copy of a.pdf|10|2025-10-18 10:00:00"
        ]
    );
}
