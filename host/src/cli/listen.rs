//! `--listen`: where to serve.

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use loadlock::{Error, ErrorCode};

/// An address with a port, a name with a port, or a port alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Listen {
    /// As it is.
    Address(SocketAddr),
    /// A name that this machine is known by.
    Name { host: String, port: u16 },
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let wrong = || "write ADDRESS:PORT, NAME:PORT or :PORT, such as 127.0.0.1:8420, [::1]:8420 or :8420".to_owned();
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        // A port alone is one of this machine: what other machines reach is said in full.
        if host.is_empty() {
            return Ok(Self::Address((Ipv4Addr::LOCALHOST, port).into()));
        }
        let named = |character: char| character.is_ascii_alphanumeric() || "-._".contains(character);
        if !host.chars().all(named) {
            return Err(wrong());
        }
        let host = host.to_owned();
        Ok(Self::Name { host, port })
    }
}

impl Listen {
    /// Of a name the first of its addresses, of version 4 if there is one: clients try both.
    ///
    /// # Errors
    /// [`ErrorCode::AddressUnavailable`] if the name has none.
    pub(crate) async fn address(&self) -> Result<SocketAddr, Error> {
        let (host, port) = match self {
            Self::Address(address) => return Ok(*address),
            Self::Name { host, port } => (host.as_str(), *port),
        };
        let unknown = |why: String| {
            Error::new(
                ErrorCode::AddressUnavailable,
                format!("{host} is not a name of this machine: {why}"),
            )
            .hint("listen on an address, such as 127.0.0.1:8420")
        };
        let found = tokio::net::lookup_host((host, port)).await;
        let mut found: Vec<SocketAddr> = found.map_err(|error| unknown(error.to_string()))?.collect();
        found.sort_by_key(SocketAddr::is_ipv6);
        found
            .first()
            .copied()
            .ok_or_else(|| unknown("it has no address".to_owned()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_a_name_and_a_port_alone_can_be_written() {
        for (text, address) in [
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:8420", "[::1]:8420"),
            (":8420", "127.0.0.1:8420"),
            ("localhost:8420", "127.0.0.1:8420"),
        ] {
            let listen: Listen = text.parse().unwrap();
            assert_eq!(listen.address().await.ok(), address.parse().ok(), "{text}");
        }
        for wrong in [
            "8420",
            "",
            ":",
            "localhost",
            "localhost:",
            ":99999",
            "::1:8420",
            "http://localhost:1",
        ] {
            assert!(wrong.parse::<Listen>().is_err(), "{wrong}");
        }
    }
}
