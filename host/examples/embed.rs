//! Embeds the gateway and uploads one file: `cargo run --example embed -- FILE`.

use std::path::PathBuf;

use loadlock::{Event, UploadRequest};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let file = std::env::args_os()
        .nth(1)
        .map(PathBuf::from)
        .ok_or_else(|| anyhow::anyhow!("usage: embed FILE"))?;
    let file = file.canonicalize()?;
    let folder = file
        .parent()
        .ok_or_else(|| anyhow::anyhow!("{} is not a file", file.display()))?;

    // Only what is granted can be uploaded; state (the ledger, keys, compiled components) stays in `home`.
    let gateway = loadlock::builder()
        .home(std::env::temp_dir().join("loadlock-embed"))
        .grant(folder)
        .open()
        .await?;

    // Whoever asks is authenticated: here this program itself.
    let me = loadlock::local::authenticate(&gateway).await?;
    let progress = |event: Event| eprintln!("{event:?}");
    let stored = gateway.upload(&me, UploadRequest::path(&file), &progress).await?;

    println!("{} → {} as {}", stored.filename, stored.provider, stored.remote_id);
    println!("{} bytes, sha256 {}", stored.bytes, stored.sha256);
    println!("deduplicated: {}", stored.deduplicated);
    Ok(())
}
