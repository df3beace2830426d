//! The whole configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use loadlock_policy::breaker::BreakerPolicy;
use loadlock_policy::credential::Template;
use loadlock_policy::model::Role;
use loadlock_policy::retry::RetryPolicy;

use crate::auth::AuthSection;
use crate::error::{Code, ConfigError, ConfigErrors, Defect};
use crate::explain::Explained;
use crate::grants::{self, Grant};
use crate::origin::Provenance;
use crate::paths::{MachineFacts, PathKind, Paths};
use crate::provider::{self, ConfiguredProvider, Connection};
use crate::read::source::{Document, ValueSource};
use crate::read::{ConfigReader, ListItem, schema};
use crate::sections::{self, ProviderDefaults, SandboxLimits, UploadLimits, ValidatorSection};
use crate::server::ServerSection;
use crate::tenants::Tenant;
use crate::values::Size;

/// A valid configuration. Only [`parse`] and [`crate::load`] make one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// The file it was read from, canonical where that is possible.
    pub file: Option<PathBuf>,
    /// `$LOADLOCK_HOME`, absolute; may not exist yet.
    pub home: PathBuf,
    /// Providers that `auto` may choose, best first.
    pub order: Vec<String>,
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
    /// What each tenant may use, in the order of the file.
    pub tenants: Vec<Tenant>,
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
/// use loadlock_config::{DiskPaths, MachineFacts, Input, parse};
///
/// let facts = MachineFacts {
///     cwd: std::env::temp_dir(),
///     data_dir: Some(std::env::temp_dir().join("data")),
///     ..MachineFacts::default()
/// };
/// let text = "[retry]\natempts = 4\n";
/// let file = Some((std::path::Path::new("loadlock.toml"), text));
/// let input = Input { file, env: &BTreeMap::new(), facts: &facts, paths: &DiskPaths };
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
    let order = order(reader, &names);
    let grants = grants::grants(reader, &home, &names, &mut notes);
    let server = ServerSection::read(reader);
    let validator = ValidatorSection::read(reader, &limits);
    let auth = crate::auth::auth(reader);
    let tenants = crate::tenants::tenants(reader);
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
        home,
        order,
        grants,
        limits,
        server,
        validator: validator?,
        auth: auth?,
        tenants,
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

fn order(reader: &mut ConfigReader<'_>, names: &[&str]) -> Vec<String> {
    let Some((items, origin)) = reader.written::<Vec<ListItem>>("order") else {
        reader.explain("order", format!("[{}]", names.join(", ")), &Provenance::Default);
        return names.iter().map(|name| (*name).to_owned()).collect();
    };
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

    /// Whether only `[auth]`, `[[tenants]]` and `[[grants]]` differ: what a running gateway can take over. Where a
    /// value stands, and that it is written although it is the default, makes no difference.
    pub fn same_but_for_reload(&self, other: &Self) -> bool {
        fn values(config: &Config) -> Vec<(&str, &str)> {
            const RELOADED: [&str; 3] = ["auth", "tenants", "grants"];
            let section = |one: &&Explained| {
                let section = one.key.split(['.', '[']).next().unwrap_or_default();
                // What plays a role is loaded at the start.
                !RELOADED.contains(&section) || one.key == "auth.component"
            };
            let values = config.explained.iter().filter(section);
            values.map(|one| (one.key.as_str(), one.value.as_str())).collect()
        }
        fn pins(config: &Config) -> Vec<Option<[u8; 32]>> {
            let roles = [&config.auth.component, &config.validator.component];
            let connections = config.connections().map(|one| &one.component);
            let components = roles.into_iter().chain(connections);
            components.map(|component| component.sha256).collect()
        }
        // The files of `server.tls` and the digests of pins are not among the values that are shown.
        self.file == other.file
            && self.server == other.server
            && pins(self) == pins(other)
            && values(self) == values(other)
    }

    /// Paths that may never be admitted or shown to a component, besides everything below [`Config::home`]:
    /// the configuration, credentials, keys and authorities. Absolute, as configured: links may lead elsewhere.
    pub fn protected_files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = self.file.iter().cloned().collect();
        for (_, _, value) in self.secrets() {
            files.extend(value.files().map(Path::to_owned));
        }
        files.extend(self.connections().filter_map(|connection| connection.ca_file.clone()));
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
        for (key, origin, value) in self.secrets() {
            let mut missing = |what: String, hint: &str| {
                let defect = Defect::new(Code::CredentialMissing, what, hint);
                errors.push(defect.at(format!("{key}.value"), origin));
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

    fn secrets(&self) -> Vec<(&str, &Provenance, &Template)> {
        let credentials = self
            .connections()
            .flat_map(|connection| &connection.credentials)
            .map(|credential| (credential.key.as_str(), &credential.origin, &credential.value));
        let keys = self
            .auth
            .keys
            .iter()
            .map(|key| (key.key.as_str(), &key.origin, &key.value));
        credentials.chain(keys).collect()
    }
}

/// Every value that is in force, section by section. Of what may be overridden for one provider, only what is.
pub fn explain(config: &Config) -> Vec<Explained> {
    config.explained.clone()
}
