//! The SQL of the shared ledger: what `loadlock tracker migrate` prints and applies.

use std::fmt::Write as _;

/// Migrations, oldest first. One that was released is never changed; what is to be different goes into a further one,
/// which adds and takes nothing away, so that gateways of the version before go on working.
const MIGRATIONS: [&str; 8] = [
    include_str!("../../components/tracker-supabase/migrations/0001_ledger.sql"),
    include_str!("../../components/tracker-supabase/migrations/0002_access.sql"),
    include_str!("../../components/tracker-supabase/migrations/0003_coordination.sql"),
    include_str!("../../components/tracker-supabase/migrations/0004_audit.sql"),
    include_str!("../../components/tracker-supabase/migrations/0005_remote.sql"),
    include_str!("../../components/tracker-supabase/migrations/0006_batches.sql"),
    include_str!("../../components/tracker-supabase/migrations/0007_addresses.sql"),
    include_str!("../../components/tracker-supabase/migrations/0008_copies.sql"),
];

/// Version of a ledger with every migration.
pub(crate) const VERSION: usize = MIGRATIONS.len();

/// Names that the migrations are made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    /// The schema; lower-case letters, digits and underscores, so that it needs no quotes anywhere.
    pub(crate) schema: String,
    /// The role of the key that gateways use.
    pub(crate) role: String,
    /// The role of keys that may read their tenant's files. It may be missing.
    pub(crate) reader: String,
}

/// Reads the name of a schema.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn schema_name(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let starts_well = text.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    // PostgreSQL cuts names at 63 bytes.
    if starts_well && text.len() <= 63 && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("use lower-case letters, digits and underscores, a letter first, at most 63".to_owned())
    }
}

/// The script that brings a ledger of any version to the newest one. It may be run any number of times, in any SQL
/// client: each migration looks whether it is still to be done, and the whole is one transaction. A ledger of a newer
/// version is refused. With the name of the role that the REST interface logs in as, roles that are missing are made.
pub(crate) fn script(names: &Names, login: Option<&str>) -> String {
    let schema = &names.schema;
    let mut script = format!(
        "begin;
-- One at a time: two that migrate at once would both find the same version.
do $lock$
declare
    applied integer := 0;
begin
    perform pg_advisory_xact_lock(hashtext('loadlock {schema}'));
    if to_regclass('{schema}.migrations') is not null then
        select coalesce(max(version), 0) into applied from {schema}.migrations;
    end if;
    if applied > {VERSION} then
        raise exception 'schema {schema} has version %, and this program knows {VERSION} at most: use the newer one', applied;
    end if;
end $lock$;
"
    );
    if let Some(login) = login {
        script.push_str(&roles(names, login));
    }
    for (index, migration) in MIGRATIONS.iter().enumerate() {
        let version = index + 1;
        let body = filled(migration, names);
        let _ = write!(
            script,
            "
do $migration$
declare
    applied integer := 0;
begin
    if to_regclass('{schema}.migrations') is not null then
        select coalesce(max(version), 0) into applied from {schema}.migrations;
    end if;
    if applied < {version} then
        execute $body$
{body}$body$;
    end if;
end $migration$;
"
        );
    }
    script.push_str("\nnotify pgrst, 'reload schema';\ncommit;\n");
    script
}

/// Makes the roles that are missing, and says so.
fn roles(names: &Names, login: &str) -> String {
    let (role, reader, login) = (literal(&names.role), literal(&names.reader), literal(login));
    format!(
        "
do $roles$
declare
    one text;
begin
    if not exists (select from pg_catalog.pg_roles where rolname = {login}) then
        execute format('create role %I login noinherit', {login});
        raise notice 'made role %, which may log in: give it a password', {login};
    end if;
    foreach one in array array[{role}, {reader}] loop
        if not exists (select from pg_catalog.pg_roles where rolname = one) then
            execute format('create role %I nologin', one);
            raise notice 'made role %', one;
        end if;
        if not exists (select from pg_catalog.pg_auth_members as m
                join pg_catalog.pg_roles as r on r.oid = m.roleid join pg_catalog.pg_roles as l on l.oid = m.member
                where r.rolname = one and l.rolname = {login}) then
            execute format('grant %I to %I', one, {login});
            raise notice 'role % may become %', {login}, one;
        end if;
    end loop;
end $roles$;
"
    )
}

fn filled(migration: &str, names: &Names) -> String {
    migration
        .replace("{schema}", &names.schema)
        .replace("{role}", &identifier(&names.role))
        .replace("{role_name}", &literal(&names.role))
        .replace("{reader}", &identifier(&names.reader))
        .replace("{reader_name}", &literal(&names.reader))
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names {
            schema: "books".to_owned(),
            role: "ser\"vice".to_owned(),
            reader: "o'neil".to_owned(),
        }
    }

    #[test]
    fn every_name_is_filled_in_and_none_breaks_out() {
        let script = script(&names(), Some("o'log in"));
        assert!(script.contains("rolname = 'o''log in'"));
        for placeholder in ["{schema}", "{role}", "{role_name}", "{reader}", "{reader_name}"] {
            assert!(!script.contains(placeholder), "{placeholder}");
        }
        assert!(script.contains("create table books.files"));
        assert!(script.contains("to \"ser\"\"vice\""));
        assert!(script.contains("rolname = 'o''neil'"));
        assert!(!script.contains("loadlock."), "a schema that is written out");
    }

    #[test]
    fn each_migration_notes_its_own_version_and_quotes_nothing_with_the_wrappers_tags() {
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            let note = format!(
                "insert into {{schema}}.migrations (version, name) values ({},",
                index + 1
            );
            assert!(migration.contains(&note), "{note}");
            assert!(!migration.contains("$body$") && !migration.contains("$migration$"));
        }
    }

    #[test]
    fn a_schemas_name_is_plain() {
        assert_eq!(schema_name("loadlock_2").as_deref(), Ok("loadlock_2"));
        let long = "a".repeat(64);
        for name in ["", "2a", "Books", "a-b", "a\"b", "a.b", long.as_str()] {
            assert!(schema_name(name).is_err(), "{name}");
        }
    }
}
