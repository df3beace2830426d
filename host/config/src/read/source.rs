//! The two sources of values, the file's tree and the variables, behind one look-up.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Code, ConfigError, Defect};
use crate::origin::{LineIndex, Provenance};
use crate::settings;

/// A value as it was found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Raw<'a> {
    /// In the file.
    Toml(&'a DeValue<'a>),
    /// In a variable, or a default of the table.
    Text(&'a str),
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct FoundValue<'a> {
    pub(crate) raw: Raw<'a>,
    pub(crate) origin: Provenance,
}

/// A parsed file.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    root: Spanned<DeTable<'a>>,
    lines: LineIndex<'a>,
}

impl<'a> Document<'a> {
    /// All the syntax errors, if there are any: a damaged tree says nothing reliable about keys.
    pub(crate) fn parse(file: &Path, text: &'a str) -> Result<Self, Vec<ConfigError>> {
        let lines = LineIndex::new(file, text);
        let (root, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Ok(Self { root, lines });
        }
        let errors = errors.iter().map(|error| {
            let origin = lines.at(error.span().map_or(text.len(), |span| span.start));
            // Only the message: the error's own display quotes the line, which may hold a secret.
            let what = format!("The file is not valid TOML: {}", error.message());
            Defect::new(Code::Syntax, what, "Correct the syntax (https://toml.io).").at("", &origin)
        });
        Err(errors.collect())
    }

    pub(crate) fn root(&self) -> &DeTable<'a> {
        self.root.get_ref()
    }

    pub(crate) fn at(&self, offset: usize) -> Provenance {
        self.lines.at(offset)
    }

    pub(crate) fn origin<T>(&self, spanned: &Spanned<T>) -> Provenance {
        self.lines.at(spanned.span().start)
    }
}

/// Where values are looked up.
#[derive(Debug)]
pub(crate) struct ValueSource<'a> {
    pub(crate) document: Option<&'a Document<'a>>,
    pub(crate) env: &'a BTreeMap<String, String>,
}

impl<'a> ValueSource<'a> {
    /// The value at a concrete key; a variable wins over the file.
    pub(crate) fn find(&self, place: &str) -> Option<FoundValue<'a>> {
        let variable = settings::find(place).and_then(|setting| setting.variable(place));
        let set = variable.and_then(|name| self.env.get_key_value(&name));
        if let Some((name, text)) = set {
            return Some(FoundValue {
                raw: Raw::Text(text),
                origin: Provenance::Env(name.clone()),
            });
        }
        self.in_file(place)
    }

    /// The value at a concrete key in the file.
    pub(crate) fn in_file(&self, place: &str) -> Option<FoundValue<'a>> {
        let document = self.document?;
        let mut table = document.root();
        let mut parts = place.split('.').peekable();
        while let Some(part) = parts.next() {
            let (key, value) = table.get_key_value(part)?;
            if parts.peek().is_none() {
                return Some(FoundValue {
                    raw: Raw::Toml(value.get_ref()),
                    origin: document.origin(key),
                });
            }
            table = value.get_ref().as_table()?;
        }
        None
    }

    /// Names and positions of the tables in the table at `place`, in the order of the file.
    pub(crate) fn children(&self, place: &str) -> Option<Vec<(String, Provenance)>> {
        let document = self.document?;
        let table = document.root().get(place)?.get_ref().as_table()?;
        let mut children: Vec<_> = table
            .iter()
            .filter(|(_, value)| value.get_ref().is_table())
            .map(|(key, _)| (key.get_ref().to_string(), document.origin(key)))
            .collect();
        children.sort_by(|a, b| a.1.cmp(&b.1));
        Some(children)
    }
}
