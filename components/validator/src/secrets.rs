//! Whether a file looks like a credential, by the rules of `secret_rules`.

use crate::bindings::exports::loadlock::upload::validator::Refusal;
use crate::content;
use crate::glob::{fold, matches};
use crate::refuse::Code;
use crate::secret_rules::{FOLDERS, FolderRule, MAGICS, NAMES, NameRule, TEXTS, TextRule};
use std::borrow::Cow;

/// Refuses a file whose name, folder or first bytes look like a credential.
///
/// `name` and `folder` are folded, see [`fold`].
pub(crate) fn check(name: &str, folder: &str, head: &[u8]) -> Result<(), Refusal> {
    let by_name = NAMES
        .iter()
        .find(|rule| name_applies(rule, name, head))
        .map(|rule| rule.what)
        .or_else(|| {
            FOLDERS
                .iter()
                .find(|rule| folder_applies(rule, name, folder))
                .map(|rule| rule.what)
        });
    if let Some(what) = by_name {
        return Err(Code::SecretName.because(format!("By its name the file looks like {what}.")));
    }
    if let Some(what) = in_content(head) {
        return Err(
            Code::SecretContent.because(format!("By its content the file looks like {what}."))
        );
    }
    Ok(())
}

fn name_applies(rule: &NameRule, name: &str, head: &[u8]) -> bool {
    matches(rule.pattern, name)
        && !rule.except.iter().any(|except| matches(except, name))
        && !rule
            .except_content
            .iter()
            .any(|start| head.starts_with(start))
}

fn folder_applies(rule: &FolderRule, name: &str, folder: &str) -> bool {
    if !matches(rule.pattern, name) {
        return false;
    }
    let segments: Vec<&str> = folder
        .split('/')
        .filter(|s| !s.is_empty() && *s != ".")
        .collect();
    let wanted: Vec<&str> = rule.folder.split('/').collect();
    if rule.deep {
        segments
            .windows(wanted.len())
            .any(|window| window == wanted)
    } else {
        segments.ends_with(&wanted)
    }
}

fn in_content(head: &[u8]) -> Option<&'static str> {
    if let Some(rule) = MAGICS.iter().find(|rule| head.starts_with(rule.magic)) {
        return Some(rule.what);
    }
    // A binary file may hold a key as well: bytes that are no text become replacement characters.
    let text = content::as_text(head).unwrap_or_else(|| String::from_utf8_lossy(head));
    if let Some(rule) = TEXTS.iter().find(|rule| text_applies(rule, &text)) {
        return Some(rule.what);
    }
    text.lines()
        .any(is_cloud_key)
        .then_some("a dump of cloud credentials")
}

fn text_applies(rule: &TextRule, text: &str) -> bool {
    let in_order = |text: &str| {
        let mut rest = text;
        rule.parts.iter().all(|part| match rest.find(part) {
            Some(at) => {
                rest = &rest[at + part.len()..];
                true
            }
            None => false,
        })
    };
    if !rule.one_line {
        return in_order(text);
    }
    text.lines().any(in_order)
}

/// `aws_secret_access_key = <40 characters of base64>`, as a variable or in JSON; the vendor's own sample is let through.
fn is_cloud_key(line: &str) -> bool {
    let lower: Cow<'_, str> = Cow::Owned(line.to_ascii_lowercase());
    let Some(at) = ["aws_secret_access_key", "secretaccesskey"]
        .into_iter()
        .find_map(|label| lower.find(label).map(|at| at + label.len()))
    else {
        return false;
    };
    let value = line[at..].trim_start_matches(|c: char| " \t\"':=".contains(c));
    let key: String = value
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "/+".contains(*c))
        .collect();
    key.len() == 40 && !key.contains("EXAMPLE")
}

/// A folder in the form in which it is compared. Bytes that are not UTF-8 become replacement characters.
pub(crate) fn fold_folder(folder: &[u8]) -> String {
    fold(&String::from_utf8_lossy(folder))
}
