//! What the vendors' errors lead to: by body code as well as by status.

use std::sync::Mutex;

use loadlock_gateway::{Clock, ErrorCode, Event, File, Progress, Result, Target, UploadRequest};
use loadlock_tests::{Opened, Shop, World};
use loadlock_upstream::{Answer, Fault, Operation};

/// Uploads once, with these answers before all goes well.
async fn after(shop: &Shop, answers: &[Answer]) -> Result<File> {
    let world = shop.join(World::new());
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    for answer in answers {
        shop.upstream
            .faults()
            .push(Operation::Create, Fault::Answer(answer.clone()));
    }
    gateway.upload_pinned(shop.name, &path).await
}

async fn retried(shop: Shop, answer: Answer) {
    let file = after(&shop, std::slice::from_ref(&answer)).await.unwrap();
    assert_eq!(
        (file.attempts, shop.posts().len(), shop.upstream.files().len()),
        (2, 2, 1),
        "{} {answer:?}",
        shop.name
    );
}

async fn ends(shop: Shop, answer: Answer, code: ErrorCode) {
    let error = after(&shop, std::slice::from_ref(&answer)).await.unwrap_err();
    assert_eq!(error.code, code, "{} {answer:?}: {error}", shop.name);
    assert_eq!(
        (shop.posts().len(), shop.upstream.files().len()),
        (1, 0),
        "{} {answer:?}",
        shop.name
    );
}

#[tokio::test]
async fn glm_slow_down_is_not_pay_your_bill() {
    retried(Shop::zai().await, Answer::status(429).code("1302")).await;
    retried(Shop::bigmodel().await, Answer::status(429).code("1302")).await;
    for code in ["1113", "1309"] {
        ends(
            Shop::zai().await,
            Answer::status(429).code(code),
            ErrorCode::ProviderQuotaExhausted,
        )
        .await;
    }
    ends(
        Shop::bigmodel().await,
        Answer::status(435).code("1214"),
        ErrorCode::ProviderRejected,
    )
    .await;
    ends(
        Shop::bigmodel().await,
        Answer::status(434).code("1220"),
        ErrorCode::ProviderUnauthorized,
    )
    .await;
}

#[tokio::test]
async fn kimi_overloaded_is_not_out_of_money() {
    retried(Shop::kimi().await, Answer::status(429).kind("engine_overloaded_error")).await;
    retried(Shop::kimi().await, Answer::status(429).kind("rate_limit_reached_error")).await;
    let quota = Answer::status(429).kind("exceeded_current_quota_error");
    ends(Shop::kimi().await, quota, ErrorCode::ProviderQuotaExhausted).await;
    let balance = Answer::status(403)
        .kind("permission_denied_error")
        .message("insufficient balance");
    ends(Shop::kimi().await, balance, ErrorCode::ProviderQuotaExhausted).await;
    let permission = Answer::status(403).kind("permission_denied_error").message("not open");
    ends(Shop::kimi().await, permission, ErrorCode::ProviderUnauthorized).await;
}

#[tokio::test]
async fn openai_rate_is_not_quota() {
    retried(Shop::openai().await, Answer::status(429).code("rate_limit_exceeded")).await;
    ends(
        Shop::openai().await,
        Answer::status(429).code("insufficient_quota"),
        ErrorCode::ProviderQuotaExhausted,
    )
    .await;
    ends(
        Shop::openai().await,
        Answer::status(400).code("invalid_request_error"),
        ErrorCode::ProviderRejected,
    )
    .await;
}

#[tokio::test]
async fn attempts_are_counted_and_end() {
    let shop = Shop::kimi().await;
    let slow = Answer::status(429).kind("rate_limit_reached_error");
    assert_eq!(after(&shop, &[slow.clone(), slow.clone()]).await.unwrap().attempts, 3);
    let shop = Shop::kimi().await;
    let error = after(&shop, &[slow.clone(), slow.clone(), slow]).await.unwrap_err();
    assert_eq!((error.code, shop.posts().len()), (ErrorCode::ProviderRateLimited, 3));
}

#[derive(Default)]
struct Waits(Mutex<Vec<u64>>);

impl Progress for Waits {
    fn event(&self, event: Event) {
        if let Event::Retry { after_ms, .. } = event {
            self.0.lock().unwrap().push(after_ms);
        }
    }
}

async fn watched(gateway: &Opened, name: &str, path: &std::path::Path) -> (Result<File>, Vec<u64>) {
    let waits = Waits::default();
    let request = UploadRequest {
        target: Target::Pinned(name.into()),
        ..gateway.request(path)
    };
    let end = gateway.gateway.upload(&gateway.who, request, &waits).await;
    (end, waits.0.into_inner().unwrap())
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    for (header, value) in [("retry-after", "2"), ("retry-after-ms", "2000")] {
        let shop = Shop::openai().await;
        let world = shop.join(World::new()).clock(Clock::scaled(20));
        let path = world.file("a.txt", "content");
        let gateway = world.open().await;
        let answer = Answer::status(429).code("rate_limit_exceeded").header(header, value);
        shop.upstream.faults().push(Operation::Create, Fault::Answer(answer));
        let (end, waits) = watched(&gateway, "openai", &path).await;
        assert_eq!(end.unwrap().attempts, 2);
        // 2 s at twenty times the speed, and at most `retry.base` more.
        assert!(waits.len() == 1 && (100..110).contains(&waits[0]), "{waits:?}");
    }
}

#[tokio::test]
async fn an_absurd_retry_after_is_not_waited_for() {
    for value in ["61", "9223372036854775807", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let shop = Shop::openai().await;
        let world = shop.join(World::new());
        let path = world.file("a.txt", "content");
        let gateway = world.open().await;
        let answer = Answer::status(429)
            .code("rate_limit_exceeded")
            .header("retry-after", value);
        shop.upstream.faults().always(Operation::Create, Fault::Answer(answer));
        let (end, waits) = watched(&gateway, "openai", &path).await;
        let error = end.unwrap_err();
        assert_eq!(
            (error.code, shop.posts().len(), waits.as_slice()),
            (ErrorCode::ProviderRateLimited, 1, &[][..]),
            "{value}: {error}"
        );
        assert!(
            error
                .retry_after_ms
                .is_some_and(|wait| (61_000..=3_600_000).contains(&wait)),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn auto_falls_back_and_pinned_does_not() {
    let (kimi, openai) = (Shop::kimi().await, Shop::openai().await);
    let world = openai.join(kimi.join(World::new().config("order = [\"kimi\", \"openai\"]")));
    let first = world.file("a.txt", "pinned");
    let second = world.file("b.txt", "anywhere");
    let gateway = world.open().await;
    let quota = Answer::status(429).kind("exceeded_current_quota_error");
    kimi.upstream.faults().always(Operation::Create, Fault::Answer(quota));
    let error = gateway.upload_pinned("kimi", &first).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::ProviderQuotaExhausted, "{error}");
    assert!(openai.upstream.requests().is_empty());
    let file = gateway.upload(&second).await.unwrap();
    assert_eq!((file.provider.as_str(), file.attempts), ("openai", 2));
    assert_eq!(
        (
            kimi.posts().len(),
            kimi.upstream.files().len(),
            openai.upstream.files().len()
        ),
        (2, 0, 1)
    );
}
