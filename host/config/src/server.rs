//! `[server]`: how the network front doors are reached.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use loadlock_policy::web_origins::WebOrigin;

use crate::error::{Code, Defect};
use crate::read::{ConfigReader, ListItem};

/// Before a proxy that speaks the PROXY protocol.
const PROXY_PROTOCOL: &str = "proxy-protocol:";

/// `[server]`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerSection {
    /// Without it plain HTTP is spoken.
    pub tls: Option<TlsPaths>,
    /// Proxies whose `Forwarded` and `X-Forwarded-For` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Proxies whose connections begin with a header of the PROXY protocol.
    pub proxy_protocol: Vec<IpNet>,
    /// Pages of these origins may ask from a browser.
    pub origins: Vec<WebOrigin>,
    /// How long it serves on, not ready any more, after it was told to end.
    pub drain: Duration,
}

/// `server.tls`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsPaths {
    /// PEM: the certificate, then the ones that lead to its authority.
    pub certificate: PathBuf,
    /// PEM: the private key.
    pub key: PathBuf,
}

impl ServerSection {
    pub(crate) fn read(reader: &mut ConfigReader<'_>) -> Self {
        let tls = tls(reader);
        let (proxy_protocol, trusted_proxies) = trusted_proxies(reader).into_iter().partition::<Vec<_>, _>(|one| one.0);
        let networks = |proxies: Vec<(bool, IpNet)>| proxies.into_iter().map(|(_, network)| network).collect();
        Self {
            tls,
            trusted_proxies: networks(trusted_proxies),
            proxy_protocol: networks(proxy_protocol),
            origins: origins(reader),
            drain: reader.get("server.drain"),
        }
    }
}

/// Whether each speaks the PROXY protocol, and where it is.
fn trusted_proxies(reader: &mut ConfigReader<'_>) -> Vec<(bool, IpNet)> {
    const KEY: &str = "server.trusted_proxies";
    let items = reader.optional::<Vec<ListItem>>(KEY);
    let items = items.map(|(items, _)| items).unwrap_or_default();
    reader.unique(&items, KEY);
    let mut proxies = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let text = item.text.strip_prefix(PROXY_PROTOCOL);
        match network(text.unwrap_or(&item.text)) {
            Ok(network) => proxies.push((text.is_some(), network)),
            Err(defect) => reader.fail(format!("{KEY}[{index}]"), &item.origin, defect),
        }
    }
    proxies
}

fn origins(reader: &mut ConfigReader<'_>) -> Vec<WebOrigin> {
    const KEY: &str = "server.origins";
    let items = reader.optional::<Vec<ListItem>>(KEY);
    let items = items.map(|(items, _)| items).unwrap_or_default();
    reader.unique(&items, KEY);
    let mut origins = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match WebOrigin::parse(&item.text) {
            Ok(origin) if origin.is_plain() => reader.fail(
                format!("{KEY}[{index}]"),
                &item.origin,
                Defect::new(
                    Code::Insecure,
                    "is a page that anybody on its way can alter, and its token with it",
                    "Serve the page over HTTPS, or from `localhost` while it is developed.",
                ),
            ),
            Ok(origin) => origins.push(origin),
            Err(error) => reader.fail(
                format!("{KEY}[{index}]"),
                &item.origin,
                Defect::new(
                    Code::BadValue,
                    format!("is not an origin: {error}"),
                    "Write `https://app.example`, or `https://*.app.example` for every name below it.",
                ),
            ),
        }
    }
    origins
}

fn network(text: &str) -> Result<IpNet, Defect> {
    let refuse = |what: &str, hint: &str| Err(Defect::new(Code::BadValue, what, hint));
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.to_canonical().into());
    }
    let Ok(network) = text.parse::<IpNet>() else {
        return refuse(
            "is neither an address nor a network",
            "Write `10.0.0.7` or `10.0.0.0/8`, with `proxy-protocol:` before it if the proxy speaks that.",
        );
    };
    if network.trunc() != network {
        return refuse(
            "has address bits beyond its prefix",
            "Write the network's first address, or the address without a prefix.",
        );
    }
    if network.prefix_len() == 0 {
        return refuse("trusts every address", "Name the proxies' own addresses or networks.");
    }
    Ok(network)
}

fn tls(reader: &mut ConfigReader<'_>) -> Option<TlsPaths> {
    let Some(records) = reader.records("server.tls") else {
        reader.explain_default("server.tls");
        return None;
    };
    if let [_, second, ..] = records.as_slice() {
        let defect = Defect::new(
            Code::Conflict,
            "is a second certificate",
            "One server has one: put all its names into it.",
        );
        reader.fail(second.key.clone(), &second.origin, defect);
    }
    let record = records.first()?;
    let certificate = record.text(reader, "certificate")?;
    let key = record.text(reader, "key")?;
    let place = record.key_of("certificate");
    let certificate = reader.existing_file(&place, &certificate.text, &certificate.origin);
    let key = reader.existing_file(&record.key_of("key"), &key.text, &key.origin);
    reader.explain(&record.key, "a certificate and its key", &record.origin);
    Some(TlsPaths {
        certificate: certificate?,
        key: key?,
    })
}
