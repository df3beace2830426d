//! The fields of settings that are tables.

use super::kinds::Field;

const fn required(name: &'static str, meaning: &'static str) -> Field {
    Field {
        name,
        required: true,
        meaning,
    }
}

const fn optional(name: &'static str, meaning: &'static str) -> Field {
    Field {
        name,
        required: false,
        meaning,
    }
}

pub(super) const GRANT: &[Field] = &[
    required(
        "root",
        "Existing folder. Not `/`, not at or below `home`; a folder that contains `home` may be granted, `home` is \
         cut out of it. A link is followed once, at start.",
    ),
    optional("providers", "Providers that may receive files from it. Absent: all."),
    optional(
        "tenants",
        "Tenants whose clients may name paths in it. Absent: only the local command line, which may always.",
    ),
];

pub(super) const EGRESS: &[Field] = &[
    required(
        "url",
        "`scheme://host[:port]/path`. A request must have this scheme, host and port, and a path that equals this one \
         or continues it after a `/`.",
    ),
    required("methods", "HTTP methods, upper case."),
    optional(
        "private",
        "Whether the host may be, or resolve to, an address of this machine or of a private network (private, \
         carrier-shared, link-local, benchmarking). Absent: false. Metadata services, multicast, documentation and \
         reserved addresses are never connected to.",
    ),
];

pub(super) const CREDENTIAL: &[Field] = &[
    optional(
        "kind",
        "`header`: the value as it is. `glm-signed`: the value is a GLM key (`id.secret`), sent as a short-lived \
         signed token. Absent: `header`.",
    ),
    optional(
        "header",
        "The header to set. Required for `header`; always `Authorization` for `glm-signed`.",
    ),
    required(
        "value",
        "A template: `${env:NAME}` or `${file:PATH}`, with a word such as `Bearer ` before it. The secret itself is \
         refused.",
    ),
];

pub(super) const KEY: &[Field] = &[
    required("kid", "Matched against the token's `kid`."),
    required(
        "alg",
        "`HS256`, `ES256`, `EdDSA` or `RS256`; the token cannot choose another.",
    ),
    required(
        "value",
        "`${env:NAME}` or `${file:PATH}`: the secret of HS256 (32 bytes at least), else the public key as PEM.",
    ),
    required("issuers", "Issuers (`iss`) that the key may speak for."),
    required("tenants", "Tenants that the key may speak for; `*` is any."),
];

pub(super) const LEGACY: &[Field] = &[
    required("sha256", "SHA-256 of the credential, hexadecimal."),
    required("subject", "Who presents it."),
    required("tenant", "Whose data it reaches."),
    required("scopes", "Of `read`, `write`, `delete`, `admin`."),
];

pub(super) const TLS: &[Field] = &[
    required(
        "certificate",
        "PEM file: the certificate, then those that lead to its authority.",
    ),
    required("key", "PEM file of the private key."),
];

pub(super) const TENANT: &[Field] = &[
    required("name", "The tenant; `*` is each tenant that has no entry of its own."),
    optional(
        "max_bytes",
        "Most bytes of its files together, a size. A file counts in full, also where it shares a remote file.",
    ),
    optional("max_files", "Most files."),
    optional("requests_per_minute", "Most requests at the network doors."),
    optional(
        "concurrent_uploads",
        "Most uploads at once. The command line waits for its turn, a client is refused.",
    ),
    optional(
        "dedup_group",
        "Any word. Tenants with the same one share remote files: equal content is stored once for all of them. \
         Absent: nothing is shared. Not for `*`.",
    ),
];

/// The fields of a component that is written as a table.
pub(crate) const COMPONENT: &[Field] = &[
    required("path", "As in the short form: `builtin:NAME` or a path."),
    optional("sha256", "Refuse the component unless its bytes have this SHA-256."),
];
