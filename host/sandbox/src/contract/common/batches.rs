//! The part of many beginnings and ends.

use loadlock_policy::model::Failure;
use wasmtime::Store;

use self::leases::{leased, to_attempt, to_limits};
use self::rows::{file_record, from_file_record, release, to_key};
use super::bindings::batching_tracker::BatchingTrackerComponent;
use super::bindings::batching_tracker::exports::loadlock::upload::{batches as w, coordination as c};
use super::bindings::provider::loadlock::upload::types;
use super::provider::failure;
use crate::contract::calls::{Answered, BatchCalls};
use crate::model::batches::{
    Beginning, Begun, BegunItem, Each, Ended, Ending, FileTerms, HeldUsage, Removal, Removed, StoredPlace,
};
use crate::state::CallState;

ledger_rows!(BatchingTrackerComponent, batching_tracker);
ledger_leases!(batching_tracker);

impl BatchCalls for BatchingTrackerComponent {
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
    w::Beginning {
        attempt: to_attempt(&beginning.attempt),
        limits: beginning.limits.map(to_limits),
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
        w::Begun::Held(holder) => Begun::Held(leases::holder(holder)),
        w::Begun::OverQuota(held) => Begun::OverQuota(usage(held)),
    };
    BegunItem {
        begun,
        recorded: item.recorded.map(usage),
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
        w::EndedItem::Recorded(record) => Ended::Recorded(leased(record)),
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
    Removed {
        release: release(removed.release),
        leads: removed.leads,
    }
}
