//! The rules in their order.

use crate::bindings::exports::loadlock::upload::validator::{Acceptance, Candidate, Refusal, Rules};
use crate::content::{self, Content};
use crate::glob::{fold, matches};
use crate::refuse::Code;
use crate::{media, name, secrets};

/// First bytes that are looked at. What follows them in the head is the table of contents of a container.
const MAX_HEAD_BYTES: usize = 8192;

/// Bytes of a table of contents that are looked at; the host sends no more.
const MAX_CONTENTS_BYTES: usize = 16_384;

/// Judges one file.
pub(crate) fn inspect(candidate: &Candidate, rules: &Rules) -> Result<Acceptance, Refusal> {
    let name = name::clean(&candidate.name)?;
    let extension = name::extension(&name);
    let (head, contents) = split_head(&candidate.head, candidate.size);
    let is_whole = candidate.size <= head.len() as u64;
    let folded = fold(&name);
    let folder = secrets::fold_folder(&candidate.folder);
    if rules.deny_secrets {
        secrets::check(&folded, &folder, head, is_whole)?;
    }
    check_lists(&folded, &folder, rules)?;
    check_size(candidate.size, rules)?;
    let content = content::look(head, contents);
    let media_type = media::decide(&content, &extension, candidate.declared_type.as_deref());
    check_type(&content, &extension, &media_type, rules)?;
    Ok(Acceptance {
        name,
        media_type,
        extension,
    })
}

/// The first bytes of the file, and the table of contents behind them.
fn split_head(head: &[u8], size: u64) -> (&[u8], &[u8]) {
    let first = head.len().min(MAX_HEAD_BYTES);
    let first = usize::try_from(size).map_or(first, |size| first.min(size));
    let (head, contents) = head.split_at(first);
    (head, &contents[..contents.len().min(MAX_CONTENTS_BYTES)])
}

fn check_lists(name: &str, folder: &str, rules: &Rules) -> Result<(), Refusal> {
    let path = match folder.trim_matches('/') {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    };
    let listed = |patterns: &[String]| {
        patterns.iter().any(|pattern| {
            let pattern = fold(pattern);
            if pattern.contains('/') {
                matches(&pattern, &path)
            } else {
                matches(&pattern, name)
            }
        })
    };
    if listed(&rules.deny) {
        return Err(Code::NameDenied.because("The name is on the operator's deny list."));
    }
    if !rules.allow.is_empty() && !listed(&rules.allow) {
        return Err(Code::NameNotAllowed.because("The name is not on the operator's allow list."));
    }
    Ok(())
}

fn check_size(size: u64, rules: &Rules) -> Result<(), Refusal> {
    if size == 0 && !rules.allow_empty {
        return Err(Code::EmptyFile.because("The file is empty."));
    }
    match rules.max_bytes {
        Some(limit) if size > limit => {
            Err(Code::TooLarge.because(format!("The file has {size} bytes, the limit is {limit}.")))
        }
        _ => Ok(()),
    }
}

fn check_type(content: &Content, extension: &str, media_type: &str, rules: &Rules) -> Result<(), Refusal> {
    // A denied type must not get through under another extension, nor under another signature.
    let mut types: Vec<&str> = vec![media_type];
    types.extend(content.media_type());
    types.extend(media::all_by_extension(extension));
    for found in types {
        let found = fold(found);
        if rules.deny_types.iter().any(|denied| matches(&fold(denied), &found)) {
            return Err(Code::TypeDenied.because(format!("Files of the type {found} are denied by the operator.")));
        }
    }
    if rules.deny_mismatch && media::contradicts(content, extension) {
        return Err(Code::TypeMismatch.because(format!(
            "The content is {}, which does not belong under that extension.",
            content.media_type().unwrap_or(media::UNKNOWN)
        )));
    }
    Ok(())
}
