//! What a supervisor is told: that the gateway is ready, that it lives, that it ends. The protocol is systemd's
//! sd_notify(3), datagrams to the socket that `NOTIFY_SOCKET` names; without it nobody is told.

use std::ffi::OsStr;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use loadlock_server::Stop;

/// The supervisor of this process, if it has one.
pub(super) struct Supervisor {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// How long it waits for a sign of life.
    patience: Option<Duration>,
}

impl Supervisor {
    /// The one that the environment names.
    pub(super) fn of_this_process() -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let number = |name: &str| variable(name).and_then(|text| text.parse::<u64>().ok());
        let meant = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let patience = number("WATCHDOG_USEC").filter(|micros| meant && *micros > 0);
        Self {
            socket: std::env::var_os("NOTIFY_SOCKET").and_then(|name| connect(&name)),
            patience: patience.map(Duration::from_micros),
        }
    }

    /// Says that requests are accepted, that this runtime still runs, and when it is told to stop; until it is dropped.
    pub(super) async fn attend(&self, address: &str, stop: &Stop) {
        self.tell(&format!("READY=1\nSTATUS=serving on {address}"));
        tokio::select! {
            () = self.live() => {}
            () = stop.leave.cancelled() => {}
            () = stop.now.cancelled() => {}
        }
        self.tell("STOPPING=1\nSTATUS=requests under way end");
        self.live().await;
    }

    /// A sign of life, twice as often as the supervisor asks for.
    async fn live(&self) {
        let Some(patience) = self.patience.filter(|_| self.socket.is_some()) else {
            return std::future::pending().await;
        };
        let mut ticks = tokio::time::interval(patience / 2);
        loop {
            ticks.tick().await;
            self.tell("WATCHDOG=1");
        }
    }

    fn tell(&self, what: &str) {
        let Some((socket, supervisor)) = &self.socket else {
            return;
        };
        if let Err(error) = socket.send_to_addr(what.as_bytes(), supervisor) {
            tracing::warn!(%error, "the supervisor cannot be told");
        }
    }
}

/// A path, or behind `@` an abstract name.
#[cfg(target_os = "linux")]
fn address(name: &OsStr) -> std::io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;
    match name.as_bytes().split_first() {
        Some((b'@', name)) => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(name),
    }
}

#[cfg(not(target_os = "linux"))]
fn address(name: &OsStr) -> std::io::Result<SocketAddr> {
    SocketAddr::from_pathname(name)
}

fn connect(name: &OsStr) -> Option<(UnixDatagram, SocketAddr)> {
    let socket = || -> std::io::Result<_> {
        let socket = UnixDatagram::unbound()?;
        // A supervisor that does not read is not waited for.
        socket.set_nonblocking(true)?;
        Ok((socket, address(name)?))
    };
    socket()
        .inspect_err(|error| tracing::warn!(%error, "NOTIFY_SOCKET cannot be used"))
        .ok()
}
