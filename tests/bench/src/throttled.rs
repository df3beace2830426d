//! A large file whose client and vendor are both as fast as a network: what a gateway in between adds.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use tokio::time::sleep_until;

use crate::Result;
use crate::child::Listening;
use crate::client::{Client, form};
use crate::place::Place;
use crate::report::{Bound, Group, Measured, Row};
use crate::run::Scope;

/// Bytes a second, of the client and of the vendor.
pub(crate) const RATE: u64 = 50_000_000;

/// One write of the client.
const CHUNK: usize = 256 << 10;

pub(crate) async fn measure(scope: &Scope, group: &mut Group) -> Result<()> {
    let (mib, pairs) = if scope.quick { (64, 3) } else { (256, 8) };
    let sink = Listening::throttled_sink().await?;
    let place = Place::make(&scope.scratch, "throttled", &sink.address)?;
    let token = place.token(&scope.loadlock).await?;
    let served = place.serve(&scope.loadlock).await?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for pair in 0..pairs {
        // Of a size that is new: else it would be compared with what is stored first.
        let bytes = (mib << 20) - pair;
        for second in [false, true] {
            if (pair % 2 == 0) == second {
                ours.push(upload(&served.address, Some(&token), bytes).await?);
            } else {
                theirs.push(upload(&sink.address, None, bytes).await?);
            }
        }
    }
    let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
    group.rows.push(Row::of_pairs(
        (
            "large files",
            format!(
                "time of a {mib} MiB form, client and vendor at {} MB/s",
                RATE / 1_000_000
            ),
            "the same form sent to the vendor",
        ),
        &ratios,
        Some(Bound::AtMost(1.10)),
        vec![
            Measured::of("loadlock", "s", &ours),
            Measured::of("direct", "s", &theirs),
        ],
    ));
    served.stop().await?;
    sink.stop().await
}

/// Seconds of one upload by a client that sends at [`RATE`].
async fn upload(address: &str, token: Option<&str>, bytes: u64) -> Result<f64> {
    let mut client = Client::connect(address, token).await?;
    let (before, after) = form("throttled.bin");
    let length = before.len() as u64 + bytes + after.len() as u64;
    let mut block = vec![0; CHUNK];
    rand::Rng::fill_bytes(&mut rand::rng(), &mut block);
    let block = Bytes::from(block);
    let started = Instant::now();
    let begun = tokio::time::Instant::now();
    let file = futures::stream::unfold(0, move |sent| {
        let block = block.clone();
        async move {
            let left = usize::try_from(bytes - sent).unwrap_or(CHUNK).min(CHUNK);
            if left == 0 {
                return None;
            }
            sleep_until(begun + due(sent)).await;
            Some((Ok(block.slice(..left)), sent + left as u64))
        }
    });
    let one = |text: String| futures::stream::iter([std::io::Result::Ok(Bytes::from(text))]);
    let pieces = one(before).chain(file).chain(one(after)).boxed();
    let answer = client.upload_stream(length, pieces).await?;
    if answer["bytes"].as_u64() != Some(bytes) {
        return Err(format!("the vendor has {}, not {bytes} bytes", answer["bytes"]));
    }
    Ok(started.elapsed().as_secs_f64())
}

/// When so many bytes have passed at [`RATE`].
pub(crate) fn due(bytes: u64) -> Duration {
    Duration::from_micros(bytes.saturating_mul(1_000_000) / RATE)
}
