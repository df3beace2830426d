//! A tus upload as the gateway is asked for it.

use loadlock_gateway::{Session, UploadRequest};

/// The name of a file whose client gives none.
pub(crate) const UNNAMED: &str = "upload";

/// An upload is one file however often its end has to be tried, before and after a restart. Nobody else can guess the
/// id, so no client's key is this one, and it stands for one content.
pub(crate) fn keyed(session: &Session, mut request: UploadRequest) -> UploadRequest {
    if request.idempotency_key.is_none() {
        request.idempotency_key = Some(format!("tus_{}", session.id()));
        request.key_is_of_content = true;
    }
    request
}
