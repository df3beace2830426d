//! Bodies that front doors announce, and those that they have taken in before anything is decided about them.

use std::sync::Arc;

use loadlock_sandbox::validator::{FileCandidate, ValidationRules};

use crate::admission::{Arrival, ArrivalFacts, ArrivalWriter, Body, arrive, refused, too_large};
use crate::api::request::Target;
use crate::error::{Error, ErrorCode, Result};
use crate::metrics;
use crate::principal::{Principal, Scope};
use crate::staged::{Allotment, Staged};
use crate::state::gateway::Gateway;
use crate::state::provider::ProviderUnit;

/// What is known of a body before it comes.
#[derive(Debug, Clone, Copy)]
pub struct Announced<'a> {
    /// Display name.
    pub name: &'a str,
    /// What the client believes it to be.
    pub media_type: Option<&'a str>,
    /// How large it will be, if that is known.
    pub bytes: Option<u64>,
    /// Where to.
    pub target: &'a Target,
    /// What for.
    pub purpose: Option<&'a str>,
    /// Under which key.
    pub idempotency_key: Option<&'a str>,
}

/// Refusals of the validator that no content can change.
fn is_final(code: &str) -> bool {
    code.starts_with("name_") || matches!(code, "secret_name" | "too_large" | "empty_file")
}

impl Gateway {
    /// Refuses what the pipeline would refuse for what is announced, before a byte of it is sent: an unknown provider,
    /// a purpose that no provider has, a size that none takes or for which there is no room, a name. Nothing is held:
    /// the body may take hours to come.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`], [`ErrorCode::ProviderUnknown`], [`ErrorCode::PurposeUnsupported`],
    /// [`ErrorCode::FileTooLarge`], [`ErrorCode::FileRejected`], those of [`Gateway::allot`].
    pub async fn foresee(&self, who: &Principal, announced: Announced<'_>) -> Result<()> {
        who.require(Scope::Write)?;
        self.require_provider(announced.target)?;
        if let Some(bytes) = announced.bytes {
            let most = self.largest_upload();
            if bytes > most {
                return Err(too_large(most));
            }
        }
        self.require_purpose(&announced)?;
        self.judge_name(&announced).await?;
        if let Some(bytes) = announced.bytes {
            drop(self.allot(who, bytes, announced.idempotency_key).await?);
        }
        Ok(())
    }

    /// Bytes of the largest body that can be kept until it is uploaded, and that a provider may take.
    pub fn largest_upload(&self) -> u64 {
        let live = self.0.live();
        let limits = &live.config.limits;
        let providers = self.0.providers.iter().map(|unit| unit.max_upload_bytes).max();
        let most = limits.max_upload_size.0.min(limits.spool_size.0);
        providers.map_or(most, |providers| most.min(providers))
    }

    /// A provider that may be meant has the purpose, and takes a file of that size for it.
    fn require_purpose(&self, announced: &Announced<'_>) -> Result<()> {
        let Some(asked) = announced.purpose else {
            return Ok(());
        };
        let meant = |unit: &&Arc<ProviderUnit>| match announced.target {
            Target::Auto => unit.order().is_some(),
            Target::Pinned(name) => unit.name == *name,
        };
        let set = self.0.providers.now();
        let words = set.units.iter().filter(meant).filter_map(|unit| {
            let word = unit.purposes.get(asked).map_or(asked, String::as_str);
            unit.profile.purpose(word).map(|profile| (unit, profile))
        });
        let mut most = None;
        for (unit, profile) in words {
            let largest = [profile.max_bytes, profile.image_max_bytes].into_iter().flatten().max();
            let largest = largest.unwrap_or(u64::MAX).min(unit.max_upload_bytes);
            most = most.max(Some(largest));
        }
        match (most, announced.bytes) {
            (None, _) => Err(Error::new(
                ErrorCode::PurposeUnsupported,
                format!(
                    "no provider that may take the file has the purpose `{}`",
                    asked.escape_debug()
                ),
            )
            .hint("leave the purpose out, or choose one that a provider has")),
            (Some(most), Some(bytes)) if bytes > most => Err(too_large(most)),
            _ => Ok(()),
        }
    }

    async fn judge_name(&self, announced: &Announced<'_>) -> Result<()> {
        let candidate = FileCandidate {
            name: announced.name.as_bytes().to_vec(),
            folder: Vec::new(),
            // Unknown sizes break no rule.
            size: announced.bytes.unwrap_or(1),
            head: Vec::new(),
            declared_type: announced.media_type.map(str::to_owned),
        };
        // Types are judged by the content as well, which is not here yet.
        let rules = ValidationRules {
            deny_types: Vec::new(),
            deny_mismatch: false,
            ..self.0.live().config.validator.rules.clone()
        };
        match self.0.intake.validator.inspect(candidate, &rules).await {
            Ok(Err(refusal)) if is_final(&refusal.code) => Err(refused(refusal)),
            // One without a clear verdict decides when it sees the file.
            _ => Ok(()),
        }
    }

    /// Holds room for a body that is about to come, of which only the least size is known: one that cannot be stored is
    /// refused before it is received. The upload compares its true size again.
    ///
    /// Under an idempotency key that was used nothing is held: it may be the same upload again, which needs no room.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`], [`ErrorCode::QuotaExceeded`], [`ErrorCode::TrackerFailed`],
    /// [`ErrorCode::StateUnavailable`].
    pub async fn allot(&self, who: &Principal, at_least: u64, idempotency_key: Option<&str>) -> Result<Allotment> {
        who.require(Scope::Write)?;
        let state = &*self.0;
        if let Some(key) = idempotency_key {
            let used = state.journal.find_keyed(who.tenant(), key, state.clock.wall_ms())?;
            if used.is_some() {
                return Ok(Allotment(None));
            }
        }
        state.reserve(who, at_least, None).await.map(Some).map(Allotment)
    }

    /// Bytes from which on a body is worth [arriving](Self::arrive).
    pub fn cut_through_from(&self) -> u64 {
        self.0.live().config.limits.cut_through.0
    }

    /// Begins to take a body in that is uploaded while it comes, of which name and size are announced. Its upload keeps
    /// the last byte back until the writer is finished, and is put off until then where something has to be known
    /// first.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`], [`ErrorCode::FileTooLarge`], [`ErrorCode::StateUnavailable`].
    pub fn arrive(
        &self,
        who: &Principal,
        name: String,
        media_type: Option<String>,
        bytes: u64,
    ) -> Result<(Arrival, ArrivalWriter)> {
        who.require(Scope::Write)?;
        let max_bytes = self.0.live().config.limits.max_upload_size.0;
        if bytes > max_bytes {
            return Err(too_large(max_bytes));
        }
        let facts = ArrivalFacts {
            tenant: who.tenant().to_owned(),
            name,
            media_type,
            bytes,
        };
        arrive(&self.0.intake.spool, facts, max_bytes)
    }

    /// A body that has come whole and is to be uploaded otherwise than it was begun: what was begun ends, and stores
    /// nothing.
    ///
    /// # Errors
    /// [`ErrorCode::SpoolFull`], [`ErrorCode::StateUnavailable`].
    pub async fn take_back(&self, writer: ArrivalWriter) -> Result<Staged> {
        let tenant = writer.tenant().to_owned();
        let opened = writer.take_back().await?;
        metrics::cut_through("late_field");
        Ok(Staged {
            opened: Box::new(opened),
            tenant,
            allotment: None,
        })
    }

    /// Takes a body in whole without uploading it yet.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`], [`ErrorCode::FileTooLarge`], [`ErrorCode::SpoolFull`], [`ErrorCode::RequestInvalid`]
    /// if it ends early. Nothing stays on the disk then.
    pub async fn stage(&self, who: &Principal, body: Body) -> Result<Staged> {
        who.require(Scope::Write)?;
        let max_bytes = self.0.live().config.limits.max_upload_size.0;
        Ok(Staged {
            opened: Box::new(self.0.intake.spool.take(body, max_bytes).await?),
            tenant: who.tenant().to_owned(),
            allotment: None,
        })
    }
}
