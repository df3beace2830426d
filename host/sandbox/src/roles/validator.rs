//! The validator: long-lived instances, no filesystem, no network.

use std::time::Duration;

use loadlock_policy::model::Role;

use crate::component::{Sandbox, Source};
use crate::contract::calls::ValidatorCalls;
use crate::egress::Network;
use crate::error::{CallError, LoadError};
use crate::inspect::Inspection;
use crate::limits::Limits;
use crate::roles::live::Recipe;
use crate::roles::pool::Pool;

pub use crate::model::validator::{FileCandidate, FileRefusal, HEAD_BYTES, ValidatedFile};
pub use loadlock_policy::model::ValidationRules;

/// A loaded validator.
pub struct Validator {
    pool: Pool<Box<dyn ValidatorCalls>>,
    name: String,
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
        let instantiate = loaded.bind(Role::Validator.interface(), |contract| contract.validator)?;
        let inspection = (*loaded.inspection).clone();
        let name = loaded.name.clone();
        let pool = Pool::new(Recipe {
            loaded,
            limits,
            environment: Vec::new(),
            state: None,
            network: Network::Denied,
            start: Box::new(move |store| {
                let instantiate = instantiate.clone();
                Box::pin(async move { instantiate(store).await.map(Ok) })
            }),
        });
        Ok(Self { pool, name, inspection })
    }

    /// Where the component came from: `builtin:NAME` or a path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the component says about itself.
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// Judges one file.
    ///
    /// # Errors
    /// [`CallError`] if there is no verdict; the file is then refused.
    pub async fn inspect(
        &self,
        candidate: FileCandidate,
        rules: &ValidationRules,
    ) -> Result<Result<ValidatedFile, FileRefusal>, CallError> {
        let verdict = self
            .pool
            .call(move |calls, store| calls.inspect(store, candidate, rules))
            .await?;
        if let Ok(accepted) = &verdict
            && !is_clean(&accepted.name)
        {
            return Err(CallError::Answer(
                "it accepted a name that is not one clean segment".into(),
            ));
        }
        Ok(verdict)
    }
}

fn is_clean(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !name.contains(['/', '\\', '\0'])
        && !name.chars().any(char::is_control)
        && !matches!(name, "." | "..")
}
