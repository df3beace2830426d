//! Whether a file looks like a credential, by the rules of `secret_rules`.

use crate::bindings::exports::loadlock::upload::validator::Refusal;
use crate::der;
use crate::glob::{fold, matches};
use crate::refuse::Code;
use crate::search;
use crate::secret_rules::{CERTIFICATES, FOLDERS, FolderRule, MAGICS, NAMES, NameRule};
use crate::text;

/// Refuses a file whose name, folder or first bytes look like a credential.
///
/// `name` and `folder` are folded, see [`fold`]. `head` is all of the file where `is_whole`.
pub(crate) fn check(name: &str, folder: &str, head: &[u8], is_whole: bool) -> Result<(), Refusal> {
    let by_name = NAMES
        .iter()
        .find(|rule| name_applies(rule, name, head, is_whole))
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
        return Err(Code::SecretContent.because(format!("By its content the file looks like {what}.")));
    }
    Ok(())
}

fn name_applies(rule: &NameRule, name: &str, head: &[u8], is_whole: bool) -> bool {
    if !matches(rule.pattern, name) {
        return false;
    }
    let is_excepted = rule.except.iter().any(|except| matches(except, name))
        || rule.except_content.iter().any(|start| head.starts_with(start))
        || rule.except_public && is_public(name, head, is_whole);
    !is_excepted
}

/// Whether the file holds certificates or public keys and no private one, as far as can be told: a key may stand behind
/// a chain that is longer than what is seen of it.
fn is_public(name: &str, head: &[u8], is_whole: bool) -> bool {
    (is_whole || CERTIFICATES.iter().any(|pattern| matches(pattern, name))) && search::is_public(head)
}

fn folder_applies(rule: &FolderRule, name: &str, folder: &str) -> bool {
    if !matches(rule.pattern, name) {
        return false;
    }
    let segments: Vec<&str> = folder.split('/').filter(|s| !s.is_empty() && *s != ".").collect();
    let wanted: Vec<&str> = rule.folder.split('/').collect();
    if rule.deep {
        segments.windows(wanted.len()).any(|window| window == wanted)
    } else {
        segments.ends_with(&wanted)
    }
}

fn in_content(head: &[u8]) -> Option<&'static str> {
    if let Some(rule) = MAGICS.iter().find(|rule| head.starts_with(rule.magic)) {
        return Some(rule.what);
    }
    der::find(head).or_else(|| search::find(&text::as_ascii_superset(head)))
}

/// A folder in the form in which it is compared. Bytes that are not UTF-8 become replacement characters.
pub(crate) fn fold_folder(folder: &[u8]) -> String {
    fold(&String::from_utf8_lossy(folder))
}
