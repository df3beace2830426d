//! A component in a registry whose signature and contract are right. Its bytes are not fetched before.

use loadlock::config::Config;
use loadlock::{Error, ErrorCode};
use loadlock_registry::{FoundPackage, ImageReference, ImageTarget, RegistryClient, newest};
use loadlock_sandbox::negotiate;
use semver::{Version, VersionReq};

use super::trusted::key_ring;
use crate::cli::failure::Failure;

/// A component that may be fetched.
#[derive(Debug)]
pub(super) struct ResolvedComponent {
    pub(super) found: FoundPackage,
    pub(super) version: Version,
    /// Ids of the keys whose signatures counted.
    pub(super) signers: Vec<String>,
    /// Newer versions that this host cannot load, and why.
    pub(super) passed_over: Vec<String>,
}

/// Versions that are looked at until one is found that this host speaks.
const CANDIDATES: usize = 20;

/// The one that a reference with a tag or a digest names.
pub(super) async fn exact(
    config: &Config,
    client: &RegistryClient,
    reference: &ImageReference,
) -> Result<ResolvedComponent, Failure> {
    let found = client.find(reference).await?;
    let signers = signed(config, client, &found).await?;
    let version = found.version()?;
    spoken(client, &found).await?.map_err(|why| refused(&found, &why))?;
    Ok(ResolvedComponent {
        found,
        version,
        signers,
        passed_over: Vec::new(),
    })
}

/// The newest version that meets a requirement, is newer than `above`, and that this host speaks; `None` if there is
/// none. One whose signatures do not do is an error and is not passed over: who takes signatures away could otherwise
/// choose an older version.
pub(super) async fn best(
    config: &Config,
    client: &RegistryClient,
    reference: &ImageReference,
    requirement: &VersionReq,
    above: Option<&Version>,
) -> Result<(Option<ResolvedComponent>, Vec<String>), Failure> {
    let tags = client.tags().await?;
    let candidates = newest(&tags, requirement);
    let candidates = candidates
        .into_iter()
        .filter(|version| above.is_none_or(|above| version > above));
    let mut passed_over = Vec::new();
    for version in candidates.take(CANDIDATES) {
        let found = client
            .find(&reference.at(ImageTarget::Tag(version.to_string())))
            .await?;
        let signers = signed(config, client, &found).await?;
        let version = found.version()?;
        match spoken(client, &found).await? {
            Ok(()) => {
                let resolved = ResolvedComponent {
                    found,
                    version,
                    signers,
                    passed_over: passed_over.clone(),
                };
                return Ok((Some(resolved), passed_over));
            }
            Err(why) => passed_over.push(format!("{version} {why}")),
        }
    }
    Ok((None, passed_over))
}

/// The keys that count for it.
pub(super) async fn signed(
    config: &Config,
    client: &RegistryClient,
    found: &FoundPackage,
) -> Result<Vec<String>, Failure> {
    let ring = key_ring(config, &found.reference.source())?;
    let bundles = client.bundles(found).await?;
    Ok(ring.judge_manifest(&found.reference, found.manifest, &bundles)?)
}

/// Whether this host can load it, by what its maker says; nothing is known of one that was pushed plainly.
async fn spoken(client: &RegistryClient, found: &FoundPackage) -> Result<Result<(), String>, Failure> {
    let interfaces = client.interfaces(found).await?;
    Ok(match interfaces {
        Some(interfaces) => negotiate(&interfaces.exports, &interfaces.imports).map(drop),
        None => Ok(()),
    })
}

pub(super) fn refused(found: &FoundPackage, why: &str) -> Failure {
    Error::new(ErrorCode::ComponentRefused, format!("`{}` {why}", found.reference))
        .hint("take a version for this host, or a host for this version; nothing was fetched")
        .into()
}
