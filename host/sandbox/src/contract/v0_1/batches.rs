//! The part of many beginnings and ends.

use loadlock_policy::model::{DedupKey, Failure};
use wasmtime::Store;

use super::provider::failure;
use crate::bindings::batching_tracker::BatchingTrackerComponent;
use crate::bindings::batching_tracker::exports::loadlock::upload::{batches as w, coordination as c, tracker as t};
use crate::bindings::provider::loadlock::upload::types;
use crate::contract::calls::{Answered, BatchCalls};
use crate::model::batches::{
    Beginning, Begun, BegunItem, Each, Ended, Ending, FileTerms, HeldUsage, Removal, Removed, StoredPlace,
};
use crate::model::coordination::{LeaseHolder, Leased};
use crate::model::tracker::{FileRecord, Recorded, Release, RemoteRow, RemoteState};
use crate::state::CallState;

impl BatchCalls for BatchingTrackerComponent {
    fn open<'s>(&'s self, store: &'s mut Store<CallState>) -> Answered<'s, ()> {
        Box::pin(async move {
            let answer = self.loadlock_upload_tracker().call_open(store).await?;
            Ok(answer.map(|_| ()).map_err(failure))
        })
    }

    answers! { loadlock_upload_batches:
        begin_many(gateway: String, lease_ms: u64, items: Vec<Beginning>) -> Each<BegunItem>
            = call_begin_many(&gateway, lease_ms, &items.iter().map(beginning).collect::<Vec<_>>()),
            |all| each(all, begun_item);
        end_many(gateway: String, items: Vec<Ending>) -> Each<Ended>
            = call_end_many(&gateway, &items.iter().map(ending).collect::<Vec<_>>()), |all| each(all, ended);
        remove_many(gateway: String, items: Vec<Removal>) -> Each<Removed>
            = call_remove_many(&gateway, &items.iter().map(removal).collect::<Vec<_>>()), |all| each(all, removed);
    }
}

fn each<W, T>(all: Vec<Result<W, types::Failure>>, convert: impl Fn(W) -> T) -> Each<T> {
    let one = |answer: Result<W, types::Failure>| -> Result<T, Failure> { answer.map(&convert).map_err(failure) };
    all.into_iter().map(one).collect()
}

fn to_key(key: &DedupKey) -> t::DedupKey {
    t::DedupKey {
        tenant: key.tenant.clone(),
        account: key.account.clone(),
        purpose: key.purpose.clone(),
        treatment: key.treatment.clone(),
        sha256: key.sha256.clone(),
    }
}

fn from_key(key: t::DedupKey) -> DedupKey {
    DedupKey {
        tenant: key.tenant,
        account: key.account,
        purpose: key.purpose,
        treatment: key.treatment,
        sha256: key.sha256,
    }
}

fn place(place: &StoredPlace) -> w::Place {
    w::Place {
        key: to_key(&place.key),
        verified_since_ms: place.verified_since_ms,
        kept_ms: place.kept_ms,
    }
}

fn terms(terms: &FileTerms) -> w::Terms {
    w::Terms {
        filename: terms.filename.clone(),
        media_type: terms.media_type.clone(),
        expires_at_ms: terms.expires_at_ms,
    }
}

fn beginning(beginning: &Beginning) -> w::Beginning {
    let attempt = &beginning.attempt;
    w::Beginning {
        attempt: c::Attempt {
            id: attempt.id.clone(),
            key: to_key(&attempt.key),
            bytes: attempt.bytes,
            entry: attempt.entry.clone(),
        },
        limits: beginning.limits.map(|limits| c::Limits {
            max_files: limits.max_files,
            max_bytes: limits.max_bytes,
        }),
        instead: beginning.instead.clone(),
        places: beginning.places.iter().map(place).collect(),
        terms: beginning.terms.as_ref().map(terms),
        now_ms: beginning.now_ms,
    }
}

fn usage(usage: c::HeldUsage) -> HeldUsage {
    HeldUsage {
        files: usage.files,
        bytes: usage.bytes,
    }
}

fn begun_item(item: w::BegunItem) -> BegunItem {
    let begun = match item.begun {
        w::Begun::Found(file) => Begun::Found(Box::new(from_file_record(file))),
        w::Begun::Granted(grant) => Begun::Granted {
            fence: grant.fence,
            stored: grant.stored,
        },
        w::Begun::Held(holder) => Begun::Held(LeaseHolder {
            gateway: holder.gateway,
            attempt: holder.attempt,
            alive: holder.alive,
        }),
        w::Begun::OverQuota(held) => Begun::OverQuota(usage(held)),
    };
    BegunItem {
        begun,
        recorded: item.recorded.map(usage),
    }
}

fn file_record(file: &FileRecord) -> t::FileRecord {
    t::FileRecord {
        id: file.id.clone(),
        key: to_key(&file.key),
        filename: file.filename.clone(),
        bytes: file.bytes,
        media_type: file.media_type.clone(),
        provider: file.provider.clone(),
        remote_id: file.remote_id.clone(),
        deduplicated: file.deduplicated,
        attempts: file.attempts,
        created_at_ms: file.created_at_ms,
        expires_at_ms: file.expires_at_ms,
    }
}

fn from_file_record(file: t::FileRecord) -> FileRecord {
    FileRecord {
        id: file.id,
        key: from_key(file.key),
        filename: file.filename,
        bytes: file.bytes,
        media_type: file.media_type,
        provider: file.provider,
        remote_id: file.remote_id,
        deduplicated: file.deduplicated,
        attempts: file.attempts,
        created_at_ms: file.created_at_ms,
        expires_at_ms: file.expires_at_ms,
    }
}

fn ending(ending: &Ending) -> w::Ending {
    match ending {
        Ending::Record(file) => w::Ending::File(file_record(file)),
        Ending::Over(id) => w::Ending::Over(id.clone()),
        Ending::Unled(id) => w::Ending::Unled(id.clone()),
        Ending::Gone {
            account,
            remote_id,
            attempt,
        } => w::Ending::Gone(w::Deletion {
            account: account.clone(),
            remote_id: remote_id.clone(),
            attempt: attempt.clone(),
        }),
    }
}

fn ended(ended: w::EndedItem) -> Ended {
    match ended {
        w::EndedItem::Done(done) => Ended::Done(done),
        w::EndedItem::Recorded(c::LeasedRecord::Fenced) => Ended::Recorded(Leased::Fenced),
        w::EndedItem::Recorded(c::LeasedRecord::Done(recorded)) => Ended::Recorded(Leased::Done(match recorded {
            t::Recorded::Inserted => Recorded::Inserted,
            t::Recorded::Existing => Recorded::Existing,
            t::Recorded::RemoteNotLive => Recorded::RemoteNotLive,
        })),
    }
}

fn removal(removal: &Removal) -> w::Removal {
    w::Removal {
        tenant: removal.tenant.clone(),
        id: removal.id.clone(),
        attempt: removal.attempt.clone(),
    }
}

fn removed(removed: w::Removed) -> Removed {
    let release = match removed.release {
        t::Release::NotFound => Release::NotFound,
        t::Release::Released(left) => Release::Released(left),
        t::Release::Last(row) => Release::Last(Box::new(RemoteRow {
            account: row.account,
            provider: row.provider,
            remote_id: row.remote_id,
            key: from_key(row.key),
            bytes: row.bytes,
            media_type: row.media_type,
            state: match row.state {
                t::RemoteState::Live => RemoteState::Live,
                t::RemoteState::Dying => RemoteState::Dying,
                t::RemoteState::Missing => RemoteState::Missing,
            },
            references: row.references,
            created_at_ms: row.created_at_ms,
            verified_at_ms: row.verified_at_ms,
            expires_at_ms: row.expires_at_ms,
        })),
    };
    Removed {
        release,
        leads: removed.leads,
    }
}
