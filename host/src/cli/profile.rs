//! What a provider says about itself, for a person.

use std::time::Duration;

use loadlock::config::Size;
use loadlock_policy::model::{EgressNeed, Profile, PurposeProfile, Retention};
use serde_json::{Value, json};

use super::duration::show_duration;
use super::failure::Failure;
use super::output::{BOLD, DIM, Output, styled};
use super::table::{Table, fields};
use super::text::{safe, terminal_width, wrap};

/// Limits, purposes and the network that it asks for.
pub(crate) fn show(output: &Output, profile: &Profile) -> Result<(), Failure> {
    let word = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    output.line(styled(BOLD, "profile"))?;
    let egress: Vec<String> = profile.egress.iter().map(need).collect();
    fields(
        output,
        &[
            ("title", safe(&profile.title)),
            ("a lost answer is settled by", word(json!(profile.verify))),
            ("delete", word(json!(profile.delete))),
            ("dedup by content and", word(json!(profile.treatment))),
            (
                "can stat, list",
                format!("{}, {}", yes(profile.can_stat), yes(profile.can_list)),
            ),
            ("takes empty files", yes(profile.takes_empty)),
            (
                "uploads at once",
                profile
                    .max_concurrency
                    .map_or("no limit documented".to_owned(), |most| most.to_string()),
            ),
            (
                "network asked for",
                if egress.is_empty() {
                    "none".to_owned()
                } else {
                    safe(&egress.join(", "))
                },
            ),
        ],
    )?;
    let mut table = Table::new(&["PURPOSE", "LARGEST", "LARGEST IMAGE", "MOST FILES", "KEPT", "CONTENT"]);
    for purpose in &profile.purposes {
        let bytes = |limit: Option<u64>| limit.map_or("-".to_owned(), |limit| Size(limit).to_string());
        let count = purpose.max_count.map_or("-".to_owned(), |count| count.to_string());
        let cells = [
            bytes(purpose.max_bytes),
            bytes(purpose.image_max_bytes),
            count,
            kept(purpose),
            word(json!(purpose.content)),
        ];
        let [largest, image, count, kept, content] = &cells;
        table.row([&purpose.purpose, largest, image, count, kept, content]);
    }
    table.aligned(output)?;
    // Purposes of one vendor mostly take the same types, and the lists are long.
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for purpose in &profile.purposes {
        let types = types(purpose);
        match groups.iter_mut().find(|(same, _)| *same == types) {
            Some((_, purposes)) => purposes.push(&purpose.purpose),
            None => groups.push((types, vec![&purpose.purpose])),
        }
    }
    output.line(styled(BOLD, "types"))?;
    for (types, purposes) in groups {
        output.line(format_args!("  {}", safe(&purposes.join(", "))))?;
        for line in wrap(&safe(&types), terminal_width().saturating_sub(4)) {
            output.line(format_args!("    {}", styled(DIM, line)))?;
        }
    }
    Ok(())
}

fn kept(purpose: &PurposeProfile) -> String {
    let days = |seconds| show_duration(Duration::from_secs(seconds));
    match purpose.retention {
        Retention::UntilDeleted => "until deleted".to_owned(),
        Retention::Fixed(seconds) => days(seconds),
        Retention::Chosen(least, most) => format!("{} to {}", days(least), days(most)),
        Retention::Unknown => "unknown".to_owned(),
    }
}

fn types(purpose: &PurposeProfile) -> String {
    let extensions = purpose.extensions.iter().map(|extension| format!(".{extension}"));
    let all: Vec<String> = purpose.media_types.iter().cloned().chain(extensions).collect();
    if all.is_empty() {
        "any".to_owned()
    } else {
        all.join(" ")
    }
}

/// A network need in one line.
fn need(need: &EgressNeed) -> String {
    format!("{} {}{}", need.methods.join(" "), need.origin, need.path_prefix)
}
