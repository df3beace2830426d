//! Components are swapped by the command line through the gateway that serves, and no door's client notices.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use loadlock_served::{Client, Place};
use loadlock_upstream::{Fault, Operation, Options, Recorded, Upstream, Vendor};
use rustix::process::Signal;
use serde_json::json;

use crate::tus;

/// The same component with one more custom section: other bytes, and nothing else is different.
fn another(built_in: &str) -> Vec<u8> {
    let mut bytes = loadlock::builtins()[built_in].to_vec();
    bytes.extend(b"\0\x09\x07version2");
    bytes
}

/// Puts a component into the store and the lock, as `loadlock component add` and `update` do; answers its digest.
fn lock(place: &Place, version: &str, component: &[u8]) -> String {
    use sha2::Digest;
    let sha256 = hex::encode(sha2::Sha256::digest(component));
    let store = place.home().join("components/sha256");
    std::fs::create_dir_all(&store).unwrap();
    std::fs::write(store.join(format!("{sha256}.wasm")), component).unwrap();
    let text = format!(
        "version = 1\n[[component]]\nname = \"shelf\"\nsource = \"reg.example/acme/shelf\"\nrequirement = \"^1\"\n\
         version = \"{version}\"\nmanifest = \"sha256:{sha256}\"\nsha256 = \"{sha256}\"\nrole = \"provider\"\n\
         contract = \"0.2.0\"\nsigners = []\nimports = []\negress = []\n"
    );
    std::fs::write(place.config().with_extension("lock"), text).unwrap();
    sha256
}

/// A place whose provider is a fake of OpenAI's API.
async fn with_vendor() -> (Place, Upstream) {
    let vendor = Upstream::start(Vendor::Openai, Options::with_key("sk-test"))
        .await
        .unwrap();
    let mut place = tus::place();
    let base = vendor.base_url();
    place.env("OPENAI_KEY", "sk-test").configure(&format!(
        r#"
[[grants]]
root = "{{files}}"
[providers.openai]
settings = {{ base_url = "{base}" }}
egress = [{{ url = "{base}/files", methods = ["GET", "POST", "DELETE"], private = true }},
          {{ url = "{base}/uploads", methods = ["POST"], private = true }}]
credential = {{ header = "Authorization", value = "Bearer ${{env:OPENAI_KEY}}" }}
retry = {{ base = "1ms" }}
"#
    ));
    (place, vendor)
}

async fn form(client: Client, name: &'static str) -> u16 {
    let answer = client.upload(name, name.as_bytes(), &[("purpose", "user_data")]).await;
    answer.status.as_u16()
}

#[tokio::test]
async fn forms_tus_and_websockets_go_on_over_a_swap() {
    let (place, vendor) = with_vendor().await;
    let (served, client) = tus::serve(&place).await;
    let file = place.file("openai-2.wasm", another("openai"));
    let faults = vendor.faults();
    faults.push(Operation::Create, Fault::Hold);
    let held = tokio::spawn(form(client.clone(), "held.txt"));
    let creates = |all: &[Recorded]| all.iter().any(|request| request.operation == Some(Operation::Create));
    vendor.requests().wait(creates).await;
    let content = tus::bytes(3_000);
    let upload = tus::make(&client, content.len()).await;
    tus::patch(&client, &upload, 0, &content[..1_000]).await.expect(204);
    let token = place.token("acme", &["read", "write"]).await;
    let mut socket = served.socket(&token).await;
    let (status, said) = place
        .run(&["component", "swap", "openai", file.to_str().unwrap()])
        .await;
    assert_eq!(status, 0, "{said:?}");
    assert_eq!(
        (&said[0]["component"], &said[0]["changed"]),
        (&json!("providers.openai"), &json!(true))
    );
    socket.call("files.list", json!({})).await.unwrap();
    tus::patch(&client, &upload, 1_000, &content[1_000..]).await.expect(204);
    assert_eq!(form(client.clone(), "after.txt").await, 200);
    faults.release(1);
    assert_eq!(held.await.unwrap(), 200);
    assert_eq!(vendor.files().len(), 3);
    let (_, providers) = place.run(&["providers", "ls"]).await;
    assert_eq!(providers[0]["swapped"], true);
    assert_eq!(providers[0]["component"], file.to_str().unwrap());
    let (_, explained) = place.run(&["config", "explain"]).await;
    let component = explained
        .iter()
        .find(|one| one["key"] == "providers.openai.component")
        .unwrap();
    assert!(
        component["value"]
            .as_str()
            .unwrap()
            .contains("(swapped; configured is builtin:openai)"),
        "{component}"
    );
    // Over the network nobody swaps anything.
    let admin = place.token("acme", &["admin"]).await;
    let body = json!({ "source": "builtin:openai" });
    let refused = served
        .client(&admin)
        .post_json("/v1/loadlock/components/openai/swap", body)
        .await
        .expect(403);
    assert_eq!(refused.code(), "forbidden");
    assert_eq!(served.stop().await, Some(0));
    // It stays over a restart, and a rollback finds the way back.
    let served = place.serve().await;
    let (_, providers) = place.run(&["providers", "ls"]).await;
    assert_eq!(providers[0]["swapped"], true);
    let (status, said) = place.run(&["component", "rollback", "openai"]).await;
    assert_eq!((status, &said[0]["after"]["source"]), (0, &json!("builtin:openai")));
    let (status, said) = place.run(&["component", "rollback", "openai"]).await;
    assert_eq!(
        (status, &said[0]["error"]["code"]),
        (1, &json!("swap_refused")),
        "{said:?}"
    );
    assert_eq!(form(served.client(&token), "later.txt").await, 200);
}

#[tokio::test]
async fn a_reload_says_key_by_key_what_waits_for_a_restart() {
    let place = tus::place();
    let served = place.serve().await;
    place.configure("[server]\ndrain = \"9s\"\n[limits]\nspool_size = \"1 GiB\"\ncut_through = \"2 MiB\"\n");
    let before = served.log.lines().len();
    served.signal(Signal::HUP);
    served
        .log
        .wait_for(before, "`limits.spool_size` waits for a restart")
        .await;
    served.log.wait_for(before, "`server.drain` waits for a restart").await;
    served.log.wait_for(before, "configuration reloaded").await;
    assert!(
        !served.log.lines()[before..]
            .iter()
            .any(|line| line.contains("cut_through"))
    );
}

#[tokio::test]
async fn a_swap_without_a_server_holds_for_the_next_one() {
    let place = tus::place();
    let file = place.file("local-2.wasm", another("local"));
    let (status, said) = place.run(&["component", "swap", "local", file.to_str().unwrap()]).await;
    assert_eq!(status, 0, "{said:?}");
    let (served, client) = tus::serve(&place).await;
    assert_eq!(form(client, "a.txt").await, 200);
    let (_, providers) = place.run(&["providers", "ls"]).await;
    assert_eq!(providers[0]["swapped"], true);
    drop(served);
}

#[tokio::test]
async fn what_an_update_locked_is_swapped_in_by_its_name() {
    let place = tus::place();
    place.configure("[providers.shelf]\ncomponent = \"locked:shelf\"\n");
    let old = lock(&place, "1.0.0", loadlock::builtins()["local"]);
    let (served, client) = tus::serve(&place).await;
    assert_eq!(form(client.clone(), "a.txt").await, 200);
    // The gateway has read the lock as it was at its start.
    let new = lock(&place, "1.1.0", &another("local"));
    let swap = ["component", "swap", "shelf", "locked:shelf"];
    let (status, said) = place.run(&swap).await;
    assert_eq!(status, 0, "{said:?}");
    let swapped = (&said[0]["before"]["sha256"], &said[0]["after"]["sha256"]);
    assert_eq!(swapped, (&json!(old), &json!(new)));
    assert_eq!(said[0]["after"]["source"], "locked:shelf");
    let (_, again) = place.run(&swap).await;
    assert_eq!(again[0]["changed"], false);
    let (status, missing) = place.run(&["component", "swap", "shelf", "locked:drawer"]).await;
    assert_eq!((status, &missing[0]["error"]["code"]), (2, &json!("component_refused")));
    let (status, said) = place.run(&["component", "rollback", "shelf"]).await;
    assert_eq!((status, &said[0]["after"]["sha256"]), (0, &json!(old)));
    place.run(&swap).await;
    assert_eq!(form(client, "b.txt").await, 200);
    assert_eq!(served.stop().await, Some(0));
    // It is what the configuration names by now, so a start needs no record of the swap.
    let _served = place.serve().await;
    let (_, providers) = place.run(&["providers", "ls"]).await;
    assert_eq!(providers[0]["swapped"], json!(null));
    assert_eq!(providers[0]["inspection"]["sha256"], json!(new));
}
