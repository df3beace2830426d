//! A home, a folder of files and a configuration with one provider, whose vendor is the sink.

use std::path::{Path, PathBuf};

use loadlock::{Gateway, Principal};
use serde_json::Value;
use tokio::process::Command;

use crate::child::Listening;
use crate::{Result, failed};

/// Beyond every file that is uploaded here.
const MAX_BYTES: u64 = 64 << 30;
/// More than any row has at once but those of `flight`.
const MOST_AT_ONCE: u32 = 256;

/// Tenant of the bench's token; it may name paths.
const TENANT: &str = "bench";

/// Where one gateway lives.
pub(crate) struct Place {
    pub(crate) home: PathBuf,
    pub(crate) files: PathBuf,
    config: PathBuf,
}

impl Place {
    /// An empty one in `scratch`, whose vendor listens at `sink`. Compiled code is kept in `scratch` for all places.
    pub(crate) fn make(scratch: &Path, name: &str, sink: &str) -> Result<Self> {
        let place = Self::without_cache(scratch, name, sink)?;
        let cache = scratch.join("cache");
        std::fs::create_dir_all(&cache).map_err(failed("cache"))?;
        std::os::unix::fs::symlink(&cache, place.home.join("cache")).map_err(failed("cache"))?;
        Ok(place)
    }

    /// The same without anything compiled.
    pub(crate) fn without_cache(scratch: &Path, name: &str, sink: &str) -> Result<Self> {
        let root = scratch.join(name);
        if root.exists() {
            std::fs::remove_dir_all(&root).map_err(failed(name))?;
        }
        let place = Self {
            home: root.join("home"),
            files: root.join("files"),
            config: root.join("loadlock.toml"),
        };
        for folder in [&place.home, &place.files] {
            std::fs::create_dir_all(folder).map_err(failed(name))?;
        }
        let text = format!(
            "order = [\"vendor\"]\n\
             [[grants]]\nroot = {files:?}\ntenants = [{TENANT:?}]\n\
             [limits]\nmax_upload_size = {MAX_BYTES}\nconcurrency = {MOST_AT_ONCE}\n\
             [providers.vendor]\ncomponent = \"builtin:openai\"\n\
             settings = {{ dialect = \"compatible\", base_url = \"http://{sink}/v1\", max_bytes = {MAX_BYTES}, \
                  single_max_bytes = {MAX_BYTES}, max_concurrency = {MOST_AT_ONCE} }}\n\
             egress = [{{ url = \"http://{sink}/v1/files\", methods = [\"GET\", \"POST\", \"DELETE\"], private = true \
                  }}]\n\
             limits = {{ concurrency = {MOST_AT_ONCE} }}\n",
            files = place.files,
        );
        std::fs::write(&place.config, text).map_err(failed("configuration"))?;
        Ok(place)
    }

    /// Has so many uploads in flight at most.
    pub(crate) fn at_once(&self, uploads: usize) -> Result<()> {
        let text = std::fs::read_to_string(&self.config).map_err(failed("configuration"))?;
        let text = text.replace(
            &format!("oncurrency = {MOST_AT_ONCE}"),
            &format!("oncurrency = {uploads}"),
        );
        std::fs::write(&self.config, text).map_err(failed("configuration"))
    }

    /// Has it share its ledger, which is behind `url`, and its vendor account with other places.
    pub(crate) fn share(&self, url: &str) -> Result<()> {
        let text = std::fs::read_to_string(&self.config).map_err(failed("configuration"))?;
        let text = text.replace("[providers.vendor]\n", "[providers.vendor]\naccount = \"bench\"\n");
        let text = format!(
            "{text}[tracker]\ncomponent = \"builtin:tracker-supabase\"\nsettings = {{ url = \"{url}\" }}\n\
             egress = [{{ url = \"{url}/rpc\", methods = [\"POST\"], private = true }}]\n"
        );
        std::fs::write(&self.config, text).map_err(failed("configuration"))
    }

    /// A gateway in this process, and who uses it.
    pub(crate) async fn open(&self) -> Result<(Gateway, Principal)> {
        let gateway = loadlock::builder()
            .config_file(&self.config)
            .home(&self.home)
            .open()
            .await
            .map_err(failed("gateway"))?;
        let who = loadlock::local::authenticate(&gateway)
            .await
            .map_err(failed("authenticate"))?;
        Ok((gateway, who))
    }

    /// `loadlock` with this home and configuration, and nothing of the surroundings.
    pub(crate) fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LOADLOCK_HOME", &self.home)
            .env("LOADLOCK_CONFIG", &self.config)
            .env("LOADLOCK_LOG", "error")
            .current_dir(&self.files)
            .args(arguments);
        command
    }

    /// The arguments that serve this place on a free port.
    pub(crate) const SERVE: [&'static str; 4] = ["serve", "--json", "--listen", "127.0.0.1:0"];

    /// `loadlock serve`.
    pub(crate) async fn serve(&self, loadlock: &Path) -> Result<Listening> {
        Listening::start(self.command(loadlock, &Self::SERVE)).await
    }

    /// A token that may do everything. The home must not be served yet, or its key must be there.
    pub(crate) async fn token(&self, loadlock: &Path) -> Result<String> {
        let arguments = [
            "token",
            "issue",
            "--json",
            "--subject",
            "bench",
            "--ttl",
            "1d",
            "--tenant",
            TENANT,
            "--scope",
            "read,write,delete",
        ];
        let output = self.command(loadlock, &arguments).output().await;
        let output = output.map_err(failed("loadlock token issue"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let answer: Value = serde_json::from_str(said.trim()).map_err(failed(&format!(
            "loadlock token issue: {said}{}",
            String::from_utf8_lossy(&output.stderr)
        )))?;
        Ok(answer["token"].as_str().unwrap_or_default().to_owned())
    }

    /// A file of random bytes beneath the grant, on the disk.
    pub(crate) fn file(&self, name: &str, bytes: u64) -> Result<PathBuf> {
        let path = self.files.join(name);
        write_random(&path, bytes).map_err(failed(name))?;
        Ok(path)
    }
}

/// Random in its first MiB, which is then repeated: nothing here compresses, and writing should not take longer than
/// measuring.
fn write_random(path: &Path, bytes: u64) -> std::io::Result<()> {
    use std::io::Write;
    let mut block = vec![0u8; 1 << 20];
    rand::Rng::fill_bytes(&mut rand::rng(), &mut block);
    let mut file = std::fs::File::create(path)?;
    let mut left = bytes;
    while left > 0 {
        let take = usize::try_from(left).unwrap_or(block.len()).min(block.len());
        file.write_all(&block[..take])?;
        left -= take as u64;
    }
    file.sync_all()
}
