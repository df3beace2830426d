//! A store that counts what it keeps, for the tests and the fuzzing of forms.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use http::HeaderMap;
use loadlock_gateway::{Body, Error, ended_early};

use super::failure::Failure;
use super::form;
use super::inflow::Inflow;

/// What a store would keep on the disk: counted while it lives.
#[derive(Debug)]
struct ReadyBody {
    bytes: Vec<u8>,
    name: String,
    live: Arc<AtomicUsize>,
}

impl Drop for ReadyBody {
    fn drop(&mut self) {
        self.live.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn keep(live: Arc<AtomicUsize>, body: Body) -> Result<ReadyBody, Error> {
    live.fetch_add(1, Ordering::SeqCst);
    let mut kept = ReadyBody {
        bytes: Vec::new(),
        name: body.name,
        live,
    };
    let mut stream = body.stream;
    while let Some(chunk) = stream.next().await {
        kept.bytes.extend_from_slice(&chunk.map_err(ended_early)?);
    }
    Ok(kept)
}

/// Reads a form in chunks of a size, into its fields, its file's name and its file's bytes. Afterwards nothing may be
/// stored.
pub(super) async fn read(
    headers: &HeaderMap,
    body: &[u8],
    chunk: usize,
) -> Result<(BTreeMap<String, String>, String, Vec<u8>), Failure> {
    let chunks: Vec<_> = body
        .chunks(chunk.max(1))
        .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
        .collect();
    let live = Arc::new(AtomicUsize::new(0));
    let store = {
        let live = live.clone();
        move |part: form::FilePart| keep(live, part.body).boxed()
    };
    let inflow = Inflow::new(futures::stream::iter(chunks));
    let read = form::read(headers, inflow, "file", store).await;
    let answer = read.map(|mut form| {
        let bytes = std::mem::take(&mut form.file.bytes);
        (form.fields, form.file.name.clone(), bytes)
    });
    assert_eq!(live.load(Ordering::SeqCst), 0, "something stays stored");
    answer
}
