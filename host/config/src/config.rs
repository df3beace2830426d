//! The whole configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use loadlock_policy::breaker::BreakerPolicy;
use loadlock_policy::credential::Template;
use loadlock_policy::model::Role;
use loadlock_policy::retry::RetryPolicy;

use crate::auth::AuthSection;
use crate::error::{Code, ConfigError, ConfigErrors, Defect, quoted};
use crate::explain::Explained;
use crate::grants::{self, Grant};
use crate::lock::ComponentLock;
use crate::origin::Provenance;
use crate::paths::{MachineFacts, PathKind, Paths};
use crate::provider::{self, ConfiguredProvider, Connection};
use crate::read::source::{Document, ValueSource};
use crate::read::{ConfigReader, ListItem, schema};
use crate::sections::{self, ProviderDefaults, SandboxLimits, UploadLimits, ValidatorSection};
use crate::server::ServerSection;
use crate::suggest;
use crate::tenants::Tenant;
use crate::trust::TrustRule;
use crate::values::Size;
use crate::webhooks::Webhook;

/// A valid configuration. Only [`parse`] and [`crate::load`] make one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// The file it was read from, canonical where that is possible.
    pub file: Option<PathBuf>,
    /// Which components from registries are used, exactly.
    pub lock: ComponentLock,
    /// `$LOADLOCK_HOME`, absolute; may not exist yet.
    pub home: PathBuf,
    /// Providers that `auto` may choose, best first.
    pub order: Vec<String>,
    /// The provider that gets a copy of each upload first.
    pub keep: Option<String>,
    /// Folders that files may come from.
    pub grants: Vec<Grant>,
    /// Limits of the gateway.
    pub limits: UploadLimits,
    /// Where the front doors listen.
    pub server: ServerSection,
    /// Rules for files.
    pub validator: ValidatorSection,
    /// Rules for principals.
    pub auth: AuthSection,
    /// Whose signatures do for components from registries.
    pub trust: Vec<TrustRule>,
    /// What each tenant may use, in the order of the file.
    pub tenants: Vec<Tenant>,
    /// Who is told of the ends of uploads, in the order of the file.
    pub webhooks: Vec<Webhook>,
    /// The ledger's component and network.
    pub tracker: Connection,
    /// In the order of the file.
    pub providers: Vec<ConfiguredProvider>,
    /// Retries of a provider that says nothing else.
    pub retry: RetryPolicy,
    /// One deadline for a whole upload.
    pub deadline: Duration,
    /// After this time the vendor is asked whether it still holds a stored file, before the file is given out again.
    pub verify_after: Duration,
    /// The breaker of a provider that says nothing else.
    pub breaker: BreakerPolicy,
    /// Limits per call of a provider that says nothing else, and of every other role.
    pub sandbox: SandboxLimits,
    /// `router.size_threshold` and where it stands. Whether the two first of `order` can take such files is for the
    /// caller to check, who knows their profiles.
    pub size_threshold: Option<(Size, Provenance)>,
    /// What an operator should know though nothing is wrong, one sentence or two each.
    pub notes: Vec<String>,
    pub(crate) explained: Vec<Explained>,
}

/// Everything that a configuration depends on.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The file's path and text; `None` if there is no file.
    pub file: Option<(&'a Path, &'a str)>,
    /// What the lock beside the file says.
    pub lock: &'a ComponentLock,
    /// The environment. Only `LOADLOCK_*` is looked at.
    pub env: &'a BTreeMap<String, String>,
    /// Directories of this process.
    pub facts: &'a MachineFacts,
    /// The disk.
    pub paths: &'a dyn Paths,
}

/// Reads a configuration. Has no side effect and opens nothing.
///
/// ```
/// use std::collections::BTreeMap;
/// use loadlock_config::{ComponentLock, DiskPaths, MachineFacts, Input, parse};
///
/// let facts = MachineFacts {
///     cwd: std::env::temp_dir(),
///     data_dir: Some(std::env::temp_dir().join("data")),
///     ..MachineFacts::default()
/// };
/// let text = "[retry]\natempts = 4\n";
/// let file = Some((std::path::Path::new("loadlock.toml"), text));
/// let lock = &ComponentLock::default();
/// let input = Input { file, lock, env: &BTreeMap::new(), facts: &facts, paths: &DiskPaths };
/// let errors = parse(input).unwrap_err();
/// assert_eq!(
///     errors.to_string(),
///     "loadlock.toml:2:1: `retry.atempts` is not a setting. Did you mean `retry.attempts`?"
/// );
/// ```
///
/// # Errors
/// All the defects, not only the first; a file that is not TOML has no others.
pub fn parse(input: Input<'_>) -> Result<Config, ConfigErrors> {
    let document = match input.file {
        None => None,
        Some((file, text)) => Some(Document::parse(file, text).map_err(ConfigErrors::sorted)?),
    };
    let source = ValueSource {
        document: document.as_ref(),
        env: input.env,
    };
    let file = input.file.map(|(file, _)| input.facts.cwd.join(file));
    let mut reader = ConfigReader {
        source: &source,
        lock: input.lock,
        facts: input.facts,
        paths: input.paths,
        base: file
            .as_deref()
            .and_then(Path::parent)
            .map(Path::to_owned)
            .unwrap_or_default(),
        errors: document.as_ref().map(schema::unknown_keys).unwrap_or_default(),
        explained: Vec::new(),
    };
    let mut config = assemble(&mut reader);
    let ConfigReader {
        mut errors, explained, ..
    } = reader;
    let text = input.file.map_or("", |(_, text)| text);
    errors.extend(schema::unknown_variables(&source, text));
    match &mut config {
        Some(config) if errors.is_empty() => {
            config.file = file.map(|file| match input.paths.look(&file) {
                Ok((canonical, _)) => canonical,
                Err(_) => file,
            });
            config.explained = explained;
        }
        _ => return Err(ConfigErrors::sorted(errors)),
    }
    config.ok_or_else(|| ConfigErrors::sorted(Vec::new()))
}

fn assemble(reader: &mut ConfigReader<'_>) -> Option<Config> {
    let mut notes = Vec::new();
    let home = grants::home(reader);
    let limits = UploadLimits::read(reader);
    let retry = sections::retry(reader);
    let deadline = reader.get("retry.deadline");
    let verify_after = reader.get("dedup.verify_after");
    let breaker = sections::breaker(reader);
    let sandbox = SandboxLimits::read(reader);
    let defaults = ProviderDefaults {
        max_upload_size: limits.max_upload_size,
        concurrency: limits.concurrency,
        retry,
        breaker,
        sandbox,
    };
    let providers = provider::providers(reader, &defaults, &mut notes);
    // Names as written: a provider that has a defect of its own is not also unknown.
    let names = reader.source.children("providers");
    let names: Vec<String> = match names {
        Some(names) => names.into_iter().map(|(name, _)| name).collect(),
        None => vec!["local".to_owned()],
    };
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let keep = keep(reader, &names);
    let order = order(reader, &names, keep.as_deref());
    let grants = grants::grants(reader, &home, &names, &mut notes);
    let server = ServerSection::read(reader);
    let validator = ValidatorSection::read(reader, &limits);
    let auth = crate::auth::auth(reader);
    let trust = crate::trust::trust(reader);
    let tenants = crate::tenants::tenants(reader);
    let webhooks = crate::webhooks::webhooks(reader);
    let tracker = provider::connection(
        reader,
        "tracker",
        Role::Tracker,
        "tracker-local",
        &Provenance::Default,
        &mut notes,
    );
    let size_threshold = size_threshold(reader, &order);
    Some(Config {
        file: None,
        lock: reader.lock.clone(),
        home,
        order,
        keep,
        grants,
        limits,
        server,
        validator: validator?,
        auth: auth?,
        trust,
        tenants,
        webhooks,
        tracker: tracker?,
        providers,
        retry,
        deadline,
        verify_after,
        breaker,
        sandbox,
        size_threshold,
        notes,
        explained: Vec::new(),
    })
}

/// The provider that keeps a copy of each upload. It is no choice of `auto`.
fn keep(reader: &mut ConfigReader<'_>, names: &[&str]) -> Option<String> {
    let (name, origin) = reader.optional::<String>("keep")?;
    if !names.contains(&name.as_str()) {
        let what = format!("names a provider that is not configured: {}", quoted(&name));
        let hint = suggest::did_you_mean(&name, names);
        reader.fail("keep", &origin, Defect::new(Code::BadValue, what, hint));
    } else if names.len() == 1 {
        let what = "names the only provider, so nothing is left to copy to";
        let defect = Defect::new(Code::Conflict, what, "Configure another provider, or remove it.");
        reader.fail("keep", &origin, defect);
    }
    Some(name)
}

fn order(reader: &mut ConfigReader<'_>, names: &[&str], keep: Option<&str>) -> Vec<String> {
    let Some((items, origin)) = reader.written::<Vec<ListItem>>("order") else {
        let names: Vec<&str> = names.iter().copied().filter(|name| Some(*name) != keep).collect();
        reader.explain("order", format!("[{}]", names.join(", ")), &Provenance::Default);
        return names.into_iter().map(str::to_owned).collect();
    };
    if let Some(item) = items.iter().find(|item| Some(item.text.as_str()) == keep) {
        let what = format!("names `{}`, which `keep` gives a copy of each upload", item.text);
        let defect = Defect::new(Code::Conflict, what, "Leave it out of `order`.");
        reader.fail("order", &item.origin, defect);
    }
    if items.is_empty() {
        let defect = Defect::new(Code::BadValue, "names no provider", "Name some, or remove it.");
        reader.fail("order", &origin, defect);
    }
    provider::check_names(reader, &items, "order", names);
    items.into_iter().map(|item| item.text).collect()
}

fn size_threshold(reader: &mut ConfigReader<'_>, order: &[String]) -> Option<(Size, Provenance)> {
    let (size, origin) = reader.optional::<Size>("router.size_threshold")?;
    if order.len() < 2 {
        let what = "chooses between the first two of `order`, which has fewer";
        let defect = Defect::new(Code::Conflict, what, "Configure two providers, or remove it.");
        reader.fail("router.size_threshold", &origin, defect);
    }
    Some((size, origin))
}

/// Whether a running gateway stands on what this key says.
fn is_held(key: &str) -> bool {
    key == "home" || key == "limits.spool_size" || key.starts_with("server.") || key.starts_with("tracker.")
}

impl Config {
    /// What this tenant may use: its own entry, else that of `*`.
    pub fn tenant(&self, name: &str) -> Option<&Tenant> {
        let of = |name: &str| self.tenants.iter().find(|tenant| tenant.name == name);
        of(name).or_else(|| of("*"))
    }

    /// The other tenants that share remote files with this one, in the order of the file.
    pub fn dedup_peers(&self, tenant: &str) -> Vec<&str> {
        let group = self.tenant(tenant).and_then(|own| own.dedup_group.as_ref());
        let shares = |other: &&Tenant| group.is_some() && other.dedup_group.as_ref() == group && other.name != tenant;
        let peers = self.tenants.iter().filter(shares);
        peers.map(|other| other.name.as_str()).collect()
    }

    /// Whether this tenant is one of a group that shares remote files.
    pub fn shares(&self, tenant: &str) -> bool {
        let own = self.tenant(tenant);
        own.is_some_and(|own| own.dedup_group.is_some())
    }

    /// The provider of that name.
    pub fn provider(&self, name: &str) -> Option<&ConfiguredProvider> {
        self.providers.iter().find(|provider| provider.name == name)
    }

    /// Where components from registries are kept, each as `<sha256>.wasm`.
    pub fn component_store(&self) -> PathBuf {
        self.home.join("components/sha256")
    }

    /// The keys that `latest` sets otherwise and a running gateway cannot take over: where it keeps its state, where it
    /// listens, its ledger, the ceiling of the spool. Everything else of `latest` a reload puts in force. Where a value
    /// stands, and that it is written although it is the default, makes no difference.
    pub fn waits_for_restart(&self, latest: &Self) -> Vec<String> {
        fn values(config: &Config) -> BTreeMap<&str, &str> {
            let values = config.explained.iter().filter(|one| is_held(&one.key));
            values.map(|one| (one.key.as_str(), one.value.as_str())).collect()
        }
        let (old, new) = (values(self), values(latest));
        let keys: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
        let differs = |key: &&str| old.get(key) != new.get(key);
        let mut keys: BTreeSet<String> = keys.into_iter().filter(differs).map(str::to_owned).collect();
        // Neither the files of `server.tls` nor the digests of pins are among the values that are shown.
        if self.server != latest.server && !keys.iter().any(|key| key.starts_with("server.")) {
            keys.insert("server.tls".to_owned());
        }
        if self.tracker.component.sha256 != latest.tracker.component.sha256 {
            keys.insert("tracker.component".to_owned());
        }
        keys.into_iter().collect()
    }

    /// `latest`, but for what waits for a restart: that stays as it is here.
    #[must_use]
    pub fn reloaded(&self, latest: &Self) -> Self {
        let held = self.explained.iter().filter(|one| is_held(&one.key));
        let taken = latest.explained.iter().filter(|one| !is_held(&one.key));
        Self {
            explained: held.chain(taken).cloned().collect(),
            home: self.home.clone(),
            server: self.server.clone(),
            tracker: self.tracker.clone(),
            limits: UploadLimits {
                spool_size: self.limits.spool_size,
                ..latest.limits
            },
            ..latest.clone()
        }
    }

    /// Paths that may never be admitted or shown to a component, besides everything below [`Config::home`]:
    /// the configuration, credentials, keys and authorities. Absolute, as configured: links may lead elsewhere.
    pub fn protected_files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = self.file.iter().cloned().collect();
        for (.., value) in self.secrets() {
            files.extend(value.files().map(Path::to_owned));
        }
        for connection in self.connections() {
            files.extend(connection.ca_file.clone());
            let credentials = connection.credentials.iter();
            files.extend(
                credentials
                    .flat_map(|credential| credential.kind.files())
                    .map(Path::to_owned),
            );
        }
        files.extend(self.auth.key_sets.iter().filter_map(|set| set.ca_file.clone()));
        if let Some(tls) = &self.server.tls {
            files.push(tls.key.clone());
        }
        files.sort();
        files.dedup();
        files
    }

    /// The credentials and keys that are not there, by name, never by value. Serving without one fails at the first
    /// request, so check before.
    ///
    /// `is_set` says whether a variable exists and is not empty.
    pub fn missing_credentials(&self, is_set: impl Fn(&str) -> bool, paths: &dyn Paths) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        for (key, field, origin, value) in self.secrets() {
            let mut missing = |what: String, hint: &str| {
                let defect = Defect::new(Code::CredentialMissing, what, hint);
                errors.push(defect.at(format!("{key}.{field}"), origin));
            };
            for name in value.variables().filter(|name| !is_set(name)) {
                missing(
                    format!("needs the variable {name}, which is not set"),
                    "Set it in the environment of Loadlock.",
                );
            }
            for file in value.files() {
                let problem = match paths.look(file) {
                    Ok((_, PathKind::File)) => continue,
                    Ok(_) => "is not a file".to_owned(),
                    Err(error) => error.to_string(),
                };
                missing(
                    format!("needs the file {}, which {problem}", file.display()),
                    "Put the secret there, readable for Loadlock alone.",
                );
            }
        }
        errors
    }

    fn connections(&self) -> impl Iterator<Item = &Connection> {
        let providers = self.providers.iter().map(|provider| &provider.connection);
        providers.chain([&self.tracker])
    }

    /// What refers to a secret: whose it is, in which field, where that stands.
    fn secrets(&self) -> Vec<(&str, &'static str, &Provenance, &Template)> {
        let credentials = self.connections().flat_map(|connection| &connection.credentials);
        let credentials = credentials.flat_map(|one| {
            let templates = one.kind.templates().into_iter();
            templates.map(|(field, value)| (one.key.as_str(), field, &one.origin, value))
        });
        let keys = self.auth.keys.iter();
        let keys = keys.map(|key| (key.key.as_str(), "value", &key.origin, &key.value));
        let webhooks = self.webhooks.iter();
        let webhooks = webhooks.map(|one| (one.key.as_str(), "secret", &one.place, &one.secret));
        credentials.chain(keys).chain(webhooks).collect()
    }
}

/// Every value that is in force, section by section. Of what may be overridden for one provider, only what is.
pub fn explain(config: &Config) -> Vec<Explained> {
    config.explained.clone()
}
