//! Every key that the predecessor's uploads knew has a ruling of its own, and every ruling holds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use loadlock::config::MachineFacts;

use super::access::AccessChoices;
use super::draft::{Ruling, SettingsDraft};
use super::env_file::read;

/// A whole old file, with the live values and those of its example.
const WHOLE: &str = include_str!("whole.env");

fn choices() -> AccessChoices {
    AccessChoices {
        tenant: "local".to_owned(),
        legacy_until: None,
        kid: None,
    }
}

fn judged(text: &str, choices: &AccessChoices) -> (SettingsDraft, String) {
    let mut draft = SettingsDraft::new(&read(text), None);
    super::judge(&mut draft, choices);
    let facts = MachineFacts {
        cwd: std::env::temp_dir(),
        ..MachineFacts::default()
    };
    let written = draft.checked(&facts, Path::new("loadlock.toml")).unwrap();
    (draft, written)
}

fn taken<'a>(draft: &'a SettingsDraft, key: &str) -> &'a str {
    match &draft.rulings[key] {
        Ruling::Taken(what) => what,
        other => panic!("{key}: {other:?}"),
    }
}

fn obsolete<'a>(draft: &'a SettingsDraft, key: &str) -> &'a str {
    match &draft.rulings[key] {
        Ruling::Obsolete(why) => why,
        other => panic!("{key}: {other:?}"),
    }
}

fn refused<'a>(draft: &'a SettingsDraft, key: &str) -> &'a str {
    match &draft.rulings[key] {
        Ruling::Refused(todo) => todo,
        other => panic!("{key}: {other:?}"),
    }
}

#[test]
fn every_key_of_a_whole_file_has_a_ruling() {
    let (draft, written) = judged(WHOLE, &choices());
    assert_eq!(
        draft.rulings.keys().collect::<Vec<_>>(),
        read(WHOLE).all.keys().collect::<Vec<_>>()
    );
    for (key, what) in [
        ("KIMI_API_KEY", "`providers.kimi.credential`, `order`"),
        ("KIMI_FILES_MAX_SIZE_MB", "`providers.kimi.limits.max_upload_size`"),
        ("KIMI_FILES_MAX_PARALLEL", "`providers.kimi.limits.concurrency`"),
        ("MAX_FILE_SIZE", "`limits.max_upload_size`"),
        ("MAX_CONCURRENT_UPLOADS", "`limits.concurrency`"),
        ("ALLOWED_EXTENSIONS", "`validator.allow`"),
        ("DEFAULT_USER_QUOTA_GB", "`tenants`"),
        ("RETRY_BASE_DELAY", "`retry.base`"),
        ("CIRCUIT_BREAKER_TIMEOUT", "`breaker.open`"),
        ("SUPABASE_SERVICE_ROLE_KEY", "`tracker.credential`"),
    ] {
        assert_eq!(taken(&draft, key), what, "{key}");
    }
    for key in [
        "REDIS_URL",
        "DEFAULT_MODEL",
        "KIMI_UPLOAD_TO_SUPABASE",
        "ASYNC_UPLOAD_ROLLOUT",
        "GLM_SIZE_THRESHOLD",
    ] {
        obsolete(&draft, key);
    }
    assert_eq!(
        obsolete(&draft, "MAX_FILE_SIZE_MB"),
        "MAX_FILE_SIZE is the smaller bound of the two, and holds"
    );
    assert!(refused(&draft, "CIRCUIT_BREAKER_RECOVERY_TIMEOUT_SECS").contains("contradicts CIRCUIT_BREAKER_TIMEOUT"));
    assert!(refused(&draft, "FILE_RETENTION_DAYS").contains("--expires-in"));
    assert!(refused(&draft, "EXAI_WS_PORT").contains("--listen 127.0.0.1:8079"));
    for line in [
        "order = [\"kimi\", \"glm\"]",
        "# KIMI_FILES_MAX_PARALLEL\nlimits.concurrency = 3",
        "credential = { kind = \"glm-signed\", value = \"${env:GLM_API_KEY}\" }",
        "limits.max_upload_size = \"100 MiB\"",
        "base = \"1s\"",
        "factor = 2.0",
        "verify_after = \"3600s\"",
        "settings = { url = \"https://abc.supabase.co/rest/v1\" }",
    ] {
        assert!(written.contains(line), "no {line} in\n{written}");
    }
}

#[test]
fn no_secret_is_in_the_configuration_or_in_the_report() {
    let choices = AccessChoices {
        legacy_until: Some("2027-01-01T00:00:00Z".to_owned()),
        kid: Some("old".to_owned()),
        ..choices()
    };
    let (draft, written) = judged(WHOLE, &choices);
    let said = format!("{written}{:?}", draft.rulings);
    assert!(
        WHOLE.matches("SECRET-").count() > 8 && !said.contains("SECRET-"),
        "{said}"
    );
    assert_eq!(taken(&draft, "EXAI_WS_TOKEN"), "`auth.legacy`, `auth.legacy_until`");
    assert_eq!(taken(&draft, "JWT_SECRET_KEY"), "`auth.keys`, `auth.audiences`");
    assert!(written.contains("value = \"${env:JWT_SECRET_KEY}\""), "{written}");
    assert!(written.contains("legacy_until = 2027-01-01T00:00:00Z"), "{written}");
    assert!(written.contains("sha256 = \""), "{written}");
    assert!(refused(&draft, "EXAI_JWT_TOKEN").contains("loadlock token issue"));
}

#[test]
fn a_credential_needs_a_date_and_a_key_needs_its_id() {
    let (draft, written) = judged(WHOLE, &choices());
    assert!(refused(&draft, "EXAI_WS_TOKEN").contains("--legacy-until"));
    assert!(refused(&draft, "JWT_SECRET_KEY").contains("--kid"));
    assert!(refused(&draft, "JWT_GRACE_PERIOD_DAYS").contains("--legacy-until"));
    assert!(!written.contains("[auth]"), "{written}");
    let (draft, _) = judged("JWT_SECRET_KEY=short\nJWT_ISSUER=x\n", &choices());
    assert!(refused(&draft, "JWT_SECRET_KEY").contains("5 bytes"));
    obsolete(&draft, "JWT_ISSUER");
}

#[test]
fn what_the_configuration_would_refuse_is_refused_here() {
    let text = "KIMI_API_KEY=k\nMAX_CONCURRENT_UPLOADS=0\nRETRY_MAX_ATTEMPTS=99\nUPLOAD_TIMEOUT=soon\nLOG_LEVEL=DEBUG\n\
                SUPABASE_URL=not a url\nSUPABASE_SERVICE_ROLE_KEY=s\nRETRY_BASE_DELAY=0.25\nENABLE_FALLBACK=perhaps\n";
    let (draft, written) = judged(text, &choices());
    for key in [
        "MAX_CONCURRENT_UPLOADS",
        "RETRY_MAX_ATTEMPTS",
        "UPLOAD_TIMEOUT",
        "SUPABASE_URL",
        "ENABLE_FALLBACK",
    ] {
        refused(&draft, key);
    }
    assert!(refused(&draft, "MAX_CONCURRENT_UPLOADS").contains("limits.concurrency"));
    assert!(!written.contains("supabase"), "{written}");
    assert!(written.contains("base = \"250ms\""), "{written}");
}

#[test]
fn folders_are_granted_where_they_were_allowed_and_are() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().display();
    let text = |allow: &str| format!("EX_ALLOW_EXTERNAL_PATHS={allow}\nEX_ALLOWED_EXTERNAL_PREFIXES={folder}\n");
    let (draft, written) = judged(&text("true"), &choices());
    assert_eq!(taken(&draft, "EX_ALLOWED_EXTERNAL_PREFIXES"), "`grants`");
    assert!(
        written.contains(&format!("grants = [{{ root = \"{folder}\" }}]")),
        "{written}"
    );
    let (draft, written) = judged(&text("false"), &choices());
    obsolete(&draft, "EX_ALLOWED_EXTERNAL_PREFIXES");
    assert!(written.contains("grants = []"), "{written}");
    let (draft, written) = judged(
        "EX_ALLOW_EXTERNAL_PATHS=true\nEX_ALLOWED_EXTERNAL_PREFIXES=/nowhere/at/all\n",
        &choices(),
    );
    assert!(refused(&draft, "EX_ALLOWED_EXTERNAL_PREFIXES").contains("`/nowhere/at/all`"));
    assert!(!written.contains("grants"), "{written}");
}

#[test]
fn a_vendor_without_a_key_is_left_out() {
    let (draft, written) = judged(
        "KIMI_API_KEY=\nKIMI_FILES_MAX_PARALLEL=3\nGLM_API_KEY=proxy\n",
        &choices(),
    );
    obsolete(&draft, "KIMI_API_KEY");
    obsolete(&draft, "KIMI_FILES_MAX_PARALLEL");
    assert!(!written.contains("kimi") && !written.contains("order"), "{written}");
    assert!(written.contains("value = \"Bearer ${env:GLM_API_KEY}\""), "{written}");
}
