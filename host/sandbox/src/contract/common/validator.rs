//! The validator's part.

use loadlock_policy::model::ValidationRules;
use wasmtime::Store;

use super::bindings::validator::ValidatorComponent;
use super::bindings::validator::exports::loadlock::upload::validator as w;
use crate::contract::calls::{Called, ValidatorCalls};
use crate::model::validator::{FileCandidate, FileRefusal, ValidatedFile};
use crate::state::CallState;

impl ValidatorCalls for ValidatorComponent {
    fn inspect<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        candidate: FileCandidate,
        rules: &ValidationRules,
    ) -> Called<'s, Result<ValidatedFile, FileRefusal>> {
        let (candidate, rules) = (from_candidate(candidate), from_rules(rules));
        Box::pin(async move {
            let validator = self.loadlock_upload_validator();
            Ok(match validator.call_inspect(store, &candidate, &rules).await? {
                w::Verdict::Accepted(accepted) => Ok(ValidatedFile {
                    name: accepted.name,
                    media_type: accepted.media_type,
                    extension: accepted.extension,
                }),
                w::Verdict::Refused(refused) => Err(FileRefusal {
                    code: refused.code,
                    reason: refused.reason,
                    hint: refused.hint,
                }),
            })
        })
    }
}

fn from_candidate(candidate: FileCandidate) -> w::Candidate {
    w::Candidate {
        name: candidate.name,
        folder: candidate.folder,
        size: candidate.size,
        head: candidate.head,
        declared_type: candidate.declared_type,
    }
}

fn from_rules(rules: &ValidationRules) -> w::Rules {
    w::Rules {
        max_bytes: rules.max_bytes,
        allow_empty: rules.allow_empty,
        allow: rules.allow.clone(),
        deny: rules.deny.clone(),
        deny_types: rules.deny_types.clone(),
        deny_secrets: rules.deny_secrets,
        deny_mismatch: rules.deny_mismatch,
    }
}
