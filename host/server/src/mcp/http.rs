//! `/mcp`: every request is authenticated before the protocol sees it, `initialize` included.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use loadlock_gateway::{Error, ErrorCode, Principal};
use rmcp::transport::streamable_http_server::session::SessionManager;
use rmcp::transport::streamable_http_server::session::local::{LocalSessionManager, SessionConfig};
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::accept::{self, AnswerForm};
use super::body::{BODY_BYTES, Room};
use super::server::{Caller, McpServer};
use super::sessions::Sessions;
use super::{plain, single};
use crate::answer::Refusal;
use crate::app::App;
use crate::identity::authenticate;

const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// A session that nobody uses ends after this. A call that is under way says nothing while it has no progress token, so
/// it must be longer than any upload.
const IDLE: Duration = Duration::from_secs(15 * 60);

type Service = StreamableHttpService<McpServer, LocalSessionManager>;

#[derive(Clone)]
struct Door(Arc<Inner>);

struct Inner {
    service: Service,
    manager: Arc<LocalSessionManager>,
    sessions: Sessions,
    room: Room,
}

/// The routes below its prefix.
pub(crate) fn routes(app: &App) -> Router<App> {
    let door = Door::new(app);
    Router::new().route(
        "/",
        any(move |State(app): State<App>, request: Request| async move { door.serve(&app, request).await }),
    )
}

impl Door {
    fn new(app: &App) -> Self {
        let calls = TaskTracker::new();
        let stop = CancellationToken::new();
        tokio::spawn(stop_after_calls(app.stopping().clone(), calls.clone(), stop.clone()));
        let mut session_config = SessionConfig::default();
        let deadline = app.gateway().config().deadline;
        session_config.keep_alive = Some(IDLE.max(deadline + Duration::from_secs(60)));
        let mut manager = LocalSessionManager::default();
        manager.session_config = session_config;
        let manager = Arc::new(manager);
        let config = StreamableHttpServerConfig::default()
            .with_max_request_body_bytes(BODY_BYTES)
            .with_cancellation_token(stop)
            // `Hosts` has decided already, by rules that an operator can extend.
            .disable_allowed_hosts();
        let server = McpServer::new(app.clone(), Caller::OfRequest, calls);
        Self(Arc::new(Inner {
            service: StreamableHttpService::new(move || Ok(server.clone()), manager.clone(), config),
            manager,
            sessions: Sessions::default(),
            room: Room::default(),
        }))
    }

    async fn serve(self, app: &App, request: Request) -> Result<Response, Refusal> {
        let (mut parts, body) = request.into_parts();
        app.hosts().check(&parts)?;
        let who = authenticate(app, &parts.headers).await?;
        crate::query::only(&parts.uri, &[])?;
        let form = accept::settle(&parts.method, &mut parts.headers);
        let named = match session_id(&parts.headers)? {
            Some(id) => {
                self.check_session(&who, &id).await?;
                true
            }
            None => false,
        };
        // The protocol's library logs whole requests when it is asked to.
        parts.headers.remove(AUTHORIZATION);
        parts.extensions.insert(who.clone());
        let ends = parts.method == Method::DELETE;
        let is_json = is_json(&parts.headers);
        let (message, held) = self.0.room.read(body).await?;
        let request = Request::from_parts(parts, Body::from(message.clone()));
        let response = self.0.service.handle(request).await.map(Body::new);
        let mut response = plain::explained(response, &message, is_json).await;
        // The answer may take as long as an upload.
        drop((message, held));
        if ends {
            self.forget_ended().await;
            if response.status() == StatusCode::ACCEPTED {
                // It has ended, and clients warn of anything that says less.
                *response.status_mut() = StatusCode::NO_CONTENT;
            }
        }
        if !named && let Some(id) = session_id(response.headers())? {
            self.open_session(&who, &id).await?;
        }
        if form == AnswerForm::Json {
            response = single::of(response).await?;
        }
        Ok(response)
    }

    /// The same answer for a session of somebody else, one that has ended and one that never was.
    async fn check_session(&self, who: &Principal, id: &str) -> Result<(), Error> {
        if self.0.sessions.owned(who, id) && self.lives(id).await {
            return Ok(());
        }
        Err(Error::new(ErrorCode::NoSuchEndpoint, "there is no such MCP session")
            .hint("open a new one with `initialize`"))
    }

    async fn lives(&self, id: &str) -> bool {
        self.0.manager.has_session(&id.into()).await.unwrap_or(false)
    }

    async fn forget_ended(&self) {
        let live = self.0.manager.sessions.read().await;
        self.0.sessions.keep_only(|id| live.contains_key(id));
    }

    async fn open_session(&self, who: &Principal, id: &str) -> Result<(), Error> {
        self.forget_ended().await;
        if self.0.sessions.open(who, id) {
            return Ok(());
        }
        let _ = self.0.manager.close_session(&id.into()).await;
        Err(
            Error::new(ErrorCode::Overloaded, "the tenant has too many MCP sessions")
                .hint("end one with DELETE, or wait until one expires")
                .retry_after(Some(60_000)),
        )
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

/// The one session that a message names.
fn session_id(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut values = headers.get_all(SESSION_ID).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(id), None) => Ok(Some(id.to_str().unwrap_or_default().to_owned())),
        _ => Err(Refusal::invalid("`Mcp-Session-Id` is given more than once")),
    }
}

/// When the server stops, calls under way end first; what is left then (idle sessions, open streams) ends at once.
async fn stop_after_calls(stopping: CancellationToken, calls: TaskTracker, stop: CancellationToken) {
    stopping.cancelled().await;
    calls.close();
    calls.wait().await;
    stop.cancel();
}
