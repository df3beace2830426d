//! `loadlock component verify`.

use std::io::Read as _;
use std::path::Path;

use loadlock::config::Config;
use loadlock_registry::{
    FoundReport, ImageReference, ImageTarget, KeyRing, Sha256Digest, SigstoreBundle, TrustedKey, bundle_path,
};
use serde_json::json;

use super::access::{client, is_file, read, reference};
use super::sharing_args::Verify;
use super::tested;
use super::trusted::{key_name, key_ring};
use crate::cli::context::{configuration, patiently};
use crate::cli::failure::{Failure, Status};
use crate::cli::globals::Globals;
use crate::cli::output::{GOOD, Output, styled};
use crate::cli::text::safe;

/// Largest bundle that is read.
const LARGEST: u64 = 1 << 20;

pub(super) async fn run(globals: &Globals, output: &Output, command: &Verify) -> Result<Status, Failure> {
    let keys = command
        .key
        .iter()
        .map(|path| TrustedKey::read(path))
        .collect::<Result<Vec<_>, _>>()?;
    let ring = KeyRing::new(
        keys.clone(),
        [],
        usize::try_from(command.threshold).unwrap_or(usize::MAX),
    );
    if is_file(&command.target) {
        if keys.is_empty() {
            let hint = "add `--key FILE.pub`: the configuration trusts keys for sources in registries";
            return Err(Failure::usage("a file is verified with a key that is named", hint));
        }
        let verified = file(command, &ring)?;
        return show(output, command, &verified, &keys);
    }
    let reference = reference(&command.target, &command.registry)?;
    let configured = match keys.is_empty() {
        true => Some(configuration(globals)?),
        false => None,
    };
    let ring = match &configured {
        Some(config) => key_ring(config, &reference.source())?,
        None => ring,
    };
    let work = in_registry(command, configured, &reference, &ring);
    let verified = patiently(output, "verifying", work).await?;
    show(output, command, &verified, &keys)
}

/// What was verified.
struct Verified {
    digest: Sha256Digest,
    /// Ids of the keys whose signatures count.
    signers: Vec<String>,
    /// What is beside it; a file has none.
    reports: Vec<FoundReport>,
    /// The configuration that trusts the keys, and for which source.
    trusted_by: Option<(Config, String)>,
}

async fn in_registry(
    command: &Verify,
    configured: Option<Config>,
    reference: &ImageReference,
    ring: &KeyRing,
) -> Result<Verified, Failure> {
    let client = client(&command.registry, configured.as_ref(), reference, false)?;
    let found = client.find(reference).await?;
    let bundles = client.bundles(&found).await?;
    let signers = ring.judge_manifest(reference, found.manifest, &bundles)?;
    if matches!(reference.target, ImageTarget::Tag(_)) {
        // A tag that was moved to another version would be taken by nobody.
        let _ = found.annotated.as_ref().map(|_| found.version()).transpose()?;
    }
    Ok(Verified {
        digest: found.manifest,
        signers,
        reports: client.reports(&found, ring).await?,
        trusted_by: configured.map(|config| (config, reference.source())),
    })
}

fn show(output: &Output, command: &Verify, verified: &Verified, keys: &[TrustedKey]) -> Result<Status, Failure> {
    let Verified {
        digest,
        signers,
        reports,
        trusted_by,
    } = verified;
    if output.json {
        output.object(&json!({
            "target": command.target, "digest": digest.to_string(), "signers": signers,
            "reports": tested::objects(reports),
        }))?;
        return Ok(Status::Done);
    }
    if output.quiet {
        signers.iter().try_for_each(|id| output.line(id))?;
        return Ok(Status::Done);
    }
    let name = |id: &str| match (keys.iter().find(|key| key.id() == id), trusted_by) {
        (Some(key), _) => key.name().to_owned(),
        (None, Some((config, source))) => key_name(config, source, id),
        (None, None) => id.to_owned(),
    };
    let line = format!("{} {}", styled(GOOD, "verified"), safe(&command.target));
    output.line(line)?;
    for id in signers {
        output.line(format_args!("  signed by {}", safe(&name(id))))?;
        output.line(format_args!("  key {id}"))?;
    }
    tested::show(output, reports, name)?;
    Ok(Status::Done)
}

fn file(command: &Verify, ring: &KeyRing) -> Result<Verified, Failure> {
    let path = Path::new(&command.target);
    let digest = Sha256Digest::of(&read(path)?);
    let beside = vec![bundle_path(path)];
    let (places, named) = match command.bundle.is_empty() {
        true => (&beside, false),
        false => (&command.bundle, true),
    };
    let mut bundles = Vec::new();
    for place in places {
        bundles.extend(bundle(place, named)?);
    }
    Ok(Verified {
        digest,
        signers: ring.judge_file(&command.target, digest, &bundles)?,
        reports: Vec::new(),
        trusted_by: None,
    })
}

/// Reads a bundle; one that nobody has named may be missing.
fn bundle(place: &Path, named: bool) -> Result<Option<SigstoreBundle>, Failure> {
    let refused = |what: String| {
        Failure::usage(
            format!("the bundle {}: {what}", place.display()),
            "sign the file again with `loadlock component sign`",
        )
    };
    let mut bytes = Vec::new();
    match std::fs::File::open(place).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => return Ok(None),
        Err(error) => return Err(refused(error.to_string())),
        Ok(_) => {}
    }
    SigstoreBundle::parse(&bytes).map(Some).map_err(refused)
}
