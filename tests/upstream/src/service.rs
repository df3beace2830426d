//! One request: recorded, misled if a fault says so, answered.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tokio_util::task::TaskTracker;

use crate::body::{BodyError, Tap};
use crate::faults::Fault;
use crate::io::Connection;
use crate::recorder::Recorded;
use crate::reply::{Abort, Body, Problem, Reply};
use crate::server::State;
use crate::vendor::{self, Call, Failed};

/// Answers one request, or cuts its connection.
pub(crate) async fn answer(
    state: Arc<State>,
    connection: Arc<Connection>,
    tasks: TaskTracker,
    request: Request<Incoming>,
) -> Result<Response<Body>, Abort> {
    let number = state.numbers.fetch_add(1, Ordering::Relaxed) + 1;
    let (parts, body) = request.into_parts();
    let call = vendor::route(state.vendor, &parts.method, &parts.uri, &parts.headers);
    let fault = match &call {
        Ok(call) => state.faults.take(number, call.operation),
        Err(_) => None,
    };
    if state.options.record {
        state.requests.begin(Recorded {
            number,
            connection: connection.number,
            version: format!("{:?}", parts.version),
            method: parts.method.to_string(),
            target: parts.uri.path_and_query().map_or_else(String::new, ToString::to_string),
            operation: call.as_ref().ok().map(|call| call.operation),
            headers: parts
                .headers
                .iter()
                .map(|(name, value)| {
                    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                    (name.as_str().to_owned(), value)
                })
                .collect(),
            body_bytes: 0,
            body_complete: false,
            body_sha256: None,
            fields: Vec::new(),
            fault: fault.as_ref().map(|fault| format!("{fault:?}")),
            status: None,
        });
    }
    let tap = Tap::new(
        body,
        state.requests.clone(),
        number,
        state.options.record && state.options.digest_body,
    );
    let exchange = Exchange {
        state: &state,
        connection,
        tasks,
        headers: &parts.headers,
        number,
    };
    let answered = match fault {
        None => exchange.honest(call, tap).await.map(Reply::whole),
        Some(fault) => exchange.faulty(fault, call, tap).await,
    };
    if let Ok(response) = &answered {
        let status = response.status().as_u16();
        let note = |request: &mut Recorded| request.status = Some(status);
        state.requests.update(number, note);
    }
    answered
}

struct Exchange<'a> {
    state: &'a Arc<State>,
    connection: Arc<Connection>,
    tasks: TaskTracker,
    headers: &'a http::HeaderMap,
    number: u64,
}

impl Exchange<'_> {
    /// What the vendor would answer.
    async fn honest(&self, call: Result<Call, Problem>, mut tap: Tap) -> Result<Reply, Abort> {
        let vendor = self.state.vendor;
        let outcome = match call {
            Ok(call) => vendor::perform(self.state, self.headers, self.number, &call, &mut tap).await,
            Err(problem) => Err(Failed::Problem(problem)),
        };
        let mut reply = match outcome {
            Ok(reply) => reply,
            Err(Failed::Problem(problem)) => {
                // The vendor's edge reads the rest, so that the client gets to the answer.
                self.read(tap.drain().await)?;
                vendor::render(vendor, problem)
            }
            Err(Failed::Body(error)) => return self.read(Err(error)),
        };
        let id = ("x-request-id".to_owned(), format!("req-{}", self.number));
        reply.headers.push(id);
        Ok(reply)
    }

    async fn faulty(&self, fault: Fault, call: Result<Call, Problem>, mut tap: Tap) -> Result<Response<Body>, Abort> {
        let vendor = self.state.vendor;
        let error = |answer| vendor::render(vendor, Problem::from(answer)).whole();
        match fault {
            Fault::Answer(answer) => {
                self.read(tap.drain().await)?;
                Ok(error(answer))
            }
            Fault::StoredAnswer(answer) => {
                self.honest(call, tap).await?;
                Ok(error(answer))
            }
            Fault::EarlyAnswer {
                after_bytes,
                linger,
                answer,
            } => {
                self.read(tap.skip_to(after_bytes).await)?;
                if linger {
                    self.tasks.spawn(async move { tap.drain().await });
                }
                Ok(error(answer))
            }
            Fault::Delay { ms } => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                self.honest(call, tap).await.map(Reply::whole)
            }
            Fault::Hang => {
                self.read(tap.drain().await)?;
                std::future::pending().await
            }
            Fault::Hold => {
                self.state.faults.released().await;
                self.honest(call, tap).await.map(Reply::whole)
            }
            Fault::HoldAnswer => {
                let reply = self.honest(call, tap).await?;
                self.carried_out(reply.status);
                self.state.faults.released().await;
                Ok(reply.whole())
            }
            Fault::HangAfter => {
                let status = self.honest(call, tap).await?.status;
                self.carried_out(status);
                std::future::pending().await
            }
            Fault::ResetBefore => self.reset(),
            Fault::ResetMiddle { after_bytes } => {
                tap.cut_after(after_bytes);
                self.read(tap.drain().await)?;
                self.reset()
            }
            Fault::ResetAfter => {
                self.honest(call, tap).await?;
                self.reset()
            }
            Fault::ResetInAnswer => {
                let connection = Arc::clone(&self.connection);
                let reply = self.honest(call, tap).await?;
                Ok(reply.cut_off(move || connection.cut()))
            }
            Fault::SlowRead { rate } => {
                tap.slow_down(rate);
                self.honest(call, tap).await.map(Reply::whole)
            }
            Fault::TruncatedJson => self.honest(call, tap).await.map(Reply::truncated),
            Fault::InvalidJson => self.honest(call, tap).await.map(Reply::invalid),
            Fault::Endless { bytes } => {
                let reply = self.honest(call, tap).await?;
                Ok(reply.endless(bytes))
            }
            Fault::Redirect { status, location } => {
                self.read(tap.drain().await)?;
                let mut reply = Reply::text(String::new());
                reply.status = status;
                reply.headers.push(("location".to_owned(), location));
                Ok(reply.whole())
            }
            Fault::EchoSecret { status } => {
                self.read(tap.drain().await)?;
                let names = [
                    "x-amz-security-token",
                    "authorization",
                    "x-api-key",
                    "x-goog-api-key",
                    "api-key",
                ];
                let secret = names.iter().find_map(|name| self.headers.get(*name));
                let secret = secret.map_or("", |value| value.to_str().unwrap_or_default());
                let mut problem = Problem::new(status, format!("invalid request: {secret}"));
                problem.headers.push(("x-echo".to_owned(), secret.to_owned()));
                Ok(vendor::render(vendor, problem).whole())
            }
        }
    }

    /// For an answer that is kept back.
    fn carried_out(&self, status: u16) {
        let note = |request: &mut Recorded| request.status = Some(status);
        self.state.requests.update(self.number, note);
    }

    /// A body that broke off has no answer; one that a fault cut takes the connection with it.
    fn read<T>(&self, outcome: Result<T, BodyError>) -> Result<T, Abort> {
        outcome.map_err(|error| {
            if error == BodyError::Cut {
                self.connection.cut();
            }
            Abort
        })
    }

    fn reset<T>(&self) -> Result<T, Abort> {
        self.connection.cut();
        Err(Abort)
    }
}
