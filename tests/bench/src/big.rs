//! Large files: through the gateway, natively, and as a person would with `curl` and `openssl`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use loadlock::{Gateway, Principal, Silent, UploadRequest};
use tokio::process::Command;

use crate::child::Listening;
use crate::client::Client;
use crate::native;
use crate::others::installed;
use crate::place::Place;
use crate::report::{Bound, Group, Measured, Row};
use crate::run::Scope;
use crate::{Result, failed, throttled};

const GROUP: &str = "large files";

pub(crate) async fn measure(scope: &Scope) -> Result<Group> {
    let sink = Listening::sink(1).await?;
    let place = Place::make(&scope.scratch, "big", &sink.address)?;
    let (gateway, who) = place.open().await?;
    let mut group = Group::default();
    let (large, pairs, small_pairs) = if scope.quick { (512, 8, 24) } else { (1_024, 24, 80) };
    for (mib, pairs) in [(64, small_pairs), (large, pairs)] {
        let path = place.file(&format!("{mib}.bin"), mib << 20)?;
        let bench = Sides {
            gateway: &gateway,
            who: &who,
            sink: &sink.address,
            path: &path,
        };
        against_native(&bench, mib, pairs, &mut group).await?;
        against_tools(&bench, mib, pairs.min(8), &mut group).await?;
        std::fs::remove_file(&path).map_err(failed("remove"))?;
    }
    drop((gateway, who));
    sink.stop().await?;
    throttled::measure(scope, &mut group).await?;
    Ok(group)
}

struct Sides<'a> {
    gateway: &'a Gateway,
    who: &'a Principal,
    sink: &'a str,
    path: &'a PathBuf,
}

impl Sides<'_> {
    /// Seconds through the gateway, and the digest. The tracker must not know a file of the size: it would be hashed
    /// first.
    async fn ours(&self) -> Result<(f64, String)> {
        let request = UploadRequest::path(self.path);
        let started = Instant::now();
        let file = self.gateway.upload(self.who, request, &Silent).await;
        let took = started.elapsed().as_secs_f64();
        let file = file.map_err(failed("upload"))?;
        if file.deduplicated {
            return Err("an upload that was to be sent was a dedup hit".into());
        }
        Ok((took, file.sha256))
    }

    /// One byte less than before, so that the size is new.
    fn shrink(&self) -> Result<u64> {
        let file = std::fs::File::options().write(true).open(self.path);
        let file = file.map_err(failed("open"))?;
        let bytes = file.metadata().map_err(failed("stat"))?.len() - 1;
        file.set_len(bytes).map_err(failed("truncate"))?;
        Ok(bytes)
    }
}

async fn against_native(sides: &Sides<'_>, mib: u64, pairs: usize, group: &mut Group) -> Result<()> {
    let mut client = Client::connect(sides.sink, None).await?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for pair in 0..=pairs {
        let bytes = sides.shrink()?;
        let (mut mine, mut native) = ((0.0, String::new()), (0.0, String::new()));
        for second in [false, true] {
            if (pair % 2 == 0) == second {
                mine = sides.ours().await?;
            } else {
                let started = Instant::now();
                let digest = native::upload(&mut client, sides.path, bytes).await?;
                native = (started.elapsed().as_secs_f64(), digest);
            }
        }
        if mine.1 != native.1 {
            return Err("the digests of the two uploads differ".into());
        }
        // The first pair fills caches and opens connections.
        if pair > 0 {
            ours.push(mine.0);
            theirs.push(native.0);
        }
    }
    let ratios: Vec<f64> = theirs.iter().zip(&ours).map(|(theirs, ours)| theirs / ours).collect();
    group.rows.push(Row::of_pairs(
        (
            GROUP,
            format!("speed of a {mib} MiB upload, hashed"),
            "hyper and SHA-256 without Loadlock",
        ),
        &ratios,
        Some(Bound::AtLeast(0.95)),
        vec![
            Measured::of("loadlock", "s", &ours),
            Measured::of("native", "s", &theirs),
        ],
    ));
    Ok(())
}

async fn against_tools(sides: &Sides<'_>, mib: u64, pairs: usize, group: &mut Group) -> Result<()> {
    let what = format!("speed of a {mib} MiB upload, hashed");
    for tool in ["curl", "openssl"] {
        if !installed(tool) {
            group.skip(&what, format!("against curl and openssl: `{tool}` is not installed"));
            return Ok(());
        }
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for pair in 0..pairs {
        sides.shrink()?;
        for second in [false, true] {
            if (pair % 2 == 0) == second {
                ours.push(sides.ours().await?.0);
            } else {
                theirs.push(with_tools(sides.sink, sides.path).await?);
            }
        }
    }
    let ratios: Vec<f64> = theirs.iter().zip(&ours).map(|(theirs, ours)| theirs / ours).collect();
    group.rows.push(Row::of_pairs(
        (GROUP, what, "`curl -F`, then `openssl dgst -sha256`"),
        &ratios,
        None,
        vec![
            Measured::of("loadlock", "s", &ours),
            Measured::of("curl and openssl", "s", &theirs),
        ],
    ));
    Ok(())
}

async fn with_tools(sink: &str, path: &Path) -> Result<f64> {
    let started = Instant::now();
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--show-error",
        "--fail",
        "--output",
        "/dev/null",
        "-H",
        "Expect:",
    ])
    .args(["-F", "purpose=user_data", "-F"])
    .arg(format!("file=@{}", path.display()))
    .arg(format!("http://{sink}/v1/files"));
    let mut openssl = Command::new("openssl");
    openssl.args(["dgst", "-sha256"]).arg(path);
    for command in [&mut curl, &mut openssl] {
        let output = command.output().await.map_err(failed("tool"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
    }
    Ok(started.elapsed().as_secs_f64())
}
