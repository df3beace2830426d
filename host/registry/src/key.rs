//! Keys: ECDSA on P-256, as PEM.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use p256::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding,
};
use rand::RngExt as _;
use zeroize::Zeroizing;

use crate::Sha256Digest;

/// Largest key file.
const LARGEST: u64 = 64 << 10;

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file is there: a key is never overwritten.
    #[error("{} is there already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Others may read a private key.
    #[error("{} may be read by others (mode {mode:04o}), and is to be a secret", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A private key where a public one belongs.
    #[error("{} is a private key, and a public key is wanted", path.display())]
    Private {
        /// The file.
        path: PathBuf,
    },
    /// Not such a key.
    #[error("{} is not {wanted} (ECDSA P-256, PEM)", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// What is wanted.
        wanted: &'static str,
    },
}

impl KeyError {
    /// What to do, one sentence.
    pub fn hint(&self) -> String {
        match self {
            Self::File { .. } => "name a key file that `loadlock component keygen` made".to_owned(),
            Self::Exists { .. } => "name another file with `--output`; nothing was changed".to_owned(),
            Self::Open { path, .. } => format!(
                "run `chmod 600 {}`, or make a new key if somebody may have it",
                path.display()
            ),
            Self::Private { .. } => "name the file that ends in `.pub`, and keep the other to yourself".to_owned(),
            Self::Other { .. } => "make one with `loadlock component keygen`".to_owned(),
        }
    }
}

/// A private key. Its `Debug` shows the public part alone.
///
/// ```
/// use loadlock_registry::SigningKeyPair;
/// let key = SigningKeyPair::generate();
/// assert!(key.trusted("mine").verify(b"text", &key.sign(b"text")));
/// ```
pub struct SigningKeyPair(SigningKey);

impl SigningKeyPair {
    /// A new key, from the system's random numbers.
    pub fn generate() -> Self {
        loop {
            let bytes = Zeroizing::new(rand::rng().random::<[u8; 32]>());
            // One of 2^32 is none.
            if let Ok(key) = SigningKey::from_slice(&*bytes) {
                return Self(key);
            }
        }
    }

    /// Reads a private key that nobody else may read.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let file = std::fs::File::open(path).map_err(|error| failed(path, &error))?;
        let mode = file.metadata().map_err(|error| failed(path, &error))?.mode() & 0o777;
        if mode & 0o077 != 0 {
            let path = path.to_owned();
            return Err(KeyError::Open { path, mode });
        }
        let mut text = Zeroizing::new(String::new());
        file.take(LARGEST)
            .read_to_string(&mut text)
            .map_err(|error| failed(path, &error))?;
        SigningKey::from_pkcs8_pem(&text)
            .map(Self)
            .map_err(|_| KeyError::Other {
                path: path.to_owned(),
                wanted: "a private key",
            })
    }

    /// Writes the private key (mode 0600) and the public key; neither file may be there.
    ///
    /// # Errors
    /// [`KeyError`]; a private key without its public key is not left behind.
    pub fn write(&self, private: &Path, public: &Path) -> Result<(), KeyError> {
        let text = self.0.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Other {
            path: private.to_owned(),
            wanted: "a private key",
        })?;
        if public.exists() {
            return Err(KeyError::Exists {
                path: public.to_owned(),
            });
        }
        write_new(private, text.as_bytes(), 0o600)?;
        let public_text = self.trusted("").pem();
        write_new(public, public_text.as_bytes(), 0o644).inspect_err(|_| {
            let _ = std::fs::remove_file(private);
        })
    }

    /// Its public key under a name.
    pub fn trusted(&self, name: impl Into<String>) -> TrustedKey {
        TrustedKey::new(name.into(), *self.0.verifying_key())
    }

    /// A signature in DER. The same text gives the same signature (RFC 6979).
    pub fn sign(&self, text: &[u8]) -> Vec<u8> {
        let signature: Signature = self.0.sign(text);
        signature.to_der().as_bytes().to_vec()
    }
}

impl fmt::Debug for SigningKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKeyPair({})", self.trusted("").id())
    }
}

/// A public key with the name that messages call it by.
#[derive(Clone, PartialEq, Eq)]
pub struct TrustedKey {
    name: String,
    id: String,
    key: VerifyingKey,
}

impl TrustedKey {
    fn new(name: String, key: VerifyingKey) -> Self {
        let der = key.to_public_key_der().map(|document| document.into_vec());
        let id = Sha256Digest::of(&der.unwrap_or_default()).hex();
        Self { name, id, key }
    }

    /// Reads a public key; its name is that of the file.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let mut text = Zeroizing::new(String::new());
        let file = std::fs::File::open(path).map_err(|error| failed(path, &error))?;
        file.take(LARGEST)
            .read_to_string(&mut text)
            .map_err(|error| failed(path, &error))?;
        if text.contains("PRIVATE KEY") {
            return Err(KeyError::Private { path: path.to_owned() });
        }
        let key = VerifyingKey::from_public_key_pem(text.trim()).map_err(|_| KeyError::Other {
            path: path.to_owned(),
            wanted: "a public key",
        })?;
        let name = path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy()
            .into_owned();
        Ok(Self::new(name, key))
    }

    /// SHA-256 of the key (SubjectPublicKeyInfo, DER), hexadecimal: the same for everybody, whatever its file is
    /// called.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name of its file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// As PEM.
    pub fn pem(&self) -> String {
        self.key.to_public_key_pem(LineEnding::LF).unwrap_or_default()
    }

    /// Whether a signature in DER is of this text and by this key.
    pub fn verify(&self, text: &[u8], der: &[u8]) -> bool {
        Signature::from_der(der).is_ok_and(|signature| self.key.verify(text, &signature).is_ok())
    }
}

impl fmt::Display for TrustedKey {
    /// `acme.pub (3f2a90c41b77)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = self.id.get(..12).unwrap_or(&self.id);
        write!(f, "{} ({short})", self.name)
    }
}

impl fmt::Debug for TrustedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustedKey({self})")
    }
}

fn failed(path: &Path, error: &std::io::Error) -> KeyError {
    match error.kind() {
        std::io::ErrorKind::AlreadyExists => KeyError::Exists { path: path.to_owned() },
        _ => KeyError::File {
            path: path.to_owned(),
            reason: error.to_string(),
        },
    }
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), KeyError> {
    let open = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path);
    open.and_then(|mut file| file.write_all(bytes).and_then(|()| loadlock_durable::content(&file)))
        .map_err(|error| failed(path, &error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_comes_back_from_its_files_and_only_its_owner_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let (private, public) = (dir.path().join("a.key"), dir.path().join("a.pub"));
        let key = SigningKeyPair::generate();
        key.write(&private, &public).unwrap();
        assert_eq!(std::fs::metadata(&private).unwrap().mode() & 0o777, 0o600);
        let (again, trusted) = (
            SigningKeyPair::read(&private).unwrap(),
            TrustedKey::read(&public).unwrap(),
        );
        assert!(trusted.verify(b"x", &again.sign(b"x")) && !trusted.verify(b"y", &again.sign(b"x")));
        assert_eq!((trusted.id(), trusted.name()), (key.trusted("").id(), "a.pub"));

        assert!(
            matches!(key.write(&private, &public), Err(KeyError::Exists { .. })),
            "never overwritten"
        );
        assert!(matches!(TrustedKey::read(&private), Err(KeyError::Private { .. })));
        assert!(matches!(SigningKeyPair::read(&public), Err(KeyError::Open { .. })));
        std::fs::set_permissions(&private, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(
            SigningKeyPair::read(&private),
            Err(KeyError::Open { mode: 0o640, .. })
        ));
        let secret = std::fs::read_to_string(&private).unwrap();
        let middle = secret.lines().nth(1).unwrap();
        assert!(!format!("{key:?}").contains(middle));
    }
}
