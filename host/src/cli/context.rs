//! Configuration, open gateway, principal: what a command needs before it can ask anything.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::ProgressBar;
use loadlock::config::{Config, DiskPaths, MachineFacts, load_with};
use loadlock::gateway::Setup;
use loadlock::{Door, Error, ErrorCode, Gateway, Principal, local};
use loadlock_server::{Beside, COMMAND_SOCKET};
use zeroize::Zeroizing;

use super::args::{AUTO, COMPILE_COMMAND, Globals};
use super::failure::Failure;
use super::output::Output;

/// An open gateway and who asks it.
pub(crate) struct Session {
    pub(crate) gateway: Gateway,
    pub(crate) who: Principal,
}

/// The configuration that the arguments and the environment name.
pub(crate) fn configuration(globals: &Globals) -> Result<Config, Failure> {
    let facts = MachineFacts::of_this_process().map_err(|error| {
        Error::new(
            ErrorCode::ConfigInvalid,
            format!("the current directory cannot be read: {error}"),
        )
        .hint("change to a folder that exists")
    })?;
    let mut env: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
    if let Some(home) = &globals.home {
        env.insert("LOADLOCK_HOME".into(), home.clone().into_os_string());
    }
    Ok(load_with(globals.config.as_deref(), env, &facts)?)
}

/// What credentials name and is not there.
pub(crate) fn missing_credentials(config: &Config) -> Vec<loadlock::config::ConfigError> {
    config.missing_credentials(
        |name| std::env::var_os(name).is_some_and(|value| !value.is_empty()),
        &DiskPaths,
    )
}

/// Whether what is missing puts some providers out of service and leaves others: nothing else lacks anything.
fn serves_without(config: &Config, missing: &[loadlock::config::ConfigError]) -> bool {
    let lacks = |provider: &loadlock::config::ConfiguredProvider, key: &str| {
        let credentials = &provider.connection.credentials;
        credentials
            .iter()
            .any(|one| key.rsplit_once('.').is_some_and(|(whose, _)| whose == one.key))
    };
    let of_providers =
        |error: &loadlock::config::ConfigError| config.providers.iter().any(|provider| lacks(provider, &error.key));
    missing.iter().all(of_providers)
        && config
            .providers
            .iter()
            .any(|provider| !missing.iter().any(|error| lacks(provider, &error.key)))
}

/// Built-in components, and this program as the compiler of others.
pub(crate) fn setup(config: Config) -> Result<Setup, Failure> {
    let mut builder = loadlock::builder().config(config);
    if let Some(program) = this_program() {
        builder = builder.compiler(program, [COMPILE_COMMAND.to_owned()]);
    }
    Ok(builder.setup()?)
}

/// Where compiled components are kept, made if it is missing: what is inspected and tested is not compiled again for an
/// upload. `None` if it cannot be.
pub(crate) fn compile_cache(config: &Config) -> Option<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    let cache = config.home.join("cache");
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    match builder.create(&cache) {
        Ok(()) => Some(cache),
        Err(error) => {
            tracing::debug!(cache = %cache.display(), %error, "compiled code is not kept");
            None
        }
    }
}

/// On Linux by the link to the running program: its path may hold another version by the time a component is compiled.
fn this_program() -> Option<PathBuf> {
    let link = PathBuf::from("/proc/self/exe");
    if cfg!(target_os = "linux") && link.exists() {
        Some(link)
    } else {
        std::env::current_exe().ok()
    }
}

/// Refuses a provider that is not configured before anything is opened.
pub(crate) fn known_provider(config: &Config, name: &str) -> Result<(), Failure> {
    if name == AUTO || config.provider(name).is_some() {
        return Ok(());
    }
    let names: Vec<_> = config
        .providers
        .iter()
        .map(|provider| format!("`{}`", provider.name))
        .collect();
    let error = Error::new(ErrorCode::ProviderUnknown, format!("there is no provider `{name}`"));
    Err(error.hint(format!("configured are {}", names.join(", "))).into())
}

/// What this process opened, for [`close`].
struct Opened {
    gateway: Gateway,
    /// Answers commands that look, as long as this one has the home.
    beside: Option<Beside>,
}

static OPENED: Mutex<Option<Opened>> = Mutex::new(None);

/// Longest that a command that is over waits for those that it answers.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// What has to be said before the process ends, however its command did.
pub(crate) async fn close() {
    let opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(Opened { gateway, beside }) = opened else {
        return;
    };
    if let Some(beside) = beside {
        beside.stop().await;
    }
    gateway.close().await;
}

/// Takes the home, or fails at once with [`ErrorCode::HomeInUse`]; from then on it answers those who only look.
/// `look_only`: nothing that an earlier process left behind is settled.
pub(crate) async fn session(config: Config, output: &Output, look_only: bool) -> Result<Session, Failure> {
    let missing = missing_credentials(&config);
    if !missing.is_empty() && !serves_without(&config, &missing) {
        return Err(Failure::Config(missing));
    }
    let setup = Setup {
        look_only,
        answering: Some(Box::new(answer_beside)),
        ..setup(config)?
    };
    let gateway = patiently(output, "preparing components (only once)", Gateway::open(setup)).await?;
    let who = authenticate(&gateway).await?;
    Ok(Session { gateway, who })
}

fn answer_beside(gateway: &Gateway) {
    let beside = Beside::start(gateway.clone(), COMMAND_SOCKET, LAST_ANSWERS)
        .inspect_err(|error| tracing::debug!(%error, "no local socket: commands that look have to wait"))
        .ok();
    let opened = Opened {
        gateway: gateway.clone(),
        beside,
    };
    *OPENED.lock().unwrap_or_else(PoisonError::into_inner) = Some(opened);
}

/// `LOADLOCK_TOKEN`, if it is set.
pub(crate) fn token_of_caller() -> Option<Zeroizing<String>> {
    let token = std::env::var("LOADLOCK_TOKEN").ok();
    token.filter(|token| !token.is_empty()).map(Zeroizing::new)
}

/// Who asks: whoever `LOADLOCK_TOKEN` speaks for if it is set, else the user of this machine.
pub(crate) async fn authenticate(gateway: &Gateway) -> loadlock::Result<Principal> {
    match token_of_caller() {
        Some(token) => gateway
            .authenticate(Door::Local, Some(&token))
            .await
            .map_err(|mut error| {
                error.message = format!("LOADLOCK_TOKEN: {}", error.message);
                error
            }),
        None => local::authenticate(gateway).await,
    }
}

/// Shows a person that something is going on, if it takes longer than a moment.
pub(crate) async fn patiently<T>(output: &Output, what: &'static str, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => done,
        () = tokio::time::sleep(Duration::from_millis(400)) => {
            let spinner = output.bars.add(ProgressBar::new_spinner().with_message(what));
            spinner.enable_steady_tick(Duration::from_millis(100));
            let done = work.await;
            spinner.finish_and_clear();
            done
        }
    }
}
