//! `loadlock.lock`: which components from registries are used, exactly.
//!
//! It stands beside the configuration, under the same name. `loadlock component` writes it; a start reads it, and
//! fetches nothing.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::values::parse_sha256;

/// Everything that is locked.
///
/// ```
/// use loadlock_config::ComponentLock;
/// let lock = ComponentLock::default();
/// assert_eq!(ComponentLock::parse(&lock.to_string()), Ok(lock));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComponentLock {
    /// By name, each once.
    pub components: Vec<LockedComponent>,
}

/// One component that is locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedComponent {
    /// What the configuration calls it: `locked:NAME`.
    pub name: String,
    /// `HOST/REPOSITORY`.
    pub source: String,
    /// Which versions an update may take, for example `^1.2`.
    pub requirement: String,
    /// The version that is used.
    pub version: String,
    /// SHA-256 of its manifest, which is what was signed.
    pub manifest: [u8; 32],
    /// SHA-256 of the component.
    pub sha256: [u8; 32],
    /// `provider`, `validator`, `auth` or `tracker`.
    pub role: String,
    /// Version of the contract that it speaks.
    pub contract: String,
    /// Ids of the keys whose signatures counted.
    pub signers: Vec<String>,
    /// What it imports.
    pub imports: Vec<String>,
    /// What it asks to send, one line for each method and URL.
    pub egress: Vec<String>,
}

/// Largest file; some two thousand components.
const LARGEST: u64 = 1 << 20;
const FORMAT: i64 = 1;
const INTRODUCTION: &str = "\
# Written by `loadlock component`; keep it beside the configuration. It says which components from registries are used,
# exactly, and who signed them.
";

impl ComponentLock {
    /// Where the lock of a configuration is: beside it, `loadlock.lock` for `loadlock.toml`.
    pub fn beside(configuration: &Path) -> PathBuf {
        configuration.with_extension("lock")
    }

    /// Reads the file; one that is not there locks nothing.
    ///
    /// # Errors
    /// What is wrong with it; reads on from its path.
    pub fn read(path: &Path) -> Result<Self, String> {
        let mut text = String::new();
        let read = std::fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text));
        match read {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(format!("cannot be read: {error}")),
            Ok(_) if text.len() as u64 > LARGEST => return Err(format!("is larger than {LARGEST} bytes")),
            Ok(_) => {}
        }
        Self::parse(&text)
    }

    /// Reads the text.
    ///
    /// # Errors
    /// What is wrong with it; reads on from its path.
    pub fn parse(text: &str) -> Result<Self, String> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            format!("is not TOML (line {})", before.matches('\n').count() + 1)
        })?;
        match table.get("version").and_then(Value::as_integer) {
            Some(FORMAT) => {}
            Some(other) => return Err(format!("is of format {other}, and this program knows {FORMAT}")),
            None => return Err("names no `version`".to_owned()),
        }
        let none = Vec::new();
        let components = match table.get("component") {
            None => &none,
            Some(Value::Array(components)) => components,
            Some(_) => return Err("has a `component` that is no list of tables".to_owned()),
        };
        let mut lock = Self::default();
        for (index, component) in components.iter().enumerate() {
            let locked = component
                .as_table()
                .ok_or("it is no table")
                .and_then(LockedComponent::of)
                .map_err(|what| format!("has a mistake in entry {}: {what}", index + 1))?;
            if lock.component(&locked.name).is_some() {
                return Err(format!("names `{}` twice", locked.name));
            }
            lock.components.push(locked);
        }
        Ok(lock)
    }

    /// The component of that name.
    pub fn component(&self, name: &str) -> Option<&LockedComponent> {
        self.components.iter().find(|component| component.name == name)
    }

    /// Puts a component in the place of the one with its name, or adds it.
    pub fn put(&mut self, component: LockedComponent) {
        self.components.retain(|other| other.name != component.name);
        self.components.push(component);
        self.components.sort_by(|one, other| one.name.cmp(&other.name));
    }
}

impl LockedComponent {
    /// Whether this can be the name of a component: that of a provider could be.
    pub fn is_name(text: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        (1..=64).contains(&text.len()) && !text.starts_with(['-', '_']) && text.bytes().all(plain)
    }

    fn of(table: &Table) -> Result<Self, &'static str> {
        const KEYS: [&str; 11] = [
            "name",
            "source",
            "requirement",
            "version",
            "manifest",
            "sha256",
            "role",
            "contract",
            "signers",
            "imports",
            "egress",
        ];
        if table.keys().any(|key| !KEYS.contains(&key.as_str())) {
            return Err("it has a key that this program does not know");
        }
        let text = |key: &str| {
            let text = table.get(key).and_then(Value::as_str);
            text.filter(|text| is_plain(text))
                .map(str::to_owned)
                .ok_or("a text is missing")
        };
        let texts = |key: &str| match table.get(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => {
                let one = |item: &Value| item.as_str().filter(|text| is_plain(text)).map(str::to_owned);
                items
                    .iter()
                    .map(one)
                    .collect::<Option<Vec<String>>>()
                    .ok_or("a list holds what is no text")
            }
            Some(_) => Err("a list is none"),
        };
        let digest = |text: String| {
            let digits = text.strip_prefix("sha256:").unwrap_or(&text);
            parse_sha256(digits).ok_or("a digest is not 64 hexadecimal digits")
        };
        let locked = Self {
            name: text("name")?,
            source: text("source")?,
            requirement: text("requirement")?,
            version: text("version")?,
            manifest: digest(text("manifest")?)?,
            sha256: digest(text("sha256")?)?,
            role: text("role")?,
            contract: text("contract")?,
            signers: texts("signers")?,
            imports: texts("imports")?,
            egress: texts("egress")?,
        };
        match Self::is_name(&locked.name) {
            true => Ok(locked),
            false => Err("its name is none"),
        }
    }
}

impl std::fmt::Display for ComponentLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = format!("{INTRODUCTION}version = {FORMAT}\n");
        for component in &self.components {
            text.push_str("\n[[component]]\n");
            let mut line = |key: &str, value: String| writeln!(text, "{key} = {value}");
            line("name", quoted(&component.name))?;
            line("source", quoted(&component.source))?;
            line("requirement", quoted(&component.requirement))?;
            line("version", quoted(&component.version))?;
            line("manifest", quoted(&format!("sha256:{}", hex(&component.manifest))))?;
            line("sha256", quoted(&hex(&component.sha256)))?;
            line("role", quoted(&component.role))?;
            line("contract", quoted(&component.contract))?;
            line("signers", list(&component.signers))?;
            line("imports", list(&component.imports))?;
            line("egress", list(&component.egress))?;
        }
        f.write_str(&text)
    }
}

fn is_plain(text: &str) -> bool {
    (1..=1024).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

/// One item a line, so that a difference shows what changed.
fn list(items: &[String]) -> String {
    match items {
        [] => "[]".to_owned(),
        items => {
            let lines: Vec<String> = items.iter().map(|item| format!("    {},\n", quoted(item))).collect();
            format!("[\n{}]", lines.concat())
        }
    }
}
