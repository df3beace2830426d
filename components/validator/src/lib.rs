//! Rules over a file's name, type and size: the `validator` role of `loadlock:upload`.
//!
//! `inspect` is a function of its arguments: no state, no filesystem, no network. The first rule that a file breaks
//! decides, in this order: the name's form, secrets, the operator's name lists, size, media type.
//!
//! | module | job |
//! |---|---|
//! | `inspect` | the order of the rules, and the lists, size and type rules themselves |
//! | `name` | turns bytes into one clean segment, or says why not |
//! | `media` | media type by content, extension and hint; what contradicts what |
//! | `content` | what the first bytes are |
//! | `text` | whether they are text, and in which encoding |
//! | `signature` | binary formats by signature |
//! | `compound`, `archive` | what a compound file (OLE) and a ZIP archive are, by what is in them |
//! | `secrets`, `secret_rules` | what looks like a credential; the rules as data |
//! | `search`, `private_key`, `der` | find what those rules describe in the first bytes |
//! | `glob` | `*` and `?` |
//! | `refuse` | the refusal codes with their hints |

mod archive;
mod bindings;
mod compound;
mod content;
mod der;
mod glob;
mod inspect;
mod media;
mod name;
mod plausible;
mod private_key;
mod refuse;
mod search;
mod secret_rules;
mod secrets;
mod signature;
#[cfg(test)]
mod tests;
mod text;
mod tokens;

use bindings::exports::loadlock::upload::validator::{Candidate, Guest, Rules, Verdict};

struct Component;

impl Guest for Component {
    fn inspect(candidate: Candidate, rules: Rules) -> Verdict {
        match inspect::inspect(&candidate, &rules) {
            Ok(acceptance) => Verdict::Accepted(acceptance),
            Err(refusal) => Verdict::Refused(refusal),
        }
    }
}

#[cfg(target_family = "wasm")]
bindings::export!(Component with_types_in bindings);
