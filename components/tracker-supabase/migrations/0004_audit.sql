-- How often what happened: counts of the records in gateways' audit logs, which stay the authority; and two functions that read less than they did.

create table {schema}.audit_summary (
    -- Empty: none, or one that its gateway does not count by name.
    tenant text collate "C" not null,
    -- In UTC.
    day date not null,
    -- As in the records.
    event text collate "C" not null,
    outcome text collate "C" not null,
    gateway text collate "C" not null,
    -- Since when that gateway counts: a restarted one begins at 0 again.
    since timestamptz not null,
    records bigint not null check (records >= 0),
    primary key (tenant, day, event, outcome, gateway, since)
-- Today's rows are updated all day: with room in their pages no index is.
) with (fillfactor = 70);

create index audit_summary_of_day on {schema}.audit_summary (day);

-- The greatest that was said is kept, so that saying it again, or late, changes nothing.
create function {schema}.audit_counts(gateway text, counts jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
    touched bigint;
begin
    insert into {schema}.audit_summary as a (tenant, day, event, outcome, gateway, since, records)
        select c ->> 'tenant', date '1970-01-01' + (c ->> 'day')::integer, c ->> 'event', c ->> 'outcome',
            audit_counts.gateway, {schema}.instant((c ->> 'since_ms')::bigint), (c ->> 'records')::bigint
        from jsonb_array_elements(counts) as c
        on conflict on constraint audit_summary_pkey do update set records = excluded.records
            where a.records < excluded.records;
    get diagnostics touched = row_count;
    return to_jsonb(touched);
end $$;

-- The counts of the tenant that a reader's key names, as `tenant_files` shows its files.
create view {schema}.tenant_audit with (security_barrier) as
    select day, event, outcome, sum(records)::bigint as records
    from {schema}.audit_summary
    where tenant <> '' and tenant = (
        select coalesce(claims ->> 'tenant', claims -> 'app_metadata' ->> 'tenant')
        from (select nullif(current_setting('request.jwt.claims', true), '')::jsonb as claims) as request)
    group by day, event, outcome;

-- What a gateway that is forgotten found about its providers goes with it.
delete from {schema}.provider_states as p
    where not exists (select from {schema}.gateways as g where g.id = p.gateway);
alter table {schema}.provider_states add constraint provider_states_of_gateway
    foreign key (gateway) references {schema}.gateways (id) on delete cascade;

-- As before, save that what each gateway left that is gone is counted by the index, up to 1,000: every gateway beats once a
-- second, and there may be many attempts.
create or replace function {schema}.beat(gateway text, lease_ms bigint, states jsonb, url text default null) returns jsonb
language plpgsql volatile set search_path = ''
as $$
begin
    perform {schema}.seen(gateway, lease_ms);
    update {schema}.gateways as g set url = beat.url where g.id = beat.gateway and g.url is distinct from beat.url;
    delete from {schema}.provider_states as p where p.gateway = beat.gateway and not exists (
        select from jsonb_array_elements(states) as s where s ->> 'account' = p.account);
    insert into {schema}.provider_states as p (gateway, account, open_until, cool_until)
        select beat.gateway, s ->> 'account',
            clock_timestamp() + nullif((s ->> 'open_ms')::bigint, 0) * interval '1 millisecond',
            clock_timestamp() + nullif((s ->> 'cool_ms')::bigint, 0) * interval '1 millisecond'
        from jsonb_array_elements(states) as s
        on conflict on constraint provider_states_pkey do update set
            open_until = excluded.open_until, cool_until = excluded.cool_until;
    -- One that was not seen for a week, and has left nothing, is forgotten.
    delete from {schema}.gateways as g
        where g.id <> '' and g.alive_until < clock_timestamp() - interval '7 days'
            and not exists (select from {schema}.attempts as a where a.gateway = g.id);
    return jsonb_build_object(
        'peers', (select coalesce(jsonb_agg(jsonb_build_object(
                'gateway', g.id, 'url', g.url, 'alive', g.alive_until >= clock_timestamp()) order by g.id), '[]')
            from {schema}.gateways as g where g.id not in (beat.gateway, '')),
        'states', (select coalesce(jsonb_agg(jsonb_build_object(
                'account', s.account, 'open_ms', s.open_ms, 'cool_ms', s.cool_ms)), '[]')
            from (select p.account,
                    greatest(0, {schema}.ms(max(p.open_until)) - {schema}.ms(clock_timestamp())) as open_ms,
                    greatest(0, {schema}.ms(max(p.cool_until)) - {schema}.ms(clock_timestamp())) as cool_ms
                from {schema}.provider_states as p
                where p.gateway <> beat.gateway
                    and (p.open_until > clock_timestamp() or p.cool_until > clock_timestamp())
                group by p.account) as s),
        'abandoned', (select coalesce(sum(left_there.attempts), 0) from {schema}.gateways as g
            cross join lateral (select count(*) as attempts from (
                select from {schema}.attempts as a where a.gateway = g.id limit 1000) as some_of_them) as left_there
            where g.id <> beat.gateway and g.alive_until < clock_timestamp()));
end $$;

-- As before, save that each gateway's attempts are read by the index.
create or replace function {schema}.take_over(gateway text, accounts jsonb, count integer) returns jsonb
language sql volatile set search_path = ''
as $$
    with gone as (
        select x.id from {schema}.gateways as g
        cross join lateral (
            select a.id from {schema}.attempts as a
            where a.gateway = g.id and a.account = any (array(select jsonb_array_elements_text(accounts)))
            order by a.id limit count for update skip locked) as x
        where g.id <> take_over.gateway and g.alive_until < clock_timestamp()
        order by x.id limit count),
    taken as (
        update {schema}.attempts as a
            set gateway = take_over.gateway, taken_over = true, fence = nextval('{schema}.fences')
            where a.id = any (array(select gone.id from gone)) returning a.*)
    select coalesce(jsonb_agg({schema}.attempt_json(t.*::{schema}.attempts) order by t.id), '[]') from taken as t
$$;

-- As for the tables, functions and views before.
revoke all on {schema}.audit_summary, {schema}.tenant_audit from public;
revoke all on all functions in schema {schema} from public;
grant select, insert, update, delete on {schema}.audit_summary to {role};
grant select on {schema}.tenant_audit to {role};
grant execute on all functions in schema {schema} to {role};
alter table {schema}.audit_summary enable row level security;
create policy gateways on {schema}.audit_summary to {role} using (true) with check (true);

do $do$
begin
    if exists (select from pg_catalog.pg_roles where rolname = {reader_name}) then
        revoke all on {schema}.tenant_audit from {reader};
        grant select on {schema}.tenant_audit to {reader};
    end if;
end $do$;

insert into {schema}.migrations (version, name) values (4, 'audit');
