//! Gateways that share a ledger and a vendor account, each with a home and a line of its own.

use std::path::Path;
use std::time::Duration;

use loadlock_gateway::{BalanceSheet, Clock, File, Silent};
use loadlock_policy::upkeep::Finding;
use loadlock_tests::{Opened, Shop, World};
use tokio::task::JoinHandle;

use super::line::Line;
use crate::place;

/// One ledger, one vendor.
pub struct Site {
    pub shop: Shop,
    /// Of the REST interface.
    port: u16,
    schema: String,
}

/// One gateway's place.
pub struct Place {
    pub world: World,
    pub line: Line,
}

/// How much faster than real time leases, beats and breakers run.
pub const SCALE: u32 = 4;

impl Site {
    pub async fn new() -> Self {
        Self::on(place::port(), &place::schema()).await
    }

    /// On a ledger that the test has for itself.
    pub async fn on(port: u16, schema: &str) -> Self {
        Self {
            shop: Shop::kimi().await.more("account = \"shared\""),
            port,
            schema: schema.to_owned(),
        }
    }

    /// A gateway's place, with further configuration.
    pub async fn place(&self, more: &str) -> Place {
        self.place_at(more, Duration::ZERO).await
    }

    /// The same, so far from the ledger.
    pub async fn place_at(&self, more: &str, round_trip: Duration) -> Place {
        self.place_with(more, round_trip, Clock::scaled(SCALE)).await
    }

    /// The same, with a clock of its own.
    pub async fn place_with(&self, more: &str, round_trip: Duration, clock: Clock) -> Place {
        let line = Line::as_far_as(self.port, round_trip).await;
        let world = self.shop.join(World::new());
        let key = world.path("outside").join("ledger.key");
        std::fs::write(&key, place::service_key()).unwrap();
        let (url, key) = (format!("http://{}", line.address), key.display());
        let schema = &self.schema;
        let world = world.clock(clock).config(&format!(
            "{more}\n[tracker]\ncomponent = \"builtin:tracker-supabase\"\n\
             settings = {{ url = \"{url}\", schema = \"{schema}\" }}\n\
             egress = [{{ url = \"{url}/rpc\", methods = [\"POST\"], private = true }}]\n\
             credential = [\n\
             {{ header = \"apikey\", value = \"${{file:{key}}}\" }},\n\
             {{ header = \"Authorization\", value = \"Bearer ${{file:{key}}}\" }},\n]\n"
        ));
        Place { world, line }
    }
}

/// An upload of a file at a gateway, under way.
pub fn start(gateway: &Opened, path: &Path) -> JoinHandle<loadlock_gateway::Result<File>> {
    let (open, who) = (gateway.gateway.clone(), gateway.who.clone());
    let request = gateway.request(path);
    tokio::spawn(async move { open.upload(&who, request, &Silent).await })
}

/// Asks again until it is so. The limit is only there so that a defect ends the test.
pub async fn until(what: &str, mut asked: impl AsyncFnMut() -> bool) {
    let limit = tokio::time::Instant::now() + Duration::from_secs(90);
    while !asked().await {
        assert!(tokio::time::Instant::now() < limit, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// All files of the local tenant.
pub async fn files(gateway: &Opened) -> Vec<File> {
    gateway.list().await.unwrap().files
}

/// Waits until the books agree; answers the last sheet.
pub async fn balanced(gateway: &Opened) -> BalanceSheet {
    let limit = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let sheet = gateway.gateway.fsck(&gateway.who).await.unwrap();
        if sheet.balanced {
            return sheet;
        }
        let wrong: Vec<_> = sheet
            .lines
            .iter()
            .filter(|line| line.finding == Finding::Unbalanced)
            .collect();
        assert!(tokio::time::Instant::now() < limit, "{wrong:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
