//! Ctrl-C, and the end of the terminal.

use loadlock::CancellationToken;
use tokio::signal::unix::{SignalKind, signal};

use super::super::hangup::Hangup;
use super::super::output::{DIM, Output, styled};

/// Cancelled by the first Ctrl-C, SIGTERM or SIGHUP; the second ends the program at once.
pub(super) fn watch_for_interrupt(output: &Output) -> CancellationToken {
    let token = CancellationToken::new();
    // Registered here and not in the task: a signal that comes before the task runs is not lost.
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        Hangup::listen(),
    ) else {
        output.note("signals cannot be caught: Ctrl-C ends the program at once");
        return token;
    };
    let (cancel, output) = (token.clone(), output.clone());
    tokio::spawn(async move {
        let mut any = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                () = hangup.recv() => {}
            }
        };
        any().await;
        output.note(styled(DIM, "stopping; once more to stop at once"));
        cancel.cancel();
        any().await;
        std::process::exit(130);
    });
    token
}
