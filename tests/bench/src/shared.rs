//! The shared ledger at a distance: uploads a second and their latency at 0, 5, 20 and 50 ms, with one to three gateways;
//! against the embedded ledger in the same run.

use std::path::Path;
use std::time::Duration;

use crate::Result;
use crate::child::Listening;
use crate::distance::Distance;
use crate::place::Place;
use crate::postgres::Postgres;
use crate::report::{Bound, Group, Measured, Row};
use crate::run::Scope;
use crate::small::{Forms, Side, round};
use loadlock_estimate::{quantile, sorted};

const GROUP: &str = "shared ledger";

/// Milliseconds of a round trip.
const DISTANCES: [u64; 4] = [0, 5, 20, 50];

/// One gateway, with its way to the ledger.
struct Gateway {
    served: Listening,
    side: Side,
    way: Option<Distance>,
}

impl Gateway {
    /// `None` for the distance is the embedded ledger.
    async fn start(scope: &Scope, name: &str, sink: &str, ledger: Option<(&Postgres, u64)>) -> Result<Self> {
        let place = Place::make(&scope.scratch, name, sink)?;
        let way = match ledger {
            Some((postgres, ms)) => Some(Distance::to(postgres.port, Duration::from_millis(ms)).await?),
            None => None,
        };
        if let Some(way) = &way {
            place.share(&format!("http://{}", way.address))?;
        }
        let token = place.token(&scope.loadlock).await?;
        let served = place.serve(&scope.loadlock).await?;
        let side = Side {
            address: served.address.clone(),
            token: Some(token),
        };
        Ok(Self { served, side, way })
    }

    fn calls(&self) -> u64 {
        self.way.as_ref().map_or(0, Distance::calls)
    }
}

/// What was measured of some gateways together.
#[derive(Default)]
struct Numbers {
    rates: Vec<f64>,
    /// Median of a round, milliseconds.
    medians: Vec<f64>,
    calls: Vec<f64>,
}

impl Numbers {
    async fn add(&mut self, gateways: &[&Gateway], forms: &Forms, clients: usize, uploads: usize) -> Result<()> {
        let before: u64 = gateways.iter().map(|gateway| gateway.calls()).sum();
        let rounds = gateways
            .iter()
            .map(|gateway| round(&gateway.side, forms, clients, uploads));
        let rounds = futures::future::try_join_all(rounds).await?;
        let after: u64 = gateways.iter().map(|gateway| gateway.calls()).sum();
        self.rates.push(rounds.iter().map(|round| round.rate).sum());
        let latencies = rounds
            .iter()
            .flat_map(|round| round.latencies.iter().map(|us| us / 1e3));
        self.medians.push(quantile(&sorted(latencies.collect()), 0.5));
        let all = clients * uploads.div_ceil(clients) * gateways.len();
        self.calls.push((after - before) as f64 / all as f64);
        Ok(())
    }

    fn measured(&self, name: &str) -> Vec<Measured> {
        vec![
            Measured::of(name, "/s", &self.rates),
            Measured::of(name, "ms", &self.medians),
            Measured::of(name, "round trips", &self.calls),
        ]
    }
}

fn ratios(over: &[f64], under: &[f64]) -> Vec<f64> {
    over.iter().zip(under).map(|(over, under)| over / under).collect()
}

pub(crate) async fn measure(scope: &Scope) -> Result<Group> {
    let mut group = Group::default();
    let postgres = match Postgres::start(&scope.loadlock, &scope.scratch, "shared").await {
        Ok(postgres) => postgres,
        Err(why) => {
            group.skip("the shared ledger", why);
            return Ok(group);
        }
    };
    let sink = Listening::sink(1).await?;
    let embedded = Gateway::start(scope, "embedded", &sink.address, None).await?;
    for ms in DISTANCES {
        at(scope, &postgres, &sink, &embedded, ms, &mut group).await?;
    }
    embedded.served.stop().await?;
    grown(scope, &postgres, &sink, &mut group).await?;
    sink.stop().await?;
    postgres.stop().await?;
    Ok(group)
}

/// One to three gateways at one distance.
async fn at(
    scope: &Scope,
    postgres: &Postgres,
    sink: &Listening,
    embedded: &Gateway,
    ms: u64,
    group: &mut Group,
) -> Result<()> {
    let mut gateways = Vec::new();
    for number in 0..3 {
        let name = format!("shared-{ms}-{number}");
        gateways.push(Gateway::start(scope, &name, &sink.address, Some((postgres, ms))).await?);
    }
    let (forms, rounds) = (Forms::new(), if scope.quick { 2 } else { 6 });
    let (mut alone, mut eight) = (Numbers::default(), Numbers::default());
    let mut one = Numbers::default();
    let (mut two, mut three, mut beside) = (Numbers::default(), Numbers::default(), Numbers::default());
    let all: Vec<&Gateway> = gateways.iter().collect();
    let uploads = if ms == 50 { 320 } else { 640 };
    for number in 0..=rounds {
        // The first round fills caches and opens connections.
        let mut kept = [&mut alone, &mut eight, &mut one, &mut two, &mut three, &mut beside];
        let mut unkept: [Numbers; 6] = std::array::from_fn(|_| Numbers::default());
        let numbers: Vec<&mut Numbers> = match number {
            0 => unkept.iter_mut().collect(),
            _ => kept.iter_mut().map(|kept| &mut **kept).collect(),
        };
        let [alone, eight, one, two, three, beside]: [&mut Numbers; 6] =
            numbers.try_into().map_err(|_| "six kinds of rounds".to_owned())?;
        alone.add(&all[..1], &forms, 1, 40).await?;
        eight.add(&all[..1], &forms, 8, 160).await?;
        beside.add(&[embedded], &forms, 32, uploads).await?;
        one.add(&all[..1], &forms, 32, uploads).await?;
        two.add(&all[..2], &forms, 32, uploads).await?;
        three.add(&all, &forms, 32, uploads).await?;
        if number == 0 {
            // As PostgreSQL does within a minute by itself.
            postgres.sql("analyze").await?;
        }
    }
    rows(ms, [&alone, &eight, &one, &two, &three, &beside], group);
    for gateway in gateways {
        gateway.served.stop().await?;
    }
    Ok(())
}

fn rows(ms: u64, [alone, eight, one, two, three, beside]: [&Numbers; 6], group: &mut Group) {
    let named = |what: &str| format!("{what}, {ms} ms away");
    let far = ms == 20;
    let bound = |at: bool, bound: Bound| at.then_some(bound);
    group.rows.push(Row::of_pairs(
        (GROUP, named("median latency, 1 client"), "1 ms"),
        &alone.medians,
        bound(far, Bound::AtMost(50.0)),
        alone.measured("loadlock"),
    ));
    group.rows.push(Row::of_pairs(
        (GROUP, named("median latency, 8 clients"), "1 ms"),
        &eight.medians,
        None,
        eight.measured("loadlock"),
    ));
    group.rows.push(Row::of_pairs(
        (GROUP, named("median latency, 32 clients"), "1 ms"),
        &one.medians,
        bound(far, Bound::AtMost(110.0)),
        one.measured("loadlock"),
    ));
    group.rows.push(Row::of_pairs(
        (GROUP, named("round trips of an upload, 32 clients"), "1"),
        &one.calls,
        Some(Bound::AtMost(0.5)),
        Vec::new(),
    ));
    let mut sides = one.measured("loadlock");
    sides.extend(beside.measured("embedded"));
    group.rows.push(Row::of_pairs(
        (GROUP, named("uploads a second, 32 clients"), "the embedded ledger"),
        &ratios(&one.rates, &beside.rates),
        bound(ms == 0, Bound::AtLeast(0.35)),
        sides,
    ));
    if far {
        group.rows.push(Row::of_pairs(
            (GROUP, named("uploads a second, 32 clients"), "1 a second"),
            &one.rates,
            Some(Bound::AtLeast(300.0)),
            Vec::new(),
        ));
    }
    group.rows.push(Row::of_pairs(
        (
            GROUP,
            named("uploads a second of two gateways, 32 clients each"),
            "one gateway",
        ),
        &ratios(&two.rates, &one.rates),
        bound(far, Bound::AtLeast(1.8)),
        two.measured("two gateways"),
    ));
    group.rows.push(Row::of_pairs(
        (
            GROUP,
            named("uploads a second of three gateways, 32 clients each"),
            "one gateway",
        ),
        &ratios(&three.rates, &one.rates),
        None,
        three.measured("three gateways"),
    ));
}

/// Listing and lookups as the ledger fills.
async fn grown(scope: &Scope, postgres: &Postgres, sink: &Listening, group: &mut Group) -> Result<()> {
    let gateway = Gateway::start(scope, "grown", &sink.address, Some((postgres, 0))).await?;
    let mut counted = Vec::new();
    let mut from = 0;
    for rows in [1_000_u64, if scope.quick { 100_000 } else { 1_000_000 }] {
        postgres.sql(&filling(from, rows)).await?;
        from = rows;
        counted.push((rows, questions(&gateway.side, rows).await?));
    }
    gateway.served.stop().await?;
    let [(_, few), (rows, many)] = &counted[..] else {
        return Err("two fillings".into());
    };
    for (number, what) in ["listing", "lookup"].into_iter().enumerate() {
        let measured = vec![
            Measured::of("few", "µs", &few[number]),
            Measured::of("many", "µs", &many[number]),
        ];
        let median = quantile(&sorted(few[number].clone()), 0.5);
        let ratios: Vec<f64> = many[number].iter().map(|us| us / median).collect();
        group.rows.push(Row::of_pairs(
            (GROUP, format!("{what}, {rows} rows"), "the same with 1 k rows"),
            &ratios,
            Some(Bound::AtMost(1.5)),
            measured,
        ));
    }
    Ok(())
}

fn filling(from: u64, to: u64) -> String {
    format!(
        "insert into loadlock.remote_files (account, remote_id, provider, tenant, purpose, treatment, sha256, bytes, media_type,
            state, reference_count, created_at, verified_at)
        select 'a', 'r' || n, 'vendor', 'bench', 'user_data', '', lpad(n::text, 64, '0'), n, 'text/plain', 'live', 1,
            now() - n * interval '1 second', now() from generate_series({from} + 1, {to}) as n;
        insert into loadlock.files
        select 'file-' || lpad(n::text, 24, '0'), 'bench', 'a', 'user_data', '', lpad(n::text, 64, '0'), 'name', n, 'text/plain', 'vendor',
            'r' || n, false, 1, now() - n * interval '1 second' from generate_series({from} + 1, {to}) as n;
        insert into loadlock.claims
        select 'bench', 'a', 'user_data', '', lpad(n::text, 64, '0'), 'r' || n, 1 from generate_series({from} + 1, {to}) as n;
        analyze loadlock.files; analyze loadlock.remote_files; analyze loadlock.claims"
    )
}

/// Microseconds of listing a page, and of looking a file up.
async fn questions(side: &Side, rows: u64) -> Result<[Vec<f64>; 2]> {
    let mut client = crate::client::Client::connect(&side.address, side.token.as_deref()).await?;
    let mut took = [Vec::new(), Vec::new()];
    for number in 0..240 {
        let id = 1 + (number * 7_919) % rows;
        let paths = ["/v1/files?limit=20".to_owned(), format!("/v1/files/file-{id:0>24}")];
        for (which, path) in paths.iter().enumerate() {
            let started = std::time::Instant::now();
            client.get(path).await?;
            if number >= 40 {
                took[which].push(started.elapsed().as_secs_f64() * 1e6);
            }
        }
    }
    Ok(took)
}

/// Round trips of one upload, dedup hit and delete that are alone: the same on every machine.
pub(crate) async fn count(scope: &Scope, counts: &mut crate::count::Counts) -> Result<()> {
    let postgres = Postgres::start(&scope.loadlock, &scope.scratch, "counted").await?;
    let sink = Listening::sink(1).await?;
    let gateway = Gateway::start(scope, "counted-shared", &sink.address, Some((&postgres, 0))).await?;
    let mut client = crate::client::Client::connect(&gateway.side.address, gateway.side.token.as_deref()).await?;
    let forms = Forms::new();
    client.upload(forms.next()).await?;
    let mut each = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..10 {
        let form = forms.next();
        let mut before = gateway.calls();
        let mut part = |kind: usize| {
            let now = gateway.calls();
            each[kind].push((now - before) as f64);
            before = now;
        };
        let stored = client.upload(form.clone()).await?;
        part(0);
        let again = client.upload(form).await?;
        part(1);
        // One of two goes, then the last.
        client.delete(&path_of(&again)?).await?;
        client.delete(&path_of(&stored)?).await?;
        part(2);
    }
    for (name, kind) in ["an upload", "a dedup hit", "two deletes"].iter().zip(&each) {
        let median = quantile(&sorted(kind.clone()), 0.5);
        counts.insert(format!("round trips to the shared ledger of {name}"), median);
    }
    gateway.served.stop().await?;
    sink.stop().await?;
    postgres.stop().await
}

fn path_of(file: &serde_json::Value) -> Result<String> {
    let id = file["id"].as_str().ok_or("an answer without an id")?;
    Ok(format!("/v1/files/{id}"))
}

/// What a gateway can do at which distance, for the page about sizing.
pub(crate) fn sizing(results: &Path) -> Result<String> {
    let text = std::fs::read_to_string(results).map_err(crate::failed("results"))?;
    let results: crate::report::Results = serde_json::from_str(&text).map_err(crate::failed("results"))?;
    let mut table = String::from(
        "| a round trip to the ledger takes | 1 client | 8 clients | 32 clients | two gateways, 32 each | three |\n\
         |---|---|---|---|---|---|\n",
    );
    for ms in DISTANCES {
        let cell = |what: &str, name: &str| -> String {
            let what = format!("{what}, {ms} ms away");
            let row = results
                .rows
                .iter()
                .find(|row| row.what == what && !row.measured.is_empty());
            let median = |unit: &str| {
                let of = row.and_then(|row| row.measured.iter().find(|one| one.name == name && one.unit == unit));
                of.map(|one| one.median)
            };
            match (median("/s"), median("ms")) {
                (Some(rate), Some(ms)) => format!("{rate:.0}/s, {ms:.0} ms"),
                _ => "–".to_owned(),
            }
        };
        table.push_str(&format!(
            "| {ms} ms | {} | {} | {} | {} | {} |\n",
            cell("median latency, 1 client", "loadlock"),
            cell("median latency, 8 clients", "loadlock"),
            cell("median latency, 32 clients", "loadlock"),
            cell("uploads a second of two gateways, 32 clients each", "two gateways"),
            cell("uploads a second of three gateways, 32 clients each", "three gateways"),
        ));
    }
    table.push_str(&format!(
        "\nUploads a second and median latency, `make bench ONLY=shared{}`, {} cores for gateways, vendor, PostgreSQL and \
         clients together.\n",
        if results.setting.quick { " QUICK=1" } else { "" },
        results.setting.cores
    ));
    Ok(table)
}
