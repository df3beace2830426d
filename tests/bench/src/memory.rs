//! Resident memory of `loadlock serve`: for one very large file, and for each of many uploads at once.

use serde_json::json;

use crate::child::Listening;
use crate::client::Client;
use crate::place::Place;
use crate::report::{Bound, Group, Row};
use crate::run::Scope;
use crate::small::Forms;
use crate::{Result, failed};

const GROUP: &str = "memory";
const MIB: f64 = 1_048_576.0;

/// Uploads at once.
const CROWD: usize = 200;

/// Bytes of each file of the crowd: more than any buffer on its way.
const EACH: u64 = 8 << 20;

pub(crate) async fn measure(scope: &Scope) -> Result<Group> {
    let mut group = Group::default();
    one_large(scope, &mut group).await?;
    crowd(scope, &mut group).await?;
    Ok(group)
}

async fn one_large(scope: &Scope, group: &mut Group) -> Result<()> {
    let gib: u64 = if scope.quick { 1 } else { 8 };
    let sink = Listening::sink(1).await?;
    let place = Place::make(&scope.scratch, "memory", &sink.address)?;
    let token = place.token(&scope.loadlock).await?;
    let served = place.serve(&scope.loadlock).await?;
    // Sparse: it is read and hashed like any other.
    let path = place.files.join("large.bin");
    let file = std::fs::File::create(&path).map_err(failed("large.bin"))?;
    file.set_len(gib << 30).map_err(failed("large.bin"))?;
    let mut client = Client::connect(&served.address, Some(&token)).await?;
    let wish = json!({ "path": path, "purpose": "user_data" });
    let answer = client.post_json("/v1/files", &wish).await?;
    if answer["bytes"].as_u64() != Some(gib << 30) {
        return Err("the large file did not arrive".into());
    }
    let peak = served.memory("VmHWM")? as f64;
    group.rows.push(Row::of_bound(
        (
            GROUP,
            format!("most resident memory for one upload of {gib} GiB"),
            "64 MiB",
        ),
        &[peak],
        (64.0 * MIB, "B"),
        Some(Bound::AtMost(1.0)),
    ));
    served.stop().await?;
    sink.stop().await
}

async fn crowd(scope: &Scope, group: &mut Group) -> Result<()> {
    let sink = Listening::sink(CROWD).await?;
    let place = Place::make(&scope.scratch, "crowd", &sink.address)?;
    let token = place.token(&scope.loadlock).await?;
    let served = place.serve(&scope.loadlock).await?;
    let mut paths = Vec::new();
    for number in 0..CROWD {
        let path = place.files.join(format!("{number}.bin"));
        let file = std::fs::File::create(&path).map_err(failed("crowd"))?;
        // No two of one size: they are sent, not hashed first.
        file.set_len(EACH + number as u64).map_err(failed("crowd"))?;
        paths.push(path);
    }
    let mut clients = Vec::new();
    for _ in 0..CROWD {
        clients.push(Client::connect(&served.address, Some(&token)).await?);
    }
    for client in &mut clients {
        client.get("/v1/files?limit=1").await?;
    }
    let idle = served.memory("VmRSS")?;
    served.forget_peak()?;
    let uploads = clients.into_iter().zip(paths).map(|(mut client, path)| {
        tokio::spawn(async move {
            let wish = json!({ "path": path, "purpose": "user_data" });
            client.post_json("/v1/files", &wish).await.map(|_| client)
        })
    });
    let mut clients = Vec::new();
    for end in futures::future::join_all(uploads).await {
        clients.push(end.map_err(failed("client"))??);
    }
    let peak = served.memory("VmHWM")?;
    group.rows.push(Row::of_bound(
        (
            GROUP,
            format!("memory for each of {CROWD} uploads by path at once, of 8 MiB"),
            "1 MiB",
        ),
        &[peak.saturating_sub(idle) as f64 / CROWD as f64],
        (MIB, "B"),
        Some(Bound::AtMost(1.0)),
    ));
    let idle = served.memory("VmRSS")?;
    served.forget_peak()?;
    let forms = Forms::new();
    let uploads = clients.into_iter().map(|mut client| {
        let form = forms.next();
        tokio::spawn(async move { client.upload(form).await })
    });
    for end in futures::future::join_all(uploads).await {
        end.map_err(failed("client"))??;
    }
    let peak = served.memory("VmHWM")?;
    group.rows.push(Row::of_bound(
        (
            GROUP,
            format!("memory for each of {CROWD} small uploads at once, of bodies"),
            "1 MiB",
        ),
        &[peak.saturating_sub(idle) as f64 / CROWD as f64],
        (MIB, "B"),
        Some(Bound::AtMost(1.0)),
    ));
    served.stop().await?;
    sink.stop().await
}
