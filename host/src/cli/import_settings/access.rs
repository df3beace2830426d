//! Who may upload, and from where.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::super::toml_text::{list, quoted};
use super::draft::SettingsDraft;

/// What the old settings do not say.
pub(super) struct AccessChoices {
    /// Whose data the old credentials reach.
    pub(super) tenant: String,
    /// Until when they are good.
    pub(super) legacy_until: Option<String>,
    /// The `kid` that the old tokens name.
    pub(super) kid: Option<String>,
}

pub(super) fn access(draft: &mut SettingsDraft, choices: &AccessChoices) {
    folders(draft);
    tokens(draft, choices);
    credentials(draft, choices);
}

fn parts(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The folders that were allowed, if they are here: a grant is a folder that exists.
fn folders(draft: &mut SettingsDraft) {
    const ALLOW: &str = "EX_ALLOW_EXTERNAL_PATHS";
    const PREFIXES: &str = "EX_ALLOWED_EXTERNAL_PREFIXES";
    const DRIVES: &str = "EX_DRIVE_MAPPINGS";
    draft.refuse(
        DRIVES,
        "paths are those of the machine that Loadlock runs on: clients send files as bodies, or its own paths",
    );
    let allowed = draft.flag(ALLOW);
    let folders = draft.value(PREFIXES).map(parts).unwrap_or_default();
    if allowed != Some(true) {
        if allowed == Some(false) {
            draft.take(&[ALLOW], "grants", "[]".to_owned());
        }
        return draft.obsolete(PREFIXES, "EX_ALLOW_EXTERNAL_PATHS did not allow them");
    }
    draft.obsolete(ALLOW, "what is granted is allowed");
    let (here, missing): (Vec<_>, Vec<_>) = folders.iter().partition(|folder| Path::new(folder).is_dir());
    if !missing.is_empty() || here.is_empty() {
        let named: Vec<_> = missing.iter().map(|folder| format!("`{folder}`")).collect();
        let what = match named.is_empty() {
            true => "it names no folder".to_owned(),
            false => format!("no folder on this machine: {}", named.join(", ")),
        };
        return draft.refuse(PREFIXES, &format!("{what}. Write `grants` where the folders are"));
    }
    let grants: Vec<_> = here
        .iter()
        .map(|folder| format!("{{ root = {} }}", quoted(folder)))
        .collect();
    draft.take(&[PREFIXES], "grants", format!("[{}]", grants.join(", ")));
}

/// The key that the old tokens were signed with. They are good only if they say what a token has to say.
fn tokens(draft: &mut SettingsDraft, choices: &AccessChoices) {
    const SECRET: &str = "JWT_SECRET_KEY";
    const WITH_IT: [&str; 4] = ["JWT_ALGORITHM", "JWT_ISSUER", "JWT_AUDIENCE", "JWT_GRACE_PERIOD_DAYS"];
    draft.refuse(
        "JWT_GRACE_PERIOD_DAYS",
        "it began again with each start; say the date with `--legacy-until`",
    );
    let leave = |draft: &mut SettingsDraft, why: &str| WITH_IT.iter().for_each(|key| draft.obsolete(key, why));
    let Some(secret) = draft.value(SECRET) else {
        draft.obsolete(SECRET, "it is empty: tokens were off");
        return leave(draft, "tokens were off");
    };
    let bytes = secret.len();
    if bytes < 32 {
        draft.refuse(
            SECRET,
            &format!("it has {bytes} bytes, and 32 are the least: issue new tokens, `loadlock token issue`"),
        );
        return leave(draft, "it belongs to JWT_SECRET_KEY, which is refused");
    }
    let Some(kid) = &choices.kid else {
        draft.refuse(
            SECRET,
            "a token has to name `kid`, `tenant` and `scope`. If the old ones do, say `--kid`; else issue new ones, \
             `loadlock token issue`",
        );
        return leave(draft, "it belongs to JWT_SECRET_KEY, which is refused");
    };
    let algorithm = draft.value("JWT_ALGORITHM").unwrap_or("HS256").to_owned();
    let issuer = draft.value("JWT_ISSUER").unwrap_or("exai-mcp-server").to_owned();
    let key = format!(
        "[{{ kid = {}, alg = {}, value = {}, issuers = {}, tenants = {} }}]",
        quoted(kid),
        quoted(&algorithm),
        quoted(&draft.reference(SECRET)),
        list(&[issuer]),
        list(std::slice::from_ref(&choices.tenant)),
    );
    let from: Vec<&str> = [SECRET, "JWT_ALGORITHM", "JWT_ISSUER"]
        .into_iter()
        .filter(|key| draft.is_there(key))
        .collect();
    draft.take(&from, "auth.keys", key);
    let audience = draft.value("JWT_AUDIENCE").unwrap_or("exai-mcp-client").to_owned();
    let from: Vec<&str> = [SECRET, "JWT_AUDIENCE"]
        .into_iter()
        .filter(|key| draft.is_there(key))
        .collect();
    // Its own stays the first: tokens are issued for that.
    draft.take(&from, "auth.audiences", list(&["loadlock".to_owned(), audience]));
}

/// Static credentials, by digest, until a date.
fn credentials(draft: &mut SettingsDraft, choices: &AccessChoices) {
    let mut records = Vec::new();
    let mut from = Vec::new();
    for (key, subject) in [("EXAI_WS_TOKEN", "exai-ws-token"), ("EXAI_JWT_TOKEN", "exai-jwt-token")] {
        let Some(secret) = draft.value(key).map(str::to_owned) else {
            draft.obsolete(key, "it is empty");
            continue;
        };
        if secret.split('.').count() == 3 {
            draft.refuse(
                key,
                "it is a token, and is judged as one: issue a new one, `loadlock token issue`",
            );
        } else if choices.legacy_until.is_none() {
            draft.refuse(
                key,
                "say until when it is good, `--legacy-until 2027-01-01T00:00:00Z`, or issue a token instead",
            );
        } else {
            records.push(format!(
                "{{ sha256 = \"{}\", subject = {}, tenant = {}, scopes = [\"read\", \"write\"] }}",
                hex::encode(Sha256::digest(secret.as_bytes())),
                quoted(subject),
                quoted(&choices.tenant),
            ));
            from.push(key);
        }
    }
    if let Some(until) = choices.legacy_until.as_ref().filter(|_| !records.is_empty()) {
        draft.take(&from, "auth.legacy", format!("[{}]", records.join(", ")));
        draft.take(&from, "auth.legacy_until", until.clone());
    }
}
