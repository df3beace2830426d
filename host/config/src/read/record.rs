//! One table of a list, such as a grant or a key.

use toml::de::{DeTable, DeValue};

use super::source::Raw;
use super::{ConfigReader, ListItem, Scalar, wrong_type};
use crate::error::{Code, Defect};
use crate::origin::Provenance;
use crate::settings::{Field, SettingKind};
use crate::suggest;
use crate::values::Size;

/// A record with its key, for example `grants[0]`.
#[derive(Clone, Debug)]
pub(crate) struct RecordReader<'a> {
    pub(crate) key: String,
    pub(crate) origin: Provenance,
    table: &'a DeTable<'a>,
}

impl<'a> RecordReader<'a> {
    /// Checks that the fields are known and the required ones there.
    pub(crate) fn open(
        reader: &mut ConfigReader<'a>,
        key: String,
        table: &'a DeTable<'a>,
        fields: &[Field],
        origin: Provenance,
    ) -> Option<Self> {
        let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
        for (name, _) in table {
            if !names.contains(&name.get_ref().as_ref()) {
                let hint = suggest::did_you_mean(name.get_ref(), &names);
                let defect = Defect::new(Code::UnknownKey, "is not a setting", hint);
                let origin = reader.origin_in(name, &origin);
                reader.fail(format!("{key}.{}", name.get_ref()), &origin, defect);
            }
        }
        let mut complete = true;
        for field in fields.iter().filter(|field| field.required) {
            if !table.contains_key(field.name) {
                let defect = Defect::new(Code::Missing, "is missing", field.meaning);
                reader.fail(format!("{key}.{}", field.name), &origin, defect);
                complete = false;
            }
        }
        complete.then_some(Self { key, origin, table })
    }

    pub(crate) fn key_of(&self, field: &str) -> String {
        format!("{}.{field}", self.key)
    }

    /// Whether a field is written at all.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.table.contains_key(field)
    }

    /// Where a field stands; the record, if it does not.
    pub(crate) fn origin_of(&self, reader: &ConfigReader<'a>, field: &str) -> Provenance {
        self.table
            .get_key_value(field)
            .map_or_else(|| self.origin.clone(), |(name, _)| reader.origin_in(name, &self.origin))
    }

    /// A text field: not empty, no control characters.
    pub(crate) fn text(&self, reader: &mut ConfigReader<'a>, field: &str) -> Option<ListItem> {
        let (text, origin) = self.read::<String>(reader, field, &SettingKind::Name)?;
        Some(ListItem {
            text,
            origin,
            offset: None,
        })
    }

    /// A list of texts; `None` if it is absent or bad.
    pub(crate) fn texts(&self, reader: &mut ConfigReader<'a>, field: &str) -> Option<Vec<ListItem>> {
        let (mut items, origin) = self.read::<Vec<ListItem>>(reader, field, &SettingKind::Texts)?;
        items.locate(&origin, reader.source.document);
        Some(items)
    }

    /// A size; `None` if it is absent or bad.
    pub(crate) fn size(&self, reader: &mut ConfigReader<'a>, field: &str, min: u64) -> Option<Size> {
        let kind = SettingKind::Size {
            min: Size(min),
            max: Size(u64::MAX >> 1),
        };
        self.read::<Size>(reader, field, &kind).map(|(size, _)| size)
    }

    /// A whole number from 1; `None` if it is absent or bad.
    pub(crate) fn count(&self, reader: &mut ConfigReader<'a>, field: &str) -> Option<u32> {
        let kind = SettingKind::Integer { min: 1, max: u32::MAX };
        self.read::<u32>(reader, field, &kind).map(|(count, _)| count)
    }

    /// A boolean; false if it is absent or bad.
    pub(crate) fn flag(&self, reader: &mut ConfigReader<'a>, field: &str) -> bool {
        let Some((name, value)) = self.table.get_key_value(field) else {
            return false;
        };
        value.get_ref().as_bool().unwrap_or_else(|| {
            let origin = reader.origin_in(name, &self.origin);
            let defect = wrong_type("`true` or `false`", value.get_ref());
            reader.fail(self.key_of(field), &origin, defect);
            false
        })
    }

    fn read<T: Scalar>(
        &self,
        reader: &mut ConfigReader<'a>,
        field: &str,
        kind: &SettingKind,
    ) -> Option<(T, Provenance)> {
        let (name, value) = self.table.get_key_value(field)?;
        let origin = reader.origin_in(name, &self.origin);
        let value: &'a DeValue<'a> = value.get_ref();
        match T::read(&Raw::Toml(value), kind) {
            Ok(value) => Some((value, origin)),
            Err(defect) => {
                // Bad text in a record is not quoted: the field may be the one that holds a secret.
                let safe = Defect {
                    what: "cannot be empty or hold control characters".into(),
                    ..defect.clone()
                };
                let text = matches!(kind, SettingKind::Name | SettingKind::Texts);
                let defect = if text && defect.code == Code::BadValue {
                    safe
                } else {
                    defect
                };
                reader.fail(self.key_of(field), &origin, defect);
                None
            }
        }
    }
}
