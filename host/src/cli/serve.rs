//! `loadlock serve`: the network front doors, until a signal ends them.

mod reload;

use loadlock::{Error, ErrorCode};
use loadlock_policy::forwarding::TrustedProxies;
use loadlock_server::{Certificate, Options, ServeError, Server, TlsFiles};
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::args::{Globals, Serve};
use super::context::{self, configuration};
use super::failure::{Failure, Status};
use super::output::Output;
use reload::Reload;

pub(crate) async fn run(globals: &Globals, output: &Output, command: Serve) -> Result<Status, Failure> {
    let config = configuration(globals)?;
    more_descriptors();
    let files = config.server.tls.as_ref().map(|tls| TlsFiles {
        certificate: tls.certificate.clone(),
        key: tls.key.clone(),
    });
    let certificate = files.map(Certificate::load).transpose().map_err(refused)?;
    let options = Options {
        listen: command.listen,
        tls: certificate.clone(),
        plain_http: command.plain_http,
        hosts: command.hosts,
        trusted_proxies: TrustedProxies::new(config.server.trusted_proxies.clone()),
        proxy_protocol: TrustedProxies::new(config.server.proxy_protocol.clone()),
        ..Options::default()
    };
    let session = context::open(config, output).await?;
    let reload = Reload::new(globals.clone(), session.gateway.clone(), certificate);
    let hangup = listen_for(SignalKind::hangup())?;
    let server = Server::bind(session.gateway, options).await.map_err(refused)?;
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    let address = server.address();
    let scheme = if reload.has_certificate() { "https" } else { "http" };
    let url = format!("{scheme}://{address}/v1");
    if output.json {
        let address = address.to_string();
        output.object(&json!({ "event": "listening", "address": address, "url": url }))?;
    } else {
        output.line(format_args!("listening on {url}"))?;
        output.note("issue a token with `loadlock token issue`; stop with Ctrl-C");
    }
    let reloading = tokio::spawn(reload.run(hangup));
    server.run(stop).await;
    reloading.abort();
    Ok(Status::Done)
}

/// The first SIGINT or SIGTERM stops in order; the second one ends the process.
pub(super) fn stop_on_signal(stop: CancellationToken) -> Result<(), Failure> {
    let mut interrupt = listen_for(SignalKind::interrupt())?;
    let mut terminate = listen_for(SignalKind::terminate())?;
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = interrupt.recv() => 130,
                _ = terminate.recv() => 143,
            }
        };
        next().await;
        stop.cancel();
        std::process::exit(next().await);
    });
    Ok(())
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
