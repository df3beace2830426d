//! Reading a secret from where its reference points.

use loadlock_policy::credential::Reference;

use super::secret_file::{read_file, trimmed};
use super::{CredentialError, HeaderSpec, Values, references};
use crate::Secret;

/// Reads one reference.
pub(super) fn read(
    provider: &str,
    spec: &HeaderSpec,
    reference: &Reference,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Secret, CredentialError> {
    match reference {
        Reference::Env(variable) => env(variable)
            .map(Secret::new)
            .map(|value| trimmed(&value))
            .filter(|value| !value.expose().is_empty())
            .ok_or_else(|| CredentialError::VariableMissing {
                provider: provider.to_owned(),
                header: spec.name.to_string(),
                variable: variable.clone(),
            }),
        Reference::File(path) => read_file(path).map_err(|reason| CredentialError::FileMissing {
            provider: provider.to_owned(),
            header: spec.name.to_string(),
            path: path.clone(),
            reason,
        }),
    }
}

/// Reads every file again. The whole file each time, rather than its times: it is at most a few hundred bytes, and a
/// second write within one tick of the file system's clock leaves size and time as they were.
pub(super) fn read_files(provider: &str, specs: &[HeaderSpec]) -> Result<Values, CredentialError> {
    let mut values = Values::new();
    for (spec, reference) in references(specs) {
        if matches!(reference, Reference::File(_)) && !values.contains_key(reference) {
            values.insert(reference.clone(), read(provider, spec, reference, &|_| None)?);
        }
    }
    Ok(values)
}
