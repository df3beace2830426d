//! Which outgoing requests leave.
//!
//! Deny by default: a request leaves only if the component's profile asks for it, the operator's grants allow it, the
//! operation that is running may make it, and its URI has exactly one reading. The URI and the `Host` header that leave
//! are rebuilt from the grant and the canonical path; nothing that the component wrote is passed on as it was.
//!
//! ```
//! use loadlock_policy::egress::{EgressGrant, EgressPolicy, Method, RequestFacts};
//! use loadlock_policy::model::{EgressNeed, Operation};
//!
//! let needs = [EgressNeed {
//!     origin: "https://api.moonshot.ai".into(),
//!     path_prefix: "/v1/files".into(),
//!     methods: vec!["POST".into(), "GET".into()],
//!     operations: vec![Operation::Upload, Operation::Content],
//! }];
//! let grants = vec![EgressGrant::parse("https://api.moonshot.ai", "/v1/files", [Method::Post, Method::Get], false)?];
//! let policy = EgressPolicy::new("kimi", &needs, false, grants)?;
//!
//! let upload = RequestFacts {
//!     scheme: "https",
//!     authority: "API.moonshot.ai:443",
//!     path_and_query: "/v1/files",
//!     method: "POST",
//!     operation: Operation::Upload,
//!     remote_id: None,
//! };
//! assert_eq!(policy.decide(&upload)?.uri, "https://api.moonshot.ai/v1/files");
//!
//! let foreign = RequestFacts { method: "GET", path_and_query: "/v1/files/other", ..upload };
//! assert!(policy.decide(&foreign).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod decide;
mod denied;
mod grant;
mod origin;
mod scope;
mod uri;
mod url;

pub use decide::{Allowed, EgressPolicy, RequestFacts};
pub use denied::{Denied, DeniedReason};
pub use grant::{EffectiveGrant, EgressGrant, GrantError, Method, declared, effective};
pub use origin::{Host, Origin, OriginError, Scheme};
pub use scope::ScopeFault;
pub use uri::{CanonicalPath, MAX_URI_BYTES, PathPrefix, UriFault, canonical_query};
pub use url::{UrlError, parse_url};
