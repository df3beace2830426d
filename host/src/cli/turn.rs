//! Several commands, one home: whom a command asks, and how long it waits for its turn.
//!
//! The home has one owner at a time. A gateway that serves is asked for everything. A command that has the home answers
//! those who only look; who wants to change something waits until that command is over, and then goes by its own
//! configuration, folder and credentials.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use loadlock::config::Config;
use loadlock::{Error, ErrorCode};
use loadlock_policy::human;
use loadlock_server::{COMMAND_SOCKET, SOCKET};
use rand::RngExt;

use super::args::Globals;
use super::context::{Session, session};
use super::failure::Failure;
use super::output::{DIM, Output, styled};
use super::running::Running;

/// Between two looks. Drawn anew each time, so that nobody is always late.
const PAUSE_MS: std::ops::Range<u64> = 10..60;
/// Longest that whoever looks waits for somebody who has the home and does not answer yet, or any more: a start, or the
/// end of a server.
const LOOKING: Duration = Duration::from_secs(60);
/// The same with `--no-wait`: a start takes this long.
const LOOKING_AT_ONCE: Duration = Duration::from_secs(2);
/// A wait shorter than this is nobody's business.
const UNNOTICED: Duration = Duration::from_millis(400);

/// What a command wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To look.
    Read,
    /// To look; a gateway that is opened for it settles nothing that an earlier process left behind.
    Look,
    /// To change something.
    Change,
    /// A gateway in this process.
    Own,
}

impl Wish {
    fn looks(self) -> bool {
        matches!(self, Self::Read | Self::Look)
    }

    /// How long it waits for the home.
    fn patience(self, config: &Config, no_wait: bool) -> Duration {
        match (self.looks(), no_wait) {
            (true, false) => LOOKING,
            (true, true) => LOOKING_AT_ONCE,
            (false, true) => Duration::ZERO,
            // As long as an upload may take: whoever has the home for one file is through by then.
            (false, false) => config.deadline,
        }
    }
}

/// Who answers.
pub(crate) enum Whom {
    /// A gateway of this process.
    Own(Session),
    /// One that another process has opened on the same home.
    Running(Running),
}

/// Finds who answers, or takes the home.
///
/// # Errors
/// [`ErrorCode::HomeInUse`] if it does not become free in time; what keeps a gateway from being opened.
pub(crate) async fn take(config: &Config, wish: Wish, globals: &Globals, output: &Output) -> Result<Whom, Failure> {
    let patience = wish.patience(config, globals.no_wait);
    let began = Instant::now();
    let mut waiting = Waiting { output, told: None };
    loop {
        if let Some(running) = Running::on(config, SOCKET).await {
            return match wish {
                Wish::Own => Err(gateway_runs(config).into()),
                _ => Ok(Whom::Running(running)),
            };
        }
        if wish.looks()
            && let Some(running) = Running::on(config, COMMAND_SOCKET).await
        {
            return Ok(Whom::Running(running));
        }
        let in_use = match session(config.clone(), output, wish == Wish::Look).await {
            Err(Failure::Gateway(error)) if error.code == ErrorCode::HomeInUse => error,
            other => return other.map(Whom::Own),
        };
        if began.elapsed() >= patience {
            return Err(given_up(in_use, patience).into());
        }
        if began.elapsed() >= UNNOTICED {
            waiting.say(&in_use.message);
        }
        let pause = rand::rng().random_range(PAUSE_MS);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

fn gateway_runs(config: &Config) -> Error {
    let home = config.home.display();
    Error::new(
        ErrorCode::HomeInUse,
        format!("a gateway runs on {home}, and this command needs the home for itself"),
    )
    .hint("stop that gateway, or use another `--home`")
}

fn given_up(error: Error, patience: Duration) -> Error {
    if patience.is_zero() {
        return error
            .hint("another command has it: leave `--no-wait` out to wait for its end, or use another `--home`");
    }
    let hint = format!(
        "another command has had it for {}: see what it is doing, or use another `--home`",
        human(patience)
    );
    error.hint(hint)
}

/// Tells a person, once, that there is a wait.
struct Waiting<'a> {
    output: &'a Output,
    told: Option<ProgressBar>,
}

impl Waiting<'_> {
    fn say(&mut self, who: &str) {
        if self.told.is_some() {
            return;
        }
        // `… is in use by process 123`.
        let who = who.rsplit(" by ").next().unwrap_or(who);
        let text = format!("waiting for {who}, which has the home; Ctrl-C gives up");
        let spinner = if self.output.watched() {
            let spinner = self.output.bars.add(ProgressBar::new_spinner().with_message(text));
            spinner.set_style(one_line());
            spinner.enable_steady_tick(Duration::from_millis(100));
            spinner
        } else {
            if std::io::stderr().is_terminal() {
                self.output.note(styled(DIM, text));
            }
            ProgressBar::hidden()
        };
        self.told = Some(spinner);
    }
}

/// Cut where the terminal ends: wrapped, it would be drawn anew below itself.
fn one_line() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(spinner) = self.told.take() {
            spinner.finish_and_clear();
        }
    }
}
