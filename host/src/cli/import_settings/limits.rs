//! Bounds, retries, the breaker, and what the server was started with.

use super::super::toml_text::{list, quoted};
use super::draft::SettingsDraft;
use super::providers::size;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

pub(super) fn limits(draft: &mut SettingsDraft) {
    if let Some((key, bytes)) = draft.smallest(&[("MAX_FILE_SIZE_MB", MIB), ("MAX_FILE_SIZE", 1)]) {
        draft.take(&[&key], "limits.max_upload_size", size(bytes));
    }
    if let Some((key, most)) = draft.smallest(&[("MAX_CONCURRENT_UPLOADS", 1), ("EXAI_WS_GLOBAL_MAX_INFLIGHT", 1)]) {
        draft.take(&[&key], "limits.concurrency", most.to_string());
    }
    if let Some(seconds) = draft.seconds("UPLOAD_TIMEOUT") {
        draft.take(&["UPLOAD_TIMEOUT"], "retry.deadline", seconds);
    }
    extensions(draft);
    if let Some(gigabytes) = draft.number("DEFAULT_USER_QUOTA_GB") {
        let most = size(gigabytes.saturating_mul(GIB));
        draft.take(
            &["DEFAULT_USER_QUOTA_GB"],
            "tenants",
            format!("[{{ name = \"*\", max_bytes = {most} }}]"),
        );
    }
    draft.refuse(
        "FILE_RETENTION_DAYS",
        "an upload says how long its file is kept: `expires_after` of the API, `--expires-in` of `loadlock upload`",
    );
    dedup(draft);
    resilience(draft);
    started_with(draft);
}

fn extensions(draft: &mut SettingsDraft) {
    let Some(extensions) = draft.value("ALLOWED_EXTENSIONS") else {
        return;
    };
    let patterns: Vec<String> = extensions
        .split(',')
        .map(|extension| extension.trim().trim_start_matches('.'))
        .filter(|extension| !extension.is_empty())
        .map(|extension| format!("*.{extension}"))
        .collect();
    draft.take(&["ALLOWED_EXTENSIONS"], "validator.allow", list(&patterns));
}

fn dedup(draft: &mut SettingsDraft) {
    for key in ["ENABLE_DEDUPLICATION", "DEDUPLICATION_ENABLED"] {
        if draft.flag(key) == Some(false) {
            draft.refuse(
                key,
                "equal content is always sent once: use `dedup.verify_after = \"0s\"` if vendors lose files",
            );
        }
        draft.obsolete(key, "equal content is always sent once");
    }
    let Some((key, _)) = draft.first_of(&["DEDUPLICATION_CACHE_TTL"]) else {
        if let Some(seconds) = draft.seconds("FILECACHE_TTL_SECS") {
            draft.take(&["FILECACHE_TTL_SECS"], "dedup.verify_after", seconds);
        }
        return;
    };
    draft.obsolete(
        "FILECACHE_TTL_SECS",
        "DEDUPLICATION_CACHE_TTL says when a stored file is looked up again",
    );
    if let Some(seconds) = draft.seconds(&key) {
        draft.take(&[&key], "dedup.verify_after", seconds);
    }
}

fn resilience(draft: &mut SettingsDraft) {
    const KEYS: [&str; 8] = [
        "RETRY_MAX_ATTEMPTS",
        "RETRY_BASE_DELAY",
        "RETRY_MAX_DELAY",
        "RETRY_EXPONENTIAL_BASE",
        "CIRCUIT_BREAKER_FAILURE_THRESHOLD",
        "CIRCUIT_BREAKER_SUCCESS_THRESHOLD",
        "CIRCUIT_BREAKER_TIMEOUT",
        "CIRCUIT_BREAKER_RECOVERY_TIMEOUT_SECS",
    ];
    const ENABLED: &str = "RESILIENCE_ENABLED";
    if draft.flag(ENABLED) == Some(false) {
        draft.take(&[ENABLED], "retry.attempts", "1".to_owned());
        draft.take(&[ENABLED], "breaker.failures", "0".to_owned());
        return KEYS
            .iter()
            .for_each(|key| draft.obsolete(key, "RESILIENCE_ENABLED is false"));
    }
    draft.obsolete(ENABLED, "retries and breaker are on");
    for (key, path) in [
        ("RETRY_MAX_ATTEMPTS", "retry.attempts"),
        ("CIRCUIT_BREAKER_FAILURE_THRESHOLD", "breaker.failures"),
        ("CIRCUIT_BREAKER_SUCCESS_THRESHOLD", "breaker.successes"),
    ] {
        if let Some(number) = draft.number(key) {
            draft.take(&[key], path, number.to_string());
        }
    }
    for (key, path) in [("RETRY_BASE_DELAY", "retry.base"), ("RETRY_MAX_DELAY", "retry.cap")] {
        if let Some(seconds) = draft.seconds(key) {
            draft.take(&[key], path, seconds);
        }
    }
    if let Some(factor) = draft.value("RETRY_EXPONENTIAL_BASE") {
        match factor.parse::<f64>().ok().filter(|factor| factor.is_finite()) {
            Some(factor) => draft.take(&["RETRY_EXPONENTIAL_BASE"], "retry.factor", format!("{factor:?}")),
            None => draft.refuse("RETRY_EXPONENTIAL_BASE", "is not a number: set `retry.factor` by hand"),
        }
    }
    let open = draft.first_of(&["CIRCUIT_BREAKER_TIMEOUT", "CIRCUIT_BREAKER_RECOVERY_TIMEOUT_SECS"]);
    if let Some((key, _)) = open
        && let Some(seconds) = draft.seconds(&key)
    {
        draft.take(&[&key], "breaker.open", seconds);
    }
}

/// Flags and variables, which are no settings.
fn started_with(draft: &mut SettingsDraft) {
    let host = draft.value("EXAI_WS_HOST").unwrap_or("127.0.0.1").to_owned();
    let port = draft.value("EXAI_WS_PORT").unwrap_or("8079").to_owned();
    for key in ["EXAI_WS_HOST", "EXAI_WS_PORT"] {
        draft.refuse(
            key,
            &format!("it is no setting: start with `loadlock serve --listen {host}:{port}`"),
        );
    }
    let level = draft
        .value("LOG_LEVEL")
        .unwrap_or("info")
        .to_lowercase()
        .replace("warning", "warn");
    draft.refuse(
        "LOG_LEVEL",
        &format!("it is no setting: set the variable LOADLOCK_LOG to {}", quoted(&level)),
    );
}
