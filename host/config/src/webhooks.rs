//! Who is told of the ends of uploads and files.

use loadlock_policy::address;
use loadlock_policy::credential::Template;
use loadlock_policy::egress::{Origin, PathPrefix, parse_url};

use crate::credential::template;
use crate::egress::{address_defect, url_defect};
use crate::error::{Code, Defect, quoted};
use crate::origin::Provenance;
use crate::read::{ConfigReader, RecordReader};
use crate::suggest;

/// Lets the makers of upload grants name a URL at or beneath the receiver's.
pub const GRANT_CALLBACK: &str = "grant.callback";
/// What a receiver can be told: of every file, and [`GRANT_CALLBACK`].
pub const WEBHOOK_EVENTS: [&str; 5] = [
    "file.stored",
    "file.failed",
    "file.unknown",
    "file.deleted",
    GRANT_CALLBACK,
];

/// One of `webhooks`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Webhook {
    /// Where it is reached.
    pub origin: Origin,
    /// The path there.
    pub path: PathPrefix,
    /// Where its secret is found.
    pub secret: Template,
    /// Of [`WEBHOOK_EVENTS`].
    pub events: Vec<String>,
    /// Whether it may be on a private network.
    pub private: bool,
    /// Where it is configured.
    pub place: Provenance,
    /// The full key, for messages.
    pub key: String,
}

impl Webhook {
    /// As it is written.
    pub fn url(&self) -> String {
        format!("{}{}", self.origin, self.path.as_str())
    }
}

/// Reads `[[webhooks]]`.
pub(crate) fn webhooks(reader: &mut ConfigReader<'_>) -> Vec<Webhook> {
    let records = reader.records("webhooks").unwrap_or_default();
    if records.is_empty() {
        reader.explain_default("webhooks");
    }
    let mut webhooks: Vec<Webhook> = Vec::new();
    for record in &records {
        let Some(webhook) = webhook(reader, record) else {
            continue;
        };
        if webhooks.iter().any(|other| other.url() == webhook.url()) {
            let what = format!("is {} a second time", quoted(&webhook.url()));
            let defect = Defect::new(Code::Conflict, what, "Write one entry for each receiver.");
            let origin = record.origin_of(reader, "url");
            reader.fail(record.key_of("url"), &origin, defect);
        }
        let private = if webhook.private { " (private)" } else { "" };
        let shown = format!("{}{private}: {}", webhook.url(), webhook.events.join(", "));
        reader.explain(&record.key, shown, &record.origin);
        webhooks.push(webhook);
    }
    webhooks
}

fn webhook<'a>(reader: &mut ConfigReader<'a>, record: &RecordReader<'a>) -> Option<Webhook> {
    // All fields are read, so that every mistake is named.
    let private = record.flag(reader, "private");
    let secret = template(reader, record, "secret");
    if secret.as_ref().is_some_and(|secret| !secret.is_single()) {
        let defect = Defect::new(
            Code::BadValue,
            "must be one reference and nothing else",
            "Write `${env:NAME}` or `${file:PATH}`.",
        );
        let origin = record.origin_of(reader, "secret");
        reader.fail(record.key_of("secret"), &origin, defect);
    }
    let events = events(reader, record);
    let url = record.text(reader, "url")?;
    let parsed = parse_url(&url.text).map_err(url_defect).and_then(|(origin, path)| {
        address::check_host(&origin.host, private).map_err(address_defect)?;
        if !private && !origin.may_carry_credential() {
            let what = "sends the names of files in the clear";
            let hint = "Use `https://`; plain HTTP is for a receiver on a private network, with `private = true`.";
            return Err(Defect::new(Code::Insecure, what, hint));
        }
        Ok((origin, path))
    });
    let (origin, path) = match parsed {
        Ok(parsed) => parsed,
        Err(defect) => {
            reader.fail(record.key_of("url"), &url.origin, defect);
            return None;
        }
    };
    Some(Webhook {
        origin,
        path,
        secret: secret?,
        events,
        private,
        place: record.origin.clone(),
        key: record.key.clone(),
    })
}

/// All that are of files where none is named.
fn events<'a>(reader: &mut ConfigReader<'a>, record: &RecordReader<'a>) -> Vec<String> {
    let of_files = WEBHOOK_EVENTS.into_iter().filter(|event| *event != GRANT_CALLBACK);
    let Some(items) = record.texts(reader, "events") else {
        return of_files.map(str::to_owned).collect();
    };
    reader.unique(&items, &record.key_of("events"));
    if items.is_empty() {
        let defect = Defect::new(Code::BadValue, "names no event", "Name some, or leave it out for all.");
        let origin = record.origin_of(reader, "events");
        reader.fail(record.key_of("events"), &origin, defect);
    }
    for (index, item) in items.iter().enumerate() {
        if !WEBHOOK_EVENTS.contains(&item.text.as_str()) {
            let what = format!("cannot be {}", quoted(&item.text));
            let hint = suggest::did_you_mean(&item.text, &WEBHOOK_EVENTS);
            let key = format!("{}[{index}]", record.key_of("events"));
            reader.fail(key, &item.origin, Defect::new(Code::BadValue, what, hint));
        }
    }
    items.into_iter().map(|item| item.text).collect()
}
