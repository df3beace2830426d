//! The door for the user of this machine: a Unix socket in `$LOADLOCK_HOME`, where the command line asks when a gateway
//! runs on the same home.
//!
//! Only the user that the gateway runs as (and root) can connect: the folder has mode 0700, the socket 0600, and the
//! kernel names who connected. Requests are authenticated like all others. As on the command line grants count without
//! a list of tenants, failed authentications are not limited, and an upload waits for its turn.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// Its name in `$LOADLOCK_HOME`.
pub const SOCKET: &str = "gateway.sock";

/// The name of the socket at which whoever holds the home is asked by commands that only read, be it a command that is
/// over in a moment.
pub const COMMAND_SOCKET: &str = "command.sock";

/// The bound socket; its name goes when it is dropped.
pub(super) struct LocalListener {
    listener: UnixListener,
    path: PathBuf,
}

impl LocalListener {
    /// Binds in the home of an open gateway. Whoever bound there before is gone: the home has one owner.
    ///
    /// # Errors
    /// The system's reason, such as a path of more than 107 bytes.
    pub(super) fn bind(home: &Path, name: &str) -> std::io::Result<Self> {
        let path = home.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path })
    }

    /// Takes its name away. Who has connected can still be accepted.
    pub(super) fn hide(&self) {
        let _ = std::fs::remove_file(&self.path);
    }

    /// The next connection of a user who may.
    pub(super) async fn accept(&self) -> std::io::Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            let user = stream.peer_cred()?.uid();
            if user == 0 || user == rustix::process::geteuid().as_raw() {
                return Ok(stream);
            }
            tracing::warn!(
                target: "loadlock::auth",
                user,
                "[AUTH] closed another user's connection to the local socket"
            );
        }
    }
}

impl Drop for LocalListener {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
