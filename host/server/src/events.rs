//! `/v1/loadlock/events`: what happens to uploads, as server-sent events that can be resumed.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::unfold;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use loadlock_gateway::{Error, ErrorCode, Principal, Scope};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::answer::Refusal;
use crate::app::App;
use crate::feed::{FeedPosition, Since, Whose};
use crate::identity::credential_ends;
use crate::notice::TenantNotice;
use crate::query::{Asking, only};
use crate::ws::Seat;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells nginx not to keep events back.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// Events that are put together for one write.
const BATCH: usize = 256;
/// Between two writes: what happens meanwhile travels together.
const PAUSE: Duration = Duration::from_millis(50);
/// A comment after so much silence: proxies close what says nothing.
const SILENCE: Duration = Duration::from_secs(15);
/// How often the credential is judged again: a revoked one ends its stream within this time.
const JUDGED: Duration = Duration::from_secs(60);
/// When a client comes back after its stream broke.
const AGAIN: Duration = Duration::from_secs(1);

/// What a stream is to have.
struct EventsQuery {
    whose: Whose,
    /// Everything that is kept, first.
    replay: bool,
    after: Option<String>,
}

impl EventsQuery {
    fn parse(who: &Principal, uri: &Uri, headers: &HeaderMap) -> Result<Self, Error> {
        only(uri, &["all", "replay"])?;
        let query = uri.query().unwrap_or_default();
        let (mut all, mut replay) = (false, false);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair {
                "all=true" => all = true,
                "replay=true" => replay = true,
                "all=false" | "replay=false" => {}
                _ => {
                    let message = "`all` and `replay` must be `true` or `false`";
                    return Err(Error::new(ErrorCode::RequestInvalid, message));
                }
            }
        }
        who.require(if all { Scope::Admin } else { Scope::Read })?;
        let after = headers.get(LAST_EVENT_ID).map(|id| id.to_str().unwrap_or_default());
        Ok(Self {
            whose: if all {
                Whose::All
            } else {
                Whose::Tenant(who.tenant().into())
            },
            replay,
            after: after.filter(|id| !id.is_empty()).map(str::to_owned),
        })
    }
}

/// `GET /v1/loadlock/events`.
pub(crate) async fn stream(State(app): State<App>, Asking(who): Asking, request: Request) -> Result<Response, Refusal> {
    let asked = EventsQuery::parse(&who, request.uri(), request.headers())?;
    let seat = app.sockets().sit(who.tenant());
    if seat.over {
        let error = Error::new(
            ErrorCode::RateLimited,
            "the tenant has too many sockets and streams of events",
        );
        return Err(error.retry_after(Some(10_000)).hint("share or close some").into());
    }
    let listener = Listener::begin(app, who, asked, seat);
    let events = unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    });
    let mut response = Sse::new(events)
        .keep_alive(KeepAlive::new().interval(SILENCE))
        .into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

/// A client that listens.
struct Listener {
    app: App,
    who: Principal,
    whose: Whose,
    position: FeedPosition,
    changed: watch::Receiver<()>,
    waiting: VecDeque<Event>,
    /// When the credential ends.
    ends: Option<Instant>,
    judged: Interval,
    _seat: Seat,
}

impl Listener {
    fn begin(app: App, who: Principal, asked: EventsQuery, seat: Seat) -> Self {
        let EventsQuery { whose, replay, after } = asked;
        let feed = app.uploads().feed();
        // Before the position is taken: what happens from there on is not missed.
        let mut changed = feed.wait();
        changed.mark_changed();
        let (end, newest) = feed.end(&whose);
        let mut waiting = VecDeque::new();
        let position = match after.map(|id| feed.behind(&whose, &id)) {
            None if replay => feed.begin(&whose),
            None => end,
            Some(Some(position)) => position,
            Some(None) => {
                waiting.push_back(gone(None).id(newest.clone()));
                end
            }
        };
        let live: Vec<_> = match &whose {
            Whose::All => app.uploads().list_all(),
            Whose::Tenant(tenant) => {
                let own = app.uploads().list(&who).into_iter();
                own.map(|notice| TenantNotice::new(tenant, notice)).collect()
            }
        };
        let begin = Event::default().event("begin").retry(AGAIN);
        // No id of its own: a client that has read nothing else resumes where it was before.
        waiting.push_front(json_of(begin, &json!({ "newest": newest, "uploads": live })));
        let mut judged = interval_at(Instant::now() + JUDGED, JUDGED);
        judged.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            ends: credential_ends(&app, &who),
            app,
            who,
            whose,
            position,
            changed,
            waiting,
            judged,
            _seat: seat,
        }
    }

    /// The next event; `None` ends the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            let stopping = self.app.stopping().clone();
            tokio::select! {
                biased;
                () = stopping.cancelled() => return None,
                () = until(self.ends) => return None,
                _ = self.judged.tick() => self.app.gateway().recheck(&self.who).await.ok()?,
                changed = self.changed.changed() => {
                    changed.ok()?;
                    tokio::time::sleep(PAUSE).await;
                    self.changed.mark_unchanged();
                    self.read();
                }
            }
        }
    }

    fn read(&mut self) {
        let feed = self.app.uploads().feed();
        let Since { missed, events } = feed.since(&self.whose, &mut self.position, BATCH);
        if missed > 0 {
            self.waiting.push_back(gone(Some(missed)));
        }
        // There may be more than that.
        if events.len() >= BATCH {
            self.changed.mark_changed();
        }
        for recorded in events {
            let mut event = Event::default().event(recorded.notice.what.name());
            if let Some(number) = recorded.number_in(&self.whose) {
                event = event.id(feed.id(&self.whose, number));
            }
            self.waiting.push_back(json_of(event, &recorded));
        }
    }
}

/// Says that events are gone, and how many where that is known.
fn gone(missed: Option<u64>) -> Event {
    json_of(Event::default().event("missed"), &json!({ "missed": missed }))
}

fn json_of(event: Event, data: &impl serde::Serialize) -> Event {
    // Maps have text for keys alone, so this does not fail.
    event.data(serde_json::to_string(data).unwrap_or_default())
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}
