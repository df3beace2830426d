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
        let database = format!(
            "postgresql://authenticator@localhost/postgres?host={}",
            dir.path().display()
        );
        let rest = Command::new(variable("LEDGER_POSTRUST"))
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
            .unwrap();
        super::site::until("the REST interface listens", async || {
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
        Self { dir, rest, port }
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

impl Drop for Servers {
    fn drop(&mut self) {
        let _ = self.rest.kill();
        let _ = self.rest.wait();
        Self::control(self.dir.path(), "stop");
    }
}
