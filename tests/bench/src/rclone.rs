//! rclone, which pushes files to the same vendor over WebDAV, and `loadlock upload`: two programs that start, send and
//! end.
//!
//! rclone asks, sends and asks again for each file, and lets 10 ms pass between any two requests to WebDAV, however
//! many transfers it may have at once: of a folder of small files that pace is what is measured. It hashes nothing and
//! keeps no record.

use std::path::{Path, PathBuf};
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use tokio::process::Command;

use crate::child::Listening;
use crate::others::{GROUP, version};
use crate::place::Place;
use crate::report::{Group, Measured, Row};
use crate::run::Scope;
use crate::small::SIZES;
use crate::{Result, dav, failed};

/// Bytes of the file.
const LARGE: u64 = 64 << 20;

/// Files of the folder, and how many of them are under way at a time.
const FILES: u64 = 200;
const JOBS: &str = "8";

pub(crate) async fn measure(scope: &Scope, group: &mut Group) -> Result<()> {
    let sink = Listening::sink(1).await?;
    let place = Place::make(&scope.scratch, "rclone", &sink.address)?;
    let mut asked = Command::new("rclone");
    asked.arg("version");
    let program = format!("rclone {}", version(asked).await?);
    let sides = Sides {
        loadlock: &scope.loadlock,
        sink: &sink.address,
        place: &place,
    };
    let pairs = if scope.quick { 3 } else { 12 };
    let path = place.file("large.bin", LARGE + pairs + 1)?;
    let large = sides.compare(pairs, |pair| shrunk(&path, LARGE + pairs - pair));
    let what = "speed of `upload` of a file of 64 MiB, its start included".to_owned();
    row(
        group,
        (what, &format!("{program}, which hashes nothing")),
        &large.await?,
    );
    let pairs = pairs.min(5);
    let small = sides.compare(pairs, |pair| folder(&place.files.join(format!("{pair}"))));
    let what = format!("speed of `upload` of a folder of {FILES} small files, {JOBS} at a time");
    row(
        group,
        (what, &format!("{program}, at its pace of a request in 10 ms")),
        &small.await?,
    );
    sink.stop().await
}

fn row(group: &mut Group, (what, against): (String, &str), [ours, theirs]: &[Vec<f64>; 2]) {
    let pairs = theirs.iter().zip(ours);
    let ratios: Vec<f64> = pairs.map(|(theirs, ours)| theirs / ours).collect();
    let measured = vec![Measured::of("loadlock", "s", ours), Measured::of("rclone", "s", theirs)];
    group
        .rows
        .push(Row::of_pairs((GROUP, what, against), &ratios, None, measured));
}

struct Sides<'a> {
    loadlock: &'a Path,
    sink: &'a str,
    place: &'a Place,
}

impl Sides<'_> {
    /// Seconds of both, by turns, for what `next` prepares for each pair; the first pair fills caches.
    async fn compare(&self, pairs: u64, next: impl Fn(u64) -> Result<PathBuf>) -> Result<[Vec<f64>; 2]> {
        let mut times = [const { Vec::new() }; 2];
        for pair in 0..=pairs {
            let path = next(pair)?;
            for side in if pair % 2 == 0 { [0, 1] } else { [1, 0] } {
                let command = match side {
                    0 => self.ours(&path),
                    _ => self.theirs(&path, pair),
                };
                let took = timed(command).await?;
                if pair > 0 {
                    times[side].push(took);
                }
            }
        }
        Ok(times)
    }

    fn ours(&self, path: &Path) -> Command {
        let mut command = self
            .place
            .command(self.loadlock, &["upload", "--quiet", "--jobs", JOBS]);
        command.arg(path);
        command
    }

    /// Two paths that never were there: it would pass over what is.
    fn theirs(&self, path: &Path, pair: u64) -> Command {
        let copy = if path.is_dir() { "copy" } else { "copyto" };
        let mut command = self.place.command(Path::new("rclone"), &[copy]);
        command
            .arg(path)
            .arg(format!(":webdav:{copy}-{pair}"))
            .arg("--webdav-url")
            .arg(format!("http://{}{}", self.sink, dav::ROOT))
            .args(["--webdav-vendor", "other", "--config", ""])
            .args(["--transfers", JOBS, "--retries", "1"]);
        command
    }
}

async fn timed(mut command: Command) -> Result<f64> {
    let started = Instant::now();
    let output = command.output().await.map_err(failed("upload"))?;
    let took = started.elapsed().as_secs_f64();
    if !output.status.success() {
        let program = command.as_std().get_program().to_owned();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{}: {said}", program.display()));
    }
    Ok(took)
}

/// The file with another size: ours would find one that it knows.
fn shrunk(path: &Path, bytes: u64) -> Result<PathBuf> {
    let file = std::fs::File::options().write(true).open(path);
    let file = file.map_err(failed("open"))?;
    file.set_len(bytes).map_err(failed("truncate"))?;
    Ok(path.to_owned())
}

/// A new folder of small files that are like no others.
fn folder(path: &Path) -> Result<PathBuf> {
    std::fs::create_dir(path).map_err(failed("folder"))?;
    let mut random = StdRng::seed_from_u64(rand::random());
    for number in 0..FILES {
        let mut content = vec![0; random.random_range(SIZES)];
        random.fill_bytes(&mut content);
        std::fs::write(path.join(format!("{number}.bin")), content).map_err(failed("file"))?;
    }
    Ok(path.to_owned())
}
