//! A fake vendor and the configuration that reaches it.

use std::path::Path;

use loadlock_upstream::{Operation, Options, Recorded, S3_BUCKET, S3_KEY_ID, Site, Upstream, Vendor};

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

    pub async fn anthropic() -> Self {
        Self::start("anthropic", Vendor::Anthropic, Options::with_key(KEY)).await
    }

    pub async fn gemini() -> Self {
        Self::start("gemini", Vendor::Gemini, Options::with_key(KEY)).await
    }

    pub async fn s3() -> Self {
        Self::start("s3", Vendor::S3, Options::with_key(KEY)).await
    }

    pub async fn azure() -> Self {
        Self::start("azure", Vendor::Azure, Options::with_key(KEY)).await
    }

    pub async fn xai() -> Self {
        Self::start("xai", Vendor::Xai, Options::with_key(KEY)).await
    }

    /// The shop's name is the provider's.
    pub async fn start(name: &'static str, vendor: Vendor, options: Options) -> Self {
        let upstream = Upstream::start(vendor, options).await.unwrap();
        let settings = match vendor {
            Vendor::Glm(Site::Zai) => ", region = \"zai\"".to_owned(),
            Vendor::Glm(Site::Bigmodel) => ", region = \"bigmodel\"".to_owned(),
            Vendor::Azure => ", dialect = \"azure\"".to_owned(),
            Vendor::Xai => ", dialect = \"xai\"".to_owned(),
            Vendor::S3 => format!(", bucket = \"{S3_BUCKET}\""),
            _ => String::new(),
        };
        Self {
            name,
            upstream,
            settings,
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
            "anthropic" => "anthropic",
            "gemini" => "gemini",
            "s3" => "s3",
            _ => "openai",
        }
    }

    /// The credential, with the key in a file.
    fn credential(&self, key: &Path) -> String {
        let (header, before) = match self.name {
            "s3" => {
                let id = key.with_extension("id");
                std::fs::write(&id, S3_KEY_ID).unwrap();
                return format!(
                    "{{ kind = \"aws-sigv4\", region = \"us-east-1\", key_id = \"${{file:{}}}\", value = \
                     \"${{file:{}}}\" }}",
                    id.display(),
                    key.display(),
                );
            }
            "anthropic" => ("x-api-key", ""),
            "gemini" => ("x-goog-api-key", ""),
            "azure" => ("api-key", ""),
            _ => ("Authorization", "Bearer "),
        };
        format!(
            "{{ header = \"{header}\", value = \"{before}${{file:{}}}\" }}",
            key.display()
        )
    }

    /// The grants that the provider needs.
    pub fn egress(&self) -> String {
        let base = self.upstream.base_url();
        if matches!(self.name, "anthropic" | "gemini" | "s3") {
            // What the component asks for.
            return String::new();
        }
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
        let credential = self.credential(&key);
        let text = format!(
            "[providers.{}]\ncomponent = \"builtin:{}\"\nsettings = {{ base_url = \"{}\"{} }}\n{egress}\n\
             credential = {credential}\nretry = {{ base = \"1ms\" }}\n{}",
            self.name,
            self.component(),
            self.upstream.base_url(),
            self.settings,
            self.more,
        );
        world.config(&text)
    }

    /// The uploads that it saw.
    pub fn posts(&self) -> Vec<Recorded> {
        self.upstream.requests().of(Operation::Create)
    }
}
