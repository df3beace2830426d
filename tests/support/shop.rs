//! A fake vendor and the configuration that reaches it.

use loadlock_upstream::{Operation, Options, Recorded, Site, Upstream, Vendor};

use crate::World;

/// The credential of every shop. GLM's keys have this form; the others take any.
pub const KEY: &str = "k3yk3yk3yk3yk3y0.s3cr3ts3cr3ts3cr3t";

/// A running fake, and how a provider is pointed at it: by `base_url`, a grant and a credential.
pub struct Shop {
    pub name: &'static str,
    pub upstream: Upstream,
    settings: String,
    more: String,
}

impl Shop {
    pub async fn kimi() -> Self {
        Self::start("kimi", Vendor::Kimi, Options::with_key(KEY)).await
    }

    pub async fn openai() -> Self {
        Self::start("openai", Vendor::Openai, Options::with_key(KEY)).await
    }

    pub async fn zai() -> Self {
        Self::start("zai", Vendor::Glm(Site::Zai), Options::with_key(KEY)).await
    }

    pub async fn bigmodel() -> Self {
        Self::start("bigmodel", Vendor::Glm(Site::Bigmodel), Options::with_key(KEY)).await
    }

    /// The shop's name is the provider's.
    pub async fn start(name: &'static str, vendor: Vendor, options: Options) -> Self {
        let upstream = Upstream::start(vendor, options).await.unwrap();
        let settings = match vendor {
            Vendor::Glm(Site::Zai) => ", region = \"zai\"",
            Vendor::Glm(Site::Bigmodel) => ", region = \"bigmodel\"",
            _ => "",
        };
        Self {
            name,
            upstream,
            settings: settings.into(),
            more: String::new(),
        }
    }

    /// Adds settings of the component, as `key = value`.
    pub fn settings(mut self, text: &str) -> Self {
        self.settings.push_str(", ");
        self.settings.push_str(text);
        self
    }

    /// Adds lines to the provider's table.
    pub fn more(mut self, text: &str) -> Self {
        self.more.push_str(text);
        self.more.push('\n');
        self
    }

    fn component(&self) -> &'static str {
        match self.name {
            "zai" | "bigmodel" => "glm",
            "kimi" => "kimi",
            _ => "openai",
        }
    }

    /// The grants that the provider needs.
    pub fn egress(&self) -> String {
        let base = self.upstream.base_url();
        let mut grants =
            format!("{{ url = \"{base}/files\", methods = [\"GET\", \"POST\", \"DELETE\"], private = true }}");
        if self.component() == "openai" {
            grants.push_str(&format!(
                ", {{ url = \"{base}/uploads\", methods = [\"POST\"], private = true }}"
            ));
        }
        format!("egress = [{grants}]")
    }

    /// Adds the provider to a world.
    pub fn join(&self, world: World) -> World {
        let egress = self.egress();
        self.join_with(world, &egress)
    }

    /// As [`Shop::join`], with another line for `egress`.
    pub fn join_with(&self, world: World, egress: &str) -> World {
        let key = world.path("outside").join(format!("{}.key", self.name));
        std::fs::write(&key, KEY).unwrap();
        let text = format!(
            "[providers.{}]\ncomponent = \"builtin:{}\"\nsettings = {{ base_url = \"{}\"{} }}\n{egress}\n\
             credential = {{ header = \"Authorization\", value = \"Bearer ${{file:{}}}\" }}\nretry = {{ base = \
                  \"1ms\" }}\n{}",
            self.name,
            self.component(),
            self.upstream.base_url(),
            self.settings,
            key.display(),
            self.more,
        );
        world.config(&text)
    }

    /// The uploads that it saw.
    pub fn posts(&self) -> Vec<Recorded> {
        self.upstream.requests().of(Operation::Create)
    }
}
