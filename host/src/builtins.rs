//! The components that are part of the program.

use loadlock_gateway::Builtins;

/// Every built-in component by the name that follows `builtin:` in the configuration.
///
/// ```
/// assert!(loadlock::builtins().contains_key("local"));
/// ```
pub fn builtins() -> Builtins {
    include!(concat!(env!("OUT_DIR"), "/builtins.rs")).into_iter().collect()
}
