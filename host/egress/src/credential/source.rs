//! Reading a secret from where its reference points.

use std::fs::OpenOptions;
use std::io::Read as _;
use std::path::Path;

use loadlock_policy::credential::Reference;
use zeroize::Zeroizing;

use super::{CredentialError, HeaderSpec, Values, references};
use crate::Secret;

/// A credential is a line, not a document; 64 KiB is more than any token is long.
const LARGEST: u64 = 64 * 1024;

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

fn read_file(path: &Path) -> Result<Secret, String> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // A FIFO in place of the file must not block the open for ever. Links are followed: orchestrators swap secrets
        // by one.
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.open(path).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if metadata.len() > LARGEST {
        return Err(format!("it is larger than {LARGEST} bytes"));
    }
    // One byte of room more than is read, so that the buffer never moves and leaves a copy behind.
    let mut text = Zeroizing::new(Vec::with_capacity(LARGEST as usize + 2));
    file.take(LARGEST + 1)
        .read_to_end(&mut text)
        .map_err(|error| error.to_string())?;
    if text.len() as u64 > LARGEST {
        return Err(format!("it is larger than {LARGEST} bytes"));
    }
    let text = std::str::from_utf8(&text).map_err(|_| "it is not UTF-8 text".to_owned())?;
    let value = trimmed(&Secret::new(text.to_owned()));
    if value.expose().is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(value)
}

/// Without the line break at the end that editors and `echo` leave.
fn trimmed(value: &Secret) -> Secret {
    Secret::new(value.expose().trim_end_matches(['\n', '\r']).to_owned())
}
