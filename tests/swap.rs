//! Components are swapped by configuration, and the outcome changes with them; a component that is not there or not the
//! pinned one is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use loadlock_gateway::{Door, ErrorCode, Gateway, Silent, UploadRequest};
use loadlock_sandbox::digest;
use loadlock_tests::{Logs, World, guest, token};

/// The four roles: the table of the configuration that names a component, its built-in one, and a guest that plays it.
const ROLES: [(&str, &str, &str); 4] = [
    ("providers.odd", "local", "good"),
    ("validator", "validator", "validator_denies_all"),
    ("auth", "auth", "auth_accepts_nobody"),
    ("tracker", "tracker-local", "tracker_forgets"),
];

/// A world with a guest in a role.
fn swapped(table: &str, name: &str, more: &str) -> World {
    let world = World::new();
    let path = world.guest(name);
    world.config(&format!("[{table}]\ncomponent = {path:?}\n{more}"))
}

#[tokio::test]
async fn another_provider_stores() {
    let world = swapped("providers.odd", "good", "");
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let file = gateway.upload(&path).await.unwrap();
    // Its id is the content's digest, which is how this guest names what it stores.
    assert_eq!((file.provider.as_str(), file.remote_id), ("odd", digest(b"content")));
    // The one that is not configured is not there.
    assert_eq!(
        gateway.upload_pinned("local", &path).await.unwrap_err().code,
        ErrorCode::ProviderUnknown
    );
}

#[tokio::test]
async fn another_validator_judges() {
    let world = swapped("validator", "validator_denies_all", "");
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let error = gateway.upload(&path).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::FileRejected);
    assert!(error.message.contains("denied_by_test"), "{error}");
    assert_eq!(error.hint, "Configure another validator.");
}

#[tokio::test]
async fn another_auth_lets_nobody_in() {
    let world = swapped("auth", "auth_accepts_nobody", "");
    let gateway = Gateway::open(world.setup()).await.unwrap();
    let good = token(gateway.home(), "local", "tester", "read write");
    for door in [Door::Local, Door::Network] {
        for credential in [None, Some(good.as_str()), Some("anything")] {
            let error = gateway.authenticate(door, credential).await.unwrap_err();
            assert_eq!(error.code, ErrorCode::Unauthenticated, "{error}");
            assert_eq!(error.hint, "Configure another auth component.");
        }
    }
}

/// The component speaks for the installation's own key, which may speak for every tenant: the operator who swaps it in
/// trusts it with that. It cannot be anybody for a key that may not; the suite `hostile` has that.
#[tokio::test]
async fn another_auth_says_who_somebody_is() {
    let logs = Logs::start();
    let world = swapped("auth", "auth_everyone_is_mallory", "");
    let gateway = Gateway::open(world.setup()).await.unwrap();
    let who = gateway.authenticate(Door::Network, None).await.unwrap();
    assert_eq!((who.subject(), who.tenant()), ("mallory", "victim"));
    let log = logs.take();
    assert!(log.contains("[AUTH] accepted") && log.contains("mallory"), "{log}");
}

#[tokio::test]
async fn another_tracker_keeps_the_ledger() {
    let world = swapped("tracker", "tracker_forgets", "");
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let file = gateway.upload(&path).await.unwrap();
    let list = gateway.list().await.unwrap();
    assert!(list.files.is_empty(), "{list:?}");
    assert_eq!(
        gateway.gateway.get(&gateway.who, &file.id).await.unwrap_err().code,
        ErrorCode::FileNotFound
    );
    // No dedup is claimed that the ledger cannot show.
    assert!(!gateway.upload(&path).await.unwrap().deduplicated);
}

#[tokio::test]
async fn a_tracker_that_fails_is_said_to_fail() {
    let world = swapped("tracker", "tracker_forgets", "settings = { mode = \"fail\" }");
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let error = gateway.list().await.unwrap_err();
    assert_eq!(error.code, ErrorCode::TrackerFailed);
    assert!(error.message.contains("this tracker fails"), "{error}");
    // The upload is journalled, and recorded when the tracker is back.
    let file = gateway.upload(&path).await.unwrap();
    drop(gateway);
    let world = world.without_config();
    let gateway = world.open().await;
    assert_eq!(
        gateway.gateway.get(&gateway.who, &file.id).await.unwrap().sha256,
        digest(b"content")
    );
}

#[tokio::test]
async fn a_component_that_is_not_there_is_refused() {
    for (table, _, name) in ROLES {
        let world = swapped(table, name, "");
        let path = world.path("components").join(format!("{name}.wasm"));
        // The configuration looks for it, and so does the start: it may go in between.
        let setup = world.setup();
        std::fs::remove_file(&path).unwrap();
        // A provider's is missed by itself alone, at the start.
        match world.try_load() {
            Ok(_) => assert_eq!(table, "providers.odd"),
            Err(errors) => {
                let errors = errors.to_string();
                let names = format!("`{table}.component`");
                assert!(
                    errors.contains(&names) && errors.contains("does not exist"),
                    "{table}: {errors}"
                );
            }
        }
        let error = Gateway::open(setup).await.err().unwrap();
        assert_eq!(error.code, ErrorCode::ComponentRefused, "{table}: {error}");
        assert!(error.message.contains(&format!("{name}.wasm")), "{table}: {error}");
    }
}

/// Removed while the gateway runs, it goes on; the next start refuses.
#[tokio::test]
async fn a_component_that_goes_away_is_missed_at_the_next_start() {
    let world = swapped("providers.odd", "good", "");
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    std::fs::remove_file(world.path("components/good.wasm")).unwrap();
    gateway.upload(&path).await.unwrap();
    drop(gateway);
    // Nobody else is there to store anything.
    let error = world.try_open().await.err().unwrap();
    assert!(error.message.contains("good.wasm"), "{error}");
}

#[tokio::test]
async fn a_pin_decides_before_anything_runs() {
    for (table, builtin, name) in ROLES {
        let right = digest(guest(name));
        let wrong = digest(b"another component");
        let world = World::new();
        let path = world.guest(name);
        let world = world.config(&format!(
            "[{table}]\ncomponent = {{ path = {path:?}, sha256 = {wrong:?} }}"
        ));
        let error = world.try_open().await.err().unwrap();
        assert_eq!(error.code, ErrorCode::ComponentRefused, "{table}: {error}");
        assert!(
            error.message.contains(&right) && error.message.contains(&wrong),
            "{table}: {error}"
        );

        let right = format!("[{table}]\ncomponent = {{ path = {path:?}, sha256 = {right:?} }}");
        let world = world.without_config().config(&right);
        Gateway::open(world.setup())
            .await
            .unwrap_or_else(|error| panic!("{table}: {error}"));

        // A built-in one may be pinned too.
        let bytes = loadlock::builtins()[builtin];
        for (sha256, taken) in [(digest(bytes), true), (wrong.clone(), false)] {
            let component = format!("{{ path = \"builtin:{builtin}\", sha256 = {sha256:?} }}");
            let world = World::new().config(&format!("[{table}]\ncomponent = {component}"));
            let opened = Gateway::open(world.setup()).await;
            assert_eq!(opened.is_ok(), taken, "{table}");
        }
    }
}

#[tokio::test]
async fn a_name_that_is_not_built_in_is_refused() {
    for (table, builtin, _) in ROLES {
        for name in ["nothing", "../local", "LOCAL", ""] {
            let world = World::new().config(&format!("[{table}]\ncomponent = \"builtin:{name}\""));
            let Ok(_) = world.try_load() else { continue };
            let error = world.try_open().await.err().unwrap();
            assert_eq!(error.code, ErrorCode::ComponentRefused, "{table}: {error}");
            assert!(error.hint.contains(&format!("`{builtin}`")), "{table}: {}", error.hint);
        }
    }
}

/// A component of another role is no stand-in.
#[tokio::test]
async fn roles_are_not_mixed() {
    for (table, _, own) in ROLES {
        for (_, _, other) in ROLES.iter().filter(|(_, _, other)| *other != own) {
            let error = swapped(table, other, "").try_open().await.err().unwrap();
            assert_eq!(error.code, ErrorCode::ComponentRefused, "{table}: {other}: {error}");
            assert!(
                error.message.contains("does not export `loadlock:upload/"),
                "{table}: {other}: {error}"
            );
        }
    }
}

/// Each key answers for an upload of its own, also while the journal alone knows the content.
#[tokio::test]
async fn idempotency_keys_share_a_remote_file_while_the_tracker_is_away() {
    let world = swapped("tracker", "tracker_forgets", "settings = { mode = \"fail\" }");
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let upload = |key: &str| {
        let request = UploadRequest {
            idempotency_key: Some(key.to_owned()),
            ..gateway.request(&path)
        };
        gateway.gateway.upload(&gateway.who, request, &Silent)
    };
    let first = upload("one").await.unwrap();
    let second = upload("two").await.unwrap();
    assert!(!first.deduplicated && second.deduplicated);
    assert_eq!(first.remote_id, second.remote_id);
    assert_ne!(first.id, second.id);
    assert_eq!(upload("one").await.unwrap(), first);
    assert_eq!(upload("two").await.unwrap(), second);
}
