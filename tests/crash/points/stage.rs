//! Where a case plays: a home, its vendors, and a configuration with the tracker and one without.

use std::path::PathBuf;

use loadlock_crash::{Books, Vendor};
use loadlock_gateway::{Gateway, Principal};
use loadlock_tests::{Shop, World};

use crate::scenarios::Scenario;

const CONTENT: &[u8] = b"what must be stored once, whenever the process dies";

/// A world with its vendors.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) vendors: Vec<Vendor>,
    pub(crate) file: PathBuf,
    pub(crate) up: PathBuf,
    pub(crate) down: PathBuf,
}

impl Stage {
    pub(crate) async fn build(scenario: &Scenario) -> Self {
        let mut world = World::new();
        let mut vendors = Vec::new();
        for name in &scenario.shops {
            let shop = match *name {
                "kimi" => Shop::kimi().await,
                "zai" => Shop::zai().await,
                "bigmodel" => Shop::bigmodel().await,
                _ => Shop::openai().await,
            };
            world = shop.join(world);
            vendors.push(Vendor::Shop(Box::new(shop)));
        }
        if vendors.is_empty() {
            world = world.config("[providers.local]\ncomponent = \"builtin:local\"");
            vendors.push(Vendor::Local);
        }
        let repeats = if scenario.large { 4_096 } else { 1 };
        let file = world.file("a.txt", CONTENT.repeat(repeats));
        // Writes the file that `up` names.
        let _ = world.load();
        let up = world.path("loadlock.toml");
        let down = world.path("tracker-away.toml");
        let guest = world.guest("tracker_forgets");
        let text = std::fs::read_to_string(&up).unwrap();
        let away = format!("{text}\n[tracker]\ncomponent = {guest:?}\nsettings = {{ mode = \"fail\" }}\n");
        std::fs::write(&down, away).unwrap();
        Self {
            world,
            vendors,
            file,
            up,
            down,
        }
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.world.path("home")
    }

    pub(crate) fn first(&self) -> Option<&Shop> {
        match self.vendors.first() {
            Some(Vendor::Shop(shop)) => Some(shop),
            _ => None,
        }
    }

    pub(crate) async fn books(&self, gateway: &Gateway, who: &Principal) -> Books {
        Books::read(&self.home(), &self.vendors, gateway, who).await
    }
}
