//! `loadlock tracker doctor`: every function of the shared ledger as the gateway and as a reader.

use loadlock::gateway::try_ledger;
use serde_json::json;

use super::super::args::Globals;
use super::super::context::{configuration, setup};
use super::super::failure::{Failure, Status};
use super::super::output::Output;
use super::super::tracker_args::Doctor;
use super::database::{connect, failed};
use crate::ledger_schema::Names;

/// One thing that was looked at.
struct Symptom {
    who: String,
    what: String,
    problem: Option<String>,
}

pub(super) async fn run(globals: &Globals, output: &Output, command: Doctor) -> Result<Status, Failure> {
    let mut findings = Vec::new();
    for trial in try_ledger(&setup(configuration(globals)?)?).await? {
        findings.push(Symptom {
            who: "the gateway".to_owned(),
            what: format!("call {}", trial.call),
            problem: trial.problem,
        });
    }
    if command.database.is_some() {
        let schema = match command.schema {
            Some(schema) => schema,
            None => super::configured(globals)?,
        };
        let names = Names {
            schema,
            role: command.role,
            reader: command.reader,
        };
        granted(command.database.as_deref(), &names, &mut findings).await?;
    }
    let problems = findings.iter().filter(|finding| finding.problem.is_some()).count();
    if output.json {
        let all: Vec<_> = findings
            .iter()
            .map(|one| json!({ "who": one.who, "what": one.what, "problem": one.problem }))
            .collect();
        output.object(&json!({ "tried": findings.len(), "problems": problems, "findings": all }))?;
    } else {
        for finding in findings.iter().filter(|finding| finding.problem.is_some()) {
            let problem = finding.problem.as_deref().unwrap_or_default();
            output.line(format_args!("{}: {}: {problem}", finding.who, finding.what))?;
        }
        output.line(format_args!("{} tried, {problems} with a problem", findings.len()))?;
    }
    Ok(if problems == 0 { Status::Done } else { Status::Failed })
}

/// What each role may do, by its rights in the database: the gateways' everything, a reader its views and nothing else.
async fn granted(database: Option<&str>, names: &Names, findings: &mut Vec<Symptom>) -> Result<(), Failure> {
    let client = connect(database).await?;
    let of = |kind: &str| {
        format!(
            "select o.what, r.role, r.is_reader, o.is_view, exists (select from pg_roles where rolname = r.role),
                case when exists (select from pg_roles where rolname = r.role)
                    then has_schema_privilege(r.role, $1, 'usage') and {kind} end
            from (values ($2::text, false), ($3::text, true)) as r (role, is_reader) cross join "
        )
    };
    let functions = of("has_function_privilege(r.role, o.id, 'execute')")
        + "(select p.proname::text as what, p.oid as id, false as is_view from pg_proc as p
            where p.pronamespace = to_regnamespace($1)) as o order by 2, 1";
    let relations = of("has_table_privilege(r.role, o.id, 'select')")
        + "(select c.relname::text as what, c.oid as id, c.relkind = 'v' as is_view from pg_class as c
            where c.relnamespace = to_regnamespace($1) and c.relkind in ('r', 'v')) as o order by 2, 1";
    for question in [functions, relations] {
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&names.schema, &names.role, &names.reader];
        let rows = client.query(&question, &parameters).await;
        for row in rows.map_err(|error| failed(&error))? {
            let (what, role): (String, String) = (row.get(0), row.get(1));
            let (is_reader, is_view, is_there): (bool, bool, bool) = (row.get(2), row.get(3), row.get(4));
            let may: Option<bool> = row.get(5);
            findings.push(Symptom {
                problem: problem(!is_reader || is_view, is_there, may.unwrap_or(false)),
                who: format!("role `{role}`"),
                what: format!("{}.{what}", names.schema),
            });
        }
    }
    Ok(())
}

fn problem(wanted: bool, is_there: bool, may: bool) -> Option<String> {
    let problem = match (wanted, is_there, may) {
        (true, false, _) => "there is no such role; `loadlock tracker migrate --create-roles` makes it",
        (true, true, false) => "not granted; run `loadlock tracker migrate --apply` with the names of the roles",
        (false, true, true) => "granted to a reader, which must not have it",
        _ => return None,
    };
    Some(problem.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_and_missing_or_there_and_unwanted_is_a_problem() {
        assert_eq!(problem(true, true, true), None);
        assert_eq!(problem(false, true, false), None);
        assert_eq!(problem(false, false, false), None);
        for (wanted, is_there, may) in [(true, true, false), (true, false, false), (false, true, true)] {
            assert!(problem(wanted, is_there, may).is_some());
        }
    }
}
