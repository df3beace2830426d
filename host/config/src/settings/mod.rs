//! The one table that parsing, `explain`, suggestions and the documentation are made from.

mod fields;
mod kinds;
mod table;

pub(crate) use fields::{COMPONENT, CREDENTIAL};
pub use kinds::{Field, Preset, Setting, SettingKind};
pub use table::{ENVIRONMENT, SETTINGS};

use loadlock_policy::model::Role;

/// The setting that may stand at `place`, a concrete dotted key such as `providers.kimi.account`.
pub(crate) fn find(place: &str) -> Option<&'static Setting> {
    SETTINGS
        .iter()
        .find(|setting| setting.places.iter().any(|pattern| matches(pattern, place)))
}

fn matches(pattern: &str, place: &str) -> bool {
    let mut place = place.split('.');
    pattern
        .split('.')
        .all(|part| place.next().is_some_and(|segment| part == segment || part == "<name>"))
        && place.next().is_none()
}

/// The built-in components of a role.
pub fn builtins(role: Role) -> impl Iterator<Item = &'static str> {
    /// Role, name, package; the build of the program reads the same list.
    const BUILTINS: &[(&str, &str, &str)] = &include!("../../builtins.in");
    let of_role = BUILTINS
        .iter()
        .filter(move |(interface, ..)| *interface == role.interface());
    of_role.map(|(_, name, _)| *name)
}
