//! Forms as clients send them, and as nobody should.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use http::HeaderValue;
use loadlock_gateway::ended_early;
use proptest::prelude::*;

use super::*;

const BOUNDARY_TEXT: &str = "openai-7d1f";

/// Reads a form of this type.
async fn read_form(
    content_type: &str,
    body: &[u8],
    chunk: usize,
) -> Result<(BTreeMap<String, String>, String, Vec<u8>), Failure> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
    crate::openai::kept::read(&headers, body, chunk).await
}

fn content_type() -> String {
    format!("multipart/form-data; boundary={BOUNDARY_TEXT}")
}

fn text(name: &str, value: &str) -> String {
    format!("--{BOUNDARY_TEXT}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

fn file(name: &str, content: &str) -> String {
    format!(
        "--{BOUNDARY_TEXT}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: \
         text/plain\r\n\r\n{content}\r\n"
    )
}

fn end() -> String {
    format!("--{BOUNDARY_TEXT}--\r\n")
}

#[test]
fn the_size_of_a_last_file_follows_from_the_length_of_its_form() {
    let content = format!("hello\r\n--{BOUNDARY_TEXT}x");
    let before = text("note", &format!("x--{BOUNDARY_TEXT}")) + &text("purpose", "user_data");
    for (fields, index) in [(String::new(), 0), (text("purpose", "user_data"), 1), (before, 2)] {
        let body = fields + &file("a.txt", &content) + &end();
        let size = |came: &[u8], length: usize| {
            let came: Vec<Bytes> = came.chunks(7).map(Bytes::copy_from_slice).collect();
            bytes_if_last(length as u64, &came, BOUNDARY_TEXT, index)
        };
        assert_eq!(size(body.as_bytes(), body.len()), Some(content.len() as u64));
        assert_eq!(size(body.as_bytes(), 3), None, "a length that cannot be");
        assert_eq!(
            size(&body.as_bytes()[..20], body.len()),
            None,
            "a head that has not come"
        );
    }
}

#[tokio::test]
async fn both_orders_of_the_sdks_are_one_form() {
    let python = text("purpose", "user_data") + &file("a.txt", "hello\r\n--openai") + &end();
    let node = file("a.txt", "hello\r\n--openai") + &text("purpose", "user_data") + &end();
    for body in [python, node] {
        for chunk in [1, 7, 64, 100_000] {
            let (fields, name, bytes) = read_form(&content_type(), body.as_bytes(), chunk).await.unwrap();
            assert_eq!(fields["purpose"], "user_data");
            assert_eq!((name.as_str(), bytes.as_slice()), ("a.txt", &b"hello\r\n--openai"[..]));
        }
    }
}

#[tokio::test]
async fn what_is_wrong_is_refused_and_leaves_nothing() {
    let good = file("a.txt", "x");
    let wrong = [
        String::new(),
        end(),
        text("purpose", "user_data") + &end(),
        good.clone(),
        good.clone() + &good + &end(),
        good.clone() + &text("purpose", "a") + &text("purpose", "b") + &end(),
        good.clone() + &text(&"n".repeat(129), "x") + &end(),
        good.clone() + &text("purpose", &"v".repeat(4_097)) + &end(),
        good.clone() + &(0..32).map(|n| text(&format!("f{n}"), "")).collect::<String>() + &end(),
        good.clone() + "--openai-7d1f\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + &end(),
        "x".repeat(2 << 20),
        format!("--{BOUNDARY_TEXT}\r\nX: {}", "x".repeat(2 << 20)),
    ];
    for body in wrong {
        let shown: String = body.chars().take(80).collect();
        let failure = read_form(&content_type(), body.as_bytes(), 8 << 10).await;
        let failure = failure.expect_err(&shown);
        assert_eq!(failure.error.code, ErrorCode::RequestInvalid, "{shown}");
    }
    let body = good + &end();
    for kind in [
        "text/plain",
        "multipart/form-data",
        "multipart/form-data; boundary=\"\"",
        "x",
    ] {
        let failure = read_form(kind, body.as_bytes(), 64).await.unwrap_err();
        assert_eq!(failure.error.code, ErrorCode::RequestInvalid, "{kind}");
    }
}

#[tokio::test]
async fn a_fast_sender_is_read_no_faster_than_it_is_stored() {
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = taken.clone();
    let head = Bytes::from(file("big", ""));
    let body = futures::stream::iter(0..4_096).map(move |n| {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok(if n == 0 {
            head.clone()
        } else {
            Bytes::from(vec![b'x'; 64 << 10])
        })
    });
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_str(&content_type()).unwrap());
    let store = |FilePart { mut body, .. }: FilePart| {
        async move {
            for stored in 1..100 {
                body.stream.next().await.unwrap().map_err(ended_early)?;
                let ahead = taken.load(Ordering::SeqCst) - stored;
                assert!(ahead <= 3, "{ahead} chunks wait in memory");
            }
            Err::<(), _>(Error::new(ErrorCode::SpoolFull, "enough"))
        }
        .boxed()
    };
    let failure = read(&headers, Inflow::new(body), "file", store).await.unwrap_err();
    assert_eq!(failure.error.code, ErrorCode::SpoolFull);
}

/// Changes of a body's bytes.
#[derive(Debug, Clone)]
enum Mutation {
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Remove(prop::sample::Index, usize),
    Insert(prop::sample::Index, Vec<u8>),
    Double(prop::sample::Index, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let spice = prop_oneof![
        Just(b"\r\n".to_vec()),
        Just(b"\r\n\r\n".to_vec()),
        Just(format!("\r\n--{BOUNDARY_TEXT}").into_bytes()),
        Just(format!("--{BOUNDARY_TEXT}--").into_bytes()),
        Just(b"\"; filename=\"".to_vec()),
        Just(b"Content-Type: multipart/mixed\r\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..16),
    ];
    prop_oneof![
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, to)| Mutation::Flip(at, to)),
        any::<prop::sample::Index>().prop_map(Mutation::Cut),
        (any::<prop::sample::Index>(), 0..40_usize).prop_map(|(at, n)| Mutation::Remove(at, n)),
        (any::<prop::sample::Index>(), spice).prop_map(|(at, what)| Mutation::Insert(at, what)),
        (any::<prop::sample::Index>(), 0..80_usize).prop_map(|(at, n)| Mutation::Double(at, n)),
    ]
}

fn mutate(body: &mut Vec<u8>, mutation: &Mutation) {
    if body.is_empty() {
        return;
    }
    let len = body.len();
    match mutation {
        Mutation::Flip(at, to) => body[at.index(len)] = *to,
        Mutation::Cut(at) => body.truncate(at.index(len)),
        Mutation::Remove(at, count) => {
            let from = at.index(len);
            body.drain(from..(from + count).min(len));
        }
        Mutation::Insert(at, what) => {
            let at = at.index(len);
            body.splice(at..at, what.iter().copied());
        }
        Mutation::Double(at, count) => {
            let from = at.index(len);
            let piece = body[from..(from + count).min(len)].to_vec();
            body.splice(from..from, piece);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
    /// Never a panic, a hang or something that stays stored; and what is refused is the client's fault.
    #[test]
    fn mutated_forms_are_read_or_refused(
        file_first in any::<bool>(),
        mutations in prop::collection::vec(mutation(), 1..6),
        chunk in 1..300_usize,
    ) {
        let fields = text("purpose", "user_data") + &text("expires_after[anchor]", "created_at");
        let file = file("a.txt", "some\r\ncontent\r\n--of the file");
        let form = if file_first { file + &fields } else { fields + &file };
        let mut body = (form + &end()).into_bytes();
        for mutation in &mutations {
            mutate(&mut body, mutation);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let read = runtime.block_on(async {
            let kind = content_type();
            let read = read_form(&kind, &body, chunk);
            tokio::time::timeout(std::time::Duration::from_secs(20), read).await
        });
        if let Err(failure) = read.expect("the form is read for ever") {
            prop_assert_eq!(failure.error.code, ErrorCode::RequestInvalid);
        }
    }
}
