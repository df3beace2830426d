//! The part of a URL that a rule can be about.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::egress::Scheme;
use crate::error::{Code, Defect};

/// A parsed URL pattern.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) scheme: Scheme,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) path: String,
}

/// Refuses everything that two programs could read in two ways.
pub(crate) fn parse_url(text: &str) -> Result<Url, Defect> {
    // Never quotes the value: it may hold a password.
    let refuse = |what: &str, hint: &str| Defect::new(Code::BadValue, what, hint);
    let shape = "Write `https://host/path`.";
    let (scheme, rest) = if let Some(rest) = text.strip_prefix("https://") {
        (Scheme::Https, rest)
    } else if let Some(rest) = text.strip_prefix("http://") {
        (Scheme::Http, rest)
    } else {
        return Err(refuse("must start with `https://` or `http://`", shape));
    };
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    if rest.contains(['?', '#']) {
        return Err(refuse(
            "has a query or a fragment",
            "Remove it: a rule is about the path.",
        ));
    }
    if authority.contains('@') {
        let hint = "Remove it and use `credential`.";
        return Err(Defect::new(Code::LiteralSecret, "has a user or password", hint));
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(v6) => {
            let (address, port) = v6.split_once(']').ok_or_else(|| refuse("has no host", shape))?;
            let address: Ipv6Addr = address
                .parse()
                .map_err(|_| refuse("has a malformed IPv6 address", shape))?;
            let port = match port {
                "" => None,
                port => Some(
                    port.strip_prefix(':')
                        .ok_or_else(|| refuse("has a malformed port", shape))?,
                ),
            };
            (address.to_string(), port)
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host_name(host)?, Some(port)),
            None => (host_name(authority)?, None),
        },
    };
    let port = match port {
        None => scheme.default_port(),
        Some(port) => port
            .parse()
            .ok()
            .filter(|number| *number != 0 && port.bytes().all(|byte| byte.is_ascii_digit()))
            .ok_or_else(|| refuse("has a malformed port", "Write a port from 1 to 65535."))?,
    };
    Ok(Url {
        scheme,
        host,
        port,
        path: path_prefix(path)?,
    })
}

fn host_name(host: &str) -> Result<String, Defect> {
    let refuse = |what: &str, hint: &str| Err(Defect::new(Code::BadValue, what, hint));
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if host.contains('*') {
        return refuse("has a pattern as host", "Write one rule for each host.");
    }
    if !host.is_ascii() {
        return refuse("has a host that is not ASCII", "Write it in its `xn--` form.");
    }
    let numeric = host.rsplit('.').next().is_some_and(|last| {
        last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") || last.starts_with("0X")
    });
    if numeric && host.parse::<Ipv4Addr>().is_err() {
        // `127.1`, `2130706433` and `0x7f.1` mean an address to some programs and a name to others.
        return refuse("has an odd IPv4 address", "Write four decimal numbers.");
    }
    if host.len() > 253 || !host.split('.').all(label) {
        return refuse("has a malformed host", "Write a name such as `api.example.com`.");
    }
    Ok(host.to_ascii_lowercase())
}

fn path_prefix(path: &str) -> Result<String, Defect> {
    let refuse = |what: &str| {
        Err(Defect::new(
            Code::BadValue,
            what,
            "Write a plain path such as `/v1/files`.",
        ))
    };
    let trimmed = path.strip_suffix('/').unwrap_or(path);
    if trimmed.is_empty() {
        return Ok("/".to_owned());
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte);
    if !trimmed.bytes().all(plain) {
        return refuse("has a path with characters that can be read in two ways");
    }
    if trimmed.split('/').skip(1).any(|part| matches!(part, "" | "." | "..")) {
        return refuse("has a path with empty or dot segments");
    }
    Ok(trimmed.to_owned())
}

/// Addresses that lead to this machine or its network.
pub(crate) fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified(),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => is_private(IpAddr::V4(ip)),
            None => ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local(),
        },
    }
}
