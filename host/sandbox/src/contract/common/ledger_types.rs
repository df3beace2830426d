//! Conversions that several worlds of the contract need. Each has types of its own for the ledger's rows and leases,
//! alike to the letter, as bindings of exported interfaces are not shared; so they are written once, and made for each.
//! What a version of the contract has besides is added by its own `with_address`.

/// Opens a component's store, and converts the rows of its ledger: module `rows`.
macro_rules! ledger_rows {
    ($component:ident, $world:ident) => {
        impl crate::contract::calls::OpensStore for $component {
            answers! { loadlock_upload_tracker: open() -> () = call_open(), |_| (); }
        }

        // Not every world asks for every one.
        #[allow(dead_code)]
        mod rows {
            #[allow(unused_imports)]
            use loadlock_policy::model::{DedupKey, RemoteAddress};

            use super::super::bindings::$world::exports::loadlock::upload::tracker as t;
            use crate::model::tracker::{FileRecord, Recorded, Release, RemoteRow, RemoteState};

            pub(super) fn to_key(key: &DedupKey) -> t::DedupKey {
                t::DedupKey {
                    tenant: key.tenant.clone(),
                    account: key.account.clone(),
                    purpose: key.purpose.clone(),
                    treatment: key.treatment.clone(),
                    sha256: key.sha256.clone(),
                }
            }

            pub(super) fn from_key(key: t::DedupKey) -> DedupKey {
                DedupKey {
                    tenant: key.tenant,
                    account: key.account,
                    purpose: key.purpose,
                    treatment: key.treatment,
                    sha256: key.sha256,
                }
            }

            pub(super) fn file_record(file: &FileRecord) -> t::FileRecord {
                with_address!(to &file.address => t::FileRecord {
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
                })
            }

            pub(super) fn from_file_record(file: t::FileRecord) -> FileRecord {
                with_address!(from file => FileRecord {
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
                })
            }

            pub(super) fn to_state(state: RemoteState) -> t::RemoteState {
                match state {
                    RemoteState::Live => t::RemoteState::Live,
                    RemoteState::Dying => t::RemoteState::Dying,
                    RemoteState::Missing => t::RemoteState::Missing,
                }
            }

            pub(super) fn remote_row(row: t::RemoteRow) -> RemoteRow {
                with_address!(from row => RemoteRow {
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
                })
            }

            pub(super) fn recorded(recorded: t::Recorded) -> Recorded {
                match recorded {
                    t::Recorded::Inserted => Recorded::Inserted,
                    t::Recorded::Existing => Recorded::Existing,
                    t::Recorded::RemoteNotLive => Recorded::RemoteNotLive,
                }
            }

            pub(super) fn release(release: t::Release) -> Release {
                match release {
                    t::Release::NotFound => Release::NotFound,
                    t::Release::Released(left) => Release::Released(left),
                    t::Release::Last(row) => Release::Last(Box::new(remote_row(row))),
                }
            }
        }
    };
}

/// Converts leases, with the module `rows` beside it: module `leases`.
macro_rules! ledger_leases {
    ($world:ident) => {
        mod leases {
            use super::super::bindings::$world::exports::loadlock::upload::coordination as c;
            use super::rows;
            use crate::model::coordination::{Attempt, LeaseHolder, Leased, TenantLimits};

            pub(super) fn to_attempt(attempt: &Attempt) -> c::Attempt {
                c::Attempt {
                    id: attempt.id.clone(),
                    key: rows::to_key(&attempt.key),
                    bytes: attempt.bytes,
                    entry: attempt.entry.clone(),
                }
            }

            pub(super) fn to_limits(limits: TenantLimits) -> c::Limits {
                c::Limits {
                    max_files: limits.max_files,
                    max_bytes: limits.max_bytes,
                }
            }

            pub(super) fn holder(holder: c::Holder) -> LeaseHolder {
                LeaseHolder {
                    gateway: holder.gateway,
                    attempt: holder.attempt,
                    alive: holder.alive,
                }
            }

            pub(super) fn leased(leased: c::LeasedRecord) -> Leased {
                match leased {
                    c::LeasedRecord::Fenced => Leased::Fenced,
                    c::LeasedRecord::Done(recorded) => Leased::Done(rows::recorded(recorded)),
                }
            }
        }
    };
}
