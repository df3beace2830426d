//! A large file streams through: memory does not grow with its size.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(target_os = "linux")]

use loadlock_tests::{KEY, Shop, World};
use loadlock_upstream::{Options, Vendor};

/// Large enough that holding it, or a part of it, would show.
const BYTES: u64 = 2 << 30;

/// Most resident memory of this process so far, bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_file_needs_no_memory() {
    let options = Options {
        max_bytes: Some(BYTES),
        ..Options::for_load(KEY)
    };
    let shop = Shop::start("openai", Vendor::Openai, options)
        .await
        .settings("single_max_bytes = 4000000000");
    let world = shop.join(World::new());
    let small = world.file("small.bin", vec![7u8; 1 << 20]);
    let large = world.file("large.bin", "");
    std::fs::File::options()
        .write(true)
        .open(&large)
        .unwrap()
        .set_len(BYTES)
        .unwrap();
    let gateway = world.open().await;
    gateway.upload_pinned("openai", &small).await.unwrap();
    let before = peak();
    let file = gateway.upload_pinned("openai", &large).await.unwrap();
    let grown = peak() - before;
    let stored = shop.upstream.files().get(&file.remote_id).unwrap();
    assert_eq!((stored.bytes, stored.sha256), (BYTES, file.sha256));
    assert!(grown < 64 << 20, "{grown} bytes more for {BYTES}");
}
