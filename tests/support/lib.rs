//! What the suites share: a gateway in a temporary directory, with any component in any role.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use loadlock_config::{Config, ConfigErrors, MachineFacts, load_with};
use loadlock_gateway::{
    Door, File, FilePage, Gateway, ListRequest, Principal, Result, Setup, Silent, Source, Target, UploadRequest,
};
use loadlock_sandbox::EngineOptions;
use tempfile::TempDir;

mod cell;
mod logs;
mod shop;
mod sink;

pub use cell::{Cell, Upload, compile_options, options, source, tight};
pub use logs::Logs;
pub use shop::{KEY, Shop};
pub use sink::{Received, Sink};

include!(concat!(env!("OUT_DIR"), "/guests.rs"));

/// Compiled code is the same for every test.
pub fn cache() -> PathBuf {
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test-cache");
    std::fs::create_dir_all(&cache).unwrap();
    cache.canonicalize().unwrap()
}

/// A temporary place with a home, a granted directory and a configuration.
pub struct World {
    dir: TempDir,
    config: String,
    env: Vec<(String, String)>,
    clock: loadlock_gateway::Clock,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// With one grant, `files`, for every provider and the local caller.
    pub fn new() -> Self {
        let dir = TempDir::new().unwrap();
        for folder in ["home", "files", "outside", "components"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        symlink(cache(), dir.path().join("home/cache")).unwrap();
        Self {
            dir,
            config: String::new(),
            env: Vec::new(),
            clock: loadlock_gateway::Clock::default(),
        }
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(relative)
    }

    /// Adds lines to the configuration file.
    pub fn config(mut self, text: &str) -> Self {
        self.config.push_str(text);
        self.config.push('\n');
        self
    }

    /// The same home and files with an empty configuration.
    pub fn without_config(self) -> Self {
        Self {
            config: String::new(),
            ..self
        }
    }

    /// With another clock.
    pub fn clock(mut self, clock: loadlock_gateway::Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets an environment variable for credentials and `LOADLOCK_*` settings.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Writes a guest's binary to disk and answers its path.
    pub fn guest(&self, name: &str) -> PathBuf {
        self.component(&format!("{name}.wasm"), guest(name))
    }

    /// Writes any bytes where components are.
    pub fn component(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path("components").join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Configures a guest as the provider `name`, with further lines for its table.
    pub fn with_guest(self, name: &str, guest: &str, more: &str) -> Self {
        let path = self.guest(guest);
        self.config(&format!("[providers.{name}]\ncomponent = {path:?}\n{more}"))
    }

    /// Writes a file beneath the granted directory.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path("files").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The parsed configuration.
    pub fn load(&self) -> Config {
        match self.try_load() {
            Ok(config) => config,
            Err(errors) => panic!("{errors}"),
        }
    }

    /// The parsed configuration, or what is wrong with it.
    pub fn try_load(&self) -> Result<Config, ConfigErrors> {
        let text = if self.config.contains("grants") {
            self.config.clone()
        } else {
            format!("{}\n[[grants]]\nroot = {:?}\n", self.config, self.path("files"))
        };
        let file = self.path("loadlock.toml");
        std::fs::write(&file, text).unwrap();
        let facts = MachineFacts {
            cwd: self.path("files"),
            user_home: None,
            data_dir: None,
            config_dir: None,
        };
        let mut env: Vec<_> = self
            .env
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        env.push(("LOADLOCK_HOME".into(), self.path("home").into_os_string()));
        load_with(Some(&file), env, &facts)
    }

    pub fn setup(&self) -> Setup {
        let mut setup = Setup::new(self.load(), loadlock::builtins());
        setup.clock = self.clock.clone();
        setup.engine = EngineOptions {
            slots: 24,
            ..EngineOptions::default()
        };
        setup
    }

    /// Opens the gateway; panics with the error if it refuses.
    pub async fn open(&self) -> Opened {
        self.open_with(self.setup()).await
    }

    /// As [`World::open`], with a setup that was changed.
    pub async fn open_with(&self, setup: Setup) -> Opened {
        match self.try_open_with(setup).await {
            Ok(opened) => opened,
            Err(error) => panic!("{error}\n{}", error.hint),
        }
    }

    pub async fn try_open(&self) -> Result<Opened> {
        self.try_open_with(self.setup()).await
    }

    async fn try_open_with(&self, setup: Setup) -> Result<Opened> {
        let gateway = Gateway::open(setup).await?;
        let token = token(&self.path("home"), "local", "tester", "read write delete admin");
        let who = gateway.authenticate(Door::Local, Some(&token)).await?;
        Ok(Opened {
            gateway,
            who,
            files: self.path("files"),
        })
    }
}

/// A token signed by the installation's own key.
pub fn token(home: &Path, tenant: &str, subject: &str, scope: &str) -> String {
    let key = loadlock_gateway::local_key(&home.join("keys")).unwrap();
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    header.kid = Some(loadlock_gateway::LOCAL_KEY_ID.into());
    let exp = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs()
        + 3_600;
    let claims = serde_json::json!({
        "iss": loadlock_gateway::LOCAL_ISSUER, "aud": loadlock_gateway::DEFAULT_AUDIENCE,
        "sub": subject, "tenant": tenant, "scope": scope, "exp": exp,
    });
    jsonwebtoken::encode(&header, &claims, &jsonwebtoken::EncodingKey::from_secret(&key)).unwrap()
}

/// An open gateway and its local caller.
pub struct Opened {
    pub gateway: Gateway,
    pub who: Principal,
    files: PathBuf,
}

impl Opened {
    /// Uploads a path to whichever provider is best.
    pub async fn upload(&self, path: impl Into<PathBuf>) -> Result<File> {
        self.upload_to(Target::Auto, path).await
    }

    pub async fn upload_pinned(&self, provider: &str, path: impl Into<PathBuf>) -> Result<File> {
        self.upload_to(Target::Pinned(provider.into()), path).await
    }

    pub async fn upload_to(&self, target: Target, path: impl Into<PathBuf>) -> Result<File> {
        let request = UploadRequest {
            target,
            ..self.request(path)
        };
        self.gateway.upload(&self.who, request, &Silent).await
    }

    pub fn request(&self, path: impl Into<PathBuf>) -> UploadRequest {
        UploadRequest::from(Source::Path {
            path: path.into(),
            current_dir: Some(self.files.clone()),
        })
    }

    /// A caller of a tenant at a network door.
    pub async fn network(&self, tenant: &str) -> Principal {
        let token = token(self.gateway.home(), tenant, "somebody", "read write delete");
        self.gateway.authenticate(Door::Network, Some(&token)).await.unwrap()
    }

    /// The local caller's newest files.
    pub async fn list(&self) -> Result<FilePage> {
        let request = ListRequest {
            limit: 10,
            ..ListRequest::default()
        };
        self.gateway.list(&self.who, request).await
    }

    /// The whole content of a file.
    pub async fn content(&self, id: &str) -> Result<Vec<u8>> {
        let mut content = self.gateway.content(&self.who, id).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = content.chunks.recv().await {
            bytes.extend_from_slice(&chunk);
        }
        content.end.await.unwrap().map(|_| bytes)
    }
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(bytes))
}
