//! Three gateways as processes, 5 ms from their ledger and under load with equal content: one is killed, the database is
//! restarted and frozen, the server in front of it is restarted, and answers are lost.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use loadlock_served::{Client, Place};
use loadlock_tests::{KEY, Shop};

use super::line::Line;
use super::servers::Servers;
use super::site::until;
use crate::place::{service_key, variable};

/// Contents that every gateway is given.
const CONTENTS: usize = 150;
/// Clients of one gateway.
const CLIENTS: usize = 2;

/// File ids that were answered, with their contents.
type Promised = Arc<Mutex<BTreeMap<String, usize>>>;

fn place(shop: &Shop, line: &Line, gateway_url: &str) -> Place {
    let scratch = loadlock_tests::cache();
    let mut place = Place::new(&variable("LEDGER_LOADLOCK"), scratch.to_str().unwrap());
    place.env("VENDOR_KEY", KEY);
    place.env("LEDGER_KEY", &service_key());
    let (base, egress) = (shop.upstream.base_url(), shop.egress());
    let url = format!("http://{}", line.address);
    place.configure(&format!(
        "[providers.kimi]\ncomponent = \"builtin:kimi\"\naccount = \"shared\"\n\
         settings = {{ base_url = \"{base}\" }}\n{egress}\n\
         credential = {{ header = \"Authorization\", value = \"Bearer ${{env:VENDOR_KEY}}\" }}\n\
         [tracker]\ncomponent = \"builtin:tracker-supabase\"\n\
         settings = {{ url = \"{url}\", gateway_url = \"{gateway_url}\" }}\n\
         egress = [{{ url = \"{url}/rpc\", methods = [\"POST\"], private = true }}]\n\
         credential = [\n\
         {{ header = \"apikey\", value = \"${{env:LEDGER_KEY}}\" }},\n\
         {{ header = \"Authorization\", value = \"Bearer ${{env:LEDGER_KEY}}\" }},\n]\n"
    ));
    place
}

async fn load(client: Client, promised: Promised, answered: Arc<AtomicUsize>) {
    for number in 0..CONTENTS {
        let (name, content) = (format!("{number}.txt"), format!("content {number}"));
        let fields = [("purpose", "file-extract")];
        let answer = client.upload(&name, content.as_bytes(), &fields).await;
        let file = answer.expect(200).json();
        let id = file["id"].as_str().unwrap().to_owned();
        promised.lock().unwrap().insert(id, number);
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_of_three_gateways_balance_whatever_happens_to_the_ledger() {
    let mut servers = Servers::start().await;
    let shop = Shop::kimi().await;
    let mut lines = Vec::new();
    for _ in 0..3 {
        lines.push(Line::as_far_as(servers.port, Duration::from_millis(5)).await);
    }
    let places = [0, 1, 2].map(|number| place(&shop, &lines[number], "https://unused.example"));
    let (mut served, mut tokens) = (Vec::new(), Vec::new());
    for place in &places {
        tokens.push(place.token("acme", &["read", "write", "delete"]).await);
        served.push(place.serve().await);
    }
    let (promised, answered) = (Promised::default(), Arc::new(AtomicUsize::new(0)));
    let mut tasks = Vec::new();
    for (gateway, token) in served.iter().zip(&tokens) {
        let clients = (0..CLIENTS).map(|_| {
            let client = gateway.client(token);
            tokio::spawn(load(client, promised.clone(), answered.clone()))
        });
        tasks.push(clients.collect::<Vec<_>>());
    }
    let all = CONTENTS * CLIENTS * places.len();
    until("the load has begun", async || {
        answered.load(Ordering::Relaxed) >= all / 6
    })
    .await;
    served.pop().unwrap().kill().await;
    // The killed one's clients get no further: what is left is two thirds.
    let goes_on = async |share: usize| {
        let wanted = all / 6 + (all * 2 / 3 - all / 6) * share / 10;
        until("the load goes on", async || answered.load(Ordering::Relaxed) >= wanted).await;
    };
    goes_on(1).await;
    servers.restart();
    goes_on(3).await;
    for line in &lines[..2] {
        line.lose("begin_many", 3);
        line.lose("end_many", 3);
    }
    goes_on(5).await;
    servers.freeze();
    // Without a ledger that answers.
    goes_on(6).await;
    servers.thaw();
    goes_on(7).await;
    servers.restart_rest().await;
    // Clients of the killed gateway saw their connections break.
    drop(tasks.pop());
    for task in tasks.into_iter().flatten() {
        task.await.unwrap();
    }

    let promised = promised.lock().unwrap().clone();
    let client = served[0].client(&tokens[0]);
    let mut missing: Vec<_> = promised.keys().cloned().collect();
    until("every promised file is in the ledger", async || {
        let mut still = Vec::new();
        for id in &missing {
            if client.get(&format!("/v1/files/{id}")).await.status != 200 {
                still.push(id.clone());
            }
        }
        missing = still;
        tokio::time::sleep(Duration::from_millis(200)).await;
        missing.is_empty()
    })
    .await;
    for gateway in served {
        assert_eq!(gateway.stop().await, Some(0));
    }
    // A start settles what is left: late records, and what was stored twice while the database was away.
    for place in &places[..2] {
        assert_eq!(place.serve().await.stop().await, Some(0));
    }
    // The killed one comes back, and finds nothing of its own left open.
    let back = places[2].serve().await;
    let client = back.client(&tokens[2]);
    for id in promised.keys() {
        client.get(&format!("/v1/files/{id}")).await.expect(200);
    }
    assert_eq!(back.stop().await, Some(0));
    // One file for each promise, and one remote file for each content.
    let files = servers
        .ask("select count(*) from loadlock.files")
        .trim()
        .parse::<usize>()
        .unwrap();
    assert!(files >= promised.len(), "{files} of {}", promised.len());
    let twice = "select count(*) from loadlock.remote_files group by sha256 having count(*) > 1";
    assert_eq!(servers.ask(twice), "");
    let wrong = "select 1 from loadlock.remote_files as r where reference_count <> (select coalesce(sum(files), 0)
        from loadlock.claims as c where c.account = r.account and c.remote_id = r.remote_id)
        union all select 1 where (select count(*) from loadlock.files) <> (select sum(files) from loadlock.totals where scope = 'all')";
    assert_eq!(servers.ask(wrong), "");
    assert_eq!(
        servers
            .ask("select deadlocks from pg_stat_database where datname = 'postgres'")
            .trim(),
        "0"
    );
    for place in &places {
        let (status, sheet) = place.run(&["fsck"]).await;
        assert_eq!(status, 0, "{sheet:?}");
        let lines = sheet[0]["lines"].as_array().unwrap();
        for name in [
            "open entries that nobody holds",
            "of unsettled uploads",
            "pending deletes",
            "accepted, not recorded yet",
            "recorded by nobody here",
        ] {
            let line = lines.iter().find(|line| line["name"] == name).unwrap();
            assert_eq!(line["count"], 0, "{line}");
        }
    }
}

/// An upload that is sent in pieces stays at its gateway; another sends its clients there, and says nothing about those
/// of other tenants.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unfinished_upload_is_asked_for_elsewhere() {
    let servers = Servers::start().await;
    let shop = Shop::kimi().await;
    let line = Line::to(servers.port).await;
    let places = [place(&shop, &line, "https://one.example/"), place(&shop, &line, "")];
    let (mut served, mut clients) = (Vec::new(), Vec::new());
    for place in &places {
        let token = place.token("acme", &["read", "write", "delete"]).await;
        let gateway = place.serve().await;
        clients.push(gateway.client(&token));
        served.push(gateway);
    }
    let tus = [("tus-resumable", "1.0.0"), ("upload-length", "4")];
    let made = clients[0].send("POST", "/v1/tus", &tus, "").await.expect(201);
    let location = made.header("location").to_owned();
    let path = location.find("/v1/tus/").map(|at| &location[at..]).unwrap();
    let resumable = [("tus-resumable", "1.0.0")];
    until("the second has heard of the first", async || {
        let asked = clients[1].send("HEAD", path, &resumable, "").await;
        asked.status == 307
    })
    .await;
    let sent = clients[1].send("HEAD", path, &resumable, "").await;
    assert_eq!(sent.header("location"), format!("https://one.example{path}"));
    clients[0].send("HEAD", path, &resumable, "").await.expect(200);
    // Who has no credential learns nothing, and who is of another tenant gets 404 from the only one that knows.
    served[1]
        .stranger()
        .send("HEAD", path, &resumable, "")
        .await
        .expect(401);
    let other = places[0].token("other", &["read", "write"]).await;
    let other = served[0].client(&other).send("HEAD", path, &resumable, "").await;
    other.expect(404);
    // An id of nobody's is nowhere.
    let nobody = format!("/v1/tus/{}", "0".repeat(32));
    clients[1].send("HEAD", &nobody, &resumable, "").await.expect(404);
    // A gateway without an address for clients is named.
    let body = serde_json::json!({
        "filename": "a.txt", "purpose": "file-extract", "bytes": 4, "mime_type": "text/plain",
    });
    let upload = clients[1].post_json("/v1/uploads", body).await.expect(200).json();
    let cancel = format!("/v1/uploads/{}/cancel", upload["id"].as_str().unwrap());
    until("the first has heard of the second", async || {
        let asked = clients[0].post_json(&cancel, serde_json::json!({})).await;
        asked.status == 421 && asked.code() == "session_elsewhere"
    })
    .await;
}
