//! Taking over the records of another system: files that its vendors hold already.

use std::path::Path;

use loadlock_policy::model::{RemoteAddress, Treatment};
use loadlock_sandbox::tracker::{DedupKey, FileRecord, Recorded};

use crate::error::{Result, answered};
use crate::id;
use crate::principal::{Principal, Scope};
use crate::state::gateway::{Gateway, GatewayState};

/// One remote file, as another system knew it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// A provider's name in the configuration: its account is where the file is.
    pub provider: String,
    /// The vendor's id.
    pub remote_id: String,
    /// SHA-256 of its content, lower-case hexadecimal.
    pub sha256: String,
    /// Display name.
    pub filename: String,
    /// Bytes.
    pub bytes: u64,
    /// Media type, if it is known.
    pub media_type: Option<String>,
    /// The vendor's purpose; the provider's default if it is not known.
    pub purpose: Option<String>,
    /// Milliseconds since 1970.
    pub created_at_ms: u64,
}

/// What became of one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportOutcome {
    /// It is a file now.
    Recorded,
    /// It was taken over before.
    Known,
    /// Its provider is not configured.
    NoProvider,
    /// The ledger holds its remote file as dying or missing.
    NotLive,
}

impl Gateway {
    /// Records remote files that another system uploaded as files of `tenant`; answers once for each, in order. Nothing
    /// is asked of a vendor: that a remote file is still there shows when it is used. The same file imported again is
    /// `Known`. Files become the gateway's own: deleting the last one deletes the remote file.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Forbidden`] without the scope `admin`; [`crate::ErrorCode::TrackerFailed`], with nothing
    /// recorded.
    pub async fn import(&self, who: &Principal, tenant: &str, files: &[Imported]) -> Result<Vec<ImportOutcome>> {
        who.require(Scope::Admin)?;
        let records: Vec<_> = files.iter().map(|file| self.0.imported(tenant, file)).collect();
        let known: Vec<_> = records.iter().flatten().cloned().collect();
        let mut recorded = answered(self.0.ledger.tracker.record_many(known).await)?.into_iter();
        let outcome = |record: &Option<FileRecord>| match record {
            None => ImportOutcome::NoProvider,
            Some(_) => match recorded.next() {
                Some(Recorded::Inserted) => ImportOutcome::Recorded,
                Some(Recorded::Existing) => ImportOutcome::Known,
                Some(Recorded::RemoteNotLive) | None => ImportOutcome::NotLive,
            },
        };
        Ok(records.iter().map(outcome).collect())
    }
}

impl GatewayState {
    fn imported(&self, tenant: &str, file: &Imported) -> Option<FileRecord> {
        let unit = self.providers.named(&file.provider).ok()?;
        let name = Path::new(&file.filename);
        let unknown = || "application/octet-stream".to_owned();
        let media_type = file.media_type.clone().unwrap_or_else(unknown);
        let extension = name.extension().and_then(|it| it.to_str()).unwrap_or_default();
        let purpose = file.purpose.clone().or_else(|| {
            let default = unit.profile.default_purpose()?;
            Some(default.purpose.clone())
        })?;
        Some(FileRecord {
            id: id::imported(tenant, &unit.account, &file.remote_id),
            key: DedupKey {
                tenant: tenant.to_owned(),
                account: unit.account.clone(),
                purpose,
                treatment: match unit.profile.treatment {
                    Treatment::Content => String::new(),
                    Treatment::Extension => extension.to_ascii_lowercase(),
                    Treatment::MediaType => media_type.clone(),
                },
                sha256: file.sha256.clone(),
            },
            filename: file.filename.clone(),
            bytes: file.bytes,
            media_type,
            provider: unit.name.clone(),
            remote_id: file.remote_id.clone(),
            address: RemoteAddress::default(),
            deduplicated: false,
            attempts: 0,
            created_at_ms: file.created_at_ms,
            expires_at_ms: None,
        })
    }
}
