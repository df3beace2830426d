//! The validator: long-lived instances, no filesystem, no network.

use std::time::Duration;

use crate::bindings::validator::exports::loadlock::upload::validator as w;
use crate::bindings::validator::{ValidatorComponent, ValidatorComponentPre};
use crate::component::{Sandbox, Source};
use crate::egress::Network;
use crate::error::{CallError, LoadError};
use crate::inspect::{Inspection, Role};
use crate::limits::Limits;
use crate::roles::live::Recipe;
use crate::roles::pool::Pool;

/// A file that asks to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Last path segment, as it came.
    pub name: Vec<u8>,
    /// Folder beneath the granted root.
    pub folder: Vec<u8>,
    /// Bytes.
    pub size: u64,
    /// First bytes, at most [`HEAD_BYTES`]; of a container the table of contents follows.
    pub head: Vec<u8>,
    /// What the client says it is.
    pub declared_type: Option<String>,
}

/// How many of a file's first bytes the validator sees.
pub const HEAD_BYTES: usize = 8_192;

/// The operator's rules; see `rules` in `wit/validator.wit`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Largest file in bytes.
    pub max_bytes: Option<u64>,
    /// Whether a file of 0 bytes may pass.
    pub allow_empty: bool,
    /// Names that may pass; empty is all.
    pub allow: Vec<String>,
    /// Names that may not.
    pub deny: Vec<String>,
    /// Media types that may not.
    pub deny_types: Vec<String>,
    /// Refuse what looks like a credential.
    pub deny_secrets: bool,
    /// Refuse content that contradicts its name.
    pub deny_mismatch: bool,
}

/// A file that may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// Name to use from here on.
    pub name: String,
    /// Media type by content and name.
    pub media_type: String,
    /// Lower case, no dot.
    pub extension: String,
}

/// A file that may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Stable, snake case.
    pub code: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub hint: String,
}

/// A loaded validator.
pub struct Validator {
    pool: Pool<ValidatorComponent>,
    inspection: Inspection,
}

/// Limits of one inspection: pure computation over 24 KiB at most.
pub(crate) fn judge_limits() -> Limits {
    Limits {
        cpu: Duration::from_secs(2),
        wall: Duration::from_secs(5),
        ..Limits::default()
    }
}

impl Validator {
    /// Loads a validator component.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub async fn load(sandbox: &Sandbox, source: &Source) -> Result<Self, LoadError> {
        let limits = judge_limits();
        let loaded = sandbox.load(source, Role::Validator, &limits).await?;
        let contract = |error: wasmtime::Error| LoadError::Contract {
            name: source.name.clone(),
            detail: format!("{error:#}"),
        };
        let pre = ValidatorComponentPre::new(loaded.pre.clone()).map_err(contract)?;
        let inspection = (*loaded.inspection).clone();
        let pool = Pool::new(Recipe {
            loaded,
            limits,
            environment: Vec::new(),
            state: None,
            network: Network::Denied,
            start: Box::new(move |store| {
                let pre = pre.clone();
                Box::pin(async move { pre.instantiate_async(store).await.map(Ok) })
            }),
        });
        Ok(Self { pool, inspection })
    }

    /// What the component says about itself.
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// Judges one file.
    ///
    /// # Errors
    /// [`CallError`] if there is no verdict; the file is then refused.
    pub async fn inspect(&self, candidate: Candidate, rules: &Rules) -> Result<Result<Acceptance, Refusal>, CallError> {
        let candidate = w::Candidate {
            name: candidate.name,
            folder: candidate.folder,
            size: candidate.size,
            head: candidate.head,
            declared_type: candidate.declared_type,
        };
        let rules = w::Rules {
            max_bytes: rules.max_bytes,
            allow_empty: rules.allow_empty,
            allow: rules.allow.clone(),
            deny: rules.deny.clone(),
            deny_types: rules.deny_types.clone(),
            deny_secrets: rules.deny_secrets,
            deny_mismatch: rules.deny_mismatch,
        };
        let verdict = self
            .pool
            .call(move |bindings, store| {
                Box::pin(async move {
                    bindings
                        .loadlock_upload_validator()
                        .call_inspect(store, &candidate, &rules)
                        .await
                })
            })
            .await?;
        Ok(match verdict {
            w::Verdict::Accepted(accepted) => {
                let clean = !accepted.name.is_empty()
                    && accepted.name.len() <= 255
                    && !accepted.name.contains(['/', '\\', '\0'])
                    && !accepted.name.chars().any(char::is_control)
                    && !matches!(accepted.name.as_str(), "." | "..");
                if !clean {
                    return Err(CallError::Answer(
                        "it accepted a name that is not one clean segment".into(),
                    ));
                }
                Ok(Acceptance {
                    name: accepted.name,
                    media_type: accepted.media_type,
                    extension: accepted.extension,
                })
            }
            w::Verdict::Refused(refused) => Err(Refusal {
                code: refused.code,
                reason: refused.reason,
                hint: refused.hint,
            }),
        })
    }
}
