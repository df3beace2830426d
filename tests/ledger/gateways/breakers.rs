//! What one gateway finds out about a vendor, the others know within seconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use loadlock_gateway::{Event, Progress, ProviderView};
use loadlock_tests::Opened;
use loadlock_upstream::{Answer, Fault, Operation};

use super::site::{Site, start, until};

async fn seen(gateway: &Opened) -> ProviderView {
    let all = gateway.gateway.providers(&gateway.who).await;
    all.unwrap().remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_breaker_spreads() {
    let site = Site::new().await;
    let (one, two) = (site.place("").await, site.place("").await);
    let (first, second) = (one.world.open().await, two.world.open().await);
    let faults = site.shop.upstream.faults();
    faults.always(Operation::Create, Fault::Answer(Answer::status(503)));
    for round in 0..20 {
        if seen(&first).await.breaker == "open" {
            break;
        }
        let name = format!("{round}.txt");
        let failed = start(&first, &one.world.file(&name, &name));
        assert!(failed.await.unwrap().is_err());
    }
    assert_eq!(seen(&first).await.breaker, "open");
    let asked = site.shop.upstream.requests().len();
    until("the other's is open too", async || {
        seen(&second).await.breaker == "open"
    })
    .await;
    // It learnt that without asking the vendor.
    assert_eq!(site.shop.upstream.requests().len(), asked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_that_the_vendor_asked_for_spreads() {
    let site = Site::new().await;
    let (one, two) = (site.place("").await, site.place("").await);
    let (first, second) = (one.world.open().await, two.world.open().await);
    let faults = site.shop.upstream.faults();
    faults.push(Operation::Create, Fault::rate_limited(50));
    let path = one.world.file("a.txt", "content");
    let paused = start(&first, &path);
    until("the vendor asks for a pause", async || faults.injected().len() == 1).await;
    // Until it has heard of it the other goes on; then it waits before it asks.
    for round in 0.. {
        let name = format!("{round}.txt");
        let request = second.request(two.world.file(&name, &name));
        let (open, who, seen) = (second.gateway.clone(), second.who.clone(), Arc::new(Waits::default()));
        let (asked, heard) = (site.shop.posts().len(), seen.clone());
        let upload = tokio::spawn(async move { open.upload(&who, request, &*heard).await });
        until("it stored or waits", async || {
            upload.is_finished() || seen.0.load(Ordering::Relaxed)
        })
        .await;
        if !upload.is_finished() {
            upload.abort();
            assert_eq!(site.shop.posts().len(), asked);
            break;
        }
    }
    paused.abort();
}

/// Whether an upload waits.
#[derive(Default)]
struct Waits(AtomicBool);

impl Progress for Waits {
    fn event(&self, event: Event) {
        if matches!(event, Event::Retry { .. }) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}
