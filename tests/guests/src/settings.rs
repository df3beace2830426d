//! Settings that tests give to guests.

/// The value of `LOADLOCK_SETTING_<name>`, unless absent or empty.
pub fn setting(name: &str) -> Option<String> {
    std::env::var(format!("LOADLOCK_SETTING_{name}"))
        .ok()
        .filter(|value| !value.is_empty())
}

/// A number from `LOADLOCK_SETTING_<name>`; `default` if absent or not a number.
pub fn number(name: &str, default: u64) -> u64 {
    setting(name).and_then(|value| value.parse().ok()).unwrap_or(default)
}
