//! The load, its vendors, and what their clients were promised.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use loadlock_crash::{Books, Order, Said, Step, Stream, Vendor, Victim, open, settled};
use loadlock_tests::{KEY, Shop, World};
use loadlock_upstream::{Chaos, Fault, Operation, Options};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Uploads and deletes at the same time.
const AT_ONCE: usize = 8;
/// Different contents; fewer than uploads, so that some are equal.
const FILES: usize = 12;
/// Most events until a kill: one is a request, a piece of its body or its answer at a vendor, or a line that the
/// process says.
const EVENTS: u64 = 400;

pub(crate) struct Load {
    world: World,
    vendors: Vec<Vendor>,
    files: Vec<PathBuf>,
    random: StdRng,
    seed: u64,
    round: u64,
    /// Digest by id of what clients were given and did not ask to delete.
    held: BTreeMap<String, String>,
    /// Of what they were told is deleted.
    deleted: BTreeSet<String>,
    unsettled: u64,
    tally: BTreeMap<&'static str, u64>,
}

impl Load {
    pub(crate) async fn build(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut world = World::new();
        let mut vendors = Vec::new();
        for (name, vendor) in [
            ("kimi", loadlock_upstream::Vendor::Kimi),
            ("openai", loadlock_upstream::Vendor::Openai),
            ("gemini", loadlock_upstream::Vendor::Gemini),
            ("s3", loadlock_upstream::Vendor::S3),
        ] {
            let options = Options {
                // Enough for every kill.
                max_files: Some(1_000_000),
                ..Options::with_key(KEY)
            };
            // A breaker that opens would keep the load away for a minute.
            let shop = Shop::start(name, vendor, options)
                .await
                .more("breaker = { failures = 0 }");
            let shop = match name {
                // Half of the files go in parts, though in one of them.
                "s3" => shop.settings("single_max_bytes = 20000"),
                _ => shop,
            };
            shop.upstream.faults().chaos(Chaos {
                seed: random.random(),
                probability: 0.1,
                operations: vec![
                    Operation::Create,
                    Operation::AddPart,
                    Operation::CompleteUpload,
                    Operation::Delete,
                ],
                faults: vec![
                    Fault::status(503),
                    Fault::ResetBefore,
                    Fault::ResetMiddle { after_bytes: 500 },
                    Fault::ResetAfter,
                    Fault::TruncatedJson,
                ],
            });
            world = shop.join(world);
            vendors.push(Vendor::Shop(Box::new(shop)));
        }
        world = world.config("[providers.local]\ncomponent = \"builtin:local\"");
        vendors.push(Vendor::Local);
        let files = (0..FILES)
            .map(|file| {
                let letters = random.random_range(1..40_000);
                let content: Vec<u8> = (0..letters).map(|_| random.random_range(b'a'..=b'z')).collect();
                world.file(&format!("{file}.txt"), content)
            })
            .collect();
        let _ = world.load();
        Self {
            world,
            vendors,
            files,
            random,
            seed,
            round: 0,
            held: BTreeMap::new(),
            deleted: BTreeSet::new(),
            unsettled: 0,
            tally: BTreeMap::new(),
        }
    }

    fn config(&self) -> PathBuf {
        self.world.path("loadlock.toml")
    }

    /// Starts the process on what the last one left, lets it work for a random number of events, and kills it.
    pub(crate) async fn kill_once(&mut self) {
        self.round += 1;
        let order = Order {
            config: self.config(),
            steps: vec![Step::Stream(Stream {
                seed: self.seed.wrapping_mul(1_000_003).wrapping_add(self.round),
                at_once: AT_ONCE,
                providers: ["kimi", "openai", "gemini", "s3", "local"].map(str::to_owned).to_vec(),
                files: self.files.clone(),
            })],
        };
        let events = self.random.random_range(0..EVENTS);
        let program = Path::new(env!("CARGO_BIN_EXE_crash-victim"));
        let mut victim = Victim::start(program, &order, &[]);
        let seen = Mutex::new(0_u64);
        let count = || {
            let mut seen = seen.lock().unwrap();
            *seen += 1;
            *seen >= events
        };
        {
            let requests: Vec<_> = self
                .vendors
                .iter()
                .filter_map(|vendor| match vendor {
                    Vendor::Shop(shop) => Some(shop.upstream.requests().clone()),
                    Vendor::Local => None,
                })
                .collect();
            let waits = requests.iter().map(|one| Box::pin(one.wait(|_| count())));
            let vendors = futures::future::select_all(waits);
            let said = async {
                loop {
                    // What it does not say because it ended is found out below.
                    if victim.hear().await.is_none() || count() {
                        return;
                    }
                }
            };
            tokio::select! {
                _ = vendors => {}
                () = said => {}
            }
        }
        victim.kill();
        let end = victim.end().await;
        assert!(end.killed, "it ended by itself: {end:?}");
        for said in end.said {
            self.note(said);
        }
        for vendor in &self.vendors {
            if let Vendor::Shop(shop) = vendor {
                shop.upstream.requests().clear();
            }
        }
    }

    fn note(&mut self, said: Said) {
        let kind = match said {
            Said::Open => "starts",
            Said::Swapped => "swaps",
            Said::Copied { .. } => "copies",
            Said::Stored { id, sha256, .. } => {
                self.held.insert(id, sha256);
                "uploads"
            }
            Said::Deleting { id } => {
                self.held.remove(&id);
                self.unsettled += 1;
                return;
            }
            Said::Deleted { id } => {
                self.deleted.insert(id);
                "deletes"
            }
            Said::Refused { code, message } => {
                assert!(
                    ["provider_failed", "tracker_failed", "outcome_unknown"].contains(&code.as_str()),
                    "{code}: {message}"
                );
                "refusals"
            }
        };
        *self.tally.entry(kind).or_default() += 1;
    }

    /// Lets everything come up and compares vendors, ledger and journal with what clients were told.
    pub(crate) async fn balance(&mut self) -> Result<(), String> {
        for vendor in &self.vendors {
            if let Vendor::Shop(shop) = vendor {
                shop.upstream.faults().pause(true);
            }
        }
        let home = self.world.path("home");
        drop(open(&self.config()).await.map_err(|error| error.to_string())?);
        let unknown = settled(&home)?;
        if unknown > 0 {
            return Err(format!("{unknown} outcomes are unknown"));
        }
        let (gateway, who) = open(&self.config()).await.map_err(|error| error.to_string())?;
        let books = Books::read(&home, &self.vendors, &gateway, &who).await;
        drop(gateway);
        for vendor in &self.vendors {
            if let Vendor::Shop(shop) = vendor {
                shop.upstream.faults().pause(false);
            }
        }
        books.balance(0)?;
        let ledger: BTreeMap<&str, &str> = books
            .ledger
            .iter()
            .map(|file| (file.id.as_str(), file.sha256.as_str()))
            .collect();
        for (id, sha256) in &self.held {
            match ledger.get(id.as_str()) {
                Some(recorded) if recorded == sha256 => {}
                other => return Err(format!("{id} was promised, the ledger has {other:?}")),
            }
        }
        if let Some(back) = self.deleted.iter().find(|id| ledger.contains_key(id.as_str())) {
            return Err(format!("{back} was deleted and is back"));
        }
        self.check_copies(&books)
    }

    /// Equal content of one tenant at one provider is one remote file, unless uploads died before anyone was told of
    /// it: then each left a record of its own.
    fn check_copies(&self, books: &Books) -> Result<(), String> {
        let mut remotes: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
        for file in &books.ledger {
            let of = remotes.entry((&file.provider, &file.sha256)).or_default();
            of.insert(&file.remote_id);
        }
        let more: usize = remotes.values().map(|of| of.len() - 1).sum();
        // An upload that dies under way is settled at the next start, before anything else is uploaded: nothing makes a
        // second one.
        if more > 0 {
            return Err(format!("{more} remote files hold content that another one holds"));
        }
        Ok(())
    }

    pub(crate) fn report(&self) -> String {
        format!(
            "{} kills: {:?}, {} files held at the end",
            self.round,
            self.tally,
            self.held.len()
        )
    }
}
