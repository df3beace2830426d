//! Who the user of this machine is.

use std::sync::Arc;

use futures::future::BoxFuture;
use loadlock_gateway::{Principal, Result};

/// Authenticates the user of this machine, once for each call: a token that ends or is revoked ends here too.
pub type Identify = Arc<dyn Fn() -> BoxFuture<'static, Result<Principal>> + Send + Sync>;
