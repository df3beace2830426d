//! What the components' parsers promise for any bytes. Their modules are compiled here as they are, for the host:
//! inside of the sandbox a call costs a thousand times as much.

mod bindings;

#[path = "../../../../components/auth/src/claims.rs"]
mod claims;
#[path = "../../../../components/auth/src/denial.rs"]
mod denial;
#[path = "../../../../components/auth/src/header.rs"]
mod header;
#[path = "../../../../components/auth/src/keys.rs"]
mod keys;
#[path = "../../../../components/auth/src/legacy.rs"]
mod legacy;
#[path = "../../../../components/auth/src/policy.rs"]
mod policy;
#[path = "../../../../components/auth/src/token.rs"]
mod token;

#[path = "../../../../components/validator/src/archive.rs"]
mod archive;
#[path = "../../../../components/validator/src/compound.rs"]
mod compound;
#[path = "../../../../components/validator/src/content.rs"]
mod content;
#[path = "../../../../components/validator/src/der.rs"]
mod der;
#[path = "../../../../components/validator/src/glob.rs"]
mod glob;
#[path = "../../../../components/validator/src/inspect.rs"]
mod inspect;
#[path = "../../../../components/validator/src/media.rs"]
mod media;
#[path = "../../../../components/validator/src/name.rs"]
mod name;
#[path = "../../../../components/validator/src/plausible.rs"]
mod plausible;
#[path = "../../../../components/validator/src/private_key.rs"]
mod private_key;
// Its list of all codes is for tests that run elsewhere.
#[cfg_attr(test, allow(dead_code))]
#[path = "../../../../components/validator/src/refuse.rs"]
mod refuse;
#[path = "../../../../components/validator/src/search.rs"]
mod search;
#[path = "../../../../components/validator/src/secret_rules.rs"]
mod secret_rules;
#[path = "../../../../components/validator/src/secrets.rs"]
mod secrets;
#[path = "../../../../components/validator/src/signature.rs"]
mod signature;
#[path = "../../../../components/validator/src/text.rs"]
mod text;
#[path = "../../../../components/validator/src/tokens.rs"]
mod tokens;

#[path = "../../../../components/provider-glm/src/errors.rs"]
mod glm;
#[path = "../../../../components/provider-kimi/src/errors.rs"]
mod kimi;
#[path = "../../../../components/provider-openai/src/errors.rs"]
mod openai;

mod credential;
mod file;
mod vendor;

pub use credential::credential;
pub use file::file;
pub use vendor::vendor;
