//! Small files over HTTP: Loadlock, the same proxy without a sandbox, and the vendor itself.
//!
//! Servers and vendor are processes of their own; this one is all clients. Each round uploads the same number of files
//! to each, by turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use crate::child::Listening;
use crate::client::{Client, whole_form};
use crate::place::Place;
use crate::report::{Bound, Group, Measured, Row};
use crate::run::Scope;
use crate::{Result, failed};
use loadlock_estimate::{quantile, sorted};

const GROUP: &str = "small files";

/// Bytes of a file.
pub(crate) const SIZES: std::ops::RangeInclusive<usize> = 1 << 10..=16 << 10;

/// Forms that have never been sent: equal ones would be found, not sent.
#[derive(Clone)]
pub(crate) struct Forms {
    seed: Arc<AtomicU64>,
}

impl Forms {
    pub(crate) fn new() -> Self {
        let seed = Arc::new(AtomicU64::new(rand::random()));
        Self { seed }
    }

    pub(crate) fn next(&self) -> Bytes {
        let seed = self.seed.fetch_add(1, Ordering::Relaxed);
        let mut random = StdRng::seed_from_u64(seed);
        let mut content = vec![0; random.random_range(SIZES)];
        random.fill_bytes(&mut content);
        whole_form(&format!("{seed:x}.bin"), &content)
    }
}

/// Where forms go.
pub(crate) struct Side {
    pub(crate) address: String,
    pub(crate) token: Option<String>,
}

/// Uploads a second of a round, and microseconds of each upload.
pub(crate) struct Round {
    pub(crate) rate: f64,
    pub(crate) latencies: Vec<f64>,
}

pub(crate) async fn measure(scope: &Scope) -> Result<Group> {
    let sink = Listening::sink(1).await?;
    let place = Place::make(&scope.scratch, "small", &sink.address)?;
    let token = place.token(&scope.loadlock).await?;
    let served = place.serve(&scope.loadlock).await?;
    let proxy = Listening::proxy(&sink.address, &scope.scratch.join("proxy.log")).await?;
    let sides = [
        (served.address.clone(), Some(token)),
        (proxy.address.clone(), None),
        (sink.address.clone(), None),
    ]
    .map(|(address, token)| Side { address, token });
    let mut group = Group::default();
    let rounds = if scope.quick { 3 } else { 24 };
    for (clients, uploads) in [(1, 100), (8, 400), (64, 800)] {
        let uploads = if scope.quick { uploads / 2 } else { uploads };
        at(scope, &sides, clients, uploads, rounds, &mut group).await?;
    }
    proxy.stop().await?;
    served.stop().await?;
    sink.stop().await?;
    Ok(group)
}

async fn at(
    scope: &Scope,
    sides: &[Side; 3],
    clients: usize,
    uploads: usize,
    rounds: usize,
    group: &mut Group,
) -> Result<()> {
    let forms = Forms::new();
    let mut rates = [const { Vec::new() }; 3];
    let mut latencies = [const { Vec::new() }; 3];
    let mut medians = [const { Vec::new() }; 3];
    let mut tails = [const { Vec::new() }; 3];
    let mut syncs = Vec::new();
    for number in 0..=rounds {
        let mut order = [0, 1, 2];
        order.rotate_left(number % 3);
        for side in order {
            let round = round(&sides[side], &forms, clients, uploads).await?;
            // The first round fills caches and opens connections.
            if number > 0 {
                rates[side].push(round.rate);
                let sorted = sorted(round.latencies.clone());
                medians[side].push(quantile(&sorted, 0.5));
                tails[side].push(quantile(&sorted, 0.99));
                latencies[side].extend(round.latencies);
            }
        }
        if number > 0 {
            syncs.push(scope.sync_us()?);
        }
    }
    let ratios = |over: &[f64], under: &[f64]| -> Vec<f64> {
        over.iter().zip(under).map(|(over, under)| over / under).collect()
    };
    let many = |text: &str| match clients {
        1 => format!("{text}, 1 client"),
        _ => format!("{text}, {clients} clients"),
    };
    let proxy = "the same proxy without a sandbox";
    let measured = |numbers: &[Vec<f64>; 3], unit: &str| {
        let names = ["loadlock", "proxy", "vendor"];
        let all = names.iter().zip(numbers);
        all.map(|(name, numbers)| Measured::of(name, unit, numbers))
            .collect::<Vec<_>>()
    };
    group.rows.push(Row::of_pairs(
        (GROUP, many("uploads a second"), proxy),
        &ratios(&rates[0], &rates[1]),
        Some(Bound::AtLeast(0.7)),
        measured(&rates, "/s"),
    ));
    group.rows.push(Row::of_pairs(
        (GROUP, many("median latency"), proxy),
        &ratios(&medians[0], &medians[1]),
        None,
        measured(&latencies, "µs"),
    ));
    group.rows.push(Row::of_pairs(
        (GROUP, many("99th percentile of latency in a round"), proxy),
        &ratios(&tails[0], &tails[1]),
        None,
        measured(&tails, "µs"),
    ));
    if clients == 1 {
        let allowed = |sync: &f64| 300.0 + 2.0 * sync;
        let added = medians[0].iter().zip(&medians[2]).zip(&syncs);
        let ratios: Vec<f64> = added
            .map(|((ours, direct), sync)| (ours - direct) / allowed(sync))
            .collect();
        let mut row = Row::of_pairs(
            (
                GROUP,
                many("latency added to a direct upload"),
                "300 µs and two syncs of the same minute",
            ),
            &ratios,
            Some(Bound::AtMost(1.0)),
            measured(&medians, "µs"),
        );
        row.measured.push(Measured::of("sync", "µs", &syncs));
        group.rows.push(row);
    }
    Ok(())
}

/// So many clients at once, each on a connection of its own; together they upload `uploads` files.
pub(crate) async fn round(side: &Side, forms: &Forms, clients: usize, uploads: usize) -> Result<Round> {
    let mut connections = Vec::new();
    for _ in 0..clients {
        connections.push(Client::connect(&side.address, side.token.as_deref()).await?);
    }
    let each = uploads.div_ceil(clients);
    let prepared: Vec<Vec<Bytes>> = (0..clients)
        .map(|_| (0..each).map(|_| forms.next()).collect())
        .collect();
    let started = Instant::now();
    let uploading = connections.into_iter().zip(prepared).map(|(mut client, forms)| {
        tokio::spawn(async move {
            let mut latencies = Vec::with_capacity(forms.len());
            for form in forms {
                let started = Instant::now();
                client.upload(form).await?;
                latencies.push(started.elapsed().as_secs_f64() * 1e6);
            }
            Ok::<_, String>(latencies)
        })
    });
    let ends = futures::future::join_all(uploading).await;
    let took = started.elapsed().as_secs_f64();
    let mut latencies = Vec::new();
    for end in ends {
        latencies.extend(end.map_err(failed("client"))??);
    }
    Ok(Round {
        rate: (each * clients) as f64 / took,
        latencies,
    })
}
