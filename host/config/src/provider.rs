//! `[providers.<name>]` and `[tracker]`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use loadlock_policy::breaker::BreakerPolicy;
use loadlock_policy::model::Role;
use loadlock_policy::retry::RetryPolicy;
use loadlock_policy::vendor_route::VendorRoute;

use crate::component::{ComponentRef, ComponentSource, component};
use crate::credential::{CredentialSetting, credentials};
use crate::egress::{self, Egress};
use crate::error::{Code, Defect, quoted};
use crate::origin::Provenance;
use crate::read::{ConfigReader, ListItem};
use crate::sections::{ProviderDefaults, SandboxLimits, overridden_breaker, overridden_retry};
use crate::suggest;
use crate::values::Size;

/// What a component with network is given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connection {
    /// The component.
    pub component: ComponentRef,
    /// Its settings: lower-case names, values as text. It gets them as `LOADLOCK_SETTING_<NAME>`.
    pub settings: BTreeMap<String, String>,
    /// Requests that it may send.
    pub egress: Egress,
    /// Headers that the host adds.
    pub credentials: Vec<CredentialSetting>,
    /// PEM file of authorities to trust instead of the platform's, canonical.
    pub ca_file: Option<PathBuf>,
}

/// One provider.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ConfiguredProvider {
    /// `[a-z0-9][a-z0-9_-]*`, at most 32 bytes; never `auto`.
    pub name: String,
    /// Component, settings and network.
    pub connection: Connection,
    /// Name of the vendor account; `None`: a fingerprint of the credential.
    pub account: Option<String>,
    /// From a client's purpose to the vendor's.
    pub purposes: BTreeMap<String, String>,
    /// Requests of clients that go on to its vendor.
    pub forward: Vec<VendorRoute>,
    /// Largest file.
    pub max_upload_size: Size,
    /// Most uploads in flight; `None`: what the vendor documents, within the limit of the gateway.
    pub concurrency: Option<u32>,
    /// Its retries.
    pub retry: RetryPolicy,
    /// Its breaker.
    pub breaker: BreakerPolicy,
    /// Its limits per call.
    pub sandbox: SandboxLimits,
    /// Where its section starts.
    pub origin: Provenance,
}

impl ConfiguredProvider {
    /// Whether both are the same provider, wherever they are written.
    pub fn is_same(&self, other: &Self) -> bool {
        self.nowhere() == other.nowhere()
    }

    /// Without what tells where it is written.
    fn nowhere(&self) -> Self {
        let mut plain = self.clone();
        plain.origin = Provenance::Default;
        let connection = &mut plain.connection;
        connection.component.origin = Provenance::Default;
        for credential in &mut connection.credentials {
            credential.origin = Provenance::Default;
        }
        if let Egress::Listed(rules) = &mut connection.egress {
            for rule in rules {
                rule.origin = Provenance::Default;
            }
        }
        plain
    }

    /// With another component. What a built-in one may reach because nobody says otherwise is not for any other.
    #[must_use]
    pub fn with_component(&self, component: ComponentRef) -> Self {
        let mut other = self.clone();
        if other.connection.egress == Egress::Declared && !matches!(component.source, ComponentSource::Builtin(_)) {
            other.connection.egress = Egress::Listed(Vec::new());
        }
        other.connection.component = component;
        other
    }
}

/// Reads all providers, in the order of the file; `local` alone if there is no section.
pub(crate) fn providers(
    reader: &mut ConfigReader<'_>,
    defaults: &ProviderDefaults,
    notes: &mut Vec<String>,
) -> Vec<ConfiguredProvider> {
    let names = match reader.source.children("providers") {
        Some(names) => names,
        None => vec![("local".to_owned(), Provenance::Default)],
    };
    let read = names
        .into_iter()
        .filter_map(|(name, origin)| provider(reader, name, origin, defaults, notes));
    read.collect()
}

fn provider(
    reader: &mut ConfigReader<'_>,
    name: String,
    origin: Provenance,
    defaults: &ProviderDefaults,
    notes: &mut Vec<String>,
) -> Option<ConfiguredProvider> {
    let section = format!("providers.{name}");
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    if name == "auto" || name.is_empty() || name.len() > 32 || name.starts_with(['-', '_']) || !name.bytes().all(plain)
    {
        let what = "is not a name for a provider";
        let hint = "Use up to 32 of a-z, 0-9, `-` and `_`, a letter or digit first; `auto` is taken.";
        reader.fail(section, &origin, Defect::new(Code::BadValue, what, hint));
        return None;
    }
    let connection = connection(reader, &section, Role::Provider, &name, &origin, notes);
    let account = reader
        .optional::<String>(&format!("{section}.account"))
        .map(|(account, _)| account);
    let purposes = purposes(reader, &section);
    let forward = forward(reader, &section);
    let place = format!("{section}.limits");
    let max_upload_size = reader.or(&format!("{place}.max_upload_size"), defaults.max_upload_size);
    let concurrency = reader
        .written::<u32>(&format!("{place}.concurrency"))
        .map(|(number, _)| number);
    if let Some(number) = concurrency.filter(|number| *number > defaults.concurrency) {
        notes.push(format!(
            "`{place}.concurrency` is {number}, but all providers together have {} (`limits.concurrency`): the smaller \
             number holds.",
            defaults.concurrency
        ));
    }
    let retry = overridden_retry(reader, &section, defaults.retry);
    let breaker = overridden_breaker(reader, &section, defaults.breaker);
    let sandbox = defaults.sandbox.overridden(reader, &section);
    Some(ConfiguredProvider {
        name,
        connection: connection?,
        account,
        purposes,
        forward,
        max_upload_size,
        concurrency,
        retry,
        breaker,
        sandbox,
        origin,
    })
}

/// Reads what providers and the tracker have in common.
pub(crate) fn connection(
    reader: &mut ConfigReader<'_>,
    section: &str,
    role: Role,
    default: &str,
    origin: &Provenance,
    notes: &mut Vec<String>,
) -> Option<Connection> {
    let component = component(reader, section, role, default, origin);
    let settings = component_settings(reader, section);
    let egress = egress::egress(reader, section, component.as_ref());
    let credentials = credentials(reader, section);
    let base_url = settings.get(egress::BASE_URL).map(String::as_str);
    check_destinations(reader, section, &egress, credentials.first(), base_url);
    let place = format!("{section}.ca_file");
    let ca_file = reader
        .optional::<String>(&place)
        .and_then(|(written, origin)| match role {
            Role::Provider => reader.file_of_one(&place, &written, &origin),
            _ => reader.existing_file(&place, &written, &origin),
        });
    if egress.is_none() && !credentials.is_empty() {
        notes.push(format!(
            "`{section}` has a credential but no `{section}.egress`: every request is refused. Add the URLs that it \
             may reach."
        ));
    }
    Some(Connection {
        component: component?,
        settings,
        egress,
        credentials,
        ca_file,
    })
}

/// What would be refused, or travel in the clear, at the first request.
fn check_destinations(
    reader: &mut ConfigReader<'_>,
    section: &str,
    egress: &Egress,
    credential: Option<&CredentialSetting>,
    base_url: Option<&str>,
) {
    match egress {
        Egress::Listed(rules) => {
            let Some(credential) = credential else { return };
            for rule in rules.iter().filter(|rule| !rule.grant.origin.may_carry_credential()) {
                let what = format!(
                    "allows plain HTTP to {} while `{}` is set",
                    rule.grant.origin.host, credential.key
                );
                reader.fail(format!("{section}.egress"), &rule.origin, egress::insecure(what));
            }
        }
        Egress::Declared => {
            let key = credential.map(|credential| credential.key.as_str());
            let place = format!("{section}.settings.{}", egress::BASE_URL);
            if let Some(defect) = base_url.and_then(|url| egress::base_url_defect(url, key))
                && let Some(found) = reader.source.in_file(&place)
            {
                reader.fail(place, &found.origin, defect);
            }
        }
    }
}

fn component_settings(reader: &mut ConfigReader<'_>, section: &str) -> BTreeMap<String, String> {
    let place = format!("{section}.settings");
    let map = reader.map(&place);
    if map.is_empty() {
        reader.explain_default(&place);
    }
    for (name, item) in &map {
        let key = format!("{place}.{name}");
        if let Some(defect) = setting_defect(name, &item.text) {
            reader.fail(key, &item.origin, defect);
        } else {
            reader.explain(&key, item.text.clone(), &item.origin);
        }
    }
    map.into_iter().map(|(name, item)| (name, item.text)).collect()
}

fn setting_defect(name: &str, value: &str) -> Option<Defect> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        let what = "is not a name for a component's setting";
        let hint = "Use up to 64 of a-z, 0-9 and `_`: it becomes an environment variable in upper case.";
        return Some(Defect::new(Code::BadValue, what, hint));
    }
    if value.contains('\0') {
        let what = "holds a NUL character";
        return Some(Defect::new(Code::BadValue, what, "Remove it."));
    }
    // The names that such settings have where keys are given to plugins as settings.
    let secret = ["api_key", "apikey", "secret", "password", "passwd"]
        .iter()
        .any(|word| name.contains(word))
        || name == "key"
        || name == "token"
        || name.ends_with("_token");
    if secret || value.contains("${") {
        let what = "looks like a secret, and a component sees its settings";
        let hint = "Use `credential`: the host adds it to requests, and the component never sees it.";
        return Some(Defect::new(Code::LiteralSecret, what, hint));
    }
    None
}

fn purposes(reader: &mut ConfigReader<'_>, section: &str) -> BTreeMap<String, String> {
    let place = format!("{section}.purposes");
    let map = reader.map(&place);
    if map.is_empty() {
        reader.explain_default(&place);
    }
    for (name, item) in &map {
        let key = format!("{place}.{name}");
        let good = |text: &str| (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if good(name) && good(&item.text) {
            reader.explain(&key, item.text.clone(), &item.origin);
        } else {
            let what = format!("cannot be {}", quoted(&item.text));
            let hint = "Write `client_purpose = \"vendor-purpose\"`, each up to 64 printable characters.";
            reader.fail(key, &item.origin, Defect::new(Code::BadValue, what, hint));
        }
    }
    map.into_iter().map(|(name, item)| (name, item.text)).collect()
}

fn forward(reader: &mut ConfigReader<'_>, section: &str) -> Vec<VendorRoute> {
    let place = format!("{section}.forward");
    let Some((items, _)) = reader.optional::<Vec<ListItem>>(&place) else {
        return Vec::new();
    };
    reader.unique(&items, &place);
    let mut routes = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match VendorRoute::parse(&item.text) {
            Ok(route) => routes.push(route),
            Err(fault) => {
                let what = format!("cannot be {}: {fault}", quoted(&item.text));
                let hint = "Write a method and a path, such as `POST /v1/responses` or `GET /v1/batches/{id}`.";
                let defect = Defect::new(Code::BadValue, what, hint);
                reader.fail(format!("{place}[{index}]"), &item.origin, defect);
            }
        }
    }
    routes
}

/// Refuses names of providers that are not configured, and repeated ones.
pub(crate) fn check_names(reader: &mut ConfigReader<'_>, items: &[ListItem], key: &str, known: &[&str]) {
    reader.unique(items, key);
    for (index, item) in items.iter().enumerate() {
        if !known.contains(&item.text.as_str()) {
            let what = format!("names a provider that is not configured: {}", quoted(&item.text));
            let hint = suggest::did_you_mean(&item.text, known);
            let defect = Defect::new(Code::BadValue, what, hint);
            reader.fail(format!("{key}[{index}]"), &item.origin, defect);
        }
    }
}
