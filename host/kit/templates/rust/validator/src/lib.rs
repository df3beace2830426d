//! my-component: a validator. It keeps the operator's rules; add rules of your own in `inspect`.

mod rules;

wit_bindgen::generate!({ path: "wit", world: "validator-component" });

use exports::loadlock::upload::validator::*;
use rules::{LooksLike, clean_name, glob, looks_like, looks_secret};

struct MyComponent;

fn refused(code: &str, reason: impl Into<String>, hint: &str) -> Verdict {
    Verdict::Refused(Refusal { code: code.to_owned(), reason: reason.into(), hint: hint.to_owned() })
}

impl Guest for MyComponent {
    fn inspect(candidate: Candidate, rules: Rules) -> Verdict {
        let Some(name) = clean_name(&candidate.name) else {
            return refused("name_unusable", "the name is not one plain segment", "rename the file");
        };
        let path = match std::str::from_utf8(&candidate.folder) {
            Ok("") => name.clone(),
            Ok(folder) => format!("{folder}/{name}"),
            Err(_) => return refused("name_unusable", "the folder's name is not UTF-8", "rename the folder"),
        };
        let matches = |pattern: &String| glob(pattern, if pattern.contains('/') { &path } else { &name });
        let kind = looks_like(&name, &candidate.head);
        let denied_type = |pattern: &String| glob(pattern, kind.media_type);
        if candidate.size == 0 && !rules.allow_empty {
            return refused("empty_file", "the file is empty", "upload a file with content");
        }
        if let Some(most) = rules.max_bytes.filter(|most| candidate.size > *most) {
            let reason = format!("the file has {} bytes; at most {most} are allowed", candidate.size);
            return refused("too_large", reason, "split the file, or have the limit raised");
        }
        if rules.deny.iter().any(matches) || (!rules.allow.is_empty() && !rules.allow.iter().any(matches)) {
            return refused("name_denied", format!("files such as `{name}` are not taken here"), "choose another file");
        }
        if rules.deny_types.iter().any(denied_type) {
            return refused("type_denied", format!("files of the type {} are not taken here", kind.media_type), "choose another file");
        }
        if rules.deny_secrets && looks_secret(&name, &candidate.head) {
            return refused("secret", "the file looks like a credential", "keep it where it is");
        }
        if rules.deny_mismatch && kind.contradicts_name {
            return refused("type_mismatch", "the content is a program and the name says otherwise", "rename the file");
        }
        let LooksLike { media_type, extension, .. } = kind;
        Verdict::Accepted(Acceptance { name, media_type: media_type.to_owned(), extension })
    }
}

export!(MyComponent);
