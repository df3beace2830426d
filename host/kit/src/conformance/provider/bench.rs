//! A provider in its sandbox, with files to upload, a directory of its own, and the proxy before its vendor.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use loadlock_egress::Transport;
use loadlock_policy::egress::{EgressPolicy, declared};
use loadlock_policy::model::{
    ContentInfo, Deletion, Failure, Profile, RemoteFile, RemotePage, RemoteRef, VerifyMethod,
};
use loadlock_sandbox::files::{AdmittedInput, GrantRoot, Protected, Watch};
use loadlock_sandbox::provider::{
    FileDescription, ListQuery, LostUpload, Provider, ProviderGrants, UploadOptions, receipt_fault,
};
use loadlock_sandbox::{CallError, CallReport, Network, Outlet, Sandbox};
use rand::RngExt as _;
use sha2::{Digest as _, Sha256};

use crate::conformance::proxy::FaultProxy;
use crate::conformance::subject::{ConformanceError, ConformanceSubject, VENDOR};
use crate::conformance::vendor;

/// Longest that a call of a case may take, so that a case ends.
const WALL: Duration = Duration::from_secs(60);

/// Of every file of a test.
const MEDIA_TYPE: &str = "application/octet-stream";

/// What a call came back with.
#[derive(Debug)]
pub(super) enum Ended<T> {
    Done(T),
    Failed(Failure),
    /// An answer outside of the contract's bounds, which the host does not pass on.
    Refused(String),
    /// A trap, a limit.
    Died(String),
}

impl<T> Ended<T> {
    /// What it answered, or what it did instead.
    pub(super) fn done(self, what: &str) -> Result<T, String> {
        match self {
            Self::Done(answer) => Ok(answer),
            Self::Failed(failure) => Err(format!("{what} failed: {}: {}", failure.kind, failure.message)),
            Self::Refused(why) | Self::Died(why) => Err(format!("{what}: {why}")),
        }
    }
}

/// A file to upload, and what the upload is asked for.
pub(super) struct TestFile {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) sha256: String,
    pub(super) mark: String,
}

/// A file that the vendor has.
pub(super) struct Stored {
    pub(super) file: TestFile,
    pub(super) remote: RemoteFile,
}

impl Stored {
    pub(super) fn reference(&self, purpose: &str) -> RemoteRef {
        RemoteRef {
            id: self.remote.id.clone(),
            purpose: purpose.to_owned(),
        }
    }
}

pub(super) struct ProviderBench {
    provider: Provider,
    pub(super) profile: Profile,
    /// The default.
    pub(super) purpose: String,
    root: Arc<GrantRoot>,
    files: PathBuf,
    state: PathBuf,
    proxy: Option<FaultProxy>,
    networked: bool,
    deaths: Mutex<Vec<String>>,
    calls: AtomicU64,
    memory_peak: AtomicU64,
}

impl ProviderBench {
    pub(super) async fn set_up(sandbox: &Sandbox, subject: ConformanceSubject) -> Result<Self, ConformanceError> {
        let machine = |error: &dyn Display| ConformanceError::Machine(error.to_string());
        let (files, state) = (subject.scratch.join("files"), subject.scratch.join("state"));
        for folder in [&files, &state] {
            std::fs::create_dir_all(folder).map_err(|error| machine(&error))?;
        }
        let root = Arc::new(GrantRoot::open(&files, Protected::default()).map_err(|error| machine(&error))?);
        let (proxy, settings) = settings(&subject).await?;
        let own = std::fs::File::open(&state).map_err(|error| machine(&error))?;
        let grants = ProviderGrants {
            settings,
            roots: vec![root.clone()],
            state: Some(Arc::new(own)),
            network: Network::Denied,
            limits: subject.limits,
        };
        let mut provider = Provider::load(sandbox, &subject.source, grants).await?;
        let profile = match provider.profile().await.outcome {
            Ok(Ok(profile)) => profile,
            Ok(Err(failure)) => return Err(ConformanceError::Profile(failure.message)),
            Err(error) => return Err(ConformanceError::Profile(error.to_string())),
        };
        let network = network(&profile, proxy.as_ref())?;
        let networked = network.is_granted();
        provider.bind_network(network);
        let purpose = profile.purposes.first().map(|purpose| purpose.purpose.clone());
        Ok(Self {
            provider,
            purpose: purpose.unwrap_or_default(),
            profile,
            root,
            files,
            state,
            proxy: proxy.filter(|_| networked),
            networked,
            deaths: Mutex::default(),
            calls: AtomicU64::new(0),
            memory_peak: AtomicU64::new(0),
        })
    }

    /// Before a case: nothing is planned, nothing seen.
    pub(super) fn begin(&self) {
        if let Some(proxy) = &self.proxy {
            proxy.clear();
        }
        self.memory_peak.store(0, Ordering::Relaxed);
    }

    /// The proxy, where the provider has a vendor.
    pub(super) fn proxy(&self) -> Option<&FaultProxy> {
        self.proxy.as_ref()
    }

    /// Its own directory.
    pub(super) fn state(&self) -> &Path {
        &self.state
    }

    /// Calls that ended without an answer of the contract.
    pub(super) fn deaths(&self) -> Vec<String> {
        self.deaths.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Most memory of a call since the case began, in bytes.
    pub(super) fn memory_peak(&self) -> u64 {
        self.memory_peak.load(Ordering::Relaxed)
    }

    fn ended<T>(&self, what: &str, report: CallReport<Result<T, Failure>>) -> Ended<T> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.memory_peak
            .fetch_max(report.usage.memory_peak as u64, Ordering::Relaxed);
        report.write_log(self.provider.name());
        match report.outcome {
            Ok(Ok(answer)) => Ended::Done(answer),
            Ok(Err(failure)) => Ended::Failed(failure),
            Err(CallError::Answer(why)) => Ended::Refused(why),
            Err(error) => {
                let said = report.log.last().map(|line| format!("; its log ends with: {line}"));
                let death = format!("`{what}`: {error}{}", said.unwrap_or_default());
                self.deaths
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(death.clone());
                Ended::Died(death)
            }
        }
    }

    pub(super) async fn profile(&self) -> Ended<Profile> {
        self.ended("profile", self.provider.profile().await)
    }

    pub(super) async fn stat(&self, remote: &RemoteRef) -> Ended<RemoteFile> {
        self.ended("stat", self.provider.stat(remote).await)
    }

    /// Looks for it as after a lost answer.
    pub(super) async fn locate(&self, file: &TestFile) -> Ended<RemoteFile> {
        let lost = LostUpload {
            mark: file.mark.clone(),
            purpose: self.purpose.clone(),
            remote_name: self.remote_name(file),
            bytes: file.size,
            media_type: MEDIA_TYPE.to_owned(),
            sha256: Some(file.sha256.clone()),
        };
        self.ended("locate", self.provider.locate(&lost).await)
    }

    pub(super) async fn delete(&self, remote: &RemoteRef) -> Ended<Deletion> {
        self.ended("delete", self.provider.delete(remote).await)
    }

    pub(super) async fn probe(&self) -> Ended<String> {
        self.ended("probe", self.provider.probe().await)
    }

    pub(super) async fn list(&self, cursor: Option<String>, limit: u32) -> Ended<RemotePage> {
        let query = ListQuery {
            purpose: Some(self.purpose.clone()),
            cursor,
            limit,
        };
        self.ended("list", self.provider.list(&query).await)
    }

    /// The content's digest, with what the provider says of it.
    pub(super) async fn content(&self, remote: &RemoteRef) -> Ended<(ContentInfo, String)> {
        let (sink, mut chunks) = Provider::content_channel();
        let read = async {
            let mut hasher = Sha256::new();
            while let Some(chunk) = chunks.recv().await {
                hasher.update(&chunk);
            }
            hex::encode(hasher.finalize())
        };
        let (report, digest) = tokio::join!(self.provider.content(remote, sink), read);
        match self.ended("content", report) {
            Ended::Done(info) => Ended::Done((info, digest)),
            Ended::Failed(failure) => Ended::Failed(failure),
            Ended::Refused(why) => Ended::Refused(why),
            Ended::Died(why) => Ended::Died(why),
        }
    }

    /// Writes a file of random bytes.
    pub(super) fn file(&self, name: &str, size: u64) -> Result<TestFile, String> {
        let failed = |error: std::io::Error| format!("the test cannot write `{name}`: {error}");
        let mut random = rand::rng();
        let mut out = std::io::BufWriter::new(std::fs::File::create(self.files.join(name)).map_err(failed)?);
        let (mut hasher, mut left, mut block) = (Sha256::new(), size, vec![0u8; 64 << 10]);
        while left > 0 {
            let part = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
            random.fill(&mut block[..part]);
            hasher.update(&block[..part]);
            std::io::Write::write_all(&mut out, &block[..part]).map_err(failed)?;
            left -= part as u64;
        }
        std::io::Write::flush(&mut out).map_err(failed)?;
        let alphabet = b"0123456789abcdefghjkmnpqrstvwxyz";
        let mark = (0..26).map(|_| char::from(alphabet[random.random_range(0..alphabet.len())]));
        Ok(TestFile {
            name: name.to_owned(),
            size,
            sha256: hex::encode(hasher.finalize()),
            mark: mark.collect(),
        })
    }

    fn admitted(&self, file: &TestFile) -> Result<AdmittedInput, String> {
        let opened = self.root.open_file(Path::new(&file.name));
        let opened = opened.map_err(|error| format!("the test cannot open `{}`: {error}", file.name))?;
        Ok(AdmittedInput {
            root: self.root.clone(),
            relative: file.name.clone().into(),
            file: opened.file,
            identity: opened.identity,
            resident: opened.resident,
            watch: Watch::default(),
        })
    }

    /// The name that the vendor is given: with the mark where that is how a lost upload is found.
    pub(super) fn remote_name(&self, file: &TestFile) -> String {
        if self.profile.verify != VerifyMethod::Mark {
            return file.name.clone();
        }
        match file.name.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => format!("{stem}-{}.{extension}", file.mark),
            _ => format!("{}-{}", file.name, file.mark),
        }
    }

    fn asked(&self, file: &TestFile) -> (FileDescription, UploadOptions) {
        let described = FileDescription {
            name: file.name.clone(),
            size: file.size,
            media_type: MEDIA_TYPE.to_owned(),
            sha256: self.profile.wants_digest.then(|| file.sha256.clone()),
        };
        let options = UploadOptions {
            purpose: self.purpose.clone(),
            mark: file.mark.clone(),
            remote_name: self.remote_name(file),
            expires_in_s: None,
        };
        (described, options)
    }

    /// Uploads it; an answer that is no receipt is refused.
    pub(super) async fn upload(&self, file: &TestFile) -> Ended<RemoteFile> {
        let input = match self.admitted(file) {
            Ok(input) => input,
            Err(why) => return Ended::Died(why),
        };
        let (described, options) = self.asked(file);
        let report = self.provider.upload(&input, &described, &options, Some(WALL)).await;
        let (read, egress) = (report.read.clone(), report.egress.clone());
        match self.ended("upload", report) {
            Ended::Done(remote) => match receipt_fault(&remote, file.size, read.as_ref(), &egress, self.networked) {
                None => Ended::Done(remote),
                Some(fault) => Ended::Refused(format!("the receipt is not believed: {fault}; {}", fault.hint())),
            },
            other => other,
        }
    }

    /// Begins an upload, and cuts it off when the provider has read some of the file, or `until` says so.
    pub(super) async fn cut_off(&self, file: &TestFile, until: impl Fn() -> bool) -> Result<(), String> {
        let input = self.admitted(file)?;
        let (described, options) = self.asked(file);
        let mut call = Box::pin(self.provider.upload(&input, &described, &options, Some(WALL)));
        let mut looks = tokio::time::interval(Duration::from_millis(1));
        loop {
            tokio::select! {
                report = &mut call => {
                    return match report.outcome {
                        Ok(_) => Err("the upload ended before it could be cut off".to_owned()),
                        Err(error) => Err(error.to_string()),
                    };
                }
                _ = looks.tick() => {
                    if until() && input.watch.handed() > 0 {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Uploads a file of this name and size, which must go well.
    pub(super) async fn stored(&self, name: &str, size: u64) -> Result<Stored, String> {
        let file = self.file(name, size)?;
        let remote = self.upload(&file).await.done("upload")?;
        Ok(Stored { file, remote })
    }

    /// Deletes what a case stored, where there is a delete.
    pub(super) async fn clean(&self, stored: &Stored) {
        let _ = std::fs::remove_file(self.files.join(&stored.file.name));
        self.delete(&stored.reference(&self.purpose)).await;
    }
}

/// The proxy before the vendor, and the settings that lead to it.
async fn settings(
    subject: &ConformanceSubject,
) -> Result<(Option<FaultProxy>, Vec<(String, String)>), ConformanceError> {
    let mut settings = subject.settings.clone();
    let Some(url) = &subject.vendor else {
        return Ok((None, settings));
    };
    let (address, path) = vendor::parse(url)?;
    let proxy = FaultProxy::start(address, subject.headers.clone())
        .await
        .map_err(|error| ConformanceError::Machine(error.to_string()))?;
    let seen = format!("http://{}{path}", proxy.address());
    if !settings.iter().any(|(_, value)| value.contains(VENDOR)) {
        settings.retain(|(name, _)| name != "base_url");
        settings.push(("base_url".to_owned(), VENDOR.to_owned()));
    }
    for (_, value) in &mut settings {
        *value = value.replace(VENDOR, &seen);
    }
    Ok((Some(proxy), settings))
}

/// What the profile asks for, of the vendor alone.
fn network(profile: &Profile, proxy: Option<&FaultProxy>) -> Result<Network, ConformanceError> {
    let Some(first) = profile.egress.first() else {
        return Ok(Network::Denied);
    };
    let asked = format!("{}{}", first.origin, first.path_prefix);
    let Some(proxy) = proxy else {
        return Err(ConformanceError::NoVendor(asked));
    };
    let vendor = format!("http://{}", proxy.address());
    let wrong = |error: &dyn Display| ConformanceError::Profile(error.to_string());
    let mut grants = declared(&profile.egress).map_err(|error| wrong(&error))?;
    grants.retain(|grant| grant.origin.to_string() == vendor);
    if grants.is_empty() {
        return Err(ConformanceError::OtherVendor { asked, vendor });
    }
    for grant in &mut grants {
        grant.private = true;
    }
    let origins = grants.iter().map(|grant| grant.origin.clone()).collect();
    let policy = EgressPolicy::new("conformance", &profile.egress, profile.can_list, grants);
    let policy = policy.map_err(|error| wrong(&error))?;
    let transport = Transport::builder("conformance", origins).build(&|_| None);
    let transport = transport.map_err(|error| wrong(&error))?;
    Ok(Network::Granted(Arc::new(Outlet { policy, transport })))
}
