#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use crate::egress::ScopeFault;

fn need(origin: &str, prefix: &str, methods: &[&str], operations: &[Operation]) -> EgressNeed {
    EgressNeed {
        origin: origin.into(),
        path_prefix: prefix.into(),
        methods: methods.iter().map(|m| (*m).into()).collect(),
        operations: operations.to_vec(),
    }
}

fn kimi(origin: &str) -> EgressPolicy {
    let needs = [need(origin, "/v1/files", &["GET", "POST", "DELETE"], &Operation::ALL)];
    let grant = EgressGrant::parse(origin, "/v1/files", Method::ALL, false).unwrap();
    EgressPolicy::new("kimi", &needs, true, vec![grant]).unwrap()
}

const UPLOAD: RequestFacts<'static> = RequestFacts {
    scheme: "https",
    authority: "api.moonshot.ai",
    path_and_query: "/v1/files",
    method: "POST",
    operation: Operation::Upload,
    remote_id: None,
};

#[test]
fn what_leaves_is_rebuilt_from_the_grant() {
    let policy = kimi("https://api.moonshot.ai");
    let request = RequestFacts {
        scheme: "HTTPS",
        authority: "API.MOONSHOT.ai:443",
        path_and_query: "/v1/%66iles?a=%2f",
        ..UPLOAD
    };
    let allowed = policy.decide(&request).unwrap();
    assert_eq!(allowed.uri, "https://api.moonshot.ai/v1/files?a=%2F");
    assert_eq!(allowed.host_header, "api.moonshot.ai");
    assert_eq!(allowed.path_and_query, "/v1/files?a=%2F");
    assert!(allowed.credential && !allowed.private);
}

#[test]
fn a_credential_needs_tls_or_this_machine() {
    for (origin, credential) in [
        ("http://api.moonshot.ai", false),
        ("http://127.0.0.1:9000", true),
        ("https://api.moonshot.ai", true),
    ] {
        let (scheme, authority) = origin.split_once("://").unwrap();
        let request = RequestFacts {
            scheme,
            authority,
            ..UPLOAD
        };
        assert_eq!(
            kimi(origin).decide(&request).unwrap().credential,
            credential,
            "{origin}"
        );
    }
}

#[test]
fn a_denial_names_the_line_that_would_allow_it() {
    let needs = [need("https://a.example", "/v1/files", &["POST"], &[Operation::Upload])];
    let policy = EgressPolicy::new("kimi", &needs, true, vec![]).unwrap();
    let request = RequestFacts {
        authority: "a.example",
        ..UPLOAD
    };
    let denied = policy.decide(&request).unwrap_err();
    assert_eq!(denied.reason, DeniedReason::NotGranted);
    assert_eq!(
        denied.to_string(),
        "egress of provider `kimi` in `upload` denied: it is not granted; to allow it, add to [providers.kimi]: \
         egress = [{ url = \"https://a.example/v1/files\", methods = [\"POST\"] }]"
    );
    let line = denied.missing.unwrap();
    let policy = EgressPolicy::new("kimi", &needs, true, vec![line]).unwrap();
    assert!(policy.decide(&request).is_ok(), "the line must really allow it");
}

#[test]
fn what_the_component_did_not_ask_for_no_grant_allows() {
    let needs = [need("https://a.example", "/v1/files", &["POST"], &[Operation::Upload])];
    let all = EgressGrant::parse("https://a.example", "/", Method::ALL, true).unwrap();
    let policy = EgressPolicy::new("kimi", &needs, true, vec![all]).unwrap();
    for request in [
        RequestFacts {
            path_and_query: "/v1/keys",
            ..UPLOAD
        },
        RequestFacts {
            path_and_query: "/v1/files-of-others",
            ..UPLOAD
        },
        RequestFacts {
            method: "PUT",
            ..UPLOAD
        },
        RequestFacts {
            operation: Operation::Probe,
            ..UPLOAD
        },
        RequestFacts {
            scheme: "http",
            ..UPLOAD
        },
        RequestFacts {
            authority: "b.example",
            ..UPLOAD
        },
        RequestFacts {
            authority: "a.example:8443",
            ..UPLOAD
        },
    ] {
        let authority = if request.authority == UPLOAD.authority {
            "a.example"
        } else {
            request.authority
        };
        let denied = policy.decide(&RequestFacts { authority, ..request }).unwrap_err();
        assert_eq!(denied.reason, DeniedReason::NotAskedFor, "{request:?}");
        assert_eq!(denied.config_line(), None);
    }
}

#[test]
fn each_call_reaches_only_what_it_is_about() {
    let policy = kimi("https://api.moonshot.ai");
    let get = RequestFacts {
        method: "GET",
        path_and_query: "/v1/files/other",
        ..UPLOAD
    };
    let reason = policy.decide(&get).unwrap_err().reason;
    assert_eq!(reason, DeniedReason::Scope(ScopeFault::UploadReads));

    let content = RequestFacts {
        operation: Operation::Content,
        path_and_query: "/v1/files/f-1/content",
        remote_id: Some("f-1"),
        ..get
    };
    assert!(policy.decide(&content).is_ok());
    let other = RequestFacts {
        remote_id: Some("f-2"),
        ..content
    };
    let reason = policy.decide(&other).unwrap_err().reason;
    assert_eq!(reason, DeniedReason::Scope(ScopeFault::OtherId));
}

#[test]
fn a_shorter_need_beside_a_longer_one_widens_nothing() {
    // With `/v1` as the prefix and `files` as the id, `/v1/files/other` would look like a file and its tail.
    let needs = [
        need("https://api.moonshot.ai", "/v1", &["GET"], &[Operation::Content]),
        need("https://api.moonshot.ai", "/v1/files", &["GET"], &[Operation::Content]),
    ];
    let grant = EgressGrant::parse("https://api.moonshot.ai", "/v1", [Method::Get], false);
    let policy = EgressPolicy::new("kimi", &needs, true, vec![grant.unwrap()]).unwrap();
    let request = RequestFacts {
        method: "GET",
        operation: Operation::Content,
        path_and_query: "/v1/files/other",
        remote_id: Some("files"),
        ..UPLOAD
    };
    let reason = policy.decide(&request).unwrap_err().reason;
    assert_eq!(reason, DeniedReason::Scope(ScopeFault::OtherId));
}

#[test]
fn needs_without_a_grant_are_listed() {
    let needs = [
        need("https://a.example", "/v1/files", &["GET", "POST"], &[Operation::Upload]),
        need("https://b.example", "/", &["GET"], &[Operation::Probe]),
        need("http://10.0.0.1:9000", "/v1", &["GET"], &[Operation::Probe]),
        need("http://127.0.0.1:9000", "/v1", &["GET"], &[Operation::Probe]),
    ];
    let grant = EgressGrant::parse("https://a.example", "/v1", [Method::Post], false).unwrap();
    let policy = EgressPolicy::new("kimi", &needs, true, vec![grant]).unwrap();
    let unmet: Vec<_> = policy.unmet().iter().map(ToString::to_string).collect();
    assert_eq!(
        unmet,
        [
            r#"{ url = "https://a.example/v1/files", methods = ["GET"] }"#,
            r#"{ url = "https://b.example/", methods = ["GET"] }"#,
            r#"{ url = "http://10.0.0.1:9000/v1", methods = ["GET"], private = true }"#,
            r#"{ url = "http://127.0.0.1:9000/v1", methods = ["GET"], private = true }"#,
        ]
    );
}

#[test]
fn a_tracker_does_what_its_grants_say_and_nothing_else() {
    let needs = [need("https://b.example", "/rpc", &["POST"], &[Operation::Track])];
    let grant = EgressGrant::parse("https://b.example", "/rpc", [Method::Post], false).unwrap();
    let policy = EgressPolicy::new("tracker", &needs, false, vec![grant]).unwrap();
    let request = RequestFacts {
        authority: "b.example",
        path_and_query: "/rpc/record_many",
        operation: Operation::Track,
        ..UPLOAD
    };
    assert!(policy.decide(&request).is_ok());
    for (path_and_query, method) in [("/rpc/find", "GET"), ("/files", "POST"), ("/rpc/../files", "POST")] {
        let other = RequestFacts {
            path_and_query,
            method,
            ..request
        };
        assert!(policy.decide(&other).is_err(), "{method} {path_and_query}");
    }
    // A provider's calls gain nothing from it.
    let probe = RequestFacts {
        operation: Operation::Probe,
        ..request
    };
    assert!(policy.decide(&probe).is_err());
}

/// The id of one vendor begins with the folder that its list is at.
#[test]
fn an_id_continues_the_prefix_that_was_asked_for() {
    let origin = "https://api.moonshot.ai";
    let needs = [
        need(origin, "/v1/files", &["GET"], &[Operation::Listing]),
        need(origin, "/v1", &["GET"], &[Operation::Stat]),
    ];
    let grants = ["/v1/files", "/v1"].map(|path| EgressGrant::parse(origin, path, [Method::Get], false).unwrap());
    let policy = EgressPolicy::new("gemini", &needs, true, grants.to_vec()).unwrap();
    let ask = |operation, path, id| {
        let request = RequestFacts {
            path_and_query: path,
            method: "GET",
            operation,
            remote_id: id,
            ..UPLOAD
        };
        policy.decide(&request).is_ok()
    };
    assert!(ask(Operation::Stat, "/v1/files/abc", Some("files/abc")));
    assert!(!ask(Operation::Stat, "/v1/files/abd", Some("files/abc")));
    assert!(!ask(Operation::Stat, "/v1/other/abc", Some("files/abc")));
    assert!(ask(Operation::Listing, "/v1/files", None) && !ask(Operation::Listing, "/v1", None));
}
