//! One provider that cannot be made ready is out of service alone.

use loadlock_served::Place;
use serde_json::{Value, json};

const BESIDE: &str = "order = [\"kimi\", \"broken\", \"local\"]\n[providers.local]\n";
/// What is here is no component, and the credential of the vendor is nowhere.
const BAD: &str = "[providers.broken]\ncomponent = \"{files}/broken.wasm\"\n\
                   [providers.kimi]\n\
                   credential = { header = \"Authorization\", value = \"Bearer ${env:NOT_SET_HERE}\" }\n";

fn place(toml: &str) -> Place {
    let place = Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"));
    place.file("broken.wasm", "no component at all");
    place.file("a.txt", "content");
    place.configure(toml);
    place
}

#[tokio::test]
async fn a_command_serves_with_the_rest_and_says_what_is_out_of_service() {
    let place = place(&format!("{BESIDE}{BAD}"));
    let output = place.command(&["upload", "--json", "a.txt"]).output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let file: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(file["provider"], "local");
    for said in ["broken is out of service", "kimi is out of service", "NOT_SET_HERE"] {
        assert!(told.contains(said), "{said}: {told}");
    }
    let (status, shown) = place.run(&["providers", "ls"]).await;
    let row = |name: &str| shown.iter().find(|one| one["name"] == name).unwrap();
    assert_eq!((status, shown.len()), (0, 3), "{shown:?}");
    assert!(row("local")["out_of_service"].is_null());
    assert!(row("kimi")["out_of_service"].as_str().unwrap().contains("NOT_SET_HERE"));
    assert_eq!(
        (&row("broken")["order"], &row("broken")["breaker"]),
        (&json!(2), &json!("out_of_service"))
    );
    let (status, errors) = place.run(&["upload", "a.txt", "--to", "broken"]).await;
    assert_ne!(status, 0);
    assert!(
        json!(errors).to_string().contains("provider_out_of_service"),
        "{errors:?}"
    );
    // It is the operator's mistake all the same.
    let (status, _) = place.run(&["config", "check"]).await;
    assert_eq!(status, 2);
}

#[tokio::test]
async fn a_file_that_is_not_there_concerns_its_provider_alone() {
    for lacks in [
        "component = \"{files}/nowhere.wasm\"",
        "component = \"builtin:openai\"\nca_file = \"{files}/nowhere.pem\"",
    ] {
        let place = place(&format!(
            "order = [\"local\"]\n[providers.local]\n[providers.lacking]\n{lacks}\n"
        ));
        let output = place.command(&["upload", "--json", "a.txt"]).output().await.unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
        assert!(
            told.contains("lacking is out of service") && told.contains("nowhere"),
            "{told}"
        );
        let (status, _) = place.run(&["config", "check"]).await;
        assert_eq!(status, 2);
    }
}

#[tokio::test]
async fn nobody_left_refuses_the_start_with_every_reason() {
    let output = place(BAD).command(&["providers", "ls"]).output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("broken") && told.contains("NOT_SET_HERE"), "{told}");
}

#[tokio::test]
async fn a_gateway_serves_everybody_but_who_names_it() {
    let place = place(&format!("{BESIDE}{BAD}"));
    let token = place.token("acme", &["read", "write", "delete"]).await;
    let served = place.serve().await;
    let client = served.client(&token);
    client
        .upload("a.txt", b"content", &[("purpose", "user_data")])
        .await
        .expect(200);
    let fields = [("purpose", "user_data"), ("provider", "kimi")];
    let refused = client.upload("a.txt", b"other content", &fields).await.expect(503);
    assert_eq!(refused.code(), "provider_out_of_service");
    let text = refused.text();
    assert!(
        !text.contains("NOT_SET_HERE") && !text.contains("broken.wasm"),
        "{text}"
    );
}
