//! Keys that mean nothing any more, whatever their value, and why.

/// Name and reason.
pub(super) const OBSOLETE: &[(&str, &str)] = &[
    (
        "EX_ALLOW_RELATIVE_PATHS",
        "a relative path begins where the command runs, and lies beneath a grant or is refused",
    ),
    (
        "KIMI_FILES_BEHAVIOR_ON_OVERSIZE",
        "`auto` sends a large file to a provider that takes it, or answers `file_too_large`",
    ),
    (
        "KIMI_FILES_UPLOAD_TIMEOUT_SECS",
        "it was read there and used by nothing",
    ),
    ("KIMI_READ_TIMEOUT_SECS", READ_TIMES),
    ("KIMI_CONNECT_TIMEOUT_SECS", READ_TIMES),
    ("KIMI_WRITE_TIMEOUT_SECS", READ_TIMES),
    ("KIMI_POOL_TIMEOUT_SECS", READ_TIMES),
    ("KIMI_TIMEOUT_SECS", MODELS),
    ("GLM_TIMEOUT_SECS", MODELS),
    ("EX_HTTP_TIMEOUT_SECONDS", MODELS),
    ("KIMI_UPLOAD_TO_SUPABASE", "it was read by nothing there"),
    ("PROVIDER_FILE_SIZE_THRESHOLD", BY_SIZE),
    ("GLM_SIZE_THRESHOLD", BY_SIZE),
    (
        "FILE_LOCK_TIMEOUT_SECONDS",
        "files are not locked: one that changes while it is read is refused (`file_changed`)",
    ),
    ("FILECACHE_PATH", "what is stored is in the ledger beneath `home`"),
    ("CLEANUP_INTERVAL_HOURS", "what has expired is deleted every 30 s"),
    ("ASYNC_UPLOAD_ENABLED", ASYNC),
    ("ASYNC_UPLOAD_ROLLOUT", ASYNC),
    ("ASYNC_UPLOAD_FALLBACK", ASYNC),
    ("ASYNC_UPLOAD_MAX_RETRIES", ASYNC),
    ("ASYNC_UPLOAD_TIMEOUT", ASYNC),
    (
        "SUPABASE_ANON_KEY",
        "the ledger is written with the key of the service role",
    ),
    ("SUPABASE_JWT_SECRET", "nothing here signs tokens for Supabase"),
    ("SUPABASE_PROJECT_ID", "SUPABASE_URL names the project"),
    (
        "SUPABASE_MAX_RETRIES",
        "records wait in the journal until the ledger has taken them",
    ),
    (
        "SUPABASE_UPLOAD_TIMEOUT",
        "records wait in the journal until the ledger has taken them",
    ),
    ("SUPABASE_PROGRESS_INTERVAL", "progress is sent as it is made"),
    (
        "UPLOAD_FILES_IMMEDIATELY",
        "an upload is sent at once, or in the background if its client asks for that",
    ),
    (
        "JWT_EXPIRE_MINUTES",
        "it was read by nothing there; `loadlock token issue --ttl` says how long a token is good",
    ),
    (
        "EXAI_WS_MAX_BYTES",
        "no file is inside a WebSocket message; `limits.max_upload_size` bounds files",
    ),
    (
        "EXAI_WS_SESSION_MAX_INFLIGHT",
        "a connection has no bound of its own; a tenant has `concurrent_uploads`",
    ),
    (
        "SESSION_MAX_CONCURRENT",
        "a connection has no bound of its own; a tenant has `concurrent_uploads`",
    ),
    (
        "REDIS_URL",
        "there is no Redis: all state is beneath `home`, or in the shared ledger",
    ),
];

const READ_TIMES: &str = "one bound covers a whole attempt: `providers.kimi.sandbox.timeout`";
const MODELS: &str = "it bounded calls of models, which Loadlock does not make";
const BY_SIZE: &str = "a provider is chosen by what it can take, not by size alone; `router.size_threshold` is that rule, \
                       for providers that can take such files";
const ASYNC: &str = "it steered metrics alone; a client asks for a background upload with `Prefer: respond-async`";
