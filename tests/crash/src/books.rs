//! The three books: what the vendors hold, what the ledger says, and what the journal has open.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use loadlock_gateway::{File, Gateway, ListRequest, Principal};
use loadlock_journal::{Counts, Journal};
use loadlock_tests::Shop;

/// Who stores files.
pub enum Vendor {
    /// A fake of a vendor's API.
    Shop(Box<Shop>),
    /// The provider on this machine's disk.
    Local,
}

/// What was found after a restart.
#[derive(Debug)]
pub struct Books {
    /// Digest by remote id, of everything that is stored.
    pub stored: BTreeMap<String, String>,
    /// Every file of the tenant.
    pub ledger: Vec<File>,
    /// Remote files that the ledger wants deleted.
    pub dying: u64,
    /// Keys of uploads in parts that nobody ended.
    pub unfinished: Vec<String>,
}

impl Books {
    /// Reads what the vendors hold and what the ledger says.
    pub async fn read(home: &Path, vendors: &[Vendor], gateway: &Gateway, who: &Principal) -> Self {
        let (mut stored, mut unfinished) = (BTreeMap::new(), Vec::new());
        for vendor in vendors {
            match vendor {
                Vendor::Shop(shop) => {
                    let files = shop.upstream.files().all().into_iter();
                    stored.extend(files.map(|file| (file.id, file.sha256)));
                    unfinished.extend(shop.upstream.unfinished());
                }
                Vendor::Local => stored.extend(local_objects(home)),
            }
        }
        let mut ledger = Vec::new();
        let mut cursor = None;
        loop {
            let request = ListRequest {
                cursor,
                limit: 1_000,
                ..ListRequest::default()
            };
            let page = gateway.list(who, request).await.unwrap();
            ledger.extend(page.files);
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        let dying = gateway.stats(who).await.unwrap().dying;
        Self {
            stored,
            ledger,
            dying,
            unfinished,
        }
    }

    /// Whether every record has its remote file, with the recorded content, and every remote file a record; `unknown`
    /// many remote files may have none.
    pub fn balance(&self, unknown: u64) -> Result<(), String> {
        let copies = |file: &'_ File| {
            file.copies
                .iter()
                .map(|copy| copy.remote_id.clone())
                .collect::<Vec<_>>()
        };
        let mut recorded: BTreeSet<String> = self.ledger.iter().flat_map(copies).collect();
        recorded.extend(self.ledger.iter().map(|file| file.remote_id.clone()));
        if let Some(lost) = recorded.iter().find(|id| !self.stored.contains_key(*id)) {
            return Err(format!("{lost} is recorded and lost"));
        }
        for file in &self.ledger {
            match self.stored.get(&file.remote_id) {
                None => return Err(format!("{} is recorded and lost", file.id)),
                Some(sha256) if *sha256 != file.sha256 => {
                    return Err(format!("{} is recorded with other content", file.id));
                }
                Some(_) => {}
            }
        }
        let orphans = self.stored.keys().filter(|id| !recorded.contains(*id)).count() as u64;
        if orphans > unknown {
            return Err(format!(
                "{orphans} remote files are in no record, {unknown} are accounted for"
            ));
        }
        if !self.unfinished.is_empty() {
            return Err(format!("uploads in parts are left behind: {:?}", self.unfinished));
        }
        if self.dying > 0 {
            return Err(format!("{} remote files are still dying", self.dying));
        }
        Ok(())
    }

    /// How many remote files have this content.
    pub fn copies(&self, sha256: &str) -> usize {
        self.stored.values().filter(|stored| *stored == sha256).count()
    }
}

/// The journal's balance. No gateway may be open.
pub fn counts(home: &Path) -> Counts {
    Journal::open(&home.join("journal")).unwrap().counts().unwrap()
}

/// Whether everything that the journal had open has been settled; answers how many outcomes are unknown.
pub fn settled(home: &Path) -> Result<u64, String> {
    let counts = counts(home);
    if counts.open + counts.accepted + counts.pending_deletes > 0 {
        return Err(format!("the journal is not settled: {counts:?}"));
    }
    let spooled: Vec<PathBuf> = children(&home.join("spool"));
    if !spooled.is_empty() {
        return Err(format!("the spool still holds {spooled:?}"));
    }
    Ok(counts.unknown)
}

/// Complete objects of the provider `local`: id and digest.
fn local_objects(home: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for shard in children(&home.join("providers/local/objects")) {
        for record in children(&shard) {
            if record.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let bytes = std::fs::read(record.with_extension("")).unwrap_or_default();
            let name = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
            found.push((
                format!("loc_{}{}", name(&shard), name(&record)),
                loadlock_tests::sha256(&bytes),
            ));
        }
    }
    found
}

fn children(directory: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect()
}

/// Goes on with what a power loss left of a home. What has a model of its own is taken over as it is.
#[cfg(feature = "fault-points")]
pub fn put_in_place(home: &Path, image: &Path) {
    for name in loadlock_gateway::MODELLED_ELSEWHERE {
        let from = home.join(name);
        if from.exists() {
            std::fs::rename(from, image.join(name)).unwrap();
        }
    }
    std::fs::rename(home, home.with_extension("lost")).unwrap();
    std::fs::rename(image, home).unwrap();
}
