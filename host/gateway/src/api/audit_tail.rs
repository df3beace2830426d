//! The newest records of the audit log, for whoever keeps the gateway.

use loadlock_audit::{Check, last, verify};
use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, ErrorCode, Result};
use crate::principal::{Principal, Scope};
use crate::state::gateway::Gateway;

/// Records of one answer.
const MOST: usize = 1_000;

/// The end of the audit log.
#[derive(Debug, Clone, Serialize)]
pub struct AuditTail {
    /// As they stand in the log, oldest first; a damaged line is text.
    pub records: Vec<Value>,
    /// Whether records cannot be written now: everything that has to be recorded is refused then.
    pub failing: bool,
    /// What walking the whole chain found, if that was asked for: whether it is whole, and how many records it has.
    pub chain: Option<ChainState>,
}

/// What walking the chain found.
#[derive(Debug, Clone, Serialize)]
pub struct ChainState {
    /// Every record is as it was written.
    pub whole: bool,
    /// Records that are.
    pub records: u64,
    /// What is wrong with the first that is not.
    pub reason: Option<String>,
}

impl Gateway {
    /// The newest records, and, if the chain is to be walked, whether it is whole.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`]; [`ErrorCode::StateUnavailable`] if the log cannot be read.
    pub async fn audit_tail(&self, who: &Principal, lines: usize, walk: bool) -> Result<AuditTail> {
        who.require(Scope::Admin)?;
        let (dir, failing) = (self.home().join("audit"), self.0.audit.log().is_failing());
        let read = move || {
            let records = last(&dir, lines.min(MOST))?.into_iter().map(|(text, _)| {
                let parsed = serde_json::from_str(&text);
                parsed.unwrap_or(Value::String(text))
            });
            let records = records.collect();
            let walked = walk.then(|| verify(&dir, &Check::default())).transpose()?;
            let chain = walked.map(|report| ChainState {
                whole: report.broken.is_none(),
                records: report.records,
                reason: report.broken.map(|broken| broken.reason),
            });
            Ok(AuditTail {
                records,
                failing,
                chain,
            })
        };
        let read = tokio::task::spawn_blocking(read).await;
        let read = read.map_err(|error| Error::new(ErrorCode::Internal, format!("reading the audit log: {error}")))?;
        read.map_err(|error: loadlock_audit::AuditError| {
            Error::new(ErrorCode::StateUnavailable, format!("the audit log: {error}"))
        })
    }
}
