//! A `.env` file as Docker and shells read it, with what people write into one besides.

use std::collections::BTreeMap;

/// A variable of the file. The value may be a secret, so this is not printable.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Variable {
    /// Without quotes and the comment behind.
    pub(super) value: String,
    /// Where it stands, from 1.
    pub(super) line: usize,
}

/// What a file holds.
#[derive(Default)]
pub(super) struct Variables {
    /// By name. Of a name that stands twice, the last one counts.
    pub(super) all: BTreeMap<String, Variable>,
    /// Names that stand more than once, with the lines that do not count.
    pub(super) overridden: BTreeMap<String, Vec<usize>>,
    /// Lines that are neither a comment nor `NAME=VALUE`.
    pub(super) unreadable: Vec<usize>,
}

pub(super) fn read(text: &str) -> Variables {
    let mut variables = Variables::default();
    for (line, text) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let Some((name, value)) = assignment(text) else {
            variables.unreadable.push(line);
            continue;
        };
        if let Some(before) = variables.all.insert(name.clone(), Variable { value, line }) {
            variables.overridden.entry(name).or_default().push(before.line);
        }
    }
    variables
}

fn assignment(text: &str) -> Option<(String, String)> {
    let text = text.strip_prefix("export ").unwrap_or(text);
    let (name, value) = text.split_once('=')?;
    let name = name.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let named = !name.is_empty() && name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit());
    named.then(|| (name.to_owned(), unquoted(value.trim())))
}

/// What stands between quotes, or before ` #`.
fn unquoted(value: &str) -> String {
    for quote in ['"', '\''] {
        if let Some((inside, _)) = value.strip_prefix(quote).and_then(|rest| rest.split_once(quote)) {
            return inside.to_owned();
        }
    }
    if value.starts_with('#') {
        return String::new();
    }
    let comment = value
        .char_indices()
        .find(|(at, c)| *c == '#' && value[..*at].ends_with([' ', '\t']));
    comment.map_or(value, |(at, _)| &value[..at]).trim_end().to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn comments_quotes_and_exports_are_no_part_of_a_value() {
        let variables = read(
            "\u{feff}# settings\nA=1 # one\nexport B=\"two # words\" # quoted\nC='x=y'\nD=a#b\nE=\nF=#none\n G = g \r\n",
        );
        let value = |name: &str| variables.all[name].value.as_str();
        let values = ["A", "B", "C", "D", "E", "F", "G"].map(value);
        assert_eq!(values, ["1", "two # words", "x=y", "a#b", "", "", "g"]);
        assert!(variables.unreadable.is_empty());
    }

    #[test]
    fn the_last_one_counts_and_what_is_no_assignment_is_named() {
        let variables = read("A=1\nno assignment\nA=2\n1A=3\n=4\nA=5\n");
        assert_eq!((variables.all["A"].value.as_str(), variables.all["A"].line), ("5", 6));
        assert_eq!(variables.overridden["A"], [1, 3]);
        assert_eq!(variables.unreadable, [2, 4, 5]);
    }
}
