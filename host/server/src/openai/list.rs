//! `GET /v1/files`: pages that go on after the id of a file.
//!
//! The ledger's cursors are its own. The ones that were handed out are remembered by the last file of their page, which
//! is what SDKs ask to go on after; for any other file its place is looked for.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use http::Uri;
use loadlock_gateway::{Error, ErrorCode, File, FilePage, Gateway, ListRequest, Principal};
use serde::Deserialize;
use serde_json::json;

use super::cursors::Places;
use super::failure::{Answer, Failure};
use super::object;
use crate::app::App;
use crate::query::{self, Asking};

const MOST: u32 = 10_000;
/// Files looked at in one step, where a page is put together from several.
const STEP: u32 = 1_000;

const PARAMETERS: [&str; 5] = ["purpose", "limit", "order", "after", "cursor"];

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    purpose: Option<String>,
    limit: Option<String>,
    order: Option<String>,
    after: Option<String>,
    /// `loadlock.next` of the page before: the ledger's own place, where `after` has to look for one.
    cursor: Option<String>,
}

/// How much of a list is wanted, in which order.
pub(super) struct PageWanted {
    pub(super) limit: u32,
    pub(super) ascending: bool,
}

impl Asked {
    pub(super) fn page(&self) -> Result<PageWanted, Failure> {
        let limit = match self.limit.as_deref().map(str::parse) {
            None => MOST,
            Some(Ok(limit @ 1..=MOST)) => limit,
            Some(_) => {
                return Err(Failure::param("limit", format!("`limit` must be 1 to {MOST}")));
            }
        };
        let ascending = match self.order.as_deref() {
            None | Some("desc") => false,
            Some("asc") => true,
            Some(_) => return Err(Failure::param("order", "`order` is not `asc` or `desc`")),
        };
        for (param, value) in [
            ("after", &self.after),
            ("cursor", &self.cursor),
            ("purpose", &self.purpose),
        ] {
            if value.as_deref() == Some("") {
                return Err(Failure::param(param, format!("`{param}` is empty; leave it out")));
            }
        }
        Ok(PageWanted { limit, ascending })
    }
}

pub(super) async fn list(
    State(app): State<App>,
    Asking(who): Asking,
    uri: Uri,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Answer {
    query::only(&uri, &PARAMETERS)?;
    let Query(asked) = asked.map_err(|error| Failure::body(error.body_text()))?;
    let PageWanted { limit, ascending } = asked.page()?;
    let listing = Listing {
        gateway: app.gateway(),
        places: app.places(),
        who: &who,
        ascending,
    };
    let cursor = match (&asked.after, &asked.cursor) {
        (Some(_), Some(_)) => {
            return Err(Failure::param("cursor", "`cursor` and `after` cannot be used together"));
        }
        (None, Some(cursor)) => Some(Place::After(cursor.clone())),
        (Some(after), None) => listing.place_of(after).await?,
        (None, None) => None,
    };
    let page = match (cursor, asked.purpose.as_deref()) {
        (Some(Place::End), _) => FilePage {
            files: Vec::new(),
            next: None,
        },
        (Some(Place::After(cursor)), purpose) => listing.page(Some(cursor), limit, purpose).await?,
        (None, purpose) => listing.page(None, limit, purpose).await?,
    };
    if let (Some(last), Some(next)) = (page.files.last(), &page.next) {
        app.places().remember(who.tenant(), &last.id, next);
    }
    let id = |file: Option<&File>| file.map(|file| file.id.clone());
    Ok(Json(json!({
        "object": "list",
        "data": page.files.iter().map(|file| object::file(app.gateway(), file)).collect::<Vec<_>>(),
        "first_id": id(page.files.first()),
        "last_id": id(page.files.last()),
        "has_more": page.next.is_some(),
        "loadlock": { "next": page.next },
    }))
    .into_response())
}

/// Where a page begins.
enum Place {
    After(String),
    /// Behind the last file.
    End,
}

struct Listing<'a> {
    gateway: &'a Gateway,
    places: &'a Places,
    who: &'a Principal,
    ascending: bool,
}

impl Listing<'_> {
    async fn read(&self, cursor: Option<String>, limit: u32, purpose: Option<String>) -> Result<FilePage, Error> {
        let request = ListRequest {
            cursor,
            limit,
            purpose,
            ascending: self.ascending,
        };
        self.gateway.list(self.who, request).await
    }

    async fn page(&self, cursor: Option<String>, limit: u32, purpose: Option<&str>) -> Result<FilePage, Error> {
        let Some(purpose) = purpose else {
            return self.read(cursor, limit, None).await;
        };
        let mut words = object::vendor_purposes(self.gateway, purpose);
        if words.len() <= 1 {
            return self.read(cursor, limit, words.pop()).await;
        }
        self.page_of_several(cursor, limit, purpose).await
    }

    /// Providers have different words for the purpose: the files of all of them, in one order.
    async fn page_of_several(&self, mut cursor: Option<String>, limit: u32, purpose: &str) -> Result<FilePage, Error> {
        let mut files = Vec::new();
        loop {
            let begun = cursor.clone();
            let page = self.read(cursor, STEP, None).await?;
            for (index, file) in page.files.into_iter().enumerate() {
                if !object::has_purpose(self.gateway, &file, purpose) {
                    continue;
                }
                if files.len() < limit as usize {
                    files.push((file, index, begun.clone()));
                    continue;
                }
                // One more than fits: the page goes on behind its last file.
                let next = match files.last() {
                    Some((_, last, from)) => self.behind(from.clone(), *last).await?,
                    None => None,
                };
                let files = files.into_iter().map(|(file, ..)| file).collect();
                return Ok(FilePage { files, next });
            }
            cursor = page.next;
            if cursor.is_none() {
                let files = files.into_iter().map(|(file, ..)| file).collect();
                return Ok(FilePage { files, next: None });
            }
        }
    }

    /// The cursor behind the file at `index` of the page that begins at `from`.
    async fn behind(&self, from: Option<String>, index: usize) -> Result<Option<String>, Error> {
        let limit = u32::try_from(index + 1).unwrap_or(MOST);
        Ok(self.read(from, limit, None).await?.next)
    }

    /// The place behind a file.
    async fn place_of(&self, after: &str) -> Result<Option<Place>, Failure> {
        if let Some(cursor) = self.places.find(self.who.tenant(), after) {
            return Ok(Some(Place::After(cursor)));
        }
        let unknown = |error: Error| Failure {
            param: (error.code == ErrorCode::FileNotFound).then_some("after"),
            error,
        };
        self.gateway.get(self.who, after).await.map_err(unknown)?;
        let mut cursor = None;
        loop {
            let begun = cursor.clone();
            let page = self.read(cursor, MOST, None).await?;
            if let Some(index) = page.files.iter().position(|file| file.id == after) {
                let behind = self.behind(begun, index).await?;
                return Ok(Some(behind.map_or(Place::End, Place::After)));
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(Some(Place::End));
            }
        }
    }
}
