//! `loadlock component update`.

use loadlock::config::{Config, LockedComponent};
use loadlock::{Error, ErrorCode};
use loadlock_registry::{ImageReference, ImageTarget, RegistryClient};
use loadlock_sandbox::Sandbox;
use semver::Version;
use serde_json::json;

use super::access::{client, largest};
use super::add::{entry, requirement};
use super::changes::VersionChanges;
use super::examined::{engine, examine};
use super::lock_file;
use super::pull::{self, digest};
use super::resolve::{ResolvedComponent, best};
use super::sharing_args::{RegistryAccess, Update};
use super::shown::lines;
use crate::cli::context::{configuration, patiently};
use crate::cli::failure::{Failure, Status};
use crate::cli::globals::Globals;
use crate::cli::output::{BOLD, GOOD, Output, WARN, styled};
use crate::cli::text::safe;

/// What there is for one component.
enum Offer {
    /// Nothing newer that this host can load.
    Current { passed_over: Vec<String> },
    /// A newer version.
    Newer(Box<NewerVersion>),
}

/// A newer version, fetched and looked at.
struct NewerVersion {
    locked: LockedComponent,
    resolved: ResolvedComponent,
    bytes: bytes::Bytes,
    changes: VersionChanges,
}

pub(super) async fn run(globals: &Globals, output: &Output, command: &Update) -> Result<Status, Failure> {
    let config = configuration(globals)?;
    let wanted = lock_file::named(&config.lock, &command.names)?;
    let sandbox = engine(&config)?;
    let mut status = Status::Done;
    for old in wanted {
        let work = offer(&config, &sandbox, &command.registry, old);
        let taken = match patiently(output, "looking for newer versions", work).await {
            Ok(Offer::Current { passed_over }) => current(output, old, &passed_over),
            Ok(Offer::Newer(newer)) => take(&config, output, command, old, &newer),
            Err(failure) => Err(failure),
        };
        if let Err(failure) = taken {
            status = Status::Failed;
            let mut error = failure.into_error();
            error.message = format!("`{}`: {}", old.name, error.message);
            output.error(&error, None)?;
        }
    }
    Ok(status)
}

async fn offer(
    config: &Config,
    sandbox: &Sandbox,
    access: &RegistryAccess,
    old: &LockedComponent,
) -> Result<Offer, Failure> {
    let reference = ImageReference::parse(&old.source, access.plain_http)?;
    let client = client(access, Some(config), &reference, false)?;
    let now = Version::parse(&old.version).map_err(|error| {
        Failure::usage(
            format!("the lock has `{}`, which is no version: {error}", old.version),
            format!("remove it and add it again: `loadlock component rm {}`", old.name),
        )
    })?;
    unmoved(&client, &reference, old).await?;
    let (resolved, passed_over) =
        best(config, &client, &reference, &requirement(&old.requirement)?, Some(&now)).await?;
    let Some(resolved) = resolved else {
        return Ok(Offer::Current { passed_over });
    };
    let bytes = client.component(&resolved.found, largest()).await?;
    let called = resolved.found.reference.to_string();
    let examined = examine(config, sandbox, &old.name, &called, &bytes).await?;
    let locked = entry(&old.name, old.requirement.clone(), &resolved, &examined);
    // The old one says what it did before; where it is not here, it is fetched as `pull` would.
    pull::one(config, access, old).await?;
    let path = config
        .component_store()
        .join(format!("{}.wasm", hex::encode(old.sha256)));
    let before = std::fs::read(&path)
        .map_err(|error| Error::new(ErrorCode::StateUnavailable, format!("{}: {error}", path.display())))?;
    let before = examine(config, sandbox, &old.name, &format!("locked:{}", old.name), &before).await?;
    let changes = VersionChanges::between(old, &locked, &before.profiles, &examined.profiles);
    Ok(Offer::Newer(Box::new(NewerVersion {
        locked,
        resolved,
        bytes,
        changes,
    })))
}

/// The tag of the locked version still has what was locked. One that is gone is no harm: it was fetched by digest.
async fn unmoved(client: &RegistryClient, reference: &ImageReference, old: &LockedComponent) -> Result<(), Failure> {
    let tagged = reference.at(ImageTarget::Tag(old.version.clone()));
    let found = match client.find(&tagged).await {
        Err(loadlock_registry::RegistryError::NotFound { .. }) => return Ok(()),
        found => found?,
    };
    if found.manifest == digest(&old.manifest)? {
        return Ok(());
    }
    let message = format!("the tag `{tagged}` was moved: it has other bytes than those that are locked");
    let error = Error::new(ErrorCode::RegistryFailed, message);
    Err(error
        .hint("ask its maker why before you take anything newer; what is locked stays")
        .into())
}

fn current(output: &Output, old: &LockedComponent, passed_over: &[String]) -> Result<(), Failure> {
    if output.json {
        output.object(&json!({
            "name": old.name, "from": old.version, "to": null, "taken": false, "passed_over": passed_over,
        }))?;
        return Ok(());
    }
    output.line(format!(
        "current {} {} ({})",
        styled(BOLD, safe(&old.name)),
        safe(&old.version),
        safe(&old.requirement)
    ))?;
    for why in passed_over {
        output.note(format_args!("  passed over: {}", safe(why)));
    }
    Ok(())
}

fn take(
    config: &Config,
    output: &Output,
    command: &Update,
    old: &LockedComponent,
    newer: &NewerVersion,
) -> Result<(), Failure> {
    let wanting = newer.changes.is_more() && !command.accept;
    let taken = !command.dry_run && !wanting;
    if taken {
        lock_file::change(config, |store, lock| {
            if lock.component(&old.name) != Some(old) {
                let message = "the lock was changed meanwhile";
                return Err(Error::new(ErrorCode::StateUnavailable, message)
                    .hint("run the command again")
                    .into());
            }
            store.keep(newer.resolved.found.layer.digest, &newer.bytes)?;
            lock.put(newer.locked.clone());
            Ok(())
        })?;
    }
    show(output, old, newer, taken)?;
    if wanting && !command.dry_run {
        let message = format!(
            "{} imports, asks for or limits more than {}",
            newer.locked.version, old.version
        );
        let hint = format!("if that is right: `loadlock component update {} --accept`", old.name);
        return Err(Error::new(ErrorCode::AcceptanceNeeded, message).hint(hint).into());
    }
    Ok(())
}

fn show(output: &Output, old: &LockedComponent, newer: &NewerVersion, taken: bool) -> Result<(), Failure> {
    let (new, changes) = (&newer.locked, &newer.changes);
    if output.json {
        output.object(&json!({
            "name": old.name, "from": old.version, "to": new.version, "taken": taken, "more": changes.is_more(),
            "changes": changes, "contract": new.contract, "manifest": newer.resolved.found.manifest.to_string(),
            "sha256": newer.resolved.found.layer.digest.hex(), "passed_over": newer.resolved.passed_over,
        }))?;
        return Ok(());
    }
    let verb = if taken {
        styled(GOOD, "updated")
    } else {
        styled(WARN, "newer")
    };
    output.line(format!(
        "{verb} {} {} → {}",
        styled(BOLD, safe(&old.name)),
        safe(&old.version),
        safe(&new.version)
    ))?;
    if old.contract != new.contract {
        output.line(format!("  contract {} → {}", safe(&old.contract), safe(&new.contract)))?;
    }
    lines(output, "imports more", &changes.imports_added)?;
    lines(output, "asks for more", &changes.egress_added)?;
    lines(output, "limits more", &changes.limits)?;
    lines(output, "imports no more", &changes.imports_gone)?;
    lines(output, "asks no more for", &changes.egress_gone)?;
    lines(output, "signed by another key", &changes.signers_added)?;
    lines(output, "passed over", &newer.resolved.passed_over)?;
    if taken {
        output.note(format_args!(
            "  a gateway that serves takes it at a reload, or at once by `loadlock component swap PROVIDER locked:{}`",
            safe(&new.name)
        ));
    }
    Ok(())
}
