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

pub(super) const WEBHOOK: &[Field] = &[
    required(
        "url",
        "`https://host[:port]/path`, without a query. It is asked by `POST`; a redirect is not followed.",
    ),
    required(
        "secret",
        "`${env:NAME}` or `${file:PATH}`, never the secret itself: `whsec_` and 24 to 64 bytes in Base64. Several with \
         a space between them all sign, while a receiver moves from one to another.",
    ),
    optional(
        "events",
        "Of `file.stored`, `file.failed`, `file.unknown` (nobody can tell whether the provider has it), `file.deleted` \
         and `grant.callback`: the `callback` of an upload grant may be this URL, or one beneath it. Absent: all but \
         the last.",
    ),
    optional(
        "private",
        "Whether it may be, or resolve to, an address of this machine or of a private network; plain `http` is \
         allowed then too. Absent: false.",
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
    optional(
        "exact",
        "Whether the path must equal this one: a bucket can be listed, and none of its objects read. Absent: false.",
    ),
];

pub(crate) const CREDENTIAL: &[Field] = &[
    optional(
        "kind",
        "`header`: the value as it is. `glm-signed`: the value is a GLM key (`id.secret`), sent as a short-lived \
         signed token. `aws-sigv4`: each request is signed, for S3 and its kin. `oauth-token`: a bearer token that is \
         fetched and renewed. Absent: `header`.",
    ),
    optional(
        "header",
        "The header to set, for `header`. Every other kind sets `Authorization`.",
    ),
    optional(
        "value",
        "A template: `${env:NAME}` or `${file:PATH}`, with a word such as `Bearer ` before it for `header` alone. The \
         secret itself is refused. For `aws-sigv4` it is the secret access key, for `oauth-token` the client's secret \
         or, without `url`, the JSON key of a Google service account.",
    ),
    optional(
        "region",
        "Of `aws-sigv4`, required there: the region in the signature; `auto` for Cloudflare R2.",
    ),
    optional("service", "Of `aws-sigv4`: the service in the signature. Absent: `s3`."),
    optional("key_id", "Of `aws-sigv4`: the access key's id, by reference."),
    optional(
        "session_token",
        "Of `aws-sigv4`: what temporary keys have besides, by reference.",
    ),
    optional(
        "source",
        "Of `aws-sigv4`, instead of `key_id` and `value`: `profile` (the file of AWS's tools), `web-identity` (a role, \
         by the token of a workload), `container` (ECS, EKS), `instance` (EC2). What is fetched is renewed before it \
         ends.",
    ),
    optional("profile", "Of `source = \"profile\"`: its name. Absent: `default`."),
    optional(
        "role",
        "Of `source = \"web-identity\"`: the role's ARN. Absent: `AWS_ROLE_ARN`.",
    ),
    optional(
        "file",
        "Of `profile` and `web-identity`: the file to read. Absent: `AWS_SHARED_CREDENTIALS_FILE` or \
         `~/.aws/credentials`; `AWS_WEB_IDENTITY_TOKEN_FILE`.",
    ),
    optional(
        "url",
        "Of `oauth-token`: the token endpoint, for a client's id and secret.",
    ),
    optional("client_id", "Of `oauth-token`, with `url`: the client's id."),
    optional(
        "scope",
        "Of `oauth-token`: what the token is to be good for, in the endpoint's words.",
    ),
    optional(
        "private",
        "Of `oauth-token`: whether the endpoint may be on a private network. Absent: false.",
    ),
];

pub(super) const KEY: &[Field] = &[
    optional("kid", "Matched against the token's `kid`."),
    optional(
        "alg",
        "`HS256`, `ES256`, `EdDSA` or `RS256`; the token cannot choose another.",
    ),
    optional(
        "value",
        "`${env:NAME}` or `${file:PATH}`: the secret of HS256 (32 bytes at least), else the public key as PEM.",
    ),
    required("issuers", "Issuers (`iss`) that the key may speak for."),
    required("tenants", "Tenants that the key may speak for; `*` is any."),
    optional(
        "jwks",
        "Instead of `kid`, `alg` and `value`: where an issuer publishes its keys. The address of its key set (RFC \
         7517), or of its `/.well-known/openid-configuration`, which names it. A key is for the one algorithm of its \
         kind: ES256, EdDSA or RS256.",
    ),
    optional(
        "private",
        "Of `jwks`: whether the issuer may be on a private network. Absent: false.",
    ),
    optional(
        "ca_file",
        "Of `jwks`: PEM file of the certificate authorities to trust instead of the platform's.",
    ),
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
        "Most uploads at once, and most requests that are forwarded at once. The command line waits for its turn, a client \
         is refused.",
    ),
    optional(
        "dedup_group",
        "Any word. Tenants with the same one share remote files: equal content is stored once for all of them. \
         Absent: nothing is shared. Not for `*`.",
    ),
];

pub(super) const TRUST: &[Field] = &[
    required(
        "match",
        "`HOST/REPOSITORY`, or `HOST/FOLDER/*` for everything below. Of several entries that match, the one that says \
         most holds.",
    ),
    required(
        "keys",
        "Public keys (ECDSA P-256, PEM files). Several for a rotation, or for a threshold.",
    ),
    optional("threshold", "How many different keys have to have signed. Absent: 1."),
    optional(
        "revoked",
        "Ids of keys whose signatures do not count, whatever other entries say.",
    ),
    optional(
        "hosts",
        "Other hosts that the registry may send downloads and logins to. Absent: none. Credentials go to none that \
         only has downloads.",
    ),
];

/// The fields of a component that is written as a table.
pub(crate) const COMPONENT: &[Field] = &[
    required("path", "As in the short form: `builtin:NAME`, `locked:NAME` or a path."),
    optional("sha256", "Refuse the component unless its bytes have this SHA-256."),
];
