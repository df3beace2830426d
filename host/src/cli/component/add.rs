//! `loadlock component add`.

use loadlock::config::{Config, LockedComponent};
use loadlock::{Error, ErrorCode};
use loadlock_registry::{FoundReport, ImageReference, ImageTarget, RegistryClient};
use semver::VersionReq;

use super::access::{client, largest};
use super::examined::{Examined, engine, examine};
use super::lock_file;
use super::resolve::{ResolvedComponent, best, exact};
use super::sharing_args::Add;
use super::shown::{details, object};
use super::tested;
use super::trusted::{key_name, key_ring};
use crate::cli::context::{configuration, patiently};
use crate::cli::failure::{Failure, Status};
use crate::cli::globals::Globals;
use crate::cli::output::{BOLD, DIM, GOOD, Output, styled};
use crate::cli::text::safe;

pub(super) async fn run(globals: &Globals, output: &Output, command: &Add) -> Result<Status, Failure> {
    let config = configuration(globals)?;
    lock_file::place(&config)?;
    let reference = ImageReference::parse(&command.reference, command.registry.plain_http)?;
    let name = command
        .name
        .clone()
        .unwrap_or_else(|| reference.short_name().to_owned());
    if !LockedComponent::is_name(&name) {
        let hint = "use up to 64 of a-z, 0-9, `-` and `_`, a letter or digit first: `--name NAME`";
        return Err(Failure::usage(format!("a component cannot be called `{name}`"), hint));
    }
    if let Some(there) = config.lock.component(&name) {
        return Err(taken(there));
    }
    let wish = command.require.as_deref().map(requirement).transpose()?;
    let client = client(&command.registry, Some(&config), &reference, false)?;
    let work = async {
        let resolved = resolve(&config, &client, &reference, wish.as_ref()).await?;
        let bytes = client.component(&resolved.found, largest()).await?;
        let ring = key_ring(&config, &reference.source())?;
        let reports = client.reports(&resolved.found, &ring).await?;
        Ok::<_, Failure>((resolved, bytes, reports))
    };
    let (resolved, bytes, reports) = patiently(output, "fetching", work).await?;
    let called = resolved.found.reference.to_string();
    let sandbox = engine(&config)?;
    let examined = examine(&config, &sandbox, &name, &called, &bytes);
    let examined = patiently(output, "compiling", examined).await?;
    let requirement = match (&wish, &reference.target) {
        (Some(requirement), _) => requirement.to_string(),
        (None, ImageTarget::Any) => format!("^{}", resolved.version),
        (None, ImageTarget::Tag(_) | ImageTarget::Digest(_)) => format!("={}", resolved.version),
    };
    let locked = entry(&name, requirement, &resolved, &examined);
    lock_file::change(&config, |store, lock| {
        if let Some(there) = lock.component(&name) {
            return Err(taken(there));
        }
        store.keep(resolved.found.layer.digest, &bytes)?;
        lock.put(locked.clone());
        Ok(())
    })?;
    show(output, &config, &locked, &resolved, &examined, &reports)?;
    Ok(Status::Done)
}

fn taken(there: &LockedComponent) -> Failure {
    Failure::usage(
        format!("`{}` is locked already: {} {}", there.name, there.source, there.version),
        format!(
            "run `loadlock component update {0}`, or choose another `--name`; `loadlock component rm {0}` removes it",
            there.name
        ),
    )
}

/// A requirement of versions.
pub(super) fn requirement(text: &str) -> Result<VersionReq, Failure> {
    VersionReq::parse(text).map_err(|error| {
        Failure::usage(
            format!("`{text}` is no requirement of versions: {error}"),
            "write for example `^1.2`, `=1.2.0` or `>=1.2, <3`",
        )
    })
}

async fn resolve(
    config: &Config,
    client: &RegistryClient,
    reference: &ImageReference,
    wish: Option<&VersionReq>,
) -> Result<ResolvedComponent, Failure> {
    match (&reference.target, wish) {
        (ImageTarget::Tag(_) | ImageTarget::Digest(_), wish) => {
            let resolved = exact(config, client, reference).await?;
            match wish {
                Some(wish) if !wish.matches(&resolved.version) => Err(Failure::usage(
                    format!(
                        "`{reference}` is version {}, which `{wish}` does not take",
                        resolved.version
                    ),
                    "leave the tag out, or correct `--require`",
                )),
                _ => Ok(resolved),
            }
        }
        (ImageTarget::Any, wish) => {
            let any = VersionReq::STAR;
            let wish = wish.unwrap_or(&any);
            let (resolved, passed_over) = best(config, client, reference, wish, None).await?;
            resolved.ok_or_else(|| none_fits(reference, wish, &passed_over))
        }
    }
}

fn none_fits(reference: &ImageReference, wish: &VersionReq, passed_over: &[String]) -> Failure {
    let (code, message, hint) = match passed_over {
        [] => (
            ErrorCode::RegistryFailed,
            format!("`{reference}` has no version that `{wish}` takes"),
            "push one with a tag such as 1.2.0, or name what there is: HOST/REPOSITORY:TAG",
        ),
        reasons => (
            ErrorCode::ComponentRefused,
            format!(
                "`{reference}` has no version that this host can load: {}",
                reasons.join("; ")
            ),
            "take a version for this host, or a host for this version; nothing was fetched",
        ),
    };
    Error::new(code, message).hint(hint).into()
}

/// What the lock says of it.
pub(super) fn entry(
    name: &str,
    requirement: String,
    resolved: &ResolvedComponent,
    examined: &Examined,
) -> LockedComponent {
    let bytes = |hex: &str| loadlock::config::parse_sha256(hex).unwrap_or_default();
    LockedComponent {
        name: name.to_owned(),
        source: resolved.found.reference.source(),
        requirement,
        version: resolved.version.to_string(),
        manifest: bytes(&resolved.found.manifest.hex()),
        sha256: bytes(&resolved.found.layer.digest.hex()),
        role: examined.role.interface().to_owned(),
        contract: examined.contract.to_owned(),
        signers: resolved.signers.clone(),
        imports: examined.imports.clone(),
        egress: examined.egress.clone(),
    }
}

fn show(
    output: &Output,
    config: &Config,
    locked: &LockedComponent,
    resolved: &ResolvedComponent,
    examined: &Examined,
    reports: &[FoundReport],
) -> Result<(), Failure> {
    if output.json {
        let mut object = object(locked);
        object["reports"] = tested::objects(reports).into();
        return Ok(output.object(&object)?);
    }
    if output.quiet {
        return Ok(output.line(safe(&locked.name))?);
    }
    output.line(format!(
        "{} {}",
        styled(GOOD, "added"),
        styled(BOLD, safe(&format!("{} {}", locked.name, locked.version)))
    ))?;
    details(output, config, locked)?;
    tested::show(output, reports, |id| key_name(config, &locked.source, id))?;
    for why in &resolved.passed_over {
        output.note(format_args!("passed over: {}", safe(why)));
    }
    if resolved.found.is_plain() {
        output.note("it was pushed as plain application/wasm: what it speaks was known only after it was fetched");
    }
    if let Some(why) = &examined.no_profile {
        output.note(format_args!(
            "what it asks for is not known without its settings: {}",
            safe(why)
        ));
    }
    output.note("");
    output.note(styled(DIM, "put it into the configuration, with what of it you grant:"));
    output.note(snippet(locked));
    Ok(())
}

/// Lines for the configuration.
fn snippet(locked: &LockedComponent) -> String {
    let name = safe(&locked.name);
    if locked.role != "provider" {
        return format!("  [{}]\n  component = \"locked:{name}\"", safe(&locked.role));
    }
    let mut text = format!("  [providers.{name}]\n  component = \"locked:{name}\"");
    let mut urls: Vec<(&str, Vec<String>)> = Vec::new();
    for line in &locked.egress {
        let request = line.split_once(" for ").map_or(line.as_str(), |(request, _)| request);
        let Some((method, url)) = request.split_once(' ') else {
            continue;
        };
        let method = format!("\"{}\"", safe(method));
        match urls.iter_mut().find(|(known, _)| *known == url) {
            Some((_, methods)) => methods.push(method),
            None => urls.push((url, vec![method])),
        }
    }
    if !urls.is_empty() {
        text.push_str("\n  egress = [");
        for (url, methods) in urls {
            text.push_str(&format!(
                "\n    {{ url = \"{}\", methods = [{}] }},",
                safe(url),
                methods.join(", ")
            ));
        }
        text.push_str("\n  ]");
    }
    text
}
