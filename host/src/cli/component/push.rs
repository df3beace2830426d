//! `loadlock component push`.

use loadlock::sandbox::inspect;
use loadlock::{Error, ErrorCode};
use loadlock_registry::{ComponentContents, ImageTarget, Sha256Digest, SigningKeyPair, WasmConfigComponent};
use loadlock_sandbox::negotiate;
use semver::Version;
use serde_json::json;

use super::access::{client, read, reference};
use super::sharing_args::Push;
use super::sign::attach;
use super::tested;
use crate::cli::context::patiently;
use crate::cli::failure::{Failure, Status};
use crate::cli::output::{GOOD, Output, styled};
use crate::cli::text::safe;

pub(super) async fn run(output: &Output, command: &Push) -> Result<Status, Failure> {
    let reference = reference(&command.reference, &command.registry)?;
    let key = command.key.as_deref().map(SigningKeyPair::read).transpose()?;
    let wasm = read(&command.file)?;
    let report = command.report.as_deref();
    let report = report
        .map(|file| tested::read(file, Sha256Digest::of(&wasm)))
        .transpose()?;
    let name = command.file.display().to_string();
    let refused = |why: String| {
        Failure::from(
            Error::new(ErrorCode::ComponentRefused, format!("{name} {why}"))
                .hint("nobody could load it; `loadlock providers inspect` shows what it imports"),
        )
    };
    let inspection = inspect(&wasm).map_err(|error| refused(format!("cannot be used: {error}")))?;
    let imports: Vec<String> = inspection.imports.iter().map(|import| import.name.clone()).collect();
    negotiate(&inspection.exports, &imports).map_err(refused)?;
    let version = match &reference.target {
        ImageTarget::Tag(tag) => Version::parse(tag).ok(),
        ImageTarget::Any | ImageTarget::Digest(_) => None,
    };
    let unversioned = version.is_none();
    let contents = ComponentContents {
        wasm: wasm.into(),
        component: WasmConfigComponent {
            exports: inspection.exports,
            imports,
            target: None,
        },
        version,
        title: reference.short_name().to_owned(),
    };
    let client = client(&command.registry, None, &reference, true)?;
    let work = async {
        let pushed = client.push(&reference, contents).await?;
        let found = client.find(&reference.at(ImageTarget::Digest(pushed.manifest))).await?;
        if let Some(key) = &key {
            attach(&client, &reference, &found, key).await?;
        }
        if let Some(report) = &report {
            client.attach_report(&found, report, key.as_ref()).await?;
        }
        Ok::<_, Failure>(pushed)
    };
    let pushed = patiently(output, "pushing", work).await?;
    let signer = key.as_ref().map(|key| key.trusted("").id().to_owned());
    if output.json {
        output.object(&json!({
            "reference": reference.to_string(), "manifest": pushed.manifest.to_string(),
            "sha256": pushed.wasm.hex(), "unchanged": pushed.unchanged, "signer": signer,
            "report": report.is_some(),
        }))?;
        return Ok(Status::Done);
    }
    let verb = if pushed.unchanged { "there already:" } else { "pushed" };
    output.line(format!("{} {}", styled(GOOD, verb), safe(&reference.to_string())))?;
    output.line(format_args!("  {}", pushed.manifest))?;
    match signer {
        Some(id) => output.line(format_args!("  signed by {id}"))?,
        None => output.note(format_args!(
            "it is not signed, so nobody takes it: run `loadlock component sign {} --key FILE`",
            safe(&reference.to_string())
        )),
    }
    if let Some(report) = &report {
        output.line(format_args!(
            "  its report is beside it: {} cases passed",
            report.passed
        ))?;
    }
    if unversioned {
        output.note("its tag is no version such as 1.2.0: `update` does not find it");
    }
    Ok(Status::Done)
}
