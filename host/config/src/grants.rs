//! `home` and the folders that files may come from.

use std::path::{Path, PathBuf};

use crate::error::{Code, Defect};
use crate::origin::Provenance;
use crate::paths::{PathKind, future};
use crate::read::{ConfigReader, ListItem, RecordReader};

/// A folder that files may be uploaded from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grant {
    /// Canonical path of an existing folder; never `/`, never at or below `home`. May contain `home`.
    pub root: PathBuf,
    /// Providers that may receive files from it; `None` is all.
    pub providers: Option<Vec<String>>,
    /// Tenants that may name paths in it, besides the local command line, which always may.
    pub tenants: Vec<String>,
    /// Where it stands; [`Provenance::Default`] is the current directory of a configuration without grants.
    pub origin: Provenance,
}

impl Grant {
    /// Whether files from it may go to this provider.
    pub fn allows_provider(&self, provider: &str) -> bool {
        self.providers
            .as_ref()
            .is_none_or(|names| names.iter().any(|name| name == provider))
    }

    /// Whether this tenant may name paths in it; `None` is the local command line.
    pub fn allows_tenant(&self, tenant: Option<&str>) -> bool {
        tenant.is_none_or(|tenant| self.tenants.iter().any(|name| name == tenant))
    }
}

/// Reads `home`. Its folder may not exist yet.
pub(crate) fn home(reader: &mut ConfigReader<'_>) -> PathBuf {
    let written = reader.written::<String>("home");
    let (path, origin) = match written {
        Some((text, origin)) => (reader.absolute(&text, &origin), origin),
        None => {
            let Some(data_dir) = &reader.facts.data_dir else {
                let what = "has no default: this user has no data directory";
                let defect = Defect::new(Code::Missing, what, "Set `LOADLOCK_HOME` to a folder.");
                reader.fail("home", &Provenance::Default, defect);
                return PathBuf::new();
            };
            (data_dir.join("loadlock"), Provenance::Default)
        }
    };
    match future(&path, reader.paths) {
        Ok(home) if home.parent().is_some() => {
            if origin == Provenance::Default {
                reader.explain("home", home.display().to_string(), &origin);
            }
            home
        }
        Ok(_) => {
            let what = "cannot be the root of the file system";
            reader.fail(
                "home",
                &origin,
                Defect::new(Code::BadPath, what, "Name a folder of its own."),
            );
            path
        }
        Err(error) => {
            let what = format!("names {}: {error}", path.display());
            let hint = "Name a folder that you may write to; it is made at first use.";
            reader.fail("home", &origin, Defect::new(Code::BadPath, what, hint));
            path
        }
    }
}

/// Reads `grants`. `providers` are the configured names; notes explain why there is no grant.
pub(crate) fn grants(
    reader: &mut ConfigReader<'_>,
    home: &Path,
    providers: &[&str],
    notes: &mut Vec<String>,
) -> Vec<Grant> {
    let Some(records) = reader.records("grants") else {
        return current_directory(reader, home, notes).into_iter().collect();
    };
    if records.is_empty()
        && let Some(found) = reader.source.in_file("grants")
    {
        reader.explain("grants", "none", &found.origin);
    }
    records
        .iter()
        .filter_map(|record| grant(reader, record, home, providers))
        .collect()
}

fn current_directory(reader: &mut ConfigReader<'_>, home: &Path, notes: &mut Vec<String>) -> Option<Grant> {
    let cwd = reader.facts.cwd.clone();
    let reason = match reader.paths.look(&cwd) {
        Ok((root, _)) if root.parent().is_none() => "the current directory is `/`".to_owned(),
        Ok((root, _)) if root.starts_with(home) => "the current directory is at or below `home`".to_owned(),
        Ok((root, _)) => {
            let shown = describe(&root, None, &[]);
            reader.explain("grants", shown, &Provenance::Default);
            return Some(Grant {
                root,
                providers: None,
                tenants: Vec::new(),
                origin: Provenance::Default,
            });
        }
        Err(error) => format!("the current directory {error}"),
    };
    reader.explain("grants", format!("none: {reason}"), &Provenance::Default);
    notes.push(format!(
        "No folder is granted, because {reason}. Change to the folder of your files, or configure `grants`."
    ));
    None
}

fn grant<'a>(reader: &mut ConfigReader<'a>, record: &RecordReader<'a>, home: &Path, known: &[&str]) -> Option<Grant> {
    let providers = record.texts(reader, "providers");
    let tenants = record.texts(reader, "tenants").unwrap_or_default();
    let providers = providers.map(|items| checked_providers(reader, record, items, known));
    reader.unique(&tenants, &record.key_of("tenants"));
    for (index, tenant) in tenants.iter().enumerate() {
        if tenant.text == "*" {
            let what = "cannot be `*`: a path is granted to tenants by name";
            let defect = Defect::new(Code::BadValue, what, "Name each tenant.");
            reader.fail(format!("{}[{index}]", record.key_of("tenants")), &tenant.origin, defect);
        }
    }
    let written = record.text(reader, "root")?;
    let path = reader.absolute(&written.text, &written.origin);
    match checked_root(reader, &path, home) {
        Ok(root) => {
            let grant = Grant {
                root,
                providers,
                tenants: tenants.into_iter().map(|item| item.text).collect(),
                origin: record.origin.clone(),
            };
            let shown = describe(&grant.root, grant.providers.as_deref(), &grant.tenants);
            reader.explain(&record.key, shown, &record.origin);
            Some(grant)
        }
        Err(defect) => {
            reader.fail(record.key_of("root"), &written.origin, defect);
            None
        }
    }
}

fn checked_root(reader: &ConfigReader<'_>, path: &Path, home: &Path) -> Result<PathBuf, Defect> {
    let existing = "Name an existing folder; a relative path starts at the configuration's folder.";
    let shown = path.display();
    let (root, kind) = reader
        .paths
        .look(path)
        .map_err(|error| Defect::new(Code::BadPath, format!("names {shown}, which {error}"), existing))?;
    if kind != PathKind::Directory {
        let what = format!("names {shown}, which is not a folder");
        return Err(Defect::new(Code::BadPath, what, existing));
    }
    if root.parent().is_none() {
        let what = format!("names {shown}: the whole file system is never granted");
        return Err(Defect::new(
            Code::ForbiddenGrant,
            what,
            "Name the folders that hold files to upload.",
        ));
    }
    if root.starts_with(home) {
        let what = format!("names {shown}, which is at or below `home` ({})", home.display());
        return Err(Defect::new(
            Code::ForbiddenGrant,
            what,
            "Keep the files outside Loadlock's own state.",
        ));
    }
    Ok(root)
}

fn checked_providers<'a>(
    reader: &mut ConfigReader<'a>,
    record: &RecordReader<'a>,
    items: Vec<ListItem>,
    known: &[&str],
) -> Vec<String> {
    let key = record.key_of("providers");
    if items.is_empty() {
        let what = "names no provider, so the grant has no effect";
        let defect = Defect::new(Code::BadValue, what, "Name some, or leave it out for all.");
        let origin = record.origin_of(reader, "providers");
        reader.fail(&key, &origin, defect);
    }
    crate::provider::check_names(reader, &items, &key, known);
    items.into_iter().map(|item| item.text).collect()
}

fn describe(root: &Path, providers: Option<&[String]>, tenants: &[String]) -> String {
    let providers = providers.map_or("all providers".to_owned(), |names| names.join(", "));
    let tenants = if tenants.is_empty() {
        "the local command line only".to_owned()
    } else {
        format!("tenants {}", tenants.join(", "))
    };
    format!("{} → {providers}, for {tenants}", root.display())
}
