//! A database and a REST interface of one test's own, which can be restarted without disturbing others.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::place::variable;

/// PostgreSQL with one ledger, and a server in front of it. Both end with this value.
pub struct Servers {
    dir: TempDir,
    rest: Child,
    pub port: u16,
}

fn done(command: &mut Command) {
    let status = command.stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{command:?}");
}

/// One of PostgreSQL's programs, as a user that it takes.
fn program(name: &str) -> Command {
    let path = Path::new(&variable("LEDGER_PROGRAMS")).join(name);
    let user = variable("LEDGER_AS");
    let mut words = user.split_whitespace();
    match words.next() {
        Some(first) => {
            let mut command = Command::new(first);
            command.args(words).arg(path);
            command
        }
        None => Command::new(path),
    }
}

impl Servers {
    pub async fn start() -> Self {
        let dir = TempDir::new().unwrap();
        if !variable("LEDGER_AS").is_empty() {
            done(Command::new("chown").arg("postgres").arg(dir.path()));
        }
        let data = dir.path().join("data");
        done(
            program("initdb")
                .args(["--auth", "trust", "--username", "postgres"])
                .args(["--encoding", "UTF8", "--locale", "C", "--pgdata"])
                .arg(&data),
        );
        Self::control(dir.path(), "start");
        for role in [
            "service_role nologin",
            "authenticated nologin",
            "anon nologin",
            "authenticator login noinherit",
        ] {
            Self::psql(dir.path(), &["--command", &format!("create role {role}")]);
        }
        let grant = "grant service_role, authenticated, anon to authenticator";
        Self::psql(dir.path(), &["--command", grant]);
        let script = Command::new(variable("LEDGER_LOADLOCK"))
            .args(["tracker", "migrate", "--print"])
            .output()
            .unwrap();
        let file = dir.path().join("schema.sql");
        std::fs::write(&file, script.stdout).unwrap();
        Self::psql(dir.path(), &["--file", file.to_str().unwrap()]);
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let rest = Self::serve(dir.path(), port);
        listens(port).await;
        Self { dir, rest, port }
    }

    fn serve(dir: &Path, port: u16) -> Child {
        let database = format!("postgresql://authenticator@localhost/postgres?host={}", dir.display());
        Command::new(variable("LEDGER_POSTRUST"))
            .envs([
                ("DATABASE_URL", database.as_str()),
                ("PGRST_SERVER_HOST", "127.0.0.1"),
                ("PGRST_SERVER_PORT", &port.to_string()),
                ("PGRST_DB_SCHEMAS", "loadlock"),
                ("PGRST_DB_ANON_ROLE", "anon"),
                ("PGRST_JWT_SECRET", &variable("LEDGER_SECRET")),
                ("PGRST_COMPAT_MODE", "true"),
                ("PGRST_DB_ERRORS_VERBATIM", "true"),
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Kills the REST interface, and starts another in its place.
    pub async fn restart_rest(&mut self) {
        self.rest.kill().unwrap();
        self.rest.wait().unwrap();
        self.rest = Self::serve(self.dir.path(), self.port);
        listens(self.port).await;
    }

    /// Stops every process of the database where it is: connections stay, and nothing is answered.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets them go on.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let file = std::fs::read_to_string(self.dir.path().join("data/postmaster.pid")).unwrap();
        let first = file.lines().next().unwrap().to_owned();
        // The first before its children: it must not start another meanwhile.
        done(Command::new("kill").args([signal, &first]));
        for child in children(&first) {
            // One may have ended since.
            let _ = Command::new("kill")
                .args([signal, &child])
                .stderr(Stdio::null())
                .status();
        }
    }

    /// Ends the database as a power loss would, and starts it again.
    pub fn restart(&self) {
        Self::control(self.dir.path(), "stop");
        Self::control(self.dir.path(), "start");
    }

    /// What a question in SQL answers, a row a line.
    pub fn ask(&self, question: &str) -> String {
        let psql = Path::new(&variable("LEDGER_PROGRAMS")).join("psql");
        let output = Command::new(psql)
            .arg("--host")
            .arg(self.dir.path())
            .args(["--username", "postgres", "--quiet", "--tuples-only"])
            .args(["--no-align", "--command", question])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn control(dir: &Path, what: &str) {
        let log: PathBuf = dir.join("data/server.log");
        let options = format!("-c listen_addresses= -c unix_socket_directories={}", dir.display());
        let mut command = program("pg_ctl");
        command.args(["--wait", "--silent", "--pgdata"]).arg(dir.join("data"));
        match what {
            "stop" => command.args(["--mode", "immediate"]),
            _ => command.arg("--log").arg(log).args(["--options", options.as_str()]),
        };
        done(command.arg(what));
    }

    fn psql(dir: &Path, arguments: &[&str]) {
        done(
            Command::new(Path::new(&variable("LEDGER_PROGRAMS")).join("psql"))
                .arg("--host")
                .arg(dir)
                .args(["--username", "postgres", "--quiet"])
                .args(["--set", "ON_ERROR_STOP=1"])
                .args(arguments),
        );
    }
}

async fn listens(port: u16) {
    super::site::until("the REST interface listens", async || {
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
    })
    .await;
}

/// Processes that a process started.
fn children(parent: &str) -> Vec<String> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let names = all.filter_map(|entry| entry.file_name().into_string().ok());
    let is_child = |id: &String| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // What follows the name, which stands in brackets and may hold anything: state, then parent.
        let after = stat.rsplit(')').next().unwrap_or_default();
        after.split_whitespace().nth(1) == Some(parent)
    };
    names
        .filter(|name| name.parse::<u32>().is_ok())
        .filter(is_child)
        .collect()
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.thaw();
        let _ = self.rest.kill();
        let _ = self.rest.wait();
        Self::control(self.dir.path(), "stop");
    }
}
