//! What a component that was fetched imports and asks for: read from its own bytes, and said by itself in the sandbox.

use std::collections::BTreeSet;

use loadlock::config::{ComponentSource, Config};
use loadlock::sandbox::inspect;
use loadlock::{Error, ErrorCode};
use loadlock_policy::model::{EgressNeed, Profile, Role};
use loadlock_sandbox::{Sandbox, Source, negotiate};

use crate::cli::context::setup;
use crate::cli::failure::Failure;
use crate::cli::inspect::{ask_profile, call_limits, sandbox};

/// A component, looked at.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) role: Role,
    pub(super) contract: &'static str,
    pub(super) imports: Vec<String>,
    /// What it asks to send, one line for each method and URL.
    pub(super) egress: Vec<String>,
    /// Of a provider: what it says with the settings of each provider that uses it, in the order of the configuration;
    /// without settings if none does.
    pub(super) profiles: Vec<Profile>,
    /// Why a provider gives no profile.
    pub(super) no_profile: Option<String>,
}

/// An engine for one look.
pub(super) fn engine(config: &Config) -> Result<Sandbox, Failure> {
    let cache = Some(config.home.join("cache")).filter(|cache| cache.is_dir());
    Ok(sandbox(&setup(config.clone())?, cache)?)
}

/// Looks at a component that is called `name` in the lock.
pub(super) async fn examine(
    config: &Config,
    sandbox: &Sandbox,
    name: &str,
    called: &str,
    bytes: &[u8],
) -> Result<Examined, Failure> {
    let refused = |why: String| {
        let error = Error::new(ErrorCode::ComponentRefused, format!("`{called}` {why}"));
        Failure::from(error.hint("take another version, or ask its maker"))
    };
    let inspection = inspect(bytes).map_err(|error| refused(format!("cannot be used: {error}")))?;
    let imports: Vec<String> = inspection.imports.iter().map(|import| import.name.clone()).collect();
    let (role, contract) = negotiate(&inspection.exports, &imports).map_err(refused)?;
    let mut examined = Examined {
        role,
        contract,
        imports,
        egress: Vec::new(),
        profiles: Vec::new(),
        no_profile: None,
    };
    if role != Role::Provider {
        return Ok(examined);
    }
    let source = Source {
        name: called.to_owned(),
        bytes: bytes.to_vec().into(),
        pin: None,
        built_in: false,
    };
    let used = ComponentSource::Locked(name.to_owned());
    let users = config.providers.iter().map(|provider| &provider.connection);
    let users = users.filter(|connection| connection.component.source == used);
    let mut settings: Vec<Vec<(String, String)>> = users
        .map(|connection| connection.settings.clone().into_iter().collect())
        .collect();
    if settings.is_empty() {
        settings.push(Vec::new());
    }
    let mut asked = BTreeSet::new();
    for settings in settings {
        match ask_profile(sandbox, &source, settings, call_limits(config)).await {
            Ok(Ok(profile)) => {
                asked.extend(profile.egress.iter().flat_map(need));
                examined.profiles.push(profile);
            }
            Ok(Err(why)) => examined.no_profile = Some(why),
            Err(why) => return Err(refused(format!("would not be loaded: {why}"))),
        }
    }
    examined.egress = asked.into_iter().collect();
    Ok(examined)
}

/// `POST https://api.example/v1/files for upload`, one for each method.
fn need(need: &EgressNeed) -> Vec<String> {
    let operations: BTreeSet<&str> = need.operations.iter().map(|operation| operation.as_str()).collect();
    let operations = operations.into_iter().collect::<Vec<_>>().join(", ");
    let path = if need.path_prefix == "/" { "" } else { &need.path_prefix };
    let line = |method: &String| format!("{method} {}{path} for {operations}", need.origin);
    need.methods.iter().map(line).collect()
}
