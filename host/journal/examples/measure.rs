//! What the journal costs here: `cargo run --release -p loadlock-journal --example measure -- DIR [ROWS]`.
//!
//! Prints bare syncs of one page as the yardstick, the journal's share of a lone upload, uploads a second when many
//! wait together, and how long opening takes with ROWS entries (default 100,000).

use std::error::Error;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use loadlock_journal::{Accepted, ContentKey, Intent, Journal, JournalError, SourceRef};

fn intent(id: String) -> Intent {
    Intent {
        tenant: "tenant".into(),
        subject: "subject".into(),
        idempotency: None,
        key: ContentKey {
            tenant: "tenant".into(),
            account: "account".into(),
            purpose: "extract".into(),
            treatment: "pdf".into(),
            sha256: None,
        },
        provider: "kimi".into(),
        mark: id.clone(),
        remote_name: format!("{id}.pdf"),
        filename: "report.pdf".into(),
        media_type: "application/pdf".into(),
        bytes: 1,
        source: SourceRef::Spool {
            dir: PathBuf::from("spool").join(&id),
        },
        created_at_ms: 1,
        expires_at_ms: None,
        component: None,
        callback: None,
        id,
    }
}

fn accepted(id: &str) -> Accepted {
    Accepted {
        remote_id: id.into(),
        address: Default::default(),
        provider: "kimi".into(),
        account: "account".into(),
        sha256: "0".repeat(64),
        bytes: 1,
        attempts: 1,
        accepted_at_ms: 2,
        expires_at_ms: None,
    }
}

async fn upload(journal: &Journal, id: String) -> Result<(), JournalError> {
    journal.begin(intent(id.clone())).await?;
    journal.accepted(&id, accepted(&id)).await?;
    journal.recorded(&[id]).await
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().ok_or("usage: measure DIR [ROWS]")?);
    let rows: u64 = arguments.next().map_or(Ok(100_000), |rows| rows.parse())?;
    std::fs::create_dir_all(&dir)?;

    let mut file = File::create(dir.join("yardstick"))?;
    file.write_all(&[1; 64 * 1024])?;
    file.sync_all()?;
    let mut times = Vec::new();
    for n in 0..500u64 {
        file.seek(SeekFrom::Start(n % 16 * 4096))?;
        let start = Instant::now();
        file.write_all(&[n as u8; 4096])?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    println!("one page written and synced   {:>10.1?}", median(times));

    let journal = Journal::open(&dir.join("journal"))?;
    let mut times = [const { Vec::new() }; 3];
    for n in 0..500 {
        let id = format!("lone{n}");
        let start = Instant::now();
        journal.begin(intent(id.clone())).await?;
        let begun = Instant::now();
        journal.accepted(&id, accepted(&id)).await?;
        let taken = Instant::now();
        journal.recorded(&[id]).await?;
        times[0].push(begun - start);
        times[1].push(taken - begun);
        times[2].push(taken.elapsed());
    }
    for (step, times) in ["begin", "accepted", "recorded"].into_iter().zip(times) {
        println!("a lone {step:<22} {:>10.1?}", median(times));
    }

    for together in [8, 64, 512] {
        let before = journal.stats();
        let start = Instant::now();
        let count = 40 * together;
        try_join_all((0..together).map(|lane| {
            let journal = &journal;
            async move {
                for n in 0..count / together {
                    upload(journal, format!("{together}-{lane}-{n}")).await?;
                }
                Ok::<(), JournalError>(())
            }
        }))
        .await?;
        let rate = f64::from(count) / start.elapsed().as_secs_f64();
        let syncs = (journal.stats().syncs - before.syncs) as f64 / f64::from(count);
        println!("{together:>4} together               {rate:>10.0} uploads/s, {syncs:.2} syncs each");
    }

    for chunk in 0..rows.div_ceil(2_000) {
        let ids = chunk * 2_000..((chunk + 1) * 2_000).min(rows);
        try_join_all(ids.map(|n| journal.begin(intent(format!("row{n}"))))).await?;
    }
    let start = Instant::now();
    journal.close().await?;
    println!("closing with {rows} entries    {:>10.1?}", start.elapsed());
    let start = Instant::now();
    let journal = Journal::open(&dir.join("journal"))?;
    let bytes = std::fs::metadata(dir.join("journal/journal.redb"))?.len();
    println!(
        "opening with {rows} entries    {:>10.1?}, {} MB",
        start.elapsed(),
        bytes / 1_000_000
    );
    let start = Instant::now();
    upload(&journal, "after".into()).await?;
    println!("an upload among them          {:>10.1?}", start.elapsed());
    Ok(())
}
