//! The page at `/`: what a person sees of a gateway, and does with it.
//!
//! | module | one job |
//! |---|---|
//! | `assets` | the page's own files, embedded, with the headers that they are served with |
//! | `own` | whether a request comes from the page itself |
//! | `sessions` | who got in, and by which token |
//! | `door` | getting in and out; a session's requests as those of its token |

mod assets;
mod door;
mod own;
mod sessions;

use axum::Router;
use axum::routing::get;

use crate::app::App;

pub(crate) use door::layer;
pub(crate) use sessions::PageSessions;

/// `/`, the page's files, and its session.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(assets::index))
        .route("/page/{*file}", get(assets::file))
        .route(
            "/v1/loadlock/session",
            get(door::whoami).post(door::enter).delete(door::leave),
        )
}
