//! Imports `wasi:sockets` and tries to resolve, connect, bind and send: the host must refuse the import when it loads
//! the component; if it does not, the failure reports each attempt.

use guests::Provider;
use guests::report::Attempts;
use guests::words::*;
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;
use wasip2::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Network};
use wasip2::sockets::tcp::TcpSocket;
use wasip2::sockets::tcp_create_socket::create_tcp_socket;
use wasip2::sockets::udp_create_socket::create_udp_socket;

struct Hostile;

impl Provider for Hostile {
    fn upload(_file: AdmittedFile, _options: UploadOptions) -> Result<RemoteFile, Failure> {
        let mut attempts = Attempts::new();
        let network = instance_network();
        let local = IpSocketAddress::Ipv4(Ipv4SocketAddress {
            port: guests::settings::number("PORT", 80) as u16,
            address: (127, 0, 0, 1),
        });
        let any = IpSocketAddress::Ipv4(Ipv4SocketAddress {
            port: 0,
            address: (0, 0, 0, 0),
        });
        attempts.note("resolve", resolve(&network));
        match create_tcp_socket(IpAddressFamily::Ipv4) {
            Ok(socket) => {
                let bound = socket.start_bind(&network, any).and_then(|()| socket.finish_bind());
                attempts.note("tcp.bind", bound);
                attempts.note("tcp.connect", connect(&socket, &network, local));
            }
            Err(code) => attempts.refused("tcp", code),
        }
        match create_udp_socket(IpAddressFamily::Ipv4) {
            Ok(socket) => {
                let bound = socket.start_bind(&network, any).and_then(|()| socket.finish_bind());
                attempts.note("udp.bind", bound);
                attempts.note("udp.stream", socket.stream(Some(local)));
            }
            Err(code) => attempts.refused("udp", code),
        }
        Err(attempts.into_failure())
    }
}

guests::provider!(Hostile);

fn resolve(network: &Network) -> Result<(), ErrorCode> {
    let addresses = resolve_addresses(network, "localhost")?;
    addresses.subscribe().block();
    addresses.resolve_next_address().map(drop)
}

fn connect(socket: &TcpSocket, network: &Network, to: IpSocketAddress) -> Result<(), ErrorCode> {
    socket.start_connect(network, to)?;
    socket.subscribe().block();
    socket.finish_connect().map(drop)
}
