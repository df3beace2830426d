//! A connection to PostgreSQL.

use std::sync::Arc;

use loadlock::{Error, ErrorCode};
use rustls_platform_verifier::Verifier;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
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

/// Which of these roles there are, and which of them are members of which.
pub(super) async fn roles(client: &Client, names: &[&str]) -> Result<Vec<String>, Failure> {
    let rows = client
        .query(
            "select format('role `%s`', rolname) from pg_roles where rolname = any ($1)
            union all
            select format('the right of `%s` to become `%s`', m.rolname, r.rolname) from pg_auth_members as a
            join pg_roles as r on r.oid = a.roleid join pg_roles as m on m.oid = a.member
            where r.rolname = any ($1) and m.rolname = any ($1)",
            &[&names],
        )
        .await
        .map_err(|error| failed(&error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
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
    let hint = match error.code() {
        Some(&SqlState::UNDEFINED_OBJECT) => {
            "nothing was changed; name the role with --role, or give --create-roles, which makes those that are missing"
        }
        _ => {
            "nothing was changed; check the connection, its role's rights, and the names given with --role and \
             --schema"
        }
    };
    Error::new(ErrorCode::TrackerFailed, format!("PostgreSQL: {said}"))
        .hint(hint)
        .into()
}
