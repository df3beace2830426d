//! Answers that no honest vendor gives.

use bytes::Bytes;
use loadlock_policy::model::RemoteRef;

use super::bench::{Ended, ProviderBench};
use super::case::cases;
use crate::conformance::proxy::{ProxyAnswer, ProxyFault};
use crate::conformance::report::{Finding, Found, KEPT};

/// Levels of a JSON text that a recursive reader cannot hold.
const DEEP: usize = 20_000;

cases! {
    "hostile-upload", "no answer to an upload makes a success that the vendor did not give, and none ends the call",
        "check the type of each field of an answer; what is not as expected is a failure of the kind `protocol`" =>
        hostile_upload;
    "hostile-reads", "no answer to `stat`, `list`, `content`, `probe` and `delete` ends the call",
        "check the type of each field of an answer; what is not as expected is a failure of the kind `protocol`" =>
        hostile_reads;
    "hostile-ids", "an id with `/`, `?`, `#`, `..` or spaces reaches nothing but the file of that id",
        "encode the id as one segment of a path" => hostile_ids;
}

/// Bodies that are JSON and not what is expected, and bodies that are not.
fn bodies() -> Vec<(&'static str, Bytes)> {
    let mut bodies = vec![
        ("nothing", Bytes::new()),
        ("null", Bytes::from_static(b"null")),
        ("a list", Bytes::from_static(b"[]")),
        ("a number", Bytes::from_static(b"7")),
        ("an empty object", Bytes::from_static(b"{}")),
        (
            "ids that are numbers",
            Bytes::from_static(br#"{"id":7,"bytes":"x","name":[],"files":{},"next":7}"#),
        ),
        (
            "an empty id",
            Bytes::from_static(br#"{"id":"","bytes":0,"name":"","files":[],"next":""}"#),
        ),
        (
            "numbers beyond 64 bits",
            Bytes::from_static(
                br#"{"id":"x","bytes":1e400,"name":"x","files":[{"id":"x","bytes":-1,"name":"x"}],"next":null}"#,
            ),
        ),
        (
            "nulls",
            Bytes::from_static(br#"{"id":null,"bytes":null,"name":null,"files":null,"next":null}"#),
        ),
        (
            "invalid UTF-8",
            Bytes::from_static(b"{\"id\":\"\xff\xfe\",\"bytes\":1}"),
        ),
        (
            "half of a surrogate pair",
            Bytes::from_static(br#"{"id":"\ud800","bytes":1,"name":"\udfff"}"#),
        ),
    ];
    bodies.push(("deep nesting", Bytes::from("[".repeat(DEEP))));
    let long = format!(r#"{{"id":"{}","bytes":1,"name":"x"}}"#, "x".repeat(100_000));
    bodies.push(("an id of 100 kB", Bytes::from(long)));
    bodies
}

fn answer(body: Bytes) -> ProxyFault {
    ProxyFault::Answer(ProxyAnswer {
        status: 200,
        header: Some(("content-type", "application/json")),
        body: (body, 1),
    })
}

const NO_VENDOR: Found = Ok(Finding::NotPromised(
    "it asks for no network, so there is no vendor to be hostile",
));

async fn hostile_upload(bench: &ProviderBench) -> Found {
    let Some(proxy) = bench.proxy() else {
        return NO_VENDOR;
    };
    for (what, body) in bodies() {
        let file = bench.file("hostile.bin", 1_000)?;
        proxy.clear();
        proxy.always(answer(body));
        match bench.upload(&file).await {
            Ended::Failed(_) | Ended::Refused(_) => {}
            Ended::Done(file) => return Err(format!("{what}: `upload` answers success, with the id `{}`", file.id)),
            Ended::Died(why) => return Err(format!("{what}: {why}")),
        }
    }
    KEPT
}

async fn hostile_reads(bench: &ProviderBench) -> Found {
    let Some(proxy) = bench.proxy() else {
        return NO_VENDOR;
    };
    let remote = RemoteRef {
        id: "file-1".to_owned(),
        purpose: bench.purpose.clone(),
    };
    let died = |what: &str, why: String| Err(format!("{what}: {why}"));
    for (what, body) in bodies() {
        proxy.clear();
        proxy.always(answer(body));
        if let Ended::Died(why) = bench.stat(&remote).await {
            return died(what, why);
        }
        if let Ended::Died(why) = bench.list(None, 100).await {
            return died(what, why);
        }
        if let Ended::Died(why) = bench.content(&remote).await {
            return died(what, why);
        }
        if let Ended::Died(why) = bench.probe().await {
            return died(what, why);
        }
        if let Ended::Died(why) = bench.delete(&remote).await {
            return died(what, why);
        }
    }
    KEPT
}

async fn hostile_ids(bench: &ProviderBench) -> Found {
    let Some(proxy) = bench.proxy() else {
        return NO_VENDOR;
    };
    let other = bench.stored("other.bin", 1_000).await?;
    let ids = [
        format!("../files/{}", other.remote.id),
        format!("x/../{}", other.remote.id),
        format!("{}?x=1", other.remote.id),
        format!("{}#x", other.remote.id),
        "%2e%2e".to_owned(),
        "a b\"<>".to_owned(),
    ];
    for id in ids {
        let remote = RemoteRef {
            id: id.clone(),
            purpose: bench.purpose.clone(),
        };
        proxy.clear();
        if let Ended::Died(why) = bench.delete(&remote).await {
            return Err(format!("`{id}`: {why}"));
        }
    }
    proxy.clear();
    if bench.profile.can_stat {
        let there = bench.stat(&other.reference(&bench.purpose)).await;
        there.done("the file of another id is gone: `stat`")?;
    }
    bench.clean(&other).await;
    KEPT
}
