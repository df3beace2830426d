#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use super::*;
use crate::Millis;
use crate::breaker::Refusal;
use crate::model::{DeleteSemantics, Profile, PurposeProfile, Treatment, VerifyMethod};
use crate::quota::{QuotaExceeded, Usage};
use crate::routing::Verdict;

#[path = "tests_threshold.rs"]
mod threshold;

const MB: u64 = 1_000_000;

fn profile(purposes: Vec<PurposeProfile>) -> Profile {
    Profile {
        title: "test".into(),
        purposes,
        verify: VerifyMethod::Mark,
        delete: DeleteSemantics::Hard,
        treatment: Treatment::Content,
        can_stat: true,
        can_list: true,
        takes_empty: false,
        max_concurrency: None,
        wants_digest: false,
        poll_interval_ms: None,
        egress: vec![],
    }
}

fn purpose(name: &str, max: u64) -> PurposeProfile {
    PurposeProfile {
        max_bytes: Some(max),
        ..PurposeProfile::unlimited(name)
    }
}

fn kimi() -> Profile {
    profile(vec![purpose("file-extract", 100 * MB), purpose("image", 100 * MB)])
}

/// bigmodel.cn: 20 MB, images 5 MB.
fn glm() -> Profile {
    let agent = PurposeProfile {
        image_max_bytes: Some(5 * MB),
        extensions: vec!["pdf".into(), "png".into()],
        media_types: vec!["image/*".into()],
        max_count: Some(100),
        ..purpose("agent", 20 * MB)
    };
    profile(vec![agent])
}

static NOTHING: BTreeMap<String, Usage> = BTreeMap::new();

fn candidate<'a>(name: &'a str, order: u32, profile: &'a Profile) -> Candidate<'a> {
    let health = Admission::Ready;
    Candidate {
        name,
        profile,
        order,
        granted: true,
        health,
        in_flight: 0,
        used: &NOTHING,
    }
}

const PDF: RouteRequest<'static> = RouteRequest {
    size: MB,
    media_type: "application/pdf",
    extension: "pdf",
    purpose: None,
    pinned: None,
};

fn names(route: &Result<Route, NoRoute>) -> Vec<&str> {
    route.as_ref().unwrap().ranked.iter().map(|r| r.name.as_str()).collect()
}

#[test]
fn the_default_router_follows_documented_limits() {
    let (kimi, glm) = (kimi(), glm());
    let both = [candidate("glm", 0, &glm), candidate("kimi", 1, &kimi)];
    for (size, expected) in [
        (20 * MB - 1, vec!["glm", "kimi"]),
        (20 * MB, vec!["glm", "kimi"]),
        (20 * MB + 1, vec!["kimi"]),
        (100 * MB - 1, vec!["kimi"]),
        (100 * MB, vec!["kimi"]),
    ] {
        let route = route(&RouteRequest { size, ..PDF }, &both, None);
        assert_eq!(names(&route), expected, "{size}");
    }
    let none = route(
        &RouteRequest {
            size: 100 * MB + 1,
            ..PDF
        },
        &both,
        None,
    )
    .unwrap_err();
    assert_eq!(none.verdict(), Verdict::TooLarge);
    assert_eq!(
        none.to_string(),
        "no provider can take the file: glm: the file has 100000001 bytes, `agent` takes at most 20000000; \
         kimi: the file has 100000001 bytes, `file-extract` takes at most 100000000"
    );

    let image = RouteRequest {
        media_type: "image/png",
        extension: "png",
        ..PDF
    };
    for (size, expected) in [(5 * MB, vec!["glm", "kimi"]), (5 * MB + 1, vec!["kimi"])] {
        let route = route(&RouteRequest { size, ..image }, &both, None);
        assert_eq!(names(&route), expected, "{size}");
    }
}

#[test]
fn every_filter_has_its_reason() {
    let glm = glm();
    let full = BTreeMap::from([("agent".to_owned(), Usage { count: 100, bytes: 1 })]);
    let open = Refusal::Open { until: Millis(7) };
    let plain = candidate("glm", 0, &glm);
    let reason = |request: &RouteRequest<'_>, candidate: Candidate<'_>| {
        let none = route(request, &[candidate], None).unwrap_err();
        (none.refused[0].reason.code(), none.verdict())
    };
    let zip = RouteRequest {
        media_type: "application/zip",
        extension: "zip",
        ..PDF
    };
    let image = RouteRequest {
        media_type: "image/png",
        extension: "png",
        ..PDF
    };
    for (request, candidate, expected) in [
        (
            PDF,
            Candidate {
                granted: false,
                ..plain
            },
            ("not_granted", Verdict::NotGranted),
        ),
        (
            RouteRequest {
                purpose: Some("user_data"),
                ..PDF
            },
            plain,
            ("no_such_purpose", Verdict::NoSuchPurpose),
        ),
        (
            RouteRequest { size: 0, ..PDF },
            plain,
            ("empty_file", Verdict::NotAccepted),
        ),
        (
            RouteRequest { size: 21 * MB, ..PDF },
            plain,
            ("file_too_large", Verdict::TooLarge),
        ),
        (
            RouteRequest { size: 6 * MB, ..image },
            plain,
            ("image_too_large", Verdict::TooLarge),
        ),
        (zip, plain, ("type_not_accepted", Verdict::NotAccepted)),
        (
            PDF,
            Candidate { used: &full, ..plain },
            ("quota_exhausted", Verdict::QuotaExhausted),
        ),
        (
            PDF,
            Candidate {
                health: Admission::Refused(open),
                ..plain
            },
            ("unhealthy", Verdict::Unavailable { until: Millis(7) }),
        ),
        (
            RouteRequest {
                pinned: Some("nobody"),
                ..PDF
            },
            plain,
            ("unknown_provider", Verdict::NoSuchProvider),
        ),
    ] {
        assert_eq!(reason(&request, candidate), expected);
    }
    assert_eq!(route(&PDF, &[], None).unwrap_err().verdict(), Verdict::NoSuchProvider);
}

#[test]
fn a_pinned_provider_never_falls_back() {
    let (kimi, glm) = (kimi(), glm());
    let both = [candidate("glm", 0, &glm), candidate("kimi", 1, &kimi)];
    let pinned = route(
        &RouteRequest {
            pinned: Some("kimi"),
            ..PDF
        },
        &both,
        None,
    );
    assert_eq!(names(&pinned), ["kimi"]);
    let request = RouteRequest {
        pinned: Some("glm"),
        size: 50 * MB,
        ..PDF
    };
    let none = route(&request, &both, None).unwrap_err();
    assert_eq!(none.refused.len(), 1);
    assert!(
        none.to_string()
            .starts_with("the provider `glm` that was asked for cannot take")
    );
}

#[test]
fn no_purpose_means_each_ones_default() {
    let (kimi, glm) = (kimi(), glm());
    let both = [candidate("glm", 0, &glm), candidate("kimi", 1, &kimi)];
    let any = route(&PDF, &both, None).unwrap();
    let purposes: Vec<_> = any.ranked.iter().map(|r| r.purpose.as_str()).collect();
    assert_eq!(purposes, ["agent", "file-extract"]);
    let image = route(
        &RouteRequest {
            purpose: Some("image"),
            ..PDF
        },
        &both,
        None,
    )
    .unwrap();
    assert_eq!(
        image.ranked,
        [Ranked {
            name: "kimi".into(),
            purpose: "image".into()
        }]
    );
    assert_eq!(
        image.refused[0].to_string(),
        "glm: it has no purpose `image`; it has `agent`"
    );
}

#[test]
fn ties_go_to_the_healthy_then_to_the_idle() {
    let kimi = kimi();
    let busy = Candidate {
        in_flight: 3,
        ..candidate("busy", 1, &kimi)
    };
    let idle = Candidate {
        in_flight: 1,
        ..candidate("idle", 1, &kimi)
    };
    let probe = Candidate {
        health: Admission::Probe,
        ..candidate("probe", 1, &kimi)
    };
    let first = Candidate {
        in_flight: 9,
        ..candidate("first", 0, &kimi)
    };
    let all = route(&PDF, &[probe, busy, idle, first], None);
    assert_eq!(names(&all), ["first", "idle", "busy", "probe"]);
}

#[test]
fn a_provider_that_asked_for_a_pause_comes_last_but_is_not_lost() {
    let kimi = kimi();
    let pause = Admission::Refused(Refusal::CoolingDown { until: Millis(5) });
    let cooling = Candidate {
        health: pause,
        ..candidate("cooling", 0, &kimi)
    };
    let ready = candidate("ready", 1, &kimi);
    assert_eq!(names(&route(&PDF, &[cooling, ready], None)), ["ready", "cooling"]);
    assert_eq!(names(&route(&PDF, &[cooling], None)), ["cooling"]);
}

#[test]
fn quota_counts_what_the_file_adds() {
    let purpose = PurposeProfile {
        max_total_bytes: Some(10),
        ..PurposeProfile::unlimited("p")
    };
    let profile = profile(vec![purpose]);
    let used = BTreeMap::from([("p".to_owned(), Usage { count: 1, bytes: 6 })]);
    let candidate = Candidate {
        used: &used,
        ..candidate("x", 0, &profile)
    };
    assert!(route(&RouteRequest { size: 4, ..PDF }, &[candidate], None).is_ok());
    let none = route(&RouteRequest { size: 5, ..PDF }, &[candidate], None).unwrap_err();
    let exceeded = QuotaExceeded::Bytes {
        used: 6,
        size: 5,
        max: 10,
    };
    assert_eq!(
        none.refused[0].reason,
        Reason::Quota {
            purpose: "p".into(),
            exceeded
        }
    );
}

/// Whatever is asked of whomever: who is ranked takes the file, who is not has a reason, and nobody is lost.
#[test]
fn every_candidate_is_answered_once_and_truthfully() {
    let (kimi, glm) = (kimi(), glm());
    let open = Admission::Refused(Refusal::Open { until: Millis(1) });
    let mut cases = 0;
    for size in [0, 1, 5 * MB, 5 * MB + 1, 20 * MB, 20 * MB + 1, 100 * MB, 100 * MB + 1] {
        for (media_type, extension) in [("application/pdf", "pdf"), ("image/png", "png"), ("a/b", "")] {
            for purpose in [None, Some("agent"), Some("image"), Some("assistants")] {
                for pinned in [None, Some("kimi"), Some("glm"), Some("nobody")] {
                    for health in [Admission::Ready, Admission::Probe, open] {
                        for granted in [true, false] {
                            let request = RouteRequest {
                                size,
                                media_type,
                                extension,
                                purpose,
                                pinned,
                            };
                            let kimi = Candidate {
                                health,
                                granted,
                                ..candidate("kimi", 1, &kimi)
                            };
                            let both = [kimi, candidate("glm", 0, &glm)];
                            let answer = route(&request, &both, None);
                            let (ranked, refused) = match &answer {
                                Ok(route) => (route.ranked.as_slice(), &route.refused),
                                Err(none) => (&[][..], &none.refused),
                            };
                            let considered = pinned.map_or(2, |_| 1);
                            assert_eq!(ranked.len() + refused.len(), considered);
                            for leg in ranked {
                                let found = both.iter().find(|c| c.name == leg.name).unwrap();
                                let taken = found.profile.purpose(&leg.purpose).unwrap();
                                assert!(found.granted && found.health != open && size > 0);
                                assert!(taken.max_bytes_for(media_type).unwrap() >= size);
                                assert!(taken.accepts_type(extension, media_type));
                                assert!(purpose.is_none_or(|p| p == leg.purpose));
                                assert!(pinned.is_none_or(|p| p == leg.name));
                            }
                            cases += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(cases, 8 * 3 * 4 * 4 * 3 * 2);
}
