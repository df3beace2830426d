//! Ctrl-C.

use loadlock::CancellationToken;
use tokio::signal::unix::{SignalKind, signal};

use super::super::output::{DIM, Output, styled};

/// Cancelled by the first Ctrl-C or SIGTERM; the second ends the program at once.
pub(super) fn watch_for_interrupt(output: &Output) -> CancellationToken {
    let token = CancellationToken::new();
    // Registered here and not in the task: a signal that comes before the task runs is not lost.
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        output.note("signals cannot be caught: Ctrl-C ends the program at once");
        return token;
    };
    let (cancel, output) = (token.clone(), output.clone());
    tokio::spawn(async move {
        let mut either = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        either().await;
        output.note(styled(DIM, "stopping; once more to stop at once"));
        cancel.cancel();
        either().await;
        std::process::exit(130);
    });
    token
}
