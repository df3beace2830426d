//! One run from beginning to end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use loadlock::{Gateway, Principal};
use loadlock_gateway::{Clock, Settled};
use tokio::sync::watch as channel;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::drive::{Done, Driven, drive};
use crate::names::Names;
use crate::overhead::{OFF, ON};
use crate::report::{Failed, Report, Setting};
use crate::vendor::{KEY, S3_BUCKET, S3_KEY_ID, Vendor, host};
use crate::watch::Watch;
use crate::weather::{Happened, ROUTED, SLOW, TRANSIENT};
use crate::{Arguments, fsck, leaks, metrics, overhead, plan, truth, weather};

/// Names in the configuration, which are their kinds. `auto` goes to the first two and prefers the first of them; the
/// second has no pages: each of its lists is of all files. The others are found again by ids that were chosen for them.
const VENDORS: [&str; 4] = ["openai", "kimi", "gemini", "s3"];

/// Most requests of one upload. Each of them meets a fault so much less often, so that an attempt fails no more often
/// at one vendor than at another.
fn requests_of_an_upload(kind: &str) -> u32 {
    match kind {
        // Begins, and sends all.
        "gemini" => 2,
        // Looks for what an earlier one left, begins, sends the only part, completes.
        "s3" => 4,
        _ => 1,
    }
}

/// Uploads that begin between one spell and the next are this part of all. Enough then meet no outage for their rates
/// to say something: with 30,000, of some 10,000 pinned ones 40 may fail and 23 do, and one run in three thousand has
/// more by chance.
const FAIR: usize = 30;

/// Rounds of settling until nothing is left to settle.
const SETTLING: usize = 5;

/// Where things are during a run.
struct Place {
    home: PathBuf,
    files: PathBuf,
    temporary: PathBuf,
    key: PathBuf,
    config: PathBuf,
}

impl Place {
    /// Empty but for what was compiled before.
    fn make(output: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", output.display());
        let make = |name: &str| {
            let path = output.join(name);
            std::fs::create_dir_all(&path).map_err(failed)?;
            path.canonicalize().map_err(failed)
        };
        for name in ["home", "files", "tmp"] {
            let path = output.join(name);
            if path.exists() {
                std::fs::remove_dir_all(path).map_err(failed)?;
            }
        }
        let place = Self {
            home: make("home")?,
            files: make("files")?,
            temporary: make("tmp")?,
            key: make(".")?.join("key"),
            config: make(".")?.join("loadlock.toml"),
        };
        std::os::unix::fs::symlink(make("cache")?, place.home.join("cache")).map_err(failed)?;
        std::fs::write(&place.key, KEY).map_err(failed)?;
        std::fs::write(place.key.with_extension("id"), S3_KEY_ID).map_err(failed)?;
        Ok(place)
    }
}

/// Runs all and writes the report.
pub(crate) async fn run(arguments: &Arguments) -> Result<Report, String> {
    let place = Place::make(&arguments.output)?;
    let clock = Clock::scaled(arguments.scale);
    let watch = Watch::new(clock.clone());
    log_to(&arguments.output.join("log"), &watch)?;

    let start = |name, kind| Vendor::start(&arguments.upstream, name, kind);
    let vendors = [
        Arc::new(start(VENDORS[0], VENDORS[0]).await?),
        Arc::new(start(VENDORS[1], VENDORS[1]).await?),
        Arc::new(start(VENDORS[2], VENDORS[2]).await?),
        Arc::new(start(VENDORS[3], VENDORS[3]).await?),
    ];
    let calm = start(ON, "openai").await?;
    let before = leaks::descriptors();

    let text = configuration(&place, &vendors, &calm);
    let configure = |text: &str| {
        let failed = |error| format!("{}: {error}", place.config.display());
        std::fs::write(&place.config, text).map_err(failed)
    };
    configure(&text)?;
    let names = Names::new();
    let gateway = open(&place, &clock, &names).await?;
    let who = loadlock::local::authenticate(&gateway)
        .await
        .map_err(|error| error.to_string())?;
    eprintln!("measuring the overhead without faults …");
    // Without the upkeep each upload pays for its own record. Deliveries behind the answers have a rhythm of their own,
    // which can fall in with that of the pairs.
    let (overhead, calm_files) = overhead::measure(&gateway, &who, &clock, arguments.pairs).await?;
    let upkeep = gateway.start_upkeep();

    eprintln!("{} uploads in bad weather …", arguments.uploads);
    let started = Instant::now();
    let (driven, happened) = storm(arguments, &place, (&vendors, names), &gateway, &who, &clock, &watch).await?;
    let took_s = started.elapsed().as_secs_f64();
    let mut injected = BTreeMap::new();
    for vendor in &vendors {
        let counts = injected.entry(vendor.name.to_owned()).or_insert_with(BTreeMap::new);
        for fault in vendor.injected().await? {
            *counts.entry(fault).or_insert(0) += 1;
        }
        vendor.clear().await?;
    }

    eprintln!("comparing what was said with what is there …");
    upkeep.stop().await;
    let (settled, quiet) = settle(&gateway).await?;
    let compared = [
        (&*vendors[0], &VENDORS[..1]),
        (&*vendors[1], &VENDORS[1..2]),
        (&*vendors[2], &VENDORS[2..3]),
        (&*vendors[3], &VENDORS[3..]),
        (&calm, &[ON, OFF][..]),
    ];
    let truth = truth::compare(&gateway, &who, &driven, &calm_files, &compared).await?;
    drop(who);
    drop(gateway);
    // The binary has the system's resolver, which need not know the names.
    let by_address = VENDORS
        .iter()
        .chain(&[ON])
        .fold(text, |text, name| text.replace(&host(name), "127.0.0.1"));
    configure(&by_address)?;
    let fsck = fsck::check(&arguments.loadlock, &place.home, &place.config, &VENDORS).await?;
    let mut leaks = leaks::look(before, &place.home, &place.files, &place.temporary).await?;
    if !quiet {
        let left = format!("settling has no end: {settled:?}");
        leaks.found.push(left);
    }
    for vendor in &vendors {
        vendor.stop().await;
    }
    calm.stop().await;

    let metrics = metrics::compute(&driven.done, &watch.seen(), &happened);
    let mut report = Report {
        setting: Setting {
            seed: arguments.seed,
            uploads: arguments.uploads,
            concurrency: arguments.concurrency,
            scale: arguments.scale,
            transient: TRANSIENT,
            slow: SLOW,
            took_s,
            cores: std::thread::available_parallelism().map_or(0, usize::from),
        },
        failures: failures(arguments.seed, &driven.done, &happened),
        metrics,
        overhead,
        spells: happened,
        injected,
        truth,
        fsck,
        settled: serde_json::to_value(settled).unwrap_or_default(),
        logged: watch.errors(),
        leaks,
        broken: Vec::new(),
    };
    report.judge();
    let write = |name: &str, text: String| {
        let path = arguments.output.join(name);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    let json = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
    write("report.json", json)?;
    write("report.md", report.markdown())?;
    write("report.svg", report.picture())?;
    Ok(report)
}

/// Warnings and what retry and breaker do, for whoever looks for the cause of a failure.
fn log_to(path: &Path, watch: &Watch) -> Result<(), String> {
    let file = std::fs::File::create(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(Arc::new(file))
        .with_filter(EnvFilter::new("warn,loadlock::circuit=info"));
    tracing_subscriber::registry()
        .with(lines)
        .with(watch.clone())
        .try_init()
        .map_err(|error| error.to_string())
}

fn configuration(place: &Place, vendors: &[Arc<Vendor>; 4], calm: &Vendor) -> String {
    let mut text = format!(
        "order = {:?}\n[[grants]]\nroot = {:?}\n[providers.local]\n",
        &VENDORS[..ROUTED],
        place.files
    );
    for vendor in vendors {
        text.push_str(&provider(vendor.name, vendor, &place.key, ""));
    }
    text.push_str(&provider(ON, calm, &place.key, ""));
    let off = "retry = { attempts = 1 }\nbreaker = { failures = 0 }\n";
    text.push_str(&provider(OFF, calm, &place.key, off));
    text
}

async fn open(place: &Place, clock: &Clock, names: &Names) -> Result<Gateway, String> {
    let mut setup = loadlock::builder()
        .config_file(&place.config)
        .home(&place.home)
        .setup()
        .map_err(|error| error.to_string())?;
    setup.clock = clock.clone();
    setup.resolver = Some(Arc::new(names.clone()));
    Gateway::open(setup).await.map_err(|error| error.to_string())
}

/// A provider's part of the configuration. Each has an account of its own, though the key is the same.
fn provider(name: &str, vendor: &Vendor, key: &Path, more: &str) -> String {
    let (base, id, key) = (&vendor.base_url, key.with_extension("id"), key.display());
    let header = |name: &str, before: &str| format!("{{ header = \"{name}\", value = \"{before}${{file:{key}}}\" }}");
    let files = format!("{{ url = \"{base}/files\", methods = [\"GET\", \"POST\", \"DELETE\"], private = true }}");
    let bearer = || header("Authorization", "Bearer ");
    // The last two say themselves what they need.
    let (settings, credential, egress) = match vendor.kind {
        "gemini" => (String::new(), header("x-goog-api-key", ""), String::new()),
        "s3" => (
            // A third of the files go in parts, though in one of them.
            format!(", bucket = \"{S3_BUCKET}\", single_max_bytes = 8192"),
            format!(
                "{{ kind = \"aws-sigv4\", region = \"us-east-1\", key_id = \"${{file:{}}}\", value = \
                 \"${{file:{key}}}\" }}",
                id.display()
            ),
            String::new(),
        ),
        "openai" => {
            let uploads = format!("{{ url = \"{base}/uploads\", methods = [\"POST\"], private = true }}");
            (String::new(), bearer(), format!("egress = [{files}, {uploads}]\n"))
        }
        _ => (String::new(), bearer(), format!("egress = [{files}]\n")),
    };
    format!(
        "\n[providers.{name}]\ncomponent = \"builtin:{kind}\"\naccount = \"{name}\"\n\
         settings = {{ base_url = \"{base}\", max_count = 1000000{settings} }}\n{egress}\
         credential = {credential}\n{more}",
        kind = vendor.kind,
    )
}

/// The plan in the weather.
async fn storm(
    arguments: &Arguments,
    place: &Place,
    (vendors, names): (&[Arc<Vendor>; 4], Names),
    gateway: &Gateway,
    who: &Principal,
    clock: &Clock,
    watch: &Watch,
) -> Result<(Driven, Vec<Happened>), String> {
    let Arguments { seed, uploads, .. } = *arguments;
    for (index, vendor) in (0..).zip(vendors) {
        let probability = (TRANSIENT + SLOW) / f64::from(requests_of_an_upload(vendor.kind));
        vendor
            .chaos(seed.wrapping_add(index), probability, &weather::faults())
            .await?;
    }
    let (begun, counted) = channel::channel(0);
    let weather = tokio::spawn(weather::make(
        weather::forecast(seed),
        uploads / FAIR,
        vendors.clone(),
        names,
        clock.clone(),
        watch.clone(),
        counted,
    ));
    let plan = plan::plan(seed, uploads, VENDORS);
    let driven = drive(gateway, who, clock, plan, &place.files, arguments.concurrency, begun).await?;
    let happened = weather.await.map_err(|error| error.to_string())??;
    Ok((driven, happened))
}

/// Settles until nothing is left; answers the sum of what was done, and whether there was an end.
async fn settle(gateway: &Gateway) -> Result<(Settled, bool), String> {
    let mut sum = Settled::default();
    for _ in 0..SETTLING {
        let one = gateway.settle().await.map_err(|error| error.to_string())?;
        if one == Settled::default() {
            return Ok((sum, true));
        }
        sum.adopted += one.adopted;
        sum.failed += one.failed;
        sum.unknown += one.unknown;
        sum.open += one.open;
        sum.delivered += one.delivered;
        sum.deleted += one.deleted;
    }
    Ok((sum, false))
}

fn failures(seed: u64, done: &[Done], happened: &[Happened]) -> Vec<Failed> {
    let failed = done.iter().filter_map(|done| {
        let (code, reason) = done.end.as_ref().err()?;
        let attempts = done.attempts.iter();
        let met = happened.iter().filter(|spell| spell.overlaps(done.started, done.ended));
        Some(Failed {
            index: done.planned.index,
            seed,
            aim: format!("{:?}", done.planned.aim),
            bytes: done.planned.content.bytes,
            started: done.started,
            ended: done.ended,
            attempts: attempts.map(|(name, at)| format!("{name} at {at}")).collect(),
            code: code.as_str(),
            reason: reason.clone(),
            met: met
                .map(|spell| format!("{:?} of {}", spell.kind, spell.provider))
                .collect(),
        })
    });
    failed.collect()
}
