//! From text to typed values: every defect is kept, every value knows its origin.

mod item;
mod record;
mod scalar;
pub(crate) mod schema;
pub(crate) mod source;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::DeValue;

pub(crate) use item::ListItem;
pub(crate) use record::RecordReader;
pub(crate) use scalar::{Scalar, wrong_type};
use source::{FoundValue, Raw, ValueSource};

use crate::error::{Code, ConfigError, Defect};
use crate::explain::Explained;
use crate::lock::ComponentLock;
use crate::origin::Provenance;
use crate::paths::{LookError, MachineFacts, PathKind, Paths, absolute};
use crate::settings::{self, SettingKind};

/// Reads settings one after the other and keeps what went wrong.
pub(crate) struct ConfigReader<'a> {
    pub(crate) source: &'a ValueSource<'a>,
    pub(crate) lock: &'a ComponentLock,
    pub(crate) facts: &'a MachineFacts,
    pub(crate) paths: &'a dyn Paths,
    /// Folder of the configuration file, absolute.
    pub(crate) base: PathBuf,
    pub(crate) errors: Vec<ConfigError>,
    pub(crate) explained: Vec<Explained>,
}

impl<'a> ConfigReader<'a> {
    pub(crate) fn fail(&mut self, key: impl Into<String>, origin: &Provenance, defect: Defect) {
        self.errors.push(defect.at(key, origin));
    }

    pub(crate) fn explain(&mut self, place: &str, value: impl Into<String>, origin: &Provenance) {
        // `grants[0]` is explained by `grants`.
        let name = place.split('[').next().unwrap_or(place);
        let setting = settings::find(name);
        self.explained.push(Explained {
            key: place.to_owned(),
            value: value.into(),
            origin: origin.clone(),
            meaning: setting.map_or("", |setting| setting.meaning),
            unit: setting.map_or("", |setting| setting.kind.unit()),
        });
    }

    /// Explains that nobody set `place`.
    pub(crate) fn explain_default(&mut self, place: &str) {
        let text = settings::find(place).map_or(Cow::Borrowed(""), |setting| setting.default.text());
        self.explain(place, text, &Provenance::Default);
    }

    /// A setting that always has a value; the table's default if it is absent or bad.
    pub(crate) fn get<T: Scalar + Default>(&mut self, place: &str) -> T {
        if let Some((value, _)) = self.optional(place) {
            return value;
        }
        let Some(setting) = settings::find(place) else {
            return T::default();
        };
        let Some(text) = setting.default.value() else {
            return T::default();
        };
        let value = T::read(&Raw::Text(&text), &setting.kind);
        value.unwrap_or_default()
    }

    /// A setting that may be absent. What is absent or bad is explained by its default.
    pub(crate) fn optional<T: Scalar>(&mut self, place: &str) -> Option<(T, Provenance)> {
        let found = self.written(place);
        if found.is_none() {
            self.explain_default(place);
        }
        found
    }

    /// A setting of one provider that overrides one for all.
    pub(crate) fn or<T: Scalar>(&mut self, place: &str, inherited: T) -> T {
        self.written(place).map_or(inherited, |(value, _)| value)
    }

    /// What somebody wrote, if it is good.
    pub(crate) fn written<T: Scalar>(&mut self, place: &str) -> Option<(T, Provenance)> {
        let found = self.source.find(place)?;
        let setting = settings::find(place)?;
        match T::read(&found.raw, &setting.kind) {
            Ok(mut value) => {
                value.locate(&found.origin, self.source.document);
                self.explain(place, value.show(), &found.origin);
                Some((value, found.origin))
            }
            Err(defect) => {
                self.fail(place, &found.origin, defect);
                None
            }
        }
    }

    /// The records of a setting; `None` if nobody wrote it. A bad one is left out and kept as an error.
    pub(crate) fn records(&mut self, place: &str) -> Option<Vec<RecordReader<'a>>> {
        let FoundValue {
            raw: Raw::Toml(value),
            origin,
        } = self.source.in_file(place)?
        else {
            return None;
        };
        let Some(SettingKind::Records(fields)) = settings::find(place).map(|setting| setting.kind) else {
            return None;
        };
        let mut records = Vec::new();
        match value {
            DeValue::Table(table) => {
                records.extend(RecordReader::open(self, place.to_owned(), table, fields, origin));
            }
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let key = format!("{place}[{index}]");
                    let origin = self.origin_in(item, &origin);
                    match item.get_ref() {
                        DeValue::Table(table) => {
                            records.extend(RecordReader::open(self, key, table, fields, origin));
                        }
                        other => self.fail(key, &origin, wrong_type("a table", other)),
                    }
                }
            }
            other => self.fail(place, &origin, wrong_type("a list of tables", other)),
        }
        Some(records)
    }

    /// A table of names and plain values (string, whole number, boolean), all as text.
    pub(crate) fn map(&mut self, place: &str) -> BTreeMap<String, ListItem> {
        let mut map = BTreeMap::new();
        let Some(FoundValue {
            raw: Raw::Toml(value),
            origin,
        }) = self.source.in_file(place)
        else {
            return map;
        };
        let Some(table) = value.as_table() else {
            self.fail(place, &origin, wrong_type("a table of names and values", value));
            return map;
        };
        for (name, value) in table {
            let origin = self.origin_in(name, &origin);
            let text = match value.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Integer(number) => number.to_string(),
                DeValue::Boolean(flag) => flag.to_string(),
                other => {
                    let defect = wrong_type("a string, a whole number or a boolean", other);
                    self.fail(format!("{place}.{}", name.get_ref()), &origin, defect);
                    continue;
                }
            };
            map.insert(
                name.get_ref().to_string(),
                ListItem {
                    text,
                    origin,
                    offset: None,
                },
            );
        }
        map
    }

    pub(crate) fn origin_in<T>(&self, spanned: &toml::Spanned<T>, fallback: &Provenance) -> Provenance {
        self.source
            .document
            .map_or_else(|| fallback.clone(), |document| document.origin(spanned))
    }

    /// Makes a written path absolute, by who wrote it.
    pub(crate) fn absolute(&self, written: &str, origin: &Provenance) -> PathBuf {
        let base = match origin {
            Provenance::File(_) => self.base.as_path(),
            Provenance::Env(_) | Provenance::Default => Path::new(""),
        };
        absolute(written, base, self.facts)
    }

    /// Canonical path of a regular file that must exist.
    pub(crate) fn existing_file(&mut self, key: &str, written: &str, origin: &Provenance) -> Option<PathBuf> {
        let path = self.absolute(written, origin);
        let what = match self.paths.look(&path) {
            Ok((canonical, PathKind::File)) => return Some(canonical),
            Ok(_) => format!("names {}, which is not a file", path.display()),
            Err(error) => format!("names {}, which {error}", path.display()),
        };
        let hint = "Name an existing file; a relative path starts at the configuration's folder.";
        self.fail(key, origin, Defect::new(Code::BadPath, what, hint));
        None
    }

    /// As [`Self::existing_file`], but whoever needs the file says so if nothing is there: it is one provider's alone.
    pub(crate) fn file_of_one(&mut self, key: &str, written: &str, origin: &Provenance) -> Option<PathBuf> {
        let path = self.absolute(written, origin);
        match self.paths.look(&path) {
            Err(LookError::Missing) => Some(path),
            _ => self.existing_file(key, written, origin),
        }
    }

    /// Refuses a second equal name.
    pub(crate) fn unique(&mut self, items: &[ListItem], key: &str) {
        for (index, item) in items.iter().enumerate() {
            if items.iter().take(index).any(|earlier| earlier.text == item.text) {
                let what = format!("names {} twice", crate::error::quoted(&item.text));
                let defect = Defect::new(Code::Conflict, what, "Remove one.");
                self.fail(format!("{key}[{index}]"), &item.origin, defect);
            }
        }
    }
}
