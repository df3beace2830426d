//! What tenants may use, what is recorded of what they do, and what is counted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod audit;
mod authentication;
mod issuers;
mod metrics;
mod quotas;
mod reload;

use std::path::Path;

use loadlock_audit::{Check, Record, last, verify};
use loadlock_gateway::{Body, Gateway, Principal, Result, Silent, Source, UploadRequest};

/// Uploads bytes for a caller.
async fn send(gateway: &Gateway, who: &Principal, name: &str, content: Vec<u8>) -> Result<loadlock_gateway::File> {
    let body = Body {
        stream: Box::pin(futures::stream::once(async { Ok(content.into()) })),
        name: name.into(),
        media_type: None,
    };
    let request = UploadRequest::from(Source::Body(body));
    gateway.upload(who, request, &Silent).await
}

/// The whole log, checked.
fn log(home: &Path) -> Vec<Record> {
    let dir = home.join("audit");
    let report = verify(&dir, &Check::default()).unwrap();
    assert_eq!(report.broken, None);
    last(&dir, usize::MAX)
        .unwrap()
        .into_iter()
        .map(|(_, record)| record.unwrap())
        .collect()
}
