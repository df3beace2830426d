//! LiteLLM's proxy with the same vendor, the same forms and a key that has to be presented, as ours.

use std::path::Path;

use tokio::process::Command;

use crate::child::Listening;
use crate::others::{GROUP, version};
use crate::place::Place;
use crate::report::{Bound, Group, Measured, Row};
use crate::run::Scope;
use crate::small::{Forms, Side, round};
use crate::{Result, failed};

const CLIENTS: usize = 8;

/// It does not start with a key that looks like an example.
const KEY: &str = "sk-8a1b0c9d2e3f4a5b6c7d8e9f0a1b2c3d";

/// Uploads of a round: ours, and its. It takes seconds for them.
const UPLOADS: [usize; 2] = [1_200, 120];

pub(crate) async fn measure(scope: &Scope, group: &mut Group) -> Result<()> {
    let sink = Listening::sink(1).await?;
    let place = Place::make(&scope.scratch, "litellm", &sink.address)?;
    let token = place.token(&scope.loadlock).await?;
    let served = place.serve(&scope.loadlock).await?;
    let home = place.files.clone();
    let proxy = start(&home, &sink.address).await?;
    let mut asked = command(&home);
    asked.arg("--version");
    let version = version(asked).await?;
    let sides = [(&served.address, token), (&proxy.address, KEY.to_owned())];
    let sides = sides.map(|(address, token)| Side {
        address: address.clone(),
        token: Some(token),
    });
    let forms = Forms::new();
    let mut rates = [const { Vec::new() }; 2];
    for number in 0..=if scope.quick { 2 } else { 7 } {
        let mut order = [0, 1];
        order.rotate_left(number % 2);
        for side in order {
            let round = round(&sides[side], &forms, CLIENTS, UPLOADS[side]).await?;
            // The first round fills caches and opens connections.
            if number > 0 {
                rates[side].push(round.rate);
            }
        }
    }
    let ratios: Vec<f64> = rates[0]
        .iter()
        .zip(&rates[1])
        .map(|(ours, theirs)| ours / theirs)
        .collect();
    group.rows.push(Row::of_pairs(
        (
            GROUP,
            format!("uploads a second of small files, {CLIENTS} clients"),
            &format!("LiteLLM's proxy {version}"),
        ),
        &ratios,
        Some(Bound::AtLeast(100.0)),
        vec![
            Measured::of("loadlock", "/s", &rates[0]),
            Measured::of("litellm", "/s", &rates[1]),
        ],
    ));
    proxy.stop().await?;
    served.stop().await?;
    sink.stop().await
}

async fn start(home: &Path, sink: &str) -> Result<Listening> {
    let config = home.join("litellm.yaml");
    let text = format!(
        "model_list: []\n\
         general_settings:\n  master_key: {KEY}\n\
         files_settings:\n  - custom_llm_provider: openai\n    api_base: http://{sink}/v1\n    api_key: sk-vendor\n"
    );
    std::fs::write(&config, text).map_err(failed("litellm.yaml"))?;
    let address = free_address()?;
    let port = address.rsplit(':').next().unwrap_or_default();
    let mut command = command(home);
    command
        .arg("--config")
        .arg(&config)
        .args(["--host", "127.0.0.1", "--port", port]);
    Listening::start_at(command, &address, "/health/liveliness").await
}

/// With nothing of the surroundings, and without the list of prices that it fetches at its start.
fn command(home: &Path) -> Command {
    let mut command = Command::new("litellm");
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("LC_ALL", "C.UTF-8")
        .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        .env("LITELLM_LOG", "ERROR")
        .current_dir(home);
    command
}

/// One that nobody listened at a moment ago: the proxy has to be told a port.
fn free_address() -> Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(failed("bind"))?;
    let address = listener.local_addr().map_err(failed("address"))?;
    Ok(address.to_string())
}
