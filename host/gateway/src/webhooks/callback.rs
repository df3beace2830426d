//! Whom the maker of an upload grant has told of its one upload: only where an operator allows it.

use loadlock_journal::Callback;
use loadlock_policy::egress::parse_url;

use crate::error::{Error, ErrorCode, Result};
use crate::state::gateway::Gateway;

/// Bytes of a URL.
const LONGEST: usize = 1_000;

impl Gateway {
    /// The callback of the upload under this grant: the URL of a webhook that allows callbacks, or one beneath it.
    ///
    /// # Errors
    /// [`ErrorCode::RequestInvalid`] if it is no such URL, [`ErrorCode::Forbidden`] if no webhook allows it.
    pub fn callback(&self, url: &str, grant: &str) -> Result<Callback> {
        let invalid = |why: String| Error::new(ErrorCode::RequestInvalid, format!("`callback` {why}"));
        if url.len() > LONGEST {
            return Err(invalid(format!(
                "has {} bytes; at most {LONGEST} are allowed",
                url.len()
            )));
        }
        let (origin, path) = parse_url(url).map_err(|error| invalid(format!("is not a URL to call: {error}")))?;
        let receivers = self.0.config.webhooks.now();
        let above = receivers
            .iter()
            .filter(|receiver| receiver.takes_callbacks && receiver.is_above(&origin, &path));
        let Some(receiver) = above.max_by_key(|receiver| receiver.url.len()) else {
            let message = "`callback` is not at or below the URL of a webhook that takes callbacks";
            return Err(Error::new(ErrorCode::Forbidden, message).hint(
                "an operator adds `grant.callback` to the `events` of one of `webhooks`; or leave `callback` out",
            ));
        };
        Ok(Callback {
            receiver: receiver.url.clone(),
            url: format!("{origin}{}", path.as_str()),
            grant: grant.to_owned(),
        })
    }
}
