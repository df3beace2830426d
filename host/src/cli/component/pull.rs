//! `loadlock component pull`: exactly what the lock names.

use loadlock::config::{Config, LockedComponent};
use loadlock::{Error, ErrorCode};
use loadlock_registry::{ComponentStore, ImageReference, ImageTarget, Sha256Digest};
use serde_json::json;

use super::access::{client, largest};
use super::lock_file;
use super::resolve::signed;
use super::sharing_args::{Pull, RegistryAccess};
use crate::cli::context::{configuration, patiently};
use crate::cli::failure::{Failure, Status};
use crate::cli::globals::Globals;
use crate::cli::output::{GOOD, Output, styled};
use crate::cli::text::{safe, size};

pub(super) async fn run(globals: &Globals, output: &Output, command: &Pull) -> Result<Status, Failure> {
    let config = configuration(globals)?;
    let wanted = lock_file::named(&config.lock, &command.names)?;
    let mut status = Status::Done;
    for locked in wanted {
        let name = &locked.name;
        match patiently(output, "fetching", one(&config, &command.registry, locked)).await {
            Ok(fetched) if output.json => output.object(&json!({
                "name": name, "version": locked.version, "sha256": hex::encode(locked.sha256),
                "fetched": fetched.is_some(),
            }))?,
            Ok(Some(bytes)) => output.line(format!(
                "{} {} {} ({})",
                styled(GOOD, "fetched"),
                safe(name),
                safe(&locked.version),
                size(bytes)
            ))?,
            Ok(None) => output.line(format!("here already: {} {}", safe(name), safe(&locked.version)))?,
            Err(failure) => {
                status = Status::Failed;
                let mut error = failure.into_error();
                error.message = format!("`{name}`: {}", error.message);
                output.error(&error, None)?;
            }
        }
    }
    Ok(status)
}

/// Fetches one unless it is here; its size if it was fetched.
pub(super) async fn one(
    config: &Config,
    access: &RegistryAccess,
    locked: &LockedComponent,
) -> Result<Option<u64>, Failure> {
    let digest = digest(&locked.sha256)?;
    let store = config.component_store();
    if ComponentStore::open(&store)?.has(digest) {
        return Ok(None);
    }
    let reference = ImageReference::parse(&locked.source, access.plain_http)?;
    let reference = reference.at(ImageTarget::Digest(self::digest(&locked.manifest)?));
    let client = client(access, Some(config), &reference, false)?;
    let found = client.find(&reference).await?;
    signed(config, &client, &found).await?;
    if found.layer.digest != digest {
        let message = format!(
            "`{reference}` holds another component than the lock says: {}",
            found.layer.digest
        );
        let error = Error::new(ErrorCode::RegistryFailed, message);
        return Err(error
            .hint("the lock was changed by hand: put back the one that belongs to it")
            .into());
    }
    let bytes = client.component(&found, largest()).await?;
    // Nobody waits for the store while a registry takes its time.
    ComponentStore::open(&store)?.keep(digest, &bytes)?;
    Ok(Some(bytes.len() as u64))
}

pub(super) fn digest(bytes: &[u8; 32]) -> Result<Sha256Digest, Failure> {
    Sha256Digest::from_hex(&hex::encode(bytes))
        .ok_or_else(|| Error::new(ErrorCode::Internal, "a digest is none").into())
}
