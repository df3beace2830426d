//! What looks like a credential, as data. To add a rule, add a line.
//!
//! Patterns are compared in folded form (NFKC, lower case), so write them in lower case.

use crate::{private_key, tokens};

/// A name that is refused wherever the file lies.
pub(crate) struct NameRule {
    pub(crate) pattern: &'static str,
    /// Names that match the pattern and are harmless.
    pub(crate) except: &'static [&'static str],
    /// If the content starts like this, the file is something else of that name.
    pub(crate) except_content: &'static [&'static [u8]],
    /// Whether a file of that name passes that holds certificates or public keys, and nothing else.
    pub(crate) except_public: bool,
    /// What it is, for the refusal: "looks like …".
    pub(crate) what: &'static str,
}

/// A name that is refused in a folder of that name, at any depth.
pub(crate) struct FolderRule {
    /// Segments of the folder, `/`-separated.
    pub(crate) folder: &'static str,
    /// Whether folders beneath count too.
    pub(crate) deep: bool,
    pub(crate) pattern: &'static str,
    pub(crate) what: &'static str,
}

/// A text that is refused in the content. All parts must be there, in this order, on one line.
pub(crate) struct TextRule {
    pub(crate) parts: &'static [&'static str],
    /// Whether what follows the parts, to the end of the first bytes, is the secret itself: a log, a manual and a
    /// program that reads keys hold the parts as well.
    pub(crate) is_followed: fn(&[u8]) -> bool,
    pub(crate) what: &'static str,
}

/// A JSON object that is refused: it has a member `type` of that value, and the secret as a member of its own.
pub(crate) struct ObjectRule {
    pub(crate) kind: &'static str,
    pub(crate) secret: &'static str,
    /// Whether what follows the quote before the secret is one: samples have a placeholder there.
    pub(crate) is_secret: fn(&[u8]) -> bool,
    pub(crate) what: &'static str,
}

/// First bytes that are refused.
pub(crate) struct MagicRule {
    pub(crate) magic: &'static [u8],
    pub(crate) what: &'static str,
}

const fn name(pattern: &'static str, what: &'static str) -> NameRule {
    NameRule {
        pattern,
        except: &[],
        except_content: &[],
        except_public: false,
        what,
    }
}

/// A name that certificates and public keys have as well.
const fn unless_public(pattern: &'static str, what: &'static str) -> NameRule {
    NameRule {
        except_public: true,
        ..name(pattern, what)
    }
}

/// A key of SSH by the name that its program gives it; its public half ends in `.pub`.
const fn ssh_key(pattern: &'static str) -> NameRule {
    NameRule {
        except: &["*.pub"],
        ..name(pattern, "an SSH key")
    }
}

const fn folder(folder: &'static str, deep: bool, pattern: &'static str, what: &'static str) -> FolderRule {
    FolderRule {
        folder,
        deep,
        pattern,
        what,
    }
}

/// Sample environment files, which hold names and no values, and what is written about them.
const SAMPLES: &[&str] = &[
    ".env.example",
    ".env.sample",
    ".env.template",
    ".env.dist",
    ".env.defaults",
    ".env.schema",
    ".env.*.example",
    ".env.*.sample",
    ".env.*.template",
    ".env.*.dist",
    ".env.md",
    ".env.*.md",
    "example.env",
    "sample.env",
    "template.env",
    "*.example.env",
    "*.sample.env",
    "*.template.env",
];

/// Names of PEM files that hold certificates and nothing else, however many: of these the first bytes suffice.
pub(crate) const CERTIFICATES: &[&str] = &[
    "ca.pem",
    "ca-*.pem",
    "ca_*.pem",
    "cacert*.pem",
    "cert*.pem",
    "*cert.pem",
    "*chain*.pem",
    "*bundle*.pem",
    "roots.pem",
    "*.crt.pem",
];

/// Names.
pub(crate) const NAMES: &[NameRule] = &[
    name(".env", "an environment file"),
    name(".envrc", "an environment file"),
    NameRule {
        except: SAMPLES,
        ..name(".env.*", "an environment file")
    },
    NameRule {
        except: SAMPLES,
        ..name("*.env", "an environment file")
    },
    name(".env~", "an environment file"),
    ssh_key("id_rsa"),
    ssh_key("id_rsa.*"),
    ssh_key("id_dsa"),
    ssh_key("id_dsa.*"),
    ssh_key("id_ecdsa"),
    ssh_key("id_ecdsa.*"),
    ssh_key("id_ed25519"),
    ssh_key("id_ed25519.*"),
    // Keys with a name of one's own have no extension; `id_map.txt` and `id_card.bmp` do.
    NameRule {
        except: &["*.*"],
        ..name("id_*", "an SSH key")
    },
    name("ssh_host_*_key", "an SSH host key"),
    unless_public("*.pem", "a private key"),
    NameRule {
        // Keynote presentations have the same ending and are zip archives.
        except_content: &[b"PK\x03\x04"],
        ..unless_public("*.key", "a private key")
    },
    NameRule {
        // Games of PICO-8 have the same ending.
        except_content: &[b"pico-8 cartridge"],
        ..name("*.p8", "a private key")
    },
    name("*.p12", "a key store"),
    name("*.pfx", "a key store"),
    name("*.ppk", "a private key of PuTTY"),
    name("*.jks", "a Java key store"),
    name("*.keystore", "a key store"),
    name("*.kdbx", "a password database"),
    name("*.kdb", "a password database"),
    name("*.keychain", "a password database"),
    name("*.keychain-db", "a password database"),
    name(".netrc", "a file of passwords"),
    name("_netrc", "a file of passwords"),
    name(".npmrc", "a registry credential"),
    name(".pypirc", "a registry credential"),
    name(".dockercfg", "a registry credential"),
    name(".git-credentials", "a file of passwords"),
    name(".htpasswd", "a file of passwords"),
    name(".pgpass", "a file of passwords"),
    name(".my.cnf", "a file of passwords"),
    name(".s3cfg", "a cloud credential"),
    name(".boto", "a cloud credential"),
    name(".vault-token", "a token"),
    name("kubeconfig", "a Kubernetes credential"),
    name("client_secret*.json", "a cloud credential"),
    name("application_default_credentials.json", "a cloud credential"),
];

/// Names in certain folders.
pub(crate) const FOLDERS: &[FolderRule] = &[
    folder(".ssh", true, "*", "a file of the SSH folder"),
    folder(".gnupg", true, "*", "a file of the GnuPG folder"),
    folder(".aws", true, "*", "a cloud credential"),
    folder(".azure", true, "*", "a cloud credential"),
    folder(".config/gcloud", true, "*", "a cloud credential"),
    folder(".kube", false, "config*", "a Kubernetes credential"),
    folder(".docker", false, "config.json", "a registry credential"),
    folder(".cargo", false, "credentials*", "a registry credential"),
    folder(".gem", false, "credentials", "a registry credential"),
    folder(".config/gh", false, "hosts.yml", "a token"),
];

/// Texts in the content.
pub(crate) const TEXTS: &[TextRule] = &[
    TextRule {
        parts: &["-----BEGIN ", "PRIVATE KEY"],
        is_followed: private_key::is_body,
        what: "a private key",
    },
    TextRule {
        parts: &["---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----"],
        is_followed: private_key::is_next_line,
        what: "a private key",
    },
    TextRule {
        parts: &["PuTTY-User-Key-File-"],
        is_followed: private_key::is_putty,
        what: "a private key of PuTTY",
    },
    TextRule {
        parts: &["AGE-SECRET-KEY-1"],
        is_followed: private_key::is_bech32,
        what: "a private key of age",
    },
    // The heading of a private key in base64, as Kubernetes keeps it.
    TextRule {
        parts: &["LS0tLS1CRUdJTiBQUklWQVRFIEtFWS"],
        is_followed: private_key::is_base64_body,
        what: "a private key",
    },
    TextRule {
        parts: &["LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVkt"],
        is_followed: private_key::is_base64_body,
        what: "a private key",
    },
    TextRule {
        parts: &["LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS"],
        is_followed: private_key::is_base64_body,
        what: "a private key",
    },
    TextRule {
        parts: &["LS0tLS1CRUdJTiBFTkNSWVBURUQgUFJJVkFURSBLRVkt"],
        is_followed: private_key::is_base64_body,
        what: "a private key",
    },
    TextRule {
        parts: &["LS0tLS1CRUdJTiBPUEVOU1NIIFBSSVZBVEUgS0VZ"],
        is_followed: private_key::is_base64_body,
        what: "a private key",
    },
    TextRule {
        parts: &["\"client_secret\"", "\"GOCSPX-"],
        is_followed: tokens::is_word,
        what: "a cloud credential",
    },
];

/// Objects in the content. Audit logs name the kind of an account in every line.
pub(crate) const OBJECTS: &[ObjectRule] = &[
    ObjectRule {
        kind: "\"service_account\"",
        secret: "\"private_key\"",
        is_secret: private_key::is_pem,
        what: "a service account's credential",
    },
    ObjectRule {
        kind: "\"authorized_user\"",
        secret: "\"refresh_token\"",
        is_secret: tokens::is_refresh_token,
        what: "a cloud credential",
    },
];

/// First bytes.
pub(crate) const MAGICS: &[MagicRule] = &[
    MagicRule {
        magic: b"\xFE\xED\xFE\xED\x00\x00\x00\x02",
        what: "a Java key store",
    },
    MagicRule {
        magic: b"\xCE\xCE\xCE\xCE\x00\x00\x00\x02",
        what: "a Java key store",
    },
    MagicRule {
        magic: b"\x03\xD9\xA2\x9A\x65\xFB\x4B\xB5",
        what: "a password database",
    },
    MagicRule {
        magic: b"\x03\xD9\xA2\x9A\x67\xFB\x4B\xB5",
        what: "a password database",
    },
];
