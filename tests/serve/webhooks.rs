//! `[[webhooks]]`: who is told of the ends of uploads and files, whatever happens between.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use loadlock_served::{Client, HookMessage, HookReceiver, Place, Served};
use loadlock_upstream::{Answer as Refused, Fault, Operation, Options, Upstream, Vendor};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

/// 32 bytes.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";

fn place() -> Place {
    let mut place = Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"));
    place.env("HOOK_SECRET", SECRET);
    place
}

fn hook(receiver: &HookReceiver) -> String {
    let url = receiver.url();
    format!("[[webhooks]]\nurl = \"{url}\"\nsecret = \"${{env:HOOK_SECRET}}\"\nprivate = true\n")
}

async fn upload(client: &Client, name: &str, content: &str) -> String {
    let stored = client.upload(name, content.as_bytes(), &[]).await.expect(200).json();
    stored["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_end_of_every_upload_is_told() {
    let vendor = Upstream::start(Vendor::Kimi, Options::with_key("sk-test"))
        .await
        .unwrap();
    let mut receiver = HookReceiver::start().await;
    let mut place = place();
    let base = vendor.base_url();
    place.env("KIMI_API_KEY", "sk-test").configure(&format!(
        r#"
{}
[providers.kimi]
settings = {{ base_url = "{base}" }}
egress = [{{ url = "{base}/files", methods = ["GET", "POST", "DELETE"], private = true }}]
credential = {{ header = "Authorization", value = "Bearer ${{env:KIMI_API_KEY}}" }}
"#,
        hook(&receiver)
    ));
    let token = place.token("acme", &["read", "write"]).await;
    let served = place.serve().await;
    let client = served.client(&token);

    let id = upload(&client, "a.txt", "told").await;
    let told = receiver.next().await;
    assert_eq!(
        (told.path.as_str(), told.body["type"].as_str()),
        ("/hook", Some("file.stored"))
    );
    assert!(told.signature.starts_with("v1,") && told.id.starts_with("evt_") && told.timestamp > 0);
    let data = &told.body["data"];
    assert_eq!(
        (data["id"].as_str(), data["tenant"].as_str()),
        (Some(&*id), Some("acme"))
    );
    assert_eq!(
        (data["filename"].as_str(), data["bytes"].as_u64()),
        (Some("a.txt"), Some(4))
    );
    assert_eq!(
        (data["provider"].as_str(), data["deduplicated"].as_bool()),
        (Some("kimi"), Some(false))
    );

    // A file over content that is stored already.
    let id = upload(&client, "b.txt", "told").await;
    let told = receiver.next().await;
    assert_eq!(told.body["type"], "file.stored");
    assert_eq!(
        (
            told.body["data"]["id"].as_str(),
            told.body["data"]["deduplicated"].as_bool()
        ),
        (Some(&*id), Some(true))
    );

    let refusal = Fault::Answer(Refused::status(400));
    vendor.faults().push(Operation::Create, refusal);
    let refused = client.upload("c.txt", b"not wanted", &[]).await;
    assert!(!refused.status.is_success());
    let told = receiver.next().await;
    assert_eq!(
        (told.body["type"].as_str(), told.body["data"]["filename"].as_str()),
        (Some("file.failed"), Some("c.txt"))
    );
    assert_eq!(told.body["data"]["error"]["code"].as_str(), Some(&*refused.code()));
}

#[tokio::test]
async fn an_event_is_told_at_least_once_whenever_the_process_is_killed() {
    let mut receiver = HookReceiver::start().await;
    let place = place();
    place.configure(&hook(&receiver));
    let token = place.token("acme", &["write"]).await;
    let begin = async |place: &Place| -> (Served, Pid) {
        let served = place.serve().await;
        let pid = Pid::from_raw(i32::try_from(served.pid()).unwrap()).unwrap();
        (served, pid)
    };
    // Before it was taken; and while it was, before that is known.
    for (name, killed) in [("before.txt", false), ("during.txt", true)] {
        let (mut served, pid) = begin(&place).await;
        receiver.answer(move |_| {
            if killed {
                kill_process(pid, Signal::KILL).unwrap();
            }
            503
        });
        let client = served.client(&token);
        // The answer may be lost with the process.
        let uploading = tokio::spawn(async move { client.upload(name, name.as_bytes(), &[]).await });
        let first = told_of(&mut receiver, name).await;
        if killed {
            uploading.abort();
            served.ended().await;
        } else {
            uploading.await.unwrap().expect(200);
            served.kill().await;
        }
        receiver.answer(|_| 204);
        let (served, _) = begin(&place).await;
        let again = told_of(&mut receiver, name).await;
        assert_eq!((&again.id, &again.body), (&first.id, &first.body), "{name}");
        assert_eq!(again.body["type"], "file.stored");
        served.stop().await;
    }
}

/// The next message about a file of this name: one before may come again.
async fn told_of(receiver: &mut HookReceiver, name: &str) -> HookMessage {
    loop {
        let message = receiver.next().await;
        if message.body["data"]["filename"] == name {
            return message;
        }
    }
}

#[tokio::test]
async fn what_is_not_taken_is_sent_again_and_what_is_given_up_can_be_resent() {
    let mut receiver = HookReceiver::start().await;
    let place = place();
    place.configure(&hook(&receiver));
    let token = place.token("acme", &["write"]).await;
    let admin = place.token("acme", &["admin"]).await;
    let served = place.serve().await;
    let (client, operator) = (served.client(&token), served.client(&admin));
    // A redirect is no answer, and is not followed.
    receiver.answer(|_| 302);
    upload(&client, "a.txt", "again").await;
    let first = receiver.next().await;
    receiver.answer(|_| 410);
    let second = receiver.next().await;
    assert_eq!((&first.id, &*first.path, &*second.path), (&second.id, "/hook", "/hook"));

    let letters = loop {
        let letters = operator
            .get("/v1/loadlock/webhooks/dead-letters")
            .await
            .expect(200)
            .json();
        if letters["data"].as_array().is_some_and(|data| !data.is_empty()) {
            break letters;
        }
        tokio::task::yield_now().await;
    };
    let letter = &letters["data"][0];
    assert_eq!(
        (letter["event"].as_str(), letter["attempts"].as_u64()),
        (Some(&*first.id), Some(2))
    );
    assert_eq!(letter["last_error"], "the receiver answered 410");
    let views = operator.get("/v1/loadlock/webhooks").await.expect(200).json();
    assert_eq!(
        (
            views["data"][0]["waiting"].as_u64(),
            views["data"][0]["dead_letters"].as_u64()
        ),
        (Some(0), Some(1))
    );
    for path in ["/v1/loadlock/webhooks", "/v1/loadlock/webhooks/dead-letters"] {
        client.get(path).await.expect(403);
    }
    let unknown = operator
        .send("POST", "/v1/loadlock/webhooks/dead-letters/whk_0_1/resend", &[], "")
        .await;
    assert_eq!(unknown.expect(404).code(), "file_not_found");

    receiver.answer(|_| 204);
    let (status, listed) = place.run(&["webhooks", "dead-letters"]).await;
    assert_eq!((status, &listed[0]["id"]), (0, &letter["id"]));
    let id = letter["id"].as_str().unwrap();
    let (status, resent) = place.run(&["webhooks", "resend", id]).await;
    assert_eq!((status, resent[0]["resent"].as_u64()), (0, Some(1)));
    assert_eq!(receiver.next().await.id, first.id);
    let (_, listed) = place.run(&["webhooks", "dead-letters"]).await;
    assert!(listed.is_empty(), "{listed:?}");
}

#[tokio::test]
async fn a_receiver_on_a_private_network_or_without_a_secret_is_refused() {
    let receiver = HookReceiver::start().await;
    for (hook, why) in [
        (hook(&receiver).replace("private = true", ""), "private = true"),
        (
            hook(&receiver).replace("HOOK_SECRET", "NO_SUCH_SECRET"),
            "NO_SUCH_SECRET",
        ),
        (
            hook(&receiver).replace("${env:HOOK_SECRET}", SECRET),
            "holds the secret itself",
        ),
        (hook(&receiver) + "events = [\"file.eaten\"]\n", "file.eaten"),
    ] {
        let place = place();
        place.configure(&hook);
        let refused = place.command(&["files", "ls"]).output().await.unwrap();
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(2) && said.contains(why), "{said}");
        assert!(!said.contains(SECRET), "{said}");
    }
}

/// A deleted file is told of after it was stored, one that was not there is not; and so is what a grant's maker asked
/// for, where an operator allows it.
#[tokio::test]
async fn a_deleted_file_and_the_callback_of_a_grant_are_told() {
    let mut receiver = HookReceiver::start().await;
    let place = place();
    place.configure(&(hook(&receiver) + "events = [\"file.deleted\", \"grant.callback\"]\n"));
    let token = place.token("acme", &["read", "write", "delete"]).await;
    let admin = place.token("acme", &["admin"]).await;
    let served = place.serve().await;
    let client = served.client(&token);
    for (url, code) in [
        (format!("{}-of-others", receiver.url()), "forbidden"),
        ("https://elsewhere.example/hook".to_owned(), "forbidden"),
        (format!("{}/../keys", receiver.url()), "request_invalid"),
        ("nonsense".to_owned(), "request_invalid"),
    ] {
        let refused = client
            .post_json("/v1/loadlock/upload-grants", json!({ "callback": url }))
            .await;
        assert_eq!(refused.code(), code, "{url}");
    }
    let wish = json!({ "callback": format!("{}/orders/17", receiver.url()) });
    let grant = client
        .post_json("/v1/loadlock/upload-grants", wish)
        .await
        .expect(201)
        .json();
    let path = grant["put_url"].as_str().unwrap().replace("{filename}", "a.txt");
    let stored = served.stranger().send("PUT", &path, &[], "granted").await.expect(200);
    let id = stored.json()["id"].as_str().unwrap().to_owned();
    let told = receiver.next().await;
    assert_eq!(
        (told.path.as_str(), told.body["type"].as_str()),
        ("/hook/orders/17", Some("file.stored"))
    );
    assert_eq!(
        (&told.body["data"]["grant"], told.body["data"]["id"].as_str()),
        (&grant["id"], Some(&*id))
    );
    assert!(told.id.ends_with("_stored_callback"), "{}", told.id);

    client.delete("/v1/files/file-none").await.expect(404);
    client.delete(&format!("/v1/files/{id}")).await.expect(200);
    let told = receiver.next().await;
    assert_eq!(
        (
            told.path.as_str(),
            told.body["type"].as_str(),
            told.body["data"]["id"].as_str()
        ),
        ("/hook", Some("file.deleted"), Some(&*id))
    );
    let operator = served.client(&admin);
    let view = operator.get("/v1/loadlock/webhooks").await.expect(200).json();
    assert_eq!(
        view["data"][0]["events"],
        json!(["file.deleted", "grant.callback"]),
        "{view}"
    );
    let line = format!(
        "loadlock_webhook_attempts_total{{webhook=\"{}\",outcome=\"delivered\"}} 2",
        view["data"][0]["id"].as_str().unwrap()
    );
    // The answer to an attempt is counted after its receiver gave it.
    while !operator.get("/metrics").await.expect(200).text().contains(&line) {
        tokio::task::yield_now().await;
    }
}
