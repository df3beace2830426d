//! All of them at once behind one gateway: each upload fails by its own fault, and every honest one is stored.

use futures::future::join_all;
use loadlock_gateway::{ErrorCode, ListRequest};
use loadlock_tests::{Logs, World};

/// Guests whose upload ends badly by itself, and what the caller is told.
const HOSTILE: [(&str, ErrorCode, &str); 14] = [
    ("loop_in_upload", ErrorCode::OutcomeUnknown, "CPU time"),
    ("sleep_forever", ErrorCode::OutcomeUnknown, "wall-clock time"),
    ("memory_bomb", ErrorCode::OutcomeUnknown, "memory"),
    ("stack_overflow", ErrorCode::OutcomeUnknown, "stack"),
    ("ten_thousand_resources", ErrorCode::OutcomeUnknown, "open resources"),
    ("raw_sockets", ErrorCode::OutcomeUnknown, "wasi:sockets"),
    ("read_sibling", ErrorCode::ProviderRejected, "allowed=0"),
    ("write_attacks", ErrorCode::ProviderRejected, "allowed=0"),
    ("open_parent", ErrorCode::ProviderRejected, "allowed=0"),
    ("symlink_in_state", ErrorCode::ProviderRejected, "allowed=0"),
    ("never_reads", ErrorCode::ReceiptMismatch, "it read 0 of"),
    ("reads_half", ErrorCode::ReceiptMismatch, "bytes"),
    ("lying_size", ErrorCode::ReceiptMismatch, "are stored, but"),
    ("lying_digest", ErrorCode::ReceiptMismatch, "digest"),
];

const SECRET: &str = "WHAT-ANOTHER-FILE-HOLDS";

#[tokio::test]
async fn every_hostile_upload_costs_itself_alone() {
    let logs = Logs::start();
    let mut world =
        World::new().config("[sandbox]\nmemory = \"32 MiB\"\ncpu = \"300ms\"\ntimeout = \"10s\"\n[providers.local]");
    for (guest, _, _) in HOSTILE {
        let timeout = if guest == "sleep_forever" {
            "sandbox = { timeout = \"300ms\" }\nretry = { attempts = 1 }"
        } else {
            ""
        };
        world = world.with_guest(guest, guest, timeout);
    }
    world.file("secret.txt", SECRET);
    let bait: Vec<_> = HOSTILE
        .iter()
        .map(|(guest, _, _)| world.file(&format!("{guest}.txt"), format!("for {guest}")))
        .collect();
    let honest: Vec<_> = (0..10)
        .map(|i| world.file(&format!("honest-{i}.txt"), format!("honest {i}")))
        .collect();
    let gateway = world.open().await;

    let (attacks, stored) = tokio::join!(
        join_all(
            HOSTILE
                .iter()
                .zip(&bait)
                .map(|((guest, _, _), path)| gateway.upload_pinned(guest, path))
        ),
        join_all(honest.iter().map(|path| gateway.upload_pinned("local", path))),
    );
    for ((guest, code, part), outcome) in HOSTILE.iter().zip(attacks) {
        let error = outcome.err().unwrap_or_else(|| panic!("{guest} succeeded"));
        assert_eq!(error.code, *code, "{guest}: {error}");
        assert!(error.message.contains(part), "{guest}: {error}");
        assert!(
            !error.message.contains(SECRET) && !error.hint.contains(SECRET),
            "{guest}: {error}"
        );
    }
    let mut stored: Vec<_> = stored.into_iter().map(|file| file.unwrap()).collect();
    // On record is what was stored, and nothing else.
    let list = gateway
        .gateway
        .list(
            &gateway.who,
            ListRequest {
                limit: 100,
                ..ListRequest::default()
            },
        )
        .await
        .unwrap();
    let mut listed = list.files;
    for files in [&mut stored, &mut listed] {
        files.sort_by(|a, b| a.id.cmp(&b.id));
    }
    assert_eq!(listed, stored);
    assert!(!logs.take().contains(SECRET));
}
