//! A file that is stored already, by its path.

use std::time::{Duration, Instant};

use loadlock::{Silent, UploadRequest};

use crate::child::Listening;
use crate::place::Place;
use crate::report::{Bound, Group, Row};
use crate::run::Scope;
use crate::{Result, failed};

/// A file is only trusted to be unchanged when both its times are older than its last reading by this much.
pub(crate) const AGE: Duration = Duration::from_millis(2_100);

pub(crate) async fn measure(scope: &Scope) -> Result<Group> {
    let sink = Listening::sink(1).await?;
    let place = Place::make(&scope.scratch, "dedup", &sink.address)?;
    let (gateway, who) = place.open().await?;
    let mut group = Group::default();
    let mut paths = Vec::new();
    for (label, bytes) in [("1 KiB", 1 << 10), ("1 MiB", 1 << 20), ("1 GiB", 1 << 30)] {
        paths.push((label, place.file(label, bytes)?));
    }
    // What is being measured is an unchanged file: this is how long one must have been left alone.
    tokio::time::sleep(AGE).await;
    for (label, path) in &paths {
        let mut hits = Vec::new();
        let count = if scope.quick { 50 } else { 400 };
        for number in 0..count + 2 {
            let started = Instant::now();
            let file = gateway.upload(&who, UploadRequest::path(path), &Silent).await;
            let took = started.elapsed().as_secs_f64() * 1e6;
            let file = file.map_err(failed("upload"))?;
            if file.deduplicated != (number > 0) {
                return Err(format!(
                    "{label}: upload {number}: deduplicated is {}",
                    file.deduplicated
                ));
            }
            // The first is sent; the second may have to hash.
            if number > 1 {
                hits.push(took);
            }
            if took > 1e5 && hits.len() >= 10 {
                break;
            }
        }
        group.rows.push(Row::of_bound(
            (
                "dedup",
                format!("time of a dedup hit on an unchanged file of {label}"),
                "1 ms",
            ),
            &hits,
            (1e3, "µs"),
            Some(Bound::AtMost(1.0)),
        ));
    }
    drop((gateway, who));
    sink.stop().await?;
    Ok(group)
}
