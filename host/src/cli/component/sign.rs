//! `loadlock component sign`.

use std::path::Path;

use loadlock::{Error, ErrorCode};
use loadlock_registry::{
    FoundPackage, ImageReference, RegistryClient, Sha256Digest, SigningKeyPair, SigstoreBundle, bundle_path,
};
use serde_json::json;

use super::access::{client, is_file, read, reference};
use super::sharing_args::Sign;
use crate::cli::context::patiently;
use crate::cli::failure::{Failure, Status};
use crate::cli::output::{GOOD, Output, styled};
use crate::cli::text::safe;

pub(super) async fn run(output: &Output, command: &Sign) -> Result<Status, Failure> {
    let key = SigningKeyPair::read(&command.key)?;
    let (signed, place) = if is_file(&command.target) {
        let file = Path::new(&command.target);
        let digest = Sha256Digest::of(&read(file)?);
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let place = bundle_path(file);
        let bundle = SigstoreBundle::sign(&key, &name, digest);
        write(&place, &bundle)?;
        (digest, place.display().to_string())
    } else {
        let reference = reference(&command.target, &command.registry)?;
        let client = client(&command.registry, None, &reference, true)?;
        let work = async {
            let found = client.find(&reference).await?;
            attach(&client, &reference, &found, &key).await?;
            Ok::<_, Failure>(found.manifest)
        };
        (patiently(output, "signing", work).await?, reference.to_string())
    };
    let id = key.trusted("").id().to_owned();
    if output.json {
        output
            .object(&json!({ "target": command.target, "digest": signed.to_string(), "key": id, "bundle": place }))?;
    } else {
        let short = signed.hex().chars().take(12).collect::<String>();
        let line = format!("{} {} ({short}…)", styled(GOOD, "signed"), safe(&command.target));
        output.line(line)?;
        output.note(format_args!(
            "by the key {}…; the signature is at {}",
            &id[..12],
            safe(&place)
        ));
    }
    Ok(Status::Done)
}

/// Signs what was found, for its repository, and puts the signature beside it.
pub(super) async fn attach(
    client: &RegistryClient,
    reference: &ImageReference,
    found: &FoundPackage,
    key: &SigningKeyPair,
) -> Result<(), Failure> {
    let bundle = SigstoreBundle::sign(key, &reference.repository, found.manifest);
    Ok(client.attach(found, &bundle).await?)
}

/// Beside the file, in the place of an older signature.
fn write(place: &Path, bundle: &SigstoreBundle) -> Result<(), Failure> {
    std::fs::write(place, bundle.json()).map_err(|error| {
        Error::new(ErrorCode::RequestInvalid, format!("{}: {error}", place.display()))
            .hint("make the folder of the component writable for you")
            .into()
    })
}
