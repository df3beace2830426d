//! A connection to PostgreSQL.

use std::sync::Arc;

use loadlock::{Error, ErrorCode};
use rustls_platform_verifier::Verifier;
use tokio_postgres::Client;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::failure::Failure;

/// Connects to the database that was named.
pub(super) async fn connect(database: Option<&str>) -> Result<Client, Failure> {
    let Some(database) = database else {
        let error = Error::new(ErrorCode::RequestInvalid, "no database is named");
        return Err(error.hint("give --database or LOADLOCK_DATABASE").into());
    };
    let config: tokio_postgres::Config = database.parse().map_err(|error| {
        // Its text names the option that is wrong, never the password.
        Error::new(ErrorCode::RequestInvalid, format!("the connection string: {error}"))
            .hint("write it as postgresql://user:password@host/database")
    })?;
    let tls = MakeRustlsConnect::new(tls()?);
    let (client, connection) = config.connect(tls).await.map_err(|error| failed(&error))?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection to PostgreSQL ended");
        }
    });
    Ok(client)
}

/// The certificates that the operating system trusts.
fn tls() -> Result<rustls::ClientConfig, Failure> {
    let unusable =
        |error: rustls::Error| Failure::from(Error::new(ErrorCode::Internal, format!("TLS cannot be used: {error}")));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new(provider.clone()).map_err(unusable)?;
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// PostgreSQL's failure, as a user reads it.
pub(super) fn failed(error: &tokio_postgres::Error) -> Failure {
    // PostgreSQL's own words; otherwise the chain, which says why a connection was not made.
    let said = match error.as_db_error() {
        Some(said) => format!("{} ({})", said.message(), said.code().code()),
        None => {
            let causes = std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source());
            let causes: Vec<String> = causes.map(ToString::to_string).collect();
            causes.join(": ")
        }
    };
    Error::new(ErrorCode::TrackerFailed, format!("PostgreSQL: {said}"))
        .hint(
            "nothing was changed; check the connection, its role's rights, and the names given with --role and \
             --schema",
        )
        .into()
}
