//! xAI pages by a token.

use loadlock_sdk::openai_shape::Api;
use loadlock_sdk::prelude::*;

/// Most files asked for at once.
const PAGE: u32 = 100;

pub(crate) fn list(api: &Api, query: &ListQuery) -> Result<RemotePage, Failure> {
    let limit = query.limit.clamp(1, PAGE).to_string();
    let mut asked = vec![("limit", limit.as_str()), ("order", "desc")];
    asked.extend(query.cursor.as_deref().map(|token| ("pagination_token", token)));
    let mut listed = api.list(&asked)?;
    let next = listed.pagination_token.take();
    Ok(RemotePage {
        files: listed.page(None)?.files,
        // A cursor that stands still would loop for ever.
        next: next.filter(|next| !next.is_empty() && Some(next) != query.cursor.as_ref()),
    })
}
