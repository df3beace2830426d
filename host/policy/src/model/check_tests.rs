#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use crate::model::{DeleteSemantics, Operation, Treatment};

fn profile() -> Profile {
    Profile {
        title: "Kimi (api.moonshot.ai)".into(),
        purposes: vec![PurposeProfile::unlimited("file-extract")],
        verify: VerifyMethod::Mark,
        delete: DeleteSemantics::Hard,
        treatment: Treatment::Extension,
        can_stat: true,
        can_list: true,
        takes_empty: false,
        max_concurrency: Some(1),
        wants_digest: false,
        poll_interval_ms: None,
        egress: vec![EgressNeed {
            origin: "https://api.moonshot.ai".into(),
            path_prefix: "/v1/files".into(),
            methods: vec!["GET".into(), "POST".into()],
            operations: vec![Operation::Upload],
        }],
    }
}

fn refused(change: impl FnOnce(&mut Profile)) -> ProfileError {
    let mut p = profile();
    change(&mut p);
    p.check().expect_err("must be refused")
}

#[test]
fn a_sound_profile_passes() {
    assert_eq!(profile().check(), Ok(()));
    let mut local = profile();
    local.egress.clear();
    assert_eq!(local.check(), Ok(()));
}

#[test]
fn purposes_are_there_unique_and_named() {
    assert_eq!(refused(|p| p.purposes.clear()), ProfileError::NoPurpose);
    let twice = refused(|p| p.purposes.push(p.purposes[0].clone()));
    assert_eq!(
        twice,
        ProfileError::DuplicatePurpose {
            purpose: "file-extract".into()
        }
    );
    let bad = ProfileError::BadText { field: "purpose" };
    assert_eq!(refused(|p| p.purposes[0].purpose.clear()), bad);
    assert_eq!(refused(|p| p.purposes[0].purpose = "a\nb".into()), bad);
    assert_eq!(refused(|p| p.purposes[0].purpose = "a".repeat(257)), bad);
    let many = refused(|p| {
        p.purposes = (0..65).map(|i| PurposeProfile::unlimited(i.to_string())).collect();
    });
    assert!(matches!(
        many,
        ProfileError::TooMany {
            field: "purposes",
            count: 65,
            ..
        }
    ));
}

#[test]
fn limits_and_retention_make_sense() {
    for change in [
        (|p: &mut Profile| p.purposes[0].max_bytes = Some(0)) as fn(&mut Profile),
        |p| p.purposes[0].image_max_bytes = Some(0),
        |p| p.purposes[0].max_count = Some(0),
        |p| p.purposes[0].max_total_bytes = Some(0),
    ] {
        assert!(matches!(refused(change), ProfileError::ZeroLimit { .. }));
    }
    for retention in [
        Retention::Fixed(0),
        Retention::Chosen(0, 5),
        Retention::Chosen(6, 5),
        Retention::Fixed(u64::MAX),
    ] {
        let error = refused(|p| p.purposes[0].retention = retention);
        assert!(matches!(error, ProfileError::BadRetention { .. }), "{retention:?}");
    }
    let mut fine = profile();
    fine.purposes[0].retention = Retention::Chosen(3_600, 2_592_000);
    assert_eq!(fine.check(), Ok(()));
    assert_eq!(refused(|p| p.max_concurrency = Some(0)), ProfileError::ZeroConcurrency);
}

#[test]
fn types_are_spelled_as_documented() {
    for extension in [".pdf", "PDF", "a/b", "a b"] {
        let error = refused(|p| p.purposes[0].extensions = vec![extension.into()]);
        assert!(matches!(error, ProfileError::BadExtension { .. }), "{extension}");
    }
    for media_type in ["pdf", "/pdf", "image/", "image/png; q=1"] {
        let error = refused(|p| p.purposes[0].media_types = vec![media_type.into()]);
        assert!(matches!(error, ProfileError::BadMediaType { .. }), "{media_type}");
    }
}

#[test]
fn verifying_by_list_needs_list() {
    let error = refused(|p| p.can_list = false);
    assert_eq!(
        error,
        ProfileError::VerifyNeedsList {
            verify: VerifyMethod::Mark
        }
    );
}

#[test]
fn needs_are_parseable_and_say_something() {
    for origin in [
        "ftp://a.example",
        "https://a.example/x",
        "https://u@a.example",
        "a.example",
    ] {
        let error = refused(|p| p.egress[0].origin = origin.into());
        assert!(matches!(error, ProfileError::BadOrigin { .. }), "{origin}");
    }
    for prefix in ["v1", "/v1/../x", "/v1//x", "/v1?x", "/%2e%2e"] {
        let error = refused(|p| p.egress[0].path_prefix = prefix.into());
        assert!(matches!(error, ProfileError::BadPrefix { .. }), "{prefix}");
    }
    for method in ["get", "CONNECT", "TRACE", ""] {
        let error = refused(|p| p.egress[0].methods = vec![method.into()]);
        assert!(matches!(error, ProfileError::BadMethod { .. }), "{method}");
    }
    assert!(matches!(
        refused(|p| p.egress[0].methods.clear()),
        ProfileError::EmptyNeed { .. }
    ));
    let error = refused(|p| p.egress[0].operations.clear());
    assert!(matches!(error, ProfileError::EmptyNeed { .. }));
}
