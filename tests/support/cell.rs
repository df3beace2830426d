//! A sandbox without a gateway: what a call really ended with, before the pipeline translates it.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use loadlock_policy::model::{Failure, RemoteFile};
use loadlock_sandbox::files::{AdmittedInput, GrantRoot, Protected, Watch};
use loadlock_sandbox::provider::{FileDescription, Provider, ProviderGrants, UploadOptions};
use loadlock_sandbox::{CallReport, CompileOptions, EngineOptions, Limits, LoadError, Sandbox, Source};
use tempfile::TempDir;

use crate::{cache, guest, sha256};

/// What an upload comes back with.
pub type Upload = CallReport<Result<RemoteFile, Failure>>;

/// A sandbox with a directory of files and the provider `local`, which must go on whatever else runs.
pub struct Cell {
    dir: TempDir,
    pub sandbox: Sandbox,
    pub root: Arc<GrantRoot>,
    local: Provider,
    stored: AtomicU64,
}

impl Cell {
    pub async fn new() -> Self {
        Self::with(
            EngineOptions {
                slots: 8,
                ..EngineOptions::default()
            },
            compile_options(),
        )
        .await
    }

    /// Without pooled slots, whose own sizes are limits too.
    pub async fn on_demand() -> Self {
        Self::with(
            EngineOptions {
                slots: 8,
                pooling: false,
                ..EngineOptions::default()
            },
            compile_options(),
        )
        .await
    }

    pub async fn with(engine: EngineOptions, compile: CompileOptions) -> Self {
        let dir = TempDir::new().unwrap();
        for folder in ["files", "state"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        let sandbox = Sandbox::new(&engine, compile).unwrap();
        let root = Arc::new(GrantRoot::open(&dir.path().join("files"), Protected::default()).unwrap());
        let source = Source::built_in("builtin:local", loadlock::builtins()["local"]);
        let state = dir.path().join("local");
        std::fs::create_dir(&state).unwrap();
        let grants = ProviderGrants {
            roots: vec![root.clone()],
            state: Some(Arc::new(std::fs::File::open(state).unwrap())),
            ..ProviderGrants::default()
        };
        let local = Provider::load(&sandbox, &source, grants).await.unwrap();
        Self {
            dir,
            sandbox,
            root,
            local,
            stored: AtomicU64::new(0),
        }
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(relative)
    }

    /// Writes a file beneath the root.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path("files").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// What admission makes of a file beneath the root.
    pub fn admit(&self, name: &str) -> (AdmittedInput, FileDescription) {
        let opened = self.root.open_file(name.as_ref()).unwrap();
        let facts = FileDescription {
            name: name.rsplit('/').next().unwrap().to_owned(),
            size: opened.identity.size,
            media_type: "application/octet-stream".to_owned(),
            sha256: None,
        };
        let input = AdmittedInput {
            root: self.root.clone(),
            relative: name.into(),
            file: opened.file,
            identity: opened.identity,
            resident: opened.resident,
            watch: Watch::default(),
        };
        (input, facts)
    }

    /// What a guest is granted unless a test says otherwise: the root, a directory of its own, tight limits, no
    /// network.
    pub fn grants(&self) -> ProviderGrants {
        ProviderGrants {
            roots: vec![self.root.clone()],
            state: Some(Arc::new(std::fs::File::open(self.path("state")).unwrap())),
            limits: tight(),
            ..ProviderGrants::default()
        }
    }

    /// Loads a guest as a provider.
    pub async fn guest(&self, name: &str) -> Provider {
        self.guest_with(name, self.grants()).await
    }

    pub async fn guest_with(&self, name: &str, grants: ProviderGrants) -> Provider {
        match Provider::load(&self.sandbox, &source(name), grants).await {
            Ok(provider) => provider,
            Err(error) => panic!("{error}"),
        }
    }

    /// Why a component is not loaded as a provider.
    pub async fn refusal(&self, source: &Source) -> LoadError {
        Provider::load(&self.sandbox, source, self.grants())
            .await
            .err()
            .expect("the component was loaded")
    }

    /// Hands a file to a provider.
    pub async fn upload(&self, provider: &Provider, name: &str) -> Upload {
        let (input, facts) = self.admit(name);
        provider.upload(&input, &facts, &options(), None).await
    }

    /// Uploads to `local` while `call` runs and once more afterwards; each must succeed. Both share one thread, so a
    /// call that does not yield stops this.
    pub async fn beside<T>(&self, call: impl Future<Output = T>) -> T {
        let (outcome, ()) = tokio::join!(call, async {
            for _ in 0..2 {
                self.store().await;
            }
        });
        self.store().await;
        outcome
    }

    /// One upload of new content to `local`.
    pub async fn store(&self) {
        let number = self.stored.fetch_add(1, Ordering::Relaxed);
        let (name, content) = (format!("honest-{number}.txt"), format!("honest content {number}"));
        self.file(&name, &content);
        let report = self.upload(&self.local, &name).await;
        let stored = report.outcome.unwrap().unwrap();
        assert_eq!(stored.bytes, content.len() as u64);
        assert_eq!(report.read.unwrap().sha256.unwrap(), sha256(content.as_bytes()));
    }
}

/// A guest as an untrusted component.
pub fn source(name: &str) -> Source {
    Source {
        built_in: false,
        ..Source::built_in(name, guest(name))
    }
}

/// Limits that end a hostile call soon and that no honest guest meets.
pub fn tight() -> Limits {
    Limits {
        memory_bytes: 32 << 20,
        cpu: Duration::from_millis(300),
        wall: Duration::from_secs(20),
        ..Limits::default()
    }
}

pub fn options() -> UploadOptions {
    UploadOptions {
        purpose: "store".to_owned(),
        mark: "mark".to_owned(),
        remote_name: "remote.bin".to_owned(),
        expires_in_s: None,
    }
}

/// Compiled in this process, kept for every test.
pub fn compile_options() -> CompileOptions {
    CompileOptions {
        cache: Some(cache()),
        ..CompileOptions::default()
    }
}
