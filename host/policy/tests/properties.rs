//! Properties that hold for every input, not only for those someone thought of.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use loadlock_policy::address::classify;
use loadlock_policy::egress::{
    CanonicalPath, EgressGrant, EgressPolicy, Host, Method, Origin, PathPrefix, RequestFacts,
};
use loadlock_policy::model::{EgressNeed, Operation};
use loadlock_policy::paths::{PathGrant, PathRequest, Requester, resolve};
use proptest::prelude::*;

/// Paths made of the pieces that traversals are made of.
fn traversal() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z0-9._~%/;-]{0,6}",
        Just("..".to_owned()),
        Just("%2e".to_owned()),
        Just("%2E%2e".to_owned()),
        Just("%252e".to_owned()),
        Just("%25%32%65".to_owned()),
        Just("%2f".to_owned()),
        Just("%5c".to_owned()),
        Just("/".to_owned()),
        Just(";".to_owned()),
        Just("files".to_owned()),
        Just("f-1".to_owned()),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| format!("/{}", pieces.concat()))
}

/// What a server reads that decodes once; written apart from the code under test.
fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut i = 0;
    while i < bytes.len() {
        let pair = text
            .get(i + 1..i + 3)
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (bytes[i], pair) {
            (b'%', Some(byte)) => {
                out.push(byte);
                i += 3;
            }
            (byte, _) => {
                out.push(byte);
                i += 1;
            }
        }
    }
    out
}

fn has_dot_segment(path: &[u8]) -> bool {
    path.split(|b| matches!(b, b'/' | b'\\')).any(|segment| {
        let name = segment.split(|b| *b == b';').next().unwrap_or_default();
        name == b"." || name == b".."
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_accepted_path_decodes_to_dot_segments(path in traversal()) {
        if let Ok(canonical) = CanonicalPath::parse(&path) {
            let once = decode(canonical.as_str());
            prop_assert!(!has_dot_segment(&once), "{path}");
            let twice = decode(&String::from_utf8_lossy(&once));
            prop_assert!(!has_dot_segment(&twice), "{path}");
            // Decoding moves no separator.
            let slashes = |bytes: &[u8]| bytes.iter().filter(|b| **b == b'/').count();
            prop_assert_eq!(slashes(canonical.as_str().as_bytes()), slashes(&once));
            prop_assert!(!once.iter().any(u8::is_ascii_control));
        }
    }

    #[test]
    fn canonicalising_twice_changes_nothing_and_keeps_the_meaning(path in traversal()) {
        if let Ok(canonical) = CanonicalPath::parse(&path) {
            prop_assert_eq!(&CanonicalPath::parse(canonical.as_str()), &Ok(canonical.clone()));
            prop_assert_eq!(decode(canonical.as_str()), decode(&path));
        }
    }

    #[test]
    fn arbitrary_text_never_breaks_the_parsers(text in any::<String>()) {
        let _ = CanonicalPath::parse(&text);
        let _ = PathPrefix::parse(&text);
        if let Ok(origin) = Origin::parse(&text) {
            prop_assert_eq!(&Origin::parse(&origin.to_string()), &Ok(origin.clone()));
        }
        if let Ok(host) = Host::parse(&text) {
            prop_assert_eq!(&Host::parse(&host.to_string()), &Ok(host.clone()));
        }
    }

    #[test]
    fn what_leaves_is_beneath_the_grant_and_about_the_asked_file(
        path in traversal(),
        operation in prop::sample::select(Operation::ALL.to_vec()),
        method in prop::sample::select(Method::ALL.to_vec()),
        id in prop::sample::select(vec!["f-1", "files", "..", "a/b", "%2e"]),
    ) {
        let needs = [EgressNeed {
            origin: "https://a.example".into(),
            path_prefix: "/files".into(),
            methods: Method::ALL.iter().map(ToString::to_string).collect(),
            operations: Operation::ALL.to_vec(),
        }];
        let grant = EgressGrant::parse("https://a.example", "/", Method::ALL, false);
        let policy = EgressPolicy::new("p", &needs, true, grant.into_iter().collect());
        let policy = policy.map_err(|e| TestCaseError::fail(e.to_string()))?;
        let request = RequestFacts {
            scheme: "https",
            authority: "a.example",
            path_and_query: &path,
            method: method.as_str(),
            operation,
            remote_id: Some(id),
        };
        if let Ok(allowed) = policy.decide(&request) {
            let sent = allowed.path_and_query.clone();
            prop_assert!(sent == "/files" || sent.starts_with("/files/"));
            prop_assert_eq!(allowed.uri, format!("https://a.example{sent}"));
            let at_prefix = sent.trim_end_matches('/') == "/files";
            let named = decode(&sent).starts_with(format!("/files/{id}").as_bytes());
            match operation {
                Operation::Upload => {
                    let sends = match method {
                        Method::Post | Method::Put | Method::Patch => true,
                        Method::Options => at_prefix,
                        Method::Get | Method::Head | Method::Delete => false,
                    };
                    prop_assert!(sends);
                }
                Operation::Listing | Operation::Probe => prop_assert!(at_prefix && method.is_read()),
                Operation::Locate => {
                    prop_assert!(method.is_read() && (at_prefix || decode(&sent).windows(id.len()).any(|at| at == id.as_bytes())));
                }
                Operation::Stat => prop_assert!(method.is_read() && (at_prefix || named)),
                Operation::Content => prop_assert!(method.is_read() && named),
                Operation::Delete => prop_assert!(named),
                // The prefix, asserted above, and its methods are all that a tracker is held to.
                Operation::Track => {}
            }
        }
    }

    #[test]
    fn a_mapped_address_is_what_it_is_as_ipv4(bits in any::<u32>()) {
        let v4 = Ipv4Addr::from(bits);
        prop_assert_eq!(classify(IpAddr::V6(v4.to_ipv6_mapped())), classify(IpAddr::V4(v4)));
        let nat64: u128 = (0x0064_ff9b_u128 << 96) | u128::from(bits);
        prop_assert_eq!(classify(IpAddr::V6(Ipv6Addr::from(nat64))), classify(IpAddr::V4(v4)));
    }

    #[test]
    fn a_resolved_path_stays_beneath_its_root(
        pieces in prop::collection::vec(prop::sample::select(vec!["..", ".", "a", "root", "/", "//", "root2"]), 0..8),
    ) {
        let path = format!("/{}", pieces.join("/"));
        let grants = [PathGrant::new("/root")];
        let request = PathRequest {
            path: path.as_ref(),
            current_dir: None,
            requester: Requester::LocalCli,
        };
        if let Ok(found) = resolve(request, &grants) {
            prop_assert!(!pieces.contains(&".."));
            for resolved in found {
                let normal = |c| matches!(c, std::path::Component::Normal(_));
                prop_assert!(resolved.relative.components().all(normal));
                prop_assert!(resolved.relative.components().next().is_some());
            }
        }
    }
}
