//! Values that fit into one word: from the file, from a variable, or from the table of defaults.

use std::time::Duration;

use loadlock_policy::Millis;
use loadlock_policy::retry::Factor;
use toml::de::DeValue;

use super::item::ListItem;
use super::source::{Document, Raw};
use crate::error::{Code, Defect, quoted};
use crate::origin::Provenance;
use crate::settings::SettingKind;
use crate::values::{Size, UnixTime, parse_duration, show_duration};

/// A type that a scalar setting can have.
pub(crate) trait Scalar: Sized {
    /// Reads a value and checks it against the setting's bounds.
    fn read(raw: &Raw<'_>, kind: &SettingKind) -> Result<Self, Defect>;
    /// For `explain`.
    fn show(&self) -> String;
    /// Tells the parts of a value where they stand.
    fn locate(&mut self, _origin: &Provenance, _document: Option<&Document<'_>>) {}
}

/// `must be …, found a …`: the type only, never the value.
pub(crate) fn wrong_type(expected: &str, found: &DeValue<'_>) -> Defect {
    let what = format!("must be {expected}, found {}", article(found.type_str()));
    Defect::new(Code::WrongType, what, "Write a value of that type.")
}

fn article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {noun}")
}

fn bad(kind: &SettingKind, written: &str) -> Defect {
    let what = format!("cannot be {}", quoted(written));
    Defect::new(Code::BadValue, what, format!("Write a {}.", kind.describe()))
}

fn out_of_range(kind: &SettingKind, written: &str) -> Defect {
    let what = format!("cannot be {}: it is out of bounds", quoted(written));
    Defect::new(Code::OutOfRange, what, format!("Write a {}.", kind.describe()))
}

/// The text of a value whose type allows a string or a number.
fn text<'a>(raw: &Raw<'a>, kind: &SettingKind, strings: bool) -> Result<std::borrow::Cow<'a, str>, Defect> {
    match raw {
        Raw::Text(text) => Ok((*text).into()),
        Raw::Toml(DeValue::String(text)) if strings => Ok(text.as_ref().into()),
        Raw::Toml(DeValue::Integer(number)) if !strings => Ok(number.to_string().into()),
        Raw::Toml(other) => {
            let mut defect = wrong_type(&format!("a {}", kind.noun()), other);
            defect.hint = match (other, strings) {
                (DeValue::String(_), false) => "Remove the quotes.".to_owned(),
                (DeValue::Integer(_), true) if matches!(kind, SettingKind::Duration { .. }) => {
                    "Write it with its unit, for example \"60s\".".to_owned()
                }
                _ => format!("Write a {}.", kind.describe()),
            };
            Err(defect)
        }
    }
}

impl Scalar for String {
    fn read(raw: &Raw<'_>, kind: &SettingKind) -> Result<Self, Defect> {
        let text = text(raw, kind, true)?;
        if text.is_empty() || text.contains(char::is_control) {
            return Err(bad(kind, &text));
        }
        Ok(text.into_owned())
    }

    fn show(&self) -> String {
        self.clone()
    }
}

impl Scalar for Size {
    fn read(raw: &Raw<'_>, kind: &SettingKind) -> Result<Self, Defect> {
        let is_number = matches!(raw, Raw::Toml(DeValue::Integer(_)));
        let text = text(raw, kind, !is_number)?;
        let size = Self::parse(&text).ok_or_else(|| bad(kind, &text))?;
        match kind {
            SettingKind::Size { min, max } if (*min..=*max).contains(&size) => Ok(size),
            _ => Err(out_of_range(kind, &text)),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Scalar for Duration {
    fn read(raw: &Raw<'_>, kind: &SettingKind) -> Result<Self, Defect> {
        let text = text(raw, kind, true)?;
        let duration = parse_duration(&text).ok_or_else(|| bad(kind, &text))?;
        match kind {
            SettingKind::Duration { min, max } if (*min..=*max).contains(&duration) => Ok(duration),
            _ => Err(out_of_range(kind, &text)),
        }
    }

    fn show(&self) -> String {
        show_duration(*self)
    }
}

impl Scalar for Millis {
    fn read(raw: &Raw<'_>, kind: &SettingKind) -> Result<Self, Defect> {
        Duration::read(raw, kind).map(Self::from)
    }

    fn show(&self) -> String {
        show_duration((*self).into())
    }
}

impl Scalar for Factor {
    fn read(raw: &Raw<'_>, kind: &SettingKind) -> Result<Self, Defect> {
        f64::read(raw, kind).map(Self::new)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Scalar for u32 {
    fn read(raw: &Raw<'_>, kind: &SettingKind) -> Result<Self, Defect> {
        let text = text(raw, kind, false)?;
        let number: i128 = text.trim().parse().map_err(|_| bad(kind, &text))?;
        match kind {
            SettingKind::Integer { min, max } if (i128::from(*min)..=i128::from(*max)).contains(&number) => {
                Self::try_from(number).map_err(|_| out_of_range(kind, &text))
            }
            _ => Err(out_of_range(kind, &text)),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Scalar for f64 {
    fn read(raw: &Raw<'_>, kind: &SettingKind) -> Result<Self, Defect> {
        let written = match raw {
            Raw::Toml(DeValue::Float(number)) => number.as_str().into(),
            _ => text(raw, kind, false)?,
        };
        let number: Self = written.trim().parse().map_err(|_| bad(kind, &written))?;
        match kind {
            // Not a number compares false with everything, so it is out of bounds.
            SettingKind::Ratio { min, max } if number >= Self::from(*min) && number <= Self::from(*max) => Ok(number),
            _ => Err(out_of_range(kind, &written)),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Scalar for UnixTime {
    fn read(raw: &Raw<'_>, kind: &SettingKind) -> Result<Self, Defect> {
        let written = match raw {
            Raw::Toml(DeValue::Datetime(date)) => date.to_string().into(),
            _ => text(raw, kind, true)?,
        };
        Self::parse(&written).ok_or_else(|| {
            let what = format!("cannot be {}", quoted(&written));
            let hint = "Write date, time and offset: `2027-01-01T00:00:00Z`.";
            Defect::new(Code::BadValue, what, hint)
        })
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Scalar for Vec<ListItem> {
    fn read(raw: &Raw<'_>, kind: &SettingKind) -> Result<Self, Defect> {
        let texts: Vec<(String, Option<usize>)> = match raw {
            Raw::Text(text) if text.trim().is_empty() => Vec::new(),
            Raw::Text(text) => text.split(',').map(|part| (part.trim().to_owned(), None)).collect(),
            Raw::Toml(DeValue::Array(items)) => items
                .iter()
                .map(|item| match item.get_ref() {
                    DeValue::String(text) => Ok((text.to_string(), Some(item.span().start))),
                    other => Err(wrong_type("a list of strings", other)),
                })
                .collect::<Result<_, _>>()?,
            Raw::Toml(other) => return Err(wrong_type("a list of strings", other)),
        };
        let unreadable = |text: &str| text.is_empty() || text.contains(char::is_control);
        if let Some((text, _)) = texts.iter().find(|(text, _)| unreadable(text)) {
            return Err(bad(kind, text));
        }
        let items = texts.into_iter().map(|(text, offset)| ListItem {
            text,
            offset,
            origin: Provenance::Default,
        });
        Ok(items.collect())
    }

    fn show(&self) -> String {
        let texts: Vec<&str> = self.iter().map(|item| item.text.as_str()).collect();
        format!("[{}]", texts.join(", "))
    }

    fn locate(&mut self, origin: &Provenance, document: Option<&Document<'_>>) {
        for item in self {
            item.origin = match (item.offset, document) {
                (Some(offset), Some(document)) => document.at(offset),
                _ => origin.clone(),
            };
        }
    }
}
