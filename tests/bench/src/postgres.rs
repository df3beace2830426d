//! PostgreSQL with an empty shared ledger, and a PostgREST-compatible server in front of it: processes of their own in a
//! temporary directory. Writes are synced.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::{Child, Command};

use crate::{Result, failed};

/// Whoever has no key is the gateway here: checking one is not what is measured.
const ROLES: [&str; 3] = [
    "service_role nologin",
    "authenticated nologin",
    "authenticator login noinherit",
];

/// Both servers. They end with this value.
pub(crate) struct Postgres {
    programs: PathBuf,
    dir: PathBuf,
    rest: Option<Child>,
    pub(crate) port: u16,
}

/// Where PostgreSQL's programs are, and the server; or what to install.
fn programs() -> Result<(PathBuf, PathBuf)> {
    let found = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = found.map(|entry| entry.path().join("bin")).collect();
    versions.sort();
    let programs = versions.pop().filter(|bin| bin.join("initdb").exists());
    let programs = programs.ok_or("PostgreSQL is not here: install the package postgresql")?;
    let server = PathBuf::from(".cache/ledger/bin/postrust");
    match server.canonicalize() {
        Ok(server) => Ok((programs, server)),
        Err(_) => Err("the PostgREST-compatible server is not here: `make tools` installs it".into()),
    }
}

impl Postgres {
    pub(crate) async fn start(loadlock: &Path, scratch: &Path, name: &str) -> Result<Self> {
        let (programs, server) = programs()?;
        // Below /tmp: a socket's path has 108 bytes at most, and another user has to reach it.
        let dir = std::env::temp_dir().join(format!("loadlock-bench-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).map_err(failed("directory"))?;
        let this = Self {
            programs,
            dir,
            rest: None,
            port: free_port().map_err(failed("port"))?,
        };
        if rustix::process::getuid().is_root() {
            run(Command::new("chown").arg("postgres").arg(&this.dir)).await?;
        }
        let data = this.dir.join("data");
        let mut init = this.program("initdb");
        init.args([
            "--auth",
            "trust",
            "--username",
            "postgres",
            "--encoding",
            "UTF8",
            "--locale",
            "C",
        ]);
        run(init.arg("--pgdata").arg(&data)).await?;
        let options = format!(
            "-c listen_addresses= -c unix_socket_directories={} -c shared_buffers=256MB -c max_wal_size=4GB",
            this.dir.display()
        );
        let mut start = this.program("pg_ctl");
        start.args(["--wait", "--silent", "--log"]).arg(this.dir.join("log"));
        run(start
            .arg("--options")
            .arg(options)
            .arg("--pgdata")
            .arg(&data)
            .arg("start"))
        .await?;
        for role in ROLES {
            this.sql(&format!("create role {role}")).await?;
        }
        this.sql("grant service_role, authenticated to authenticator").await?;
        let mut migrate = Command::new(loadlock);
        migrate
            .args(["tracker", "migrate", "--apply", "--schema", "loadlock"])
            .env("LOADLOCK_HOME", scratch.join("migrate"))
            .env("LOADLOCK_DATABASE", this.url("postgres"));
        run(&mut migrate).await?;
        this.served(&server).await
    }

    async fn served(mut self, server: &Path) -> Result<Self> {
        let rest = Command::new(server)
            .env("DATABASE_URL", self.url("authenticator"))
            .env("PGRST_SERVER_HOST", "127.0.0.1")
            .env("PGRST_SERVER_PORT", self.port.to_string())
            .env("PGRST_DB_SCHEMAS", "loadlock")
            .env("PGRST_DB_ANON_ROLE", "service_role")
            .env("PGRST_COMPAT_MODE", "true")
            .env("PGRST_DB_ERRORS_VERBATIM", "true")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed("the PostgREST-compatible server"))?;
        self.rest = Some(rest);
        for _ in 0..300 {
            if tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return Ok(self);
            }
            // It does not say when it listens.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        Err("the PostgREST-compatible server does not listen".into())
    }

    fn url(&self, user: &str) -> String {
        format!("postgresql://{user}@localhost/postgres?host={}", self.dir.display())
    }

    /// Runs a statement as the database's owner.
    pub(crate) async fn sql(&self, statement: &str) -> Result<()> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args([
            "--username",
            "postgres",
            "--quiet",
            "--set",
            "ON_ERROR_STOP=1",
            "--command",
            statement,
        ]);
        run(psql.arg("--host").arg(&self.dir)).await
    }

    /// One of PostgreSQL's programs, as a user that it takes.
    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        if !rustix::process::getuid().is_root() {
            return Command::new(path);
        }
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
            .arg(path);
        command
    }

    pub(crate) async fn stop(mut self) -> Result<()> {
        if let Some(mut rest) = self.rest.take() {
            rest.kill().await.map_err(failed("the PostgREST-compatible server"))?;
        }
        let mut stop = self.program("pg_ctl");
        stop.args(["--mode", "immediate", "--silent", "--pgdata"]);
        run(stop.arg(self.dir.join("data")).arg("stop")).await?;
        std::fs::remove_dir_all(&self.dir).map_err(failed("directory"))
    }
}

async fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).output().await;
    let output = output.map_err(failed(&format!("{command:?}")))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

fn free_port() -> std::io::Result<u16> {
    std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()
        .map(|address| address.port())
}
