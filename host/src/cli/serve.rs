//! `loadlock serve`: the network front doors, until a signal ends them.

mod reload;
mod supervisor;

use std::io::IsTerminal;

use loadlock::config::Config;
use loadlock::{Error, ErrorCode, local};
use loadlock_policy::forwarding::TrustedProxies;
use loadlock_policy::web_origins::WebOrigins;
use loadlock_server::{Certificate, Options, ServeError, Server, Stop, TlsFiles};
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::args::{Globals, Serve};
use super::context::configuration;
use super::failure::{Failure, Status};
use super::output::Output;
use super::terminal::Terminal;
use super::turn::{Whom, Wish, take};
use reload::Reload;
use supervisor::Supervisor;

pub(crate) async fn run(globals: &Globals, output: &Output, command: Serve) -> Result<Status, Failure> {
    let config = configuration(globals)?;
    more_descriptors();
    let files = config.server.tls.as_ref().map(|tls| TlsFiles {
        certificate: tls.certificate.clone(),
        key: tls.key.clone(),
    });
    let certificate = files.map(Certificate::load).transpose().map_err(refused)?;
    let listen = command.listen.address().await?;
    let options = Options {
        listen,
        tls: certificate.clone(),
        plain_http: command.plain_http,
        hosts: command.hosts,
        trusted_proxies: TrustedProxies::new(config.server.trusted_proxies.clone()),
        proxy_protocol: TrustedProxies::new(config.server.proxy_protocol.clone()),
        origins: WebOrigins::new(config.server.origins.clone()),
        leave: config.server.drain,
        ..Options::default()
    };
    let terminal = Terminal::at_start();
    let hangup = listen_for(SignalKind::hangup())?;
    let Whom::Own(session) = take(&config, Wish::Own, globals, output).await? else {
        return Err(Error::new(ErrorCode::Internal, "another process's gateway cannot be served").into());
    };
    let reload = Reload::new(globals.clone(), session.gateway.clone(), certificate);
    let server = Server::bind(session.gateway, options).await.map_err(refused)?;
    let stop = stop_on_signal()?;
    let address = server.address();
    let scheme = if reload.has_certificate() { "https" } else { "http" };
    let url = format!("{scheme}://{address}/v1");
    if output.json {
        let address = address.to_string();
        output.object(&json!({ "event": "listening", "address": address, "url": url }))?;
    } else {
        output.line(format_args!("listening on {url}"))?;
        if let Some(page) = page(&server, scheme, &config) {
            output.note(format_args!("the page, for ten minutes and once: {page}"));
        }
        output.note("issue a token with `loadlock token issue`; stop with Ctrl-C");
    }
    let reloading = tokio::spawn(reload.run(hangup, terminal, stop.clone()));
    let (supervisor, shown, told) = (Supervisor::of_this_process(), address.to_string(), stop.clone());
    let attending = tokio::spawn(async move { supervisor.attend(&shown, &told).await });
    server.run(stop).await;
    attending.abort();
    reloading.abort();
    Ok(Status::Done)
}

/// The link by which whoever sits at this terminal gets into the page. Elsewhere nobody is meant: a log is read by
/// others, and a code in it would let them in.
fn page(server: &Server, scheme: &str, config: &Config) -> Option<String> {
    let address = server.address();
    if !address.ip().is_loopback() || !std::io::stderr().is_terminal() {
        return None;
    }
    let token = local::page_token(config)
        .inspect_err(|error| tracing::warn!(%error, "there is no link to the page"))
        .ok()?;
    let code = server.invite(token);
    Some(format!("{scheme}://{address}/#code={}", code.as_str()))
}

/// The first signal stops in order: SIGTERM, which a supervisor sends, after the drain of `server.drain`, SIGINT of a
/// person at once. The second one ends the process.
pub(super) fn stop_on_signal() -> Result<Stop, Failure> {
    let mut interrupt = listen_for(SignalKind::interrupt())?;
    let mut terminate = listen_for(SignalKind::terminate())?;
    let stop = Stop::default();
    let told = stop.clone();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = interrupt.recv() => 130,
                _ = terminate.recv() => 143,
            }
        };
        match next().await {
            130 => told.now.cancel(),
            _ => told.leave.cancel(),
        }
        std::process::exit(next().await);
    });
    Ok(stop)
}

fn listen_for(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Error::new(ErrorCode::Internal, format!("cannot listen for signals: {error}")).into())
}

/// A shell's usual limit of 1,024 descriptors would be the limit of connections.
fn more_descriptors() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

fn refused(error: ServeError) -> Failure {
    let (code, hint) = match &error {
        ServeError::Bind { .. } => (ErrorCode::AddressUnavailable, None),
        ServeError::PlainHttp { .. } => (
            ErrorCode::ConfigInvalid,
            Some("configure `server.tls`, listen on loopback, or say `--plain-http` if a proxy in front speaks TLS"),
        ),
        ServeError::Certificate { .. } => (
            ErrorCode::ConfigInvalid,
            Some("`server.tls` needs a certificate chain and its private key, both as PEM"),
        ),
    };
    let error = Error::new(code, error.to_string());
    hint.map_or(error.clone(), |hint| error.hint(hint)).into()
}
