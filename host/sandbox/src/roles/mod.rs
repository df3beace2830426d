//! One typed wrapper per component role.

pub(crate) mod absence;
pub(crate) mod actor;
pub mod auth;
pub mod batches;
pub mod coordination;
pub(crate) mod ledger;
pub(crate) mod live;
pub(crate) mod pool;
pub mod provider;
pub mod tracker;
pub mod validator;

/// Settings as a component sees them.
pub(crate) fn environment(settings: &[(String, String)]) -> Vec<(String, String)> {
    settings
        .iter()
        .map(|(name, value)| {
            let name = name.to_uppercase().replace('-', "_");
            (format!("LOADLOCK_SETTING_{name}"), value.clone())
        })
        .collect()
}
