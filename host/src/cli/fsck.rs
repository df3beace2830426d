//! `loadlock fsck`: the balance sheet.

use loadlock::gateway::Unlisted;
use loadlock_policy::upkeep::Finding;

use super::args::Globals;
use super::asked::Asked;
use super::context::{configuration, patiently};
use super::failure::{Failure, Status};
use super::output::{BAD, DIM, GOOD, Output, styled};
use super::table::Table;
use super::text::safe;
use super::turn::Wish;

pub(crate) async fn run(globals: &Globals, output: &Output, deep: bool) -> Result<Status, Failure> {
    let gateway = Asked::take(configuration(globals)?, Wish::Look, globals, output).await?;
    let sheet = patiently(output, "comparing", gateway.fsck(deep)).await?;
    if output.json {
        output.object(&sheet)?;
    } else {
        let mut table = Table::new(&["WHAT", "PROVIDER", "COUNT", "EXPECTED", ""]);
        for line in &sheet.lines {
            if output.quiet && line.finding != Finding::Unbalanced {
                continue;
            }
            let expected = line.expected.map_or("-".to_owned(), |e| e.to_string());
            table.row([
                line.name.as_ref(),
                line.provider.as_deref().unwrap_or("-"),
                &line.count.to_string(),
                &expected,
                match line.finding {
                    Finding::Balanced => "ok",
                    Finding::Note => "",
                    Finding::Unbalanced => "DIFFERS",
                },
            ]);
        }
        table.print(output)?;
        for one in &sheet.not_listed {
            let why = match &one.why {
                Unlisted::CannotList => "it has no list",
                Unlisted::Failed(why) => why,
            };
            output.note(styled(
                DIM,
                format_args!("{} is not compared: {}", safe(&one.provider), safe(why)),
            ));
        }
        for one in &sheet.damaged {
            output.note(styled(
                BAD,
                format_args!(
                    "{} of {} is not what was uploaded: upload the content with SHA-256 {} again",
                    safe(&one.remote_id),
                    safe(&one.provider),
                    safe(&one.sha256)
                ),
            ));
        }
        output.note(if sheet.balanced {
            styled(GOOD, "the counts agree")
        } else {
            styled(BAD, "the counts do not agree")
        });
    }
    Ok(if sheet.balanced { Status::Done } else { Status::Failed })
}
