//! `loadlock providers inspect`: what a component is, imports and takes.
//!
//! Imports are read from the binary; nothing of it is compiled until it is known that the host would load it.

use std::path::Path;

use loadlock::config::Config;
use loadlock::gateway::Setup;
use loadlock::sandbox::{CompileOptions, EngineOptions, ImportVerdict, Inspection, Limits, Role, inspect};
use loadlock::{Error, ErrorCode};
use loadlock_policy::model::Profile;
use loadlock_sandbox::provider::{Provider, ProviderGrants};
use loadlock_sandbox::{CallError, Network, Sandbox, Source};
use serde::Serialize;

use super::args::Globals;
use super::context::{compile_cache, configuration, patiently, setup};
use super::failure::{Failure, Status};
use super::output::{BAD, BOLD, DIM, GOOD, Output, WARN, styled};
use super::profile;
use super::table::fields;
use super::text::{counted, pad, safe};

/// A component and what it is configured with.
struct InspectSubject {
    source: Source,
    settings: Vec<(String, String)>,
    /// The role it is configured for; else the one it exports.
    role: Option<Role>,
}

/// Why a component would not be loaded, or what it says about itself.
enum InspectVerdict {
    Refused(String),
    Loadable(Option<Result<Profile, String>>),
}

pub(crate) async fn run(globals: &Globals, output: &Output, component: &str) -> Result<Status, Failure> {
    let config = configuration(globals)?;
    let setup = setup(config.clone())?;
    let sandbox = sandbox(&setup, compile_cache(&config))?;
    let subject = find(&setup, &config, &sandbox, component)?;
    let name = subject.source.name.clone();
    let inspection = inspect(&subject.source.bytes).map_err(|error| {
        Error::new(ErrorCode::ComponentRefused, format!("{name}: {error}"))
            .hint("build it with `cargo build --target wasm32-wasip2`")
    });
    let inspection = match inspection {
        Ok(inspection) => inspection,
        Err(error) => {
            output.error(&error, None)?;
            return Ok(Status::Failed);
        }
    };
    let verdict = patiently(output, "compiling", judge(&sandbox, &subject, &inspection, &config)).await;
    if output.json {
        output.object(&InspectReport::new(&name, &inspection, &verdict))?;
    } else {
        person(output, &name, &inspection, &verdict)?;
    }
    Ok(match verdict {
        InspectVerdict::Refused(_) => Status::Failed,
        InspectVerdict::Loadable(_) => Status::Done,
    })
}

/// Engines for one call. No lock is needed for the cache of compiled code.
pub(crate) fn sandbox(setup: &Setup, cache: Option<std::path::PathBuf>) -> Result<Sandbox, Error> {
    let engine = EngineOptions {
        slots: 1,
        pooling: false,
        ..EngineOptions::default()
    };
    let compile = CompileOptions {
        cache,
        child: setup.compiler.clone(),
        ..CompileOptions::default()
    };
    Sandbox::new(&engine, compile)
        .map_err(|error| Error::new(ErrorCode::Internal, format!("cannot start the sandbox: {error:#}")))
}

/// A file, a built-in component, or what a configured provider uses.
fn find(setup: &Setup, config: &Config, sandbox: &Sandbox, component: &str) -> Result<InspectSubject, Error> {
    if let Some(name) = component.strip_prefix("builtin:") {
        let bytes = setup.builtins.get(name).ok_or_else(|| {
            let names: Vec<_> = setup.builtins.keys().map(|name| format!("`builtin:{name}`")).collect();
            Error::new(
                ErrorCode::ComponentRefused,
                format!("there is no built-in component `{name}`"),
            )
            .hint(format!("there are {}", names.join(", ")))
        })?;
        return Ok(InspectSubject {
            source: Source::built_in(component, bytes),
            settings: Vec::new(),
            role: None,
        });
    }
    let path = Path::new(component);
    let is_name = !component.contains('/') && path.extension().is_none();
    if let Some(provider) = config.provider(component).filter(|_| is_name) {
        return Ok(InspectSubject {
            source: setup.source(&provider.connection.component, sandbox)?,
            settings: provider.connection.settings.clone().into_iter().collect(),
            role: Some(Role::Provider),
        });
    }
    let source = Source::read(path, sandbox.max_component_bytes()).map_err(|error| {
        Error::new(ErrorCode::ComponentRefused, error.to_string())
            .hint("name a component file, `builtin:NAME`, or a provider that `loadlock providers ls` shows")
    })?;
    Ok(InspectSubject {
        source,
        settings: Vec::new(),
        role: None,
    })
}

/// What a call of a component may use that has no table of its own.
pub(crate) fn call_limits(config: &Config) -> Limits {
    Limits {
        memory_bytes: usize::try_from(config.sandbox.memory.0).unwrap_or(usize::MAX),
        cpu: config.sandbox.cpu,
        wall: config.sandbox.timeout,
        state_bytes: config
            .sandbox
            .state
            .map(|size| size.0)
            .or(Limits::default().state_bytes),
        ..Limits::default()
    }
}

async fn judge(
    sandbox: &Sandbox,
    subject: &InspectSubject,
    inspection: &Inspection,
    config: &Config,
) -> InspectVerdict {
    let Some(role) = subject.role.or(inspection.role) else {
        return InspectVerdict::Refused("it exports the interface of no role, or of more than one".to_owned());
    };
    if let Err(error) = sandbox.examine(&subject.source, role) {
        return InspectVerdict::Refused(error.to_string());
    }
    if role != Role::Provider {
        return InspectVerdict::Loadable(None);
    }
    match ask_profile(sandbox, &subject.source, subject.settings.clone(), call_limits(config)).await {
        Err(why) => InspectVerdict::Refused(why),
        Ok(profile) => InspectVerdict::Loadable(Some(profile)),
    }
}

/// What a provider says about itself with these settings, without network and files. `Err`: why it would not be loaded;
/// `Ok(Err)`: why it says nothing.
pub(crate) async fn ask_profile(
    sandbox: &Sandbox,
    source: &Source,
    settings: Vec<(String, String)>,
    limits: Limits,
) -> Result<Result<Profile, String>, String> {
    let grants = ProviderGrants {
        settings,
        roots: Vec::new(),
        state: None,
        network: Network::Denied,
        limits,
    };
    let provider = Provider::load(sandbox, source, grants)
        .await
        .map_err(|error| error.to_string())?;
    match provider.profile().await.outcome {
        Ok(answer) => Ok(answer.map_err(|failure| failure.to_string())),
        Err(error) => Err(profile_failed(&error)),
    }
}

fn profile_failed(error: &CallError) -> String {
    format!("it was asked for its profile: {error}")
}

fn world(inspection: &Inspection) -> Option<String> {
    let (role, version) = inspection.role.zip(inspection.version.as_ref())?;
    Some(format!(
        "{}/{}-component@{version}",
        loadlock_sandbox::PACKAGE,
        role.interface()
    ))
}

/// What `--json` shows.
#[derive(Serialize)]
struct InspectReport<'a> {
    component: &'a str,
    world: Option<String>,
    #[serde(flatten)]
    inspection: &'a Inspection,
    loadable: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_because: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'a Profile>,
    /// Why a provider that would be loaded gives none.
    #[serde(skip_serializing_if = "Option::is_none")]
    profile_unavailable: Option<&'a str>,
}

impl<'a> InspectReport<'a> {
    fn new(component: &'a str, inspection: &'a Inspection, verdict: &'a InspectVerdict) -> Self {
        let (refused_because, profile, profile_unavailable) = match verdict {
            InspectVerdict::Refused(why) => (Some(why.as_str()), None, None),
            InspectVerdict::Loadable(None) => (None, None, None),
            InspectVerdict::Loadable(Some(Ok(profile))) => (None, Some(profile), None),
            InspectVerdict::Loadable(Some(Err(why))) => (None, None, Some(why.as_str())),
        };
        let loadable = refused_because.is_none();
        Self {
            component,
            world: world(inspection),
            inspection,
            loadable,
            refused_because,
            profile,
            profile_unavailable,
        }
    }
}

fn person(output: &Output, name: &str, inspection: &Inspection, verdict: &InspectVerdict) -> Result<(), Failure> {
    output.line(styled(BOLD, safe(name)))?;
    let supported = match &inspection.version {
        Some(version) if version == loadlock_sandbox::VERSION => {
            format!("{version} (what this host speaks)")
        }
        Some(version) => format!("{} (this host speaks {})", safe(version), loadlock_sandbox::VERSION),
        None => "none".to_owned(),
    };
    fields(
        output,
        &[
            (
                "world",
                world(inspection).map_or("none of Loadlock's".to_owned(), |world| safe(&world)),
            ),
            ("contract", supported),
            ("size", counted(inspection.size, "byte")),
            ("sha256", inspection.sha256.clone()),
        ],
    )?;
    output.line(styled(BOLD, "imports"))?;
    let width = inspection
        .imports
        .iter()
        .map(|import| safe(&import.name).chars().count())
        .max()
        .unwrap_or(0);
    for import in &inspection.imports {
        let verdict = match import.verdict {
            ImportVerdict::Provided => styled(GOOD, "provided"),
            ImportVerdict::Trapped => styled(WARN, "trapped "),
            ImportVerdict::Refused => styled(BAD, "refused "),
        };
        output.line(format_args!(
            "  {verdict}  {}  {}",
            pad(&safe(&import.name), width),
            styled(DIM, &import.reason)
        ))?;
    }
    if inspection.imports.is_empty() {
        output.line("  none")?;
    }
    if inspection.role.is_none() {
        output.line(styled(BOLD, "exports"))?;
        inspection
            .exports
            .iter()
            .try_for_each(|export| output.line(format_args!("  {}", safe(export))))?;
    }
    match verdict {
        InspectVerdict::Refused(why) => {
            output.line(format_args!("{} {}", styled(BAD, "would be refused:"), safe(why)))?
        }
        InspectVerdict::Loadable(None) => output.line(styled(GOOD, "would be loaded"))?,
        InspectVerdict::Loadable(Some(Err(why))) => {
            output.line(format_args!(
                "{}, but has no profile without its settings: {}",
                styled(GOOD, "would be loaded"),
                safe(why)
            ))?;
        }
        InspectVerdict::Loadable(Some(Ok(profile))) => {
            output.line(styled(GOOD, "would be loaded"))?;
            profile::show(output, profile)?;
        }
    }
    Ok(())
}
