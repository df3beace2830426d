//! From nothing to the first request that is answered.

use std::time::Instant;

use crate::Result;
use crate::child::Listening;
use crate::client::Client;
use crate::place::Place;
use crate::report::{Bound, Group, Measured, Row};
use crate::run::Scope;

const GROUP: &str = "start";

pub(crate) async fn measure(scope: &Scope) -> Result<Group> {
    let sink = Listening::sink(1).await?;
    let warm_place = Place::make(&scope.scratch, "warm", &sink.address)?;
    let token = warm_place.token(&scope.loadlock).await?;
    start(&warm_place, scope, &token).await?;
    let (mut warm, mut cold) = (Vec::new(), Vec::new());
    for turn in 0..if scope.quick { 9 } else { 30 } {
        warm.push(start(&warm_place, scope, &token).await?);
        // Compiling takes seconds of every core.
        if turn % 3 == 0 {
            let place = Place::without_cache(&scope.scratch, "cold", &sink.address)?;
            let token = place.token(&scope.loadlock).await?;
            cold.push(start(&place, scope, &token).await?);
        }
    }
    let mut group = Group::default();
    group.rows.push(Row::of_bound(
        (
            GROUP,
            "time from start to the first authenticated answer, compiled code cached".into(),
            "100 ms",
        ),
        &warm,
        (100.0, "ms"),
        Some(Bound::AtMost(1.0)),
    ));
    let base = Measured::of("warm", "ms", &warm);
    let ratios: Vec<f64> = cold.iter().map(|cold| cold / base.median).collect();
    group.rows.push(Row::of_pairs(
        (
            GROUP,
            "the same with nothing compiled".into(),
            "the same with compiled code cached",
        ),
        &ratios,
        None,
        vec![Measured::of("cold", "ms", &cold), base],
    ));
    sink.stop().await?;
    Ok(group)
}

/// Milliseconds.
async fn start(place: &Place, scope: &Scope, token: &str) -> Result<f64> {
    let started = Instant::now();
    let served = place.serve(&scope.loadlock).await?;
    let mut client = Client::connect(&served.address, Some(token)).await?;
    client.get("/v1/files?limit=1").await?;
    let took = started.elapsed().as_secs_f64() * 1e3;
    served.stop().await?;
    Ok(took)
}
