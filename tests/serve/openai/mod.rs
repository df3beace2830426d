//! OpenAI's Files and Uploads API, asked of the real binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod cut_through;
mod cut_through_tus;
mod files;
mod forms;
mod orders;
mod quotas;
mod tenants;
mod uploads;
mod vendors;

use std::path::{Path, PathBuf};

use loadlock_served::{Client, Place, Served};
use loadlock_upstream::{Options, Upstream, Vendor};

const ALL: &[&str] = &["read", "write", "delete"];

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

/// A server over a place, and a client of the tenant `acme`.
async fn served(place: &Place) -> (Served, Client) {
    let token = place.token("acme", ALL).await;
    let served = place.serve().await;
    let client = served.client(&token);
    (served, client)
}

/// A place whose providers are a fake of OpenAI, and `local` for those who pin it.
async fn with_vendor() -> (Place, Upstream) {
    let vendor = Upstream::start(Vendor::Openai, Options::with_key("sk-test"))
        .await
        .unwrap();
    let mut place = place();
    let base = vendor.base_url();
    place.env("OPENAI_API_KEY", "sk-test").configure(&format!(
        r#"
order = ["openai"]
[providers.openai]
settings = {{ base_url = "{base}" }}
egress = [
    {{ url = "{base}/files", methods = ["GET", "POST", "DELETE"], private = true }},
    {{ url = "{base}/uploads", methods = ["POST"], private = true }},
]
credential = {{ header = "Authorization", value = "Bearer ${{env:OPENAI_API_KEY}}" }}
[providers.local]
[retry]
base = "10ms"
"#
    ));
    (place, vendor)
}

/// What lies in the spool.
fn spool(home: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(home.join("spool")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}
