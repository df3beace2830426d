//! Where a case plays: a home, its vendors, and a configuration with the tracker and one without.

use std::path::PathBuf;

use loadlock_crash::{Books, Vendor};
use loadlock_gateway::{Gateway, Principal};
use loadlock_tests::{KEY, Shop, World};
use loadlock_upstream::Options;

use crate::scenarios::Scenario;

const CONTENT: &[u8] = b"what must be stored once, whenever the process dies";

/// 32 bytes, as Standard Webhooks has them.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";

/// How a video begins.
const FILM: &[u8] = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom";

/// It works on videos until it was looked at once.
async fn gemini() -> Shop {
    let options = Options {
        processing: 1,
        ..Options::with_key(KEY)
    };
    let shop = Shop::start("gemini", loadlock_upstream::Vendor::Gemini, options).await;
    shop.settings("poll_interval_ms = 500")
}

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
        if scenario.beside_local() {
            let keep = if scenario.kept { "keep = \"local\"\n" } else { "" };
            world = world.config(&format!("{keep}[providers.local]\ncomponent = \"builtin:local\""));
            vendors.push(Vendor::Local);
        }
        for name in &scenario.shops {
            let shop = match *name {
                "kimi" => Shop::kimi().await,
                "zai" => Shop::zai().await,
                "bigmodel" => Shop::bigmodel().await,
                "gemini" => gemini().await,
                "anthropic" => Shop::anthropic().await,
                // What is large goes in parts, though in one of them.
                "s3" => Shop::s3().await.settings("single_max_bytes = 65536"),
                _ => Shop::openai().await,
            };
            world = shop.join(world);
            vendors.push(Vendor::Shop(Box::new(shop)));
        }
        if vendors.is_empty() {
            world = world.config("[providers.local]\ncomponent = \"builtin:local\"");
            vendors.push(Vendor::Local);
        }
        if scenario.told {
            let secret = world.file("hook.secret", SECRET);
            // Nobody listens at port 1, so what is to be told is still there to be counted.
            world = world.config(&format!(
                "[[webhooks]]\nurl = \"http://127.0.0.1:1/hook\"\nprivate = true\nevents = [\"file.deleted\"]\n\
                 secret = \"${{file:{}}}\"",
                secret.display()
            ));
        }
        let repeats = if scenario.large { 4_096 } else { 1 };
        let file = match scenario.film {
            true => world.file("a.mp4", [FILM, CONTENT].concat()),
            false => world.file("a.txt", CONTENT.repeat(repeats)),
        };
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

    /// Another component for `local`: its own, with one more custom section.
    pub(crate) fn another(&self) -> PathBuf {
        let mut bytes = loadlock::builtins()["local"].to_vec();
        bytes.extend(b"\0\x09\x07version2");
        self.world.component("local-2.wasm", &bytes)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.world.path("home")
    }

    pub(crate) fn first(&self) -> Option<&Shop> {
        self.vendors.iter().find_map(|vendor| match vendor {
            Vendor::Shop(shop) => Some(&**shop),
            Vendor::Local => None,
        })
    }

    pub(crate) async fn books(&self, gateway: &Gateway, who: &Principal) -> Books {
        Books::read(&self.home(), &self.vendors, gateway, who).await
    }
}
