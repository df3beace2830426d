//! Many beginnings and ends in one call: one function in the database, and one answer for each item.
//!
//! What the database cannot hold is refused here, item by item: it would refuse the whole call.

use crate::bindings::exports::loadlock::upload::batches as contract;
use crate::bindings::exports::loadlock::upload::coordination::{HeldUsage, Holder};
use crate::bindings::exports::loadlock::upload::tracker::Release;
use crate::coordination::{Leased, duration};
use crate::rest::Rest;
use crate::wire::{self, LAST_INSTANT_MS};
use loadlock_sdk::settings::Settings;
use loadlock_sdk::types::{Failure, FailureKind};
use serde::Deserialize;
use serde_json::{Value, json};

/// The batches behind one REST interface.
pub(crate) struct Batches(Rest);

/// An item that was refused alone.
#[derive(Deserialize)]
struct Refused {
    code: String,
    message: String,
}

#[derive(Deserialize)]
struct Usage {
    files: u64,
    bytes: u64,
}

impl From<Usage> for HeldUsage {
    fn from(usage: Usage) -> Self {
        Self {
            files: usage.files,
            bytes: usage.bytes,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Begun {
    Found(Box<wire::File>),
    Granted {
        fence: u64,
        stored: bool,
    },
    Held {
        gateway: String,
        attempt: String,
        alive: bool,
    },
    OverQuota(Usage),
    Refused(Refused),
}

#[derive(Deserialize)]
struct BegunItem {
    begun: Begun,
    recorded: Option<Usage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ended {
    Recorded(Leased),
    Done(bool),
    Refused(Refused),
}

#[derive(Deserialize)]
struct Removed {
    release: Option<wire::Release>,
    leads: bool,
}

impl Batches {
    pub(crate) fn from_settings() -> Result<Self, Failure> {
        Ok(Self(Rest::new(&Settings::from_env())?))
    }

    pub(crate) fn begin_many(
        &self,
        gateway: &str,
        lease_ms: u64,
        items: Vec<contract::Beginning>,
    ) -> Result<Vec<Result<contract::BegunItem, Failure>>, Failure> {
        let items = items.into_iter().map(beginning).collect();
        let lease_ms = duration(lease_ms);
        self.each(
            "begin_many",
            items,
            begun,
            |items| json!({ "gateway": gateway, "lease_ms": lease_ms, "items": items }),
        )
    }

    pub(crate) fn end_many(
        &self,
        gateway: &str,
        items: Vec<contract::Ending>,
    ) -> Result<Vec<Result<contract::EndedItem, Failure>>, Failure> {
        let items = items.into_iter().map(ending).collect();
        self.each(
            "end_many",
            items,
            ended,
            |items| json!({ "gateway": gateway, "items": items }),
        )
    }

    pub(crate) fn remove_many(
        &self,
        gateway: &str,
        items: Vec<contract::Removal>,
    ) -> Result<Vec<Result<contract::Removed, Failure>>, Failure> {
        let item = |removal: contract::Removal| {
            Ok(json!({ "tenant": removal.tenant, "id": removal.id, "attempt": removal.attempt }))
        };
        let items = items.into_iter().map(item).collect();
        self.each(
            "remove_many",
            items,
            removed,
            |items| json!({ "gateway": gateway, "items": items }),
        )
    }

    /// Asks about those items that the database can be given.
    fn each<T: serde::de::DeserializeOwned, U>(
        &self,
        function: &str,
        items: Vec<Result<Value, Failure>>,
        convert: impl Fn(T) -> Result<U, Failure>,
        arguments: impl FnOnce(Vec<Value>) -> Value,
    ) -> Result<Vec<Result<U, Failure>>, Failure> {
        let items: Vec<Result<Value, Failure>> = items.into_iter().map(|item| item.and_then(without_nul)).collect();
        let good: Vec<Value> = items.iter().filter_map(|item| item.as_ref().ok().cloned()).collect();
        let asked = good.len();
        let answers: Vec<T> = match asked {
            0 => Vec::new(),
            _ => self.0.call(function, &arguments(good))?,
        };
        if answers.len() != asked {
            let message = format!("the ledger answered {} of {asked} items", answers.len());
            return Err(Failure::protocol(message));
        }
        let mut answers = answers.into_iter();
        let one = |item: Result<Value, Failure>| {
            item?;
            let answer = answers.next();
            convert(answer.ok_or_else(|| Failure::protocol("the ledger left an item out"))?)
        };
        Ok(items.into_iter().map(one).collect())
    }
}

fn refused(refused: &Refused) -> Failure {
    let message = format!("the ledger says: {}", refused.message);
    Failure::new(FailureKind::Rejected, message).with_code(&refused.code)
}

fn unstorable(what: &str) -> Failure {
    Failure::new(FailureKind::Rejected, format!("PostgreSQL cannot hold {what}")).with_code("unstorable")
}

/// One of them in any text would have the whole call refused.
fn without_nul(item: Value) -> Result<Value, Failure> {
    fn has_nul(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(items) => items.iter().any(has_nul),
            Value::Object(fields) => fields.values().any(has_nul),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
    match has_nul(&item) {
        true => Err(unstorable("a NUL in a text")),
        false => Ok(item),
    }
}

fn beginning(item: contract::Beginning) -> Result<Value, Failure> {
    let attempt = item.attempt;
    let expires_at_ms = item.terms.as_ref().and_then(|terms| terms.expires_at_ms);
    if i64::try_from(attempt.bytes).is_err() {
        return Err(unstorable("a size beyond 2^63 bytes"));
    }
    if [Some(item.now_ms), expires_at_ms]
        .into_iter()
        .flatten()
        .any(|ms| ms > LAST_INSTANT_MS)
    {
        return Err(unstorable("an instant after the year 9999"));
    }
    let most = |limit: Option<u64>| limit.map(|most| i64::try_from(most).unwrap_or(i64::MAX));
    let places: Vec<Value> = item
        .places
        .into_iter()
        .map(|place| {
            json!({
                "key": wire::Key::from(place.key), "verified_since_ms": place.verified_since_ms.min(LAST_INSTANT_MS),
                "kept_ms": place.kept_ms.map(|kept| kept.min(LAST_INSTANT_MS)),
            })
        })
        .collect();
    let terms = item.terms.map(|terms| {
        json!({
            "filename": terms.filename, "media_type": terms.media_type, "expires_at_ms": terms.expires_at_ms,
        })
    });
    Ok(json!({
        "attempt": {
            "id": attempt.id, "key": wire::Key::from(attempt.key), "bytes": attempt.bytes, "entry": attempt.entry,
        },
        "max_files": most(item.limits.and_then(|limits| limits.max_files)),
        "max_bytes": most(item.limits.and_then(|limits| limits.max_bytes)),
        "instead": item.instead, "places": places, "terms": terms, "now_ms": item.now_ms,
    }))
}

fn begun(item: BegunItem) -> Result<contract::BegunItem, Failure> {
    let begun = match item.begun {
        Begun::Found(file) => contract::Begun::Found(file.into_record()),
        Begun::Granted { fence, stored } => contract::Begun::Granted(contract::Grant { fence, stored }),
        Begun::Held {
            gateway,
            attempt,
            alive,
        } => contract::Begun::Held(Holder {
            gateway,
            attempt,
            alive,
        }),
        Begun::OverQuota(usage) => contract::Begun::OverQuota(usage.into()),
        Begun::Refused(why) => return Err(refused(&why)),
    };
    Ok(contract::BegunItem {
        begun,
        recorded: item.recorded.map(Into::into),
    })
}

fn ending(item: contract::Ending) -> Result<Value, Failure> {
    Ok(match item {
        contract::Ending::File(file) => json!({ "record": wire::File::new(file)? }),
        contract::Ending::Over(id) => json!({ "over": id }),
        contract::Ending::Unled(id) => json!({ "unled": id }),
        contract::Ending::Gone(gone) => json!({
            "gone": { "account": gone.account, "remote_id": gone.remote_id, "attempt": gone.attempt },
        }),
    })
}

fn ended(item: Ended) -> Result<contract::EndedItem, Failure> {
    match item {
        Ended::Done(done) => Ok(contract::EndedItem::Done(done)),
        Ended::Refused(why) => Err(refused(&why)),
        Ended::Recorded(leased) => Ok(contract::EndedItem::Recorded(leased.into())),
    }
}

fn removed(item: Removed) -> Result<contract::Removed, Failure> {
    Ok(contract::Removed {
        release: match item.release {
            None => Release::NotFound,
            Some(wire::Release::Released(left)) => Release::Released(left),
            Some(wire::Release::Last(row)) => Release::Last(row.into_row()),
        },
        leads: item.leads,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::bindings::exports::loadlock::upload::coordination::LeasedRecord;
    use crate::bindings::exports::loadlock::upload::tracker::Recorded;

    #[test]
    fn an_item_with_a_nul_is_refused_alone() {
        let nul = json!({ "attempt": { "entry": "a\0b" }, "places": [] });
        assert_eq!(without_nul(nul).unwrap_err().kind, FailureKind::Rejected);
        let nested = json!({ "places": [{ "key": { "tenant": "\0" } }] });
        assert_eq!(without_nul(nested).unwrap_err().code.as_deref(), Some("unstorable"));
        let good = json!({ "attempt": { "entry": "a b" }, "now_ms": 1, "terms": null });
        assert_eq!(without_nul(good.clone()).unwrap(), good);
    }

    #[test]
    fn what_became_of_an_item_is_read() {
        let found: Ended = serde_json::from_value(json!({ "recorded": "remote-not-live" })).unwrap();
        assert_eq!(
            ended(found).unwrap(),
            contract::EndedItem::Recorded(LeasedRecord::Done(Recorded::RemoteNotLive))
        );
        let no: Ended = serde_json::from_value(json!({ "refused": { "code": "23514", "message": "no" } })).unwrap();
        let failure = ended(no).unwrap_err();
        assert_eq!(
            (failure.kind, failure.code.as_deref()),
            (FailureKind::Rejected, Some("23514"))
        );
    }
}
