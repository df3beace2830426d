//! An upload with progress notifications and cancellation.

use loadlock_gateway::{Error, ErrorCode, File, Principal, Result, UploadRequest};
use rmcp::RoleServer;
use rmcp::service::RequestContext;
use tokio::sync::broadcast::error::TryRecvError;

use super::progress::Reporter;
use crate::app::App;

/// Uploads and waits. Cancelled by the client, or with nobody left to answer, it still ends in order: nothing is left
/// at the provider, and this returns only then.
pub(super) async fn upload(
    app: &App,
    who: &Principal,
    request: UploadRequest,
    context: &RequestContext<RoleServer>,
    reporter: &Reporter,
    file: usize,
) -> Result<File> {
    // Before it starts, so that no event is missed.
    let mut notices = app.uploads().watch(who);
    let started = app.uploads().start(who.clone(), request)?;
    let mut end = started.end;
    let _cancels = started.cancel.clone().drop_guard();
    let result = loop {
        tokio::select! {
            result = &mut end => break result,
            () = context.ct.cancelled(), if !started.cancel.is_cancelled() => started.cancel.cancel(),
            notice = notices.recv() => {
                if let Ok(notice) = notice && notice.upload == started.id {
                    reporter.event(file, &notice.what).await;
                }
            }
        }
    };
    loop {
        match notices.try_recv() {
            Ok(notice) if notice.upload == started.id => reporter.event(file, &notice.what).await,
            Ok(_) | Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
        }
    }
    result.unwrap_or_else(|error| {
        Err(Error::new(
            ErrorCode::Internal,
            format!("the upload's task ended: {error}"),
        ))
    })
}
