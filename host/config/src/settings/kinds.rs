//! What a setting is.

use std::borrow::Cow;
use std::time::Duration;

use crate::values::{Size, show_duration};

/// One setting.
#[derive(Debug)]
#[non_exhaustive]
pub struct Setting {
    /// Every place where it may stand: dotted keys, `<name>` for the name that the operator gives. The first is the
    /// setting's name; a place under `providers.<name>` that is not the first overrides the first for that provider.
    pub places: &'static [&'static str],
    /// Type and bounds.
    pub kind: SettingKind,
    /// What holds when nobody sets it.
    pub default: Preset,
    /// What it does, for an operator.
    pub meaning: &'static str,
}

impl Setting {
    /// The name: its first place.
    pub fn key(&self) -> &'static str {
        self.places.first().copied().unwrap_or_default()
    }

    /// The variable that overrides it at `place`, if one does. Records, maps and everything under `providers` are
    /// set in the file only.
    pub fn variable(&self, place: &str) -> Option<String> {
        let simple = !matches!(self.kind, SettingKind::Records(_) | SettingKind::Map);
        (simple && !place.starts_with("providers."))
            .then(|| format!("LOADLOCK_{}", place.replace('.', "_").to_uppercase()))
    }
}

/// A default.
#[derive(Clone, Copy, Debug)]
pub enum Preset {
    /// Written as in the file.
    Value(&'static str),
    /// A value that has its home elsewhere, written as in the file.
    Of(fn() -> String),
    /// Not a constant: described.
    Described(&'static str),
}

impl Preset {
    /// For the documentation.
    pub fn text(self) -> Cow<'static, str> {
        match self {
            Self::Value(text) | Self::Described(text) => Cow::Borrowed(text),
            Self::Of(text) => Cow::Owned(text()),
        }
    }

    /// The value as one would write it; `None` if it is not a constant.
    pub fn value(self) -> Option<Cow<'static, str>> {
        match self {
            Self::Described(_) => None,
            Self::Value(_) | Self::Of(_) => Some(self.text()),
        }
    }
}

/// A setting's type and bounds, both inclusive.
#[derive(Clone, Copy, Debug)]
pub enum SettingKind {
    /// A path; relative to the file's folder, or to the current directory in a variable. `~/` is the home directory.
    Path,
    /// A short name.
    Name,
    /// A list of strings; separated by commas in a variable.
    Texts,
    /// Bytes.
    Size {
        /// Least.
        min: Size,
        /// Most.
        max: Size,
    },
    /// A span of time.
    Duration {
        /// Least.
        min: Duration,
        /// Most.
        max: Duration,
    },
    /// A whole number.
    Integer {
        /// Least.
        min: u32,
        /// Most.
        max: u32,
    },
    /// A number with a fraction.
    Ratio {
        /// Least.
        min: u32,
        /// Most.
        max: u32,
    },
    /// An absolute date with time and offset.
    Date,
    /// Which component plays the role.
    Component,
    /// Names and plain values.
    Map,
    /// A table, or a list of tables, with these fields.
    Records(&'static [Field]),
}

impl SettingKind {
    /// The type in a word or two.
    pub const fn noun(&self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Name => "string",
            Self::Texts => "list of strings",
            Self::Size { .. } => "size",
            Self::Duration { .. } => "duration",
            Self::Integer { .. } => "whole number",
            Self::Ratio { .. } => "number",
            Self::Date => "date and time with offset",
            Self::Component => "component",
            Self::Map => "table of names and values",
            Self::Records(_) => "list of tables",
        }
    }

    /// Type, bounds and what a value looks like.
    pub fn describe(&self) -> String {
        let noun = self.noun();
        match self {
            Self::Size { min, max } => {
                format!("{noun} from {min} to {max}: bytes, or a string such as \"64 MiB\" or \"100 MB\"")
            }
            Self::Duration { min, max } => format!(
                "{noun} from {} to {}: a string such as \"250ms\", \"60s\", \"10m\" or \"1h\"",
                show_duration(*min),
                show_duration(*max)
            ),
            Self::Integer { min, max } | Self::Ratio { min, max } => {
                format!("{noun} from {min} to {max}")
            }
            Self::Date => format!("{noun} (RFC 3339)"),
            Self::Component => {
                format!("{noun}: `\"builtin:NAME\"`, `\"locked:NAME\"`, a path, or `{{ path = …, sha256 = … }}`")
            }
            _ => noun.to_owned(),
        }
    }

    /// The unit that a value counts in, for `explain`; empty if it counts nothing.
    pub const fn unit(&self) -> &'static str {
        match self {
            Self::Size { .. } => "bytes",
            Self::Duration { .. } => "time",
            _ => "",
        }
    }
}

/// One field of a record.
#[derive(Debug)]
#[non_exhaustive]
pub struct Field {
    /// The key inside the record.
    pub name: &'static str,
    /// Whether a record without it is refused.
    pub required: bool,
    /// What it is.
    pub meaning: &'static str,
}
