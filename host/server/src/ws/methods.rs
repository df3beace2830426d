//! What each method does.

use futures::FutureExt;
use futures::future::BoxFuture;
use loadlock_gateway::{ListRequest, Principal, Result, Scope, Source};
use serde::Deserialize;
use serde_json::{Value, json};

use super::interest::Interest;
use crate::app::App;
use crate::rpc::{Call, Fault, params};
use crate::upload_options::UploadOptions;
use crate::uploads::Watching;

/// Every method.
pub(super) const NAMES: [&str; 7] = [
    "uploads.subscribe",
    "uploads.unsubscribe",
    "uploads.start",
    "uploads.cancel",
    "uploads.list",
    "files.list",
    "files.get",
];

/// Files of one page: an answer should fit into a few packets.
const PAGE: u32 = 1_000;

/// What a call comes to.
pub(super) enum Step {
    Now(Result<Value, Fault>),
    /// The tracker has to be asked.
    Later(BoxFuture<'static, Result<Value, Fault>>),
}

/// What a socket hears, as methods change it.
#[derive(Default)]
pub(super) struct Hearing {
    pub(super) interest: Interest,
    /// Present while anything is watched.
    pub(super) notices: Option<Watching>,
}

impl Hearing {
    /// Before the interest grows: what happens from here on is not missed.
    fn listen(&mut self, app: &App, who: &Principal) {
        self.notices.get_or_insert_with(|| app.uploads().watch(who));
    }

    /// After the interest shrank.
    pub(super) fn settle(&mut self) {
        if !self.interest.any() {
            self.notices = None;
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MaybeUpload {
    upload: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Upload {
    upload: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    path: String,
    to: Option<String>,
    purpose: Option<String>,
    name: Option<String>,
    idempotency_key: Option<String>,
    #[serde(default, deserialize_with = "crate::integer::maybe")]
    expires_in_s: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListFiles {
    #[serde(default, deserialize_with = "crate::integer::maybe")]
    limit: Option<u32>,
    cursor: Option<String>,
    purpose: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GetFile {
    id: String,
}

/// What each method would say against a call's parameters.
#[cfg(feature = "fuzzing")]
pub(super) fn faults(call: &Call) -> Vec<Fault> {
    fn of<T: serde::de::DeserializeOwned>(call: &Call) -> Option<Fault> {
        params::<T>(call.params.clone()).err()
    }
    let read = [
        of::<MaybeUpload>(call),
        of::<Upload>(call),
        of::<Start>(call),
        of::<Nothing>(call),
        of::<ListFiles>(call),
        of::<GetFile>(call),
    ];
    read.into_iter()
        .flatten()
        .chain([Fault::method_not_found(&call.method, &NAMES)])
        .collect()
}

/// Carries a call out.
pub(super) fn call(app: &App, who: &Principal, hearing: &mut Hearing, call: Call) -> Step {
    match step(app, who, hearing, call) {
        Ok(step) => step,
        Err(fault) => Step::Now(Err(fault)),
    }
}

fn step(app: &App, who: &Principal, hearing: &mut Hearing, call: Call) -> Result<Step, Fault> {
    Ok(match call.method.as_str() {
        "uploads.subscribe" => Step::Now(subscribe(app, who, hearing, params(call.params)?)),
        "uploads.unsubscribe" => {
            let wanted: MaybeUpload = params(call.params)?;
            let ended = match wanted.upload {
                Some(upload) => hearing.interest.forget(&upload),
                None => {
                    let any = hearing.interest.any();
                    hearing.interest.forget_all();
                    any
                }
            };
            hearing.settle();
            Step::Now(Ok(json!({ "ended": ended })))
        }
        "uploads.start" => Step::Now(start(app, who, hearing, params(call.params)?)),
        "uploads.cancel" => {
            who.require(Scope::Write)?;
            let Upload { upload } = params(call.params)?;
            app.uploads().cancel(who, &upload)?;
            // It ends in order: `failed` with `cancelled` follows for whoever watches.
            Step::Now(Ok(json!({ "upload": upload, "cancelling": true })))
        }
        "uploads.list" => {
            who.require(Scope::Read)?;
            let Nothing {} = params(call.params)?;
            Step::Now(Ok(json!({ "uploads": app.uploads().list(who) })))
        }
        "files.list" => list_files(app, who, params(call.params)?)?,
        "files.get" => {
            let GetFile { id } = params(call.params)?;
            let (gateway, who) = (app.gateway().clone(), who.clone());
            Step::Later(async move { Ok(json!(gateway.get(&who, &id).await?)) }.boxed())
        }
        unknown => return Err(Fault::method_not_found(unknown, &NAMES)),
    })
}

fn subscribe(app: &App, who: &Principal, hearing: &mut Hearing, wanted: MaybeUpload) -> Result<Value, Fault> {
    who.require(Scope::Read)?;
    // Before the snapshot, so that nothing falls between the two.
    let notices = app.uploads().watch(who);
    let mut live = app.uploads().list(who);
    match wanted.upload {
        None => hearing.interest.watch_all(),
        Some(upload) => {
            live.retain(|notice| notice.upload == upload);
            if live.is_empty() {
                return Err(crate::uploads::not_under_way(&upload).into());
            }
            hearing.interest.watch(upload);
        }
    }
    hearing.notices.get_or_insert(notices);
    Ok(json!({ "uploads": live }))
}

fn start(app: &App, who: &Principal, hearing: &mut Hearing, wanted: Start) -> Result<Value, Fault> {
    who.require(Scope::Write)?;
    let options = UploadOptions {
        name: wanted.name,
        media_type: None,
        purpose: wanted.purpose,
        provider: None,
        expires_in_s: wanted.expires_in_s,
        idempotency_key: wanted.idempotency_key,
        ..UploadOptions::default()
    };
    let options = options.to(wanted.to).check().map_err(|bad| bad.error)?;
    app.gateway().require_provider(&options.target())?;
    hearing.listen(app, who);
    let request = options.request(Source::Path {
        path: wanted.path.into(),
        // The gateway's own directory is nothing that a client could mean.
        current_dir: None,
    });
    let started = app.uploads().start(who.clone(), request);
    match started {
        Ok(started) => {
            hearing.interest.watch(started.id.clone());
            Ok(json!({ "upload": started.id }))
        }
        Err(error) => {
            hearing.settle();
            Err(error.into())
        }
    }
}

fn list_files(app: &App, who: &Principal, wanted: ListFiles) -> Result<Step, Fault> {
    let limit = wanted.limit.unwrap_or(20);
    if !(1..=PAGE).contains(&limit) {
        return Err(Fault::invalid_params(format!("`limit` is 1 to {PAGE}")));
    }
    let request = ListRequest {
        cursor: wanted.cursor,
        limit,
        purpose: wanted.purpose,
        ascending: false,
    };
    let (gateway, who) = (app.gateway().clone(), who.clone());
    Ok(Step::Later(
        async move { Ok(json!(gateway.list(&who, request).await?)) }.boxed(),
    ))
}
