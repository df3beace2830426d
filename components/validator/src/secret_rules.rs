//! What looks like a credential, as data. To add a rule, add a line.
//!
//! Patterns are compared in folded form (NFKC, lower case), so write them in lower case.

/// A name that is refused wherever the file lies.
pub(crate) struct NameRule {
    pub(crate) pattern: &'static str,
    /// Names that match the pattern and are harmless.
    pub(crate) except: &'static [&'static str],
    /// If the content starts like this, the file is something else of that name.
    pub(crate) except_content: &'static [&'static [u8]],
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

/// A text that is refused in the content. All parts must be there, in this order.
pub(crate) struct TextRule {
    pub(crate) parts: &'static [&'static str],
    /// Whether the parts must be on one line.
    pub(crate) one_line: bool,
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
        what,
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

/// Endings of sample environment files, which hold names and no values.
const SAMPLES: &[&str] = &[
    ".env.example",
    ".env.sample",
    ".env.template",
    ".env.dist",
    ".env.defaults",
    ".env.*.example",
    "example.env",
    "sample.env",
    "template.env",
];

/// Documents that only start like a key's name: `id_card.pdf`, `id_list.csv`.
const DOCUMENTS: &[&str] = &[
    "id_*.pdf",
    "id_*.doc",
    "id_*.docx",
    "id_*.odt",
    "id_*.xls",
    "id_*.xlsx",
    "id_*.ods",
    "id_*.csv",
    "id_*.tsv",
    "id_*.ppt",
    "id_*.pptx",
    "id_*.md",
    "id_*.html",
    "id_*.htm",
    "id_*.json",
    "id_*.jsonl",
    "id_*.xml",
    "id_*.png",
    "id_*.jpg",
    "id_*.jpeg",
    "id_*.gif",
    "id_*.webp",
    "id_*.heic",
    "id_*.tif",
    "id_*.tiff",
    "id_*.svg",
    "id_*.mp3",
    "id_*.mp4",
    "id_*.wav",
    "id_*.py",
    "id_*.rs",
    "id_*.js",
    "id_*.ts",
    "id_*.go",
    "id_*.java",
    "id_*.zip",
];

/// Names.
pub(crate) const NAMES: &[NameRule] = &[
    name(".env", "an environment file"),
    name(".envrc", "an environment file"),
    NameRule {
        pattern: ".env.*",
        except: SAMPLES,
        except_content: &[],
        what: "an environment file",
    },
    NameRule {
        pattern: "*.env",
        except: SAMPLES,
        except_content: &[],
        what: "an environment file",
    },
    name(".env~", "an environment file"),
    name("id_rsa*", "an SSH key"),
    name("id_dsa*", "an SSH key"),
    name("id_ecdsa*", "an SSH key"),
    name("id_ed25519*", "an SSH key"),
    NameRule {
        pattern: "id_*",
        except: DOCUMENTS,
        except_content: &[],
        what: "an SSH key",
    },
    name("ssh_host_*_key", "an SSH host key"),
    name("*.pem", "a key or certificate"),
    NameRule {
        pattern: "*.key",
        except: &[],
        // Keynote presentations have the same ending and are zip archives.
        except_content: &[b"PK\x03\x04"],
        what: "a private key",
    },
    name("*.p8", "a private key"),
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
        one_line: true,
        what: "a private key",
    },
    TextRule {
        parts: &["---- BEGIN SSH2 ENCRYPTED PRIVATE KEY"],
        one_line: true,
        what: "a private key",
    },
    TextRule {
        parts: &["PuTTY-User-Key-File-"],
        one_line: true,
        what: "a private key of PuTTY",
    },
    TextRule {
        parts: &["AGE-SECRET-KEY-1"],
        one_line: true,
        what: "a private key of age",
    },
    TextRule {
        parts: &["\"type\"", ":", "\"service_account\""],
        one_line: true,
        what: "a service account's credential",
    },
];

/// First bytes.
pub(crate) const MAGICS: &[MagicRule] = &[
    MagicRule {
        magic: b"\xFE\xED\xFE\xED\x00\x00\x00\x02",
        what: "a Java key store",
    },
    MagicRule {
        magic: b"\x03\xD9\xA2\x9A\x67\xFB\x4B\xB5",
        what: "a password database",
    },
];
