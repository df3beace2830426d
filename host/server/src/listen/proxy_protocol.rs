//! The header that a proxy puts before a connection that it passes on: the PROXY protocol, versions 1 and 2, as HAProxy
//! describes it. Only connections from proxies that are configured to speak it are read here, and those must begin with
//! it: guessing would let a client write one of its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt};

/// What version 2 begins with; no request and no TLS handshake does.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of version 1's line, its end included.
const LINE: usize = 107;
/// Bytes of version 2's addresses and what follows them: 36 are needed, the rest is what proxies add and nobody reads
/// here.
const REST: usize = 4 << 10;

/// Why a connection has no such header.
#[derive(Debug, thiserror::Error)]
pub(super) enum Malformed {
    /// It ended, or broke.
    #[error("the connection ended before its header: {0}")]
    Ended(#[from] std::io::Error),
    /// It begins with something else.
    #[error("the connection does not begin with a header of the PROXY protocol")]
    Missing,
    /// It begins like one.
    #[error("the header of the PROXY protocol cannot be read: {0}")]
    Unreadable(&'static str),
}

/// Reads the header and nothing after it; answers where the connection began, or `None` where the proxy speaks for
/// itself or does not know.
///
/// # Errors
/// See [`Malformed`].
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<SocketAddr>, Malformed> {
    let mut start = [0; 12];
    stream.read_exact(&mut start).await?;
    if start == *SIGNATURE {
        let mut head = [0; 4];
        stream.read_exact(&mut head).await?;
        let [command, family, high, low] = head;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length > REST {
            return Err(Malformed::Unreadable("it is too long"));
        }
        let mut rest = vec![0; length];
        stream.read_exact(&mut rest).await?;
        return version_2(command, family, &rest);
    }
    if !start.starts_with(b"PROXY ") {
        return Err(Malformed::Missing);
    }
    let mut line = start.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() == LINE {
            return Err(Malformed::Unreadable("its line is too long"));
        }
        // What follows belongs to somebody else, so no byte too many is read.
        line.push(stream.read_u8().await?);
    }
    version_1(&line)
}

fn version_2(command: u8, family: u8, rest: &[u8]) -> Result<Option<SocketAddr>, Malformed> {
    match command {
        // LOCAL: the proxy itself, such as when it looks whether this server lives.
        0x20 => return Ok(None),
        0x21 => {}
        _ => return Err(Malformed::Unreadable("its version or command is not known")),
    }
    let short = Malformed::Unreadable("its addresses are cut off");
    match family {
        // TCP over IPv4: two addresses, two ports.
        0x11 => match *rest {
            [a, b, c, d, _, _, _, _, high, low, _, _, ..] => {
                let port = u16::from_be_bytes([high, low]);
                Ok(Some((IpAddr::V4(Ipv4Addr::new(a, b, c, d)), port).into()))
            }
            _ => Err(short),
        },
        0x21 => {
            let source: Option<[u8; 16]> = rest.get(..16).and_then(|bytes| bytes.try_into().ok());
            match (source, rest.get(32..36)) {
                (Some(source), Some(&[high, low, _, _])) => {
                    let address = IpAddr::V6(Ipv6Addr::from(source)).to_canonical();
                    Ok(Some((address, u16::from_be_bytes([high, low])).into()))
                }
                _ => Err(short),
            }
        }
        // Not known, or not of a network.
        _ => Ok(None),
    }
}

fn version_1(line: &[u8]) -> Result<Option<SocketAddr>, Malformed> {
    let line = line
        .strip_suffix(b"\r\n")
        .and_then(|line| std::str::from_utf8(line).ok());
    let line = line.ok_or(Malformed::Unreadable("it is not ASCII"))?;
    let words: Vec<&str> = line.split(' ').collect();
    match *words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => Ok(None),
        ["PROXY", family @ ("TCP4" | "TCP6"), source, destination, from, to] => {
            let address = |text: &str| {
                text.parse::<IpAddr>()
                    .ok()
                    .filter(|it| it.is_ipv6() == (family == "TCP6"))
            };
            let port = |text: &str| text.parse::<u16>().ok();
            match (address(source), address(destination), port(from), port(to)) {
                (Some(source), Some(_), Some(from), Some(_)) => Ok(Some((source.to_canonical(), from).into())),
                _ => Err(Malformed::Unreadable("its addresses do not fit its family")),
            }
        }
        _ => Err(Malformed::Unreadable("its line has unexpected fields")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a header says, and what is left after it.
    fn read_all(bytes: &[u8]) -> (Result<Option<String>, String>, Vec<u8>) {
        let mut rest = bytes;
        let read = futures::executor::block_on(read(&mut rest));
        let read = read.map(|address| address.map(|address| address.to_string()));
        (read.map_err(|error| error.to_string()), rest.to_vec())
    }

    fn version_2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family][..], &length, addresses, b"GET /"].concat()
    }

    #[test]
    fn both_versions_name_the_client_and_leave_the_request() {
        let four = [198, 51, 100, 4, 10, 0, 0, 1, 0x12, 0x67, 1, 187];
        let six = [
            &[0x20, 1, 0x0d, 0xb8][..],
            &[0; 11],
            &[9],
            &[0; 16],
            &[0x12, 0x67, 1, 187],
        ]
        .concat();
        let more = [&four[..], b"\x04\0\x01x"].concat();
        for (bytes, expected) in [
            (
                b"PROXY TCP4 198.51.100.4 10.0.0.1 4711 443\r\nGET /".to_vec(),
                Some("198.51.100.4:4711"),
            ),
            (
                b"PROXY TCP6 2001:db8::9 ::1 4711 443\r\nGET /".to_vec(),
                Some("[2001:db8::9]:4711"),
            ),
            (b"PROXY UNKNOWN\r\nGET /".to_vec(), None),
            (version_2(0x21, 0x11, &four), Some("198.51.100.4:4711")),
            (version_2(0x21, 0x11, &more), Some("198.51.100.4:4711")),
            (version_2(0x21, 0x21, &six), Some("[2001:db8::9]:4711")),
            (version_2(0x20, 0x00, &[]), None),
            (version_2(0x21, 0x31, &[0; 216]), None),
        ] {
            let (read, rest) = read_all(&bytes);
            assert_eq!(read.unwrap().as_deref(), expected);
            assert_eq!(rest, b"GET /");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for bytes in [
            &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00",
            b"PROXY",
            b"PROXY TCP4 198.51.100.4 10.0.0.1 4711 443",
            b"PROXY TCP4 2001:db8::9 ::1 4711 443\r\n",
            b"PROXY TCP4 198.51.100.4 10.0.0.1 99999 443\r\n",
            b"PROXY TCP4 198.51.100.4 10.0.0.1 4711\r\n",
            b"PROXY  TCP4 198.51.100.4 10.0.0.1 4711 443\r\n",
            b"PROXY UDP4 198.51.100.4 10.0.0.1 4711 443\r\n",
            &[b"PROXY UNKNOWN ", &[b'x'; 200][..], b"\r\n"].concat(),
            &version_2(0x11, 0x11, &[0; 12]),
            &version_2(0x22, 0x11, &[0; 12]),
            &version_2(0x21, 0x11, &[0; 11]),
            &version_2(0x21, 0x21, &[0; 35]),
            &version_2(0x21, 0x11, &[0; 5_000]),
            SIGNATURE,
        ] {
            let (read, _) = read_all(bytes);
            assert!(read.is_err(), "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_header_or_none(
            prefix in prop_oneof![Just(SIGNATURE.to_vec()), Just(b"PROXY TCP4 ".to_vec()), Just(Vec::new())],
            bytes in prop::collection::vec(any::<u8>(), 0..128),
        ) {
            let all = [prefix, bytes].concat();
            let (_, rest) = read_all(&all);
            prop_assert!(all.ends_with(&rest));
        }
    }
}
