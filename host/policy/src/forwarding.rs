//! Whose request it is that a proxy passes on.
//!
//! Headers are anybody's to write, so they count only from a proxy that the operator trusts, and only as far back as
//! trusted proxies wrote them: the list is read from its end, and the first address that is none of theirs is the
//! client's. What stands before it the client may have made up.

use std::net::IpAddr;

use ipnet::IpNet;

/// The proxies that are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
}

impl TrustedProxies {
    /// All addresses of these networks.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self { networks }
    }

    /// Whether an address is a trusted proxy's.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// The address of the client behind `peer`, by the values of `Forwarded` (RFC 7239) and `X-Forwarded-For`, each in
    /// the order in which they came.
    ///
    /// A proxy writes one of the two and may pass the other on as its client sent it. Nobody can tell which, so where
    /// they lead to different addresses neither counts, and the request is the proxy's own. The same holds for a value
    /// that is no address, such as `unknown`. A `Forwarded` that nowhere says `for` leads nowhere and differs from
    /// nothing. An identifier that hides an address (`_hidden`, RFC 7239 §6.3) is a client of its own behind its proxy.
    ///
    /// ```
    /// use loadlock_policy::forwarding::TrustedProxies;
    ///
    /// let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
    /// let proxy = "10.0.0.7".parse().unwrap();
    /// let client = proxies.client(proxy, &[], &["203.0.113.9, 198.51.100.4"]);
    /// assert_eq!(client.address.to_string(), "198.51.100.4");
    /// ```
    pub fn client(&self, peer: IpAddr, forwarded: &[&str], x_forwarded_for: &[&str]) -> ForwardedClient {
        let peer = peer.to_canonical();
        let own = ForwardedClient::from(peer);
        if !self.trusts(peer) {
            return own;
        }
        let (forwarded, list) = (nodes_of_forwarded(forwarded), nodes_of_list(x_forwarded_for));
        match (forwarded.as_slice(), list.as_slice()) {
            ([], []) => own,
            (nodes, []) | ([], nodes) => self.behind(peer, nodes),
            (forwarded, list) => {
                let client = self.behind(peer, forwarded);
                match self.behind(peer, list) == client {
                    true => client,
                    false => own,
                }
            }
        }
    }

    fn behind(&self, peer: IpAddr, nodes: &[Node]) -> ForwardedClient {
        let mut client = ForwardedClient::from(peer);
        for node in nodes.iter().rev() {
            match node {
                Node::Address(before) if self.trusts(client.address) => client.address = *before,
                Node::Alias(alias) if self.trusts(client.address) => {
                    client.alias = Some(alias.clone());
                    break;
                }
                _ => break,
            }
        }
        client
    }
}

/// Who sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardedClient {
    /// Its address, or the one of the proxy that hides it.
    pub address: IpAddr,
    /// What that proxy calls it.
    pub alias: Option<String>,
}

impl From<IpAddr> for ForwardedClient {
    fn from(address: IpAddr) -> Self {
        Self { address, alias: None }
    }
}

/// What a proxy says of whoever was before it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Address(IpAddr),
    Alias(String),
    /// Nothing that is understood.
    Unknown,
}

/// Longest identifier that stands for a client.
const ALIAS: usize = 64;

/// Elements of a list. Empty ones are none (RFC 9110 §5.6.1.2).
fn nodes_of_list(values: &[&str]) -> Vec<Node> {
    let nodes = values.iter().flat_map(|value| value.split(','));
    let nodes = nodes.filter(|element| !element.trim().is_empty());
    nodes
        .map(|text| node(text).map_or(Node::Unknown, Node::Address))
        .collect()
}

/// The `for` of each element; nothing at all where no element has one.
fn nodes_of_forwarded(values: &[&str]) -> Vec<Node> {
    let elements = values.iter().flat_map(|value| split(value, ','));
    let elements = elements.filter(|element| !element.trim().is_empty());
    let nodes: Vec<Option<Node>> = elements.map(for_of).collect();
    if nodes.iter().all(Option::is_none) {
        return Vec::new();
    }
    nodes.into_iter().map(|node| node.unwrap_or(Node::Unknown)).collect()
}

/// `None` if the element says other things only.
fn for_of(element: &str) -> Option<Node> {
    let mut found = None;
    for pair in split(element, ';') {
        let Some((name, value)) = pair.split_once('=') else {
            return Some(Node::Unknown);
        };
        if name.trim().eq_ignore_ascii_case("for") {
            if found.is_some() {
                return Some(Node::Unknown);
            }
            let value = unquoted(value.trim());
            let address = node(&value).map(Node::Address);
            found = Some(address.or_else(|| alias(&value)).unwrap_or(Node::Unknown));
        }
    }
    found
}

/// A value without its quotes and what is escaped in them (RFC 9110 §5.6.4).
fn unquoted(value: &str) -> String {
    let Some(bare) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut characters = bare.chars();
    let mut text = String::new();
    while let Some(character) = characters.next() {
        text.extend(if character == '\\' {
            characters.next()
        } else {
            Some(character)
        });
    }
    text
}

fn alias(text: &str) -> Option<Node> {
    let (name, port) = text
        .split_once(':')
        .map_or((text, None), |(name, port)| (name, Some(port)));
    let is_alias = is_made_up(name) && name.len() <= ALIAS && port.is_none_or(is_port);
    is_alias.then(|| Node::Alias(name.to_owned()))
}

/// Splits at `at` outside of quotes. After a quote that is never closed nothing can be told apart: it is all one
/// element, which is no address.
fn split(text: &str, at: char) -> Vec<&str> {
    let (mut quoted, mut escaped, mut from) = (false, false, 0);
    let mut parts = Vec::new();
    for (index, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if character == at && !quoted => {
                parts.push(text.get(from..index).unwrap_or_default());
                from = index + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(from..).unwrap_or_default());
    parts
}

/// An address, with or without a port: `192.0.2.1`, `192.0.2.1:8080`, `2001:db8::1`, `[2001:db8::1]:8080`.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let address = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
            is_port.then_some(address).filter(|address| address.contains(':'))?
        }
        None => match text.split_once(':') {
            Some((address, port)) if !port.contains(':') => is_port(port).then_some(address)?,
            _ => text,
        },
    };
    address.parse().ok().map(|address: IpAddr| address.to_canonical())
}

/// RFC 7239 §6.3 allows a made-up one as well.
fn is_port(text: &str) -> bool {
    is_made_up(text) || text.parse::<u16>().is_ok()
}

fn is_made_up(text: &str) -> bool {
    text.strip_prefix('_').is_some_and(|rest| {
        !rest.is_empty()
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn proxies() -> TrustedProxies {
        let networks = ["10.0.0.0/8", "2001:db8:1::/48"];
        TrustedProxies::new(networks.map(|network| network.parse().unwrap()).into())
    }

    fn client(peer: &str, forwarded: &[&str], list: &[&str]) -> String {
        let peer = peer.parse().unwrap();
        let client = proxies().client(peer, forwarded, list);
        match client.alias {
            Some(alias) => format!("{} {alias}", client.address),
            None => client.address.to_string(),
        }
    }

    #[test]
    fn headers_count_only_from_a_trusted_proxy() {
        let (forwarded, list) = (["for=198.51.100.4"], ["198.51.100.4"]);
        assert_eq!(client("203.0.113.9", &forwarded, &list), "203.0.113.9");
        assert_eq!(client("203.0.113.9", &[], &list), "203.0.113.9");
        assert_eq!(client("10.1.1.1", &forwarded, &[]), "198.51.100.4");
        assert_eq!(client("::ffff:10.1.1.1", &[], &list), "198.51.100.4");
        assert_eq!(client("2001:db8:1::7", &[], &list), "198.51.100.4");
        assert_eq!(client("10.1.1.1", &[], &[]), "10.1.1.1");
        let nobody = TrustedProxies::default();
        let peer = "127.0.0.1".parse().unwrap();
        assert_eq!(nobody.client(peer, &forwarded, &list), peer.into());
    }

    #[test]
    fn the_last_address_that_is_no_proxys_is_the_clients() {
        for (list, expected) in [
            (&["203.0.113.9, 198.51.100.4"][..], "198.51.100.4"),
            (&["203.0.113.9", "198.51.100.4"], "198.51.100.4"),
            (&["203.0.113.9, 198.51.100.4, 10.3.3.3"], "198.51.100.4"),
            (&["203.0.113.9,10.2.2.2", "10.3.3.3"], "203.0.113.9"),
            // All of them are proxies: the first one began.
            (&["10.2.2.2, 10.3.3.3"], "10.2.2.2"),
            (&["198.51.100.4:52001"], "198.51.100.4"),
            (&["[2001:db8::9]:443"], "2001:db8::9"),
            (&["2001:db8::9"], "2001:db8::9"),
            (&["::ffff:198.51.100.4"], "198.51.100.4"),
            // What is no address ends the list.
            (&["198.51.100.4, unknown"], "10.1.1.1"),
            // Nothing between two commas is no element.
            (&["203.0.113.9,198.51.100.4,"], "198.51.100.4"),
            (&["198.51.100.4, ,", ""], "198.51.100.4"),
            (&["_hidden"], "10.1.1.1"),
            (&["198.51.100.4, nonsense, 10.3.3.3"], "10.3.3.3"),
            (&["nonsense, 198.51.100.4"], "198.51.100.4"),
        ] {
            assert_eq!(client("10.1.1.1", &[], list), expected, "{list:?}");
        }
    }

    #[test]
    fn forwarded_is_read_as_its_standard_says() {
        for (value, expected) in [
            ("for=198.51.100.4", "198.51.100.4"),
            ("For=\"198.51.100.4:4711\"", "198.51.100.4"),
            ("for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=198.51.100.4;proto=http;by=203.0.113.43", "198.51.100.4"),
            ("proto=https; for=198.51.100.4", "198.51.100.4"),
            ("for=203.0.113.9, for=198.51.100.4", "198.51.100.4"),
            ("for=203.0.113.9, for=10.2.2.2", "203.0.113.9"),
            ("for=\"203.0.113.9, for=1.2.3.4\", for=198.51.100.4", "198.51.100.4"),
            ("for=\"[2001:db8::1]:_port\"", "2001:db8::1"),
            ("for=unknown", "10.1.1.1"),
            ("for=_hidden", "10.1.1.1 _hidden"),
            ("for=198.51.100.4, for=\"_a.b-1:_port\"", "10.1.1.1 _a.b-1"),
            ("for=_hidden, for=10.2.2.2", "10.2.2.2 _hidden"),
            ("for=_", "10.1.1.1"),
            ("for=\"\\198.51.100.4\"", "198.51.100.4"),
            ("for=198.51.100.4, ", "198.51.100.4"),
            ("for=198.51.100.4, proto=https", "10.1.1.1"),
            ("proto=https", "10.1.1.1"),
            ("198.51.100.4", "10.1.1.1"),
            ("for=198.51.100.4;for=203.0.113.9", "10.1.1.1"),
            // A quote that a client opened swallows what the proxy wrote after it.
            ("for=\"203.0.113.9, for=198.51.100.4", "10.1.1.1"),
        ] {
            assert_eq!(client("10.1.1.1", &[value], &[]), expected, "{value}");
        }
    }

    #[test]
    fn two_headers_that_differ_are_none() {
        let list = ["198.51.100.4"];
        assert_eq!(client("10.1.1.1", &["for=198.51.100.4"], &list), "198.51.100.4");
        assert_eq!(client("10.1.1.1", &["for=203.0.113.9"], &list), "10.1.1.1");
        assert_eq!(client("10.1.1.1", &["for=unknown"], &list), "10.1.1.1");
        assert_eq!(client("10.1.1.1", &["for=_a"], &list), "10.1.1.1");
        assert_eq!(client("10.1.1.1", &["nonsense"], &list), "10.1.1.1");
        // Nothing was said that could differ.
        assert_eq!(client("10.1.1.1", &["proto=https"], &list), "198.51.100.4");
    }

    proptest! {
        #[test]
        fn what_a_client_writes_before_it_changes_nothing(spoofed in "[ -~]{0,60}", quoted in any::<bool>()) {
            let spoofed = if quoted { spoofed } else { spoofed.replace('"', "") };
            let list = format!("{spoofed}, 198.51.100.4");
            prop_assert_eq!(client("10.1.1.1", &[], &[&list]), "198.51.100.4");
            let forwarded = format!("{spoofed}, for=198.51.100.4");
            let found = client("10.1.1.1", &[&forwarded], &[]);
            prop_assert!(found == "198.51.100.4" || (quoted && found == "10.1.1.1"), "{}", found);
        }
    }
}
