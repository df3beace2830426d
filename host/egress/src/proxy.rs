//! Proxies from the environment: refused, never ignored.
//!
//! Loadlock judges the address that it connects to. Through a proxy the proxy would resolve and connect, so the check
//! would check nothing; and a proxy that the operator set for a reason must not be bypassed in silence. So a transport
//! for a host that a proxy variable applies to is not built, unless the operator says `proxy = "ignore"`.

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use loadlock_policy::egress::{Origin, Scheme};

use crate::BuildError;

/// What to do about proxy variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Proxy {
    /// A variable that applies to a granted host is an error.
    #[default]
    Refuse,
    /// The operator knows, and wants direct connections.
    Ignore,
}

/// Checks that no proxy variable applies to any origin.
///
/// `HTTPS_PROXY` applies to https, `HTTP_PROXY` to http, `ALL_PROXY` to both, each also in lower case; an empty value
/// is an unset one. `NO_PROXY` follows curl: names with their subdomains, addresses, networks, `*`. Loopback hosts
/// never go through a proxy, as in Go's HTTP client.
///
/// # Errors
///
/// [`BuildError::ProxyNotSupported`] with the variable and the origin.
pub fn check(provider: &str, origins: &[Origin], env: &dyn Fn(&str) -> Option<String>) -> Result<(), BuildError> {
    let set = |name: &str| env(name).is_some_and(|value| !value.trim().is_empty());
    let no_proxy = ["NO_PROXY", "no_proxy"]
        .iter()
        .find_map(|name| env(name).filter(|value| !value.trim().is_empty()))
        .unwrap_or_default();
    for origin in origins {
        if origin.host.is_loopback() {
            continue;
        }
        let names: [&str; 4] = match origin.scheme {
            Scheme::Https => ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
            Scheme::Http => ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"],
        };
        let Some(variable) = names.into_iter().find(|name| set(name)) else {
            continue;
        };
        if !excepted(origin, &no_proxy) {
            return Err(BuildError::ProxyNotSupported {
                provider: provider.to_owned(),
                variable: variable.to_owned(),
                origin: origin.to_string(),
                host: origin.host.to_string(),
            });
        }
    }
    Ok(())
}

/// Whether `NO_PROXY` names the origin's host. The proxy given to the matcher stands for any: a value that it could not
/// parse must not count as "no proxy".
fn excepted(origin: &Origin, no_proxy: &str) -> bool {
    let matcher = Matcher::builder()
        .all("http://proxy.invalid:1")
        .no(no_proxy.to_owned())
        .build();
    origin
        .to_string()
        .parse::<Uri>()
        .is_ok_and(|uri| matcher.intercept(&uri).is_none())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn refused(origin: &str, env: &[(&str, &str)]) -> Option<String> {
        let lookup = |name: &str| {
            env.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        match check("kimi", &[Origin::parse(origin).unwrap()], &lookup) {
            Ok(()) => None,
            Err(BuildError::ProxyNotSupported { variable, .. }) => Some(variable),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_proxy_variable_that_applies_is_refused_by_name() {
        let https = "https://api.moonshot.ai";
        for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            assert_eq!(
                refused(https, &[(variable, "http://proxy:3128")]).as_deref(),
                Some(variable)
            );
        }
        // A value that no parser understands is still a wish for a proxy.
        assert!(refused(https, &[("ALL_PROXY", "socks9://[oops")]).is_some());
        assert_eq!(refused(https, &[("HTTP_PROXY", "http://proxy:3128")]), None);
        assert!(refused("http://10.1.2.3", &[("http_proxy", "http://proxy:3128")]).is_some());
        assert_eq!(refused(https, &[("HTTPS_PROXY", "")]), None);
        assert_eq!(refused(https, &[]), None);
    }

    #[test]
    fn no_proxy_and_loopback_are_respected() {
        let proxy = ("ALL_PROXY", "http://proxy:3128");
        for (origin, no_proxy) in [
            ("https://api.moonshot.ai", "moonshot.ai"),
            ("https://api.moonshot.ai", "x.org, .moonshot.ai"),
            ("https://api.moonshot.ai", "*"),
            ("http://10.1.2.3:8080", "10.0.0.0/8"),
        ] {
            assert_eq!(refused(origin, &[proxy, ("no_proxy", no_proxy)]), None, "{no_proxy}");
        }
        assert!(refused("https://notmoonshot.ai", &[proxy, ("NO_PROXY", "moonshot.ai")]).is_some());
        for origin in ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:80"] {
            assert_eq!(refused(origin, &[proxy]), None, "{origin}");
        }
    }
}
