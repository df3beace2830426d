-- What several gateways tell each other: who is there, what is under way where, which providers fail.

create table {schema}.gateways (
    id text collate "C" primary key,
    url text,
    seen_at timestamptz not null,
    -- From then on its attempts may be taken over.
    alive_until timestamptz not null
);

-- Nobody, who has never been alive: has what was taken over and not settled.
insert into {schema}.gateways (id, seen_at, alive_until) values ('', now(), '-infinity');

create sequence {schema}.fences;

-- Uploads under way. The one that leads its key holds the lease: only its gateway sends those bytes.
create table {schema}.attempts (
    id text collate "C" primary key,
    gateway text collate "C" not null,
    tenant text collate "C" not null,
    account text collate "C" not null,
    purpose text collate "C" not null,
    treatment text collate "C" not null,
    sha256 text collate "C" not null,
    bytes bigint not null check (bytes >= 0),
    -- What another gateway needs to settle it.
    entry text not null,
    -- Grows with every change of hands.
    fence bigint not null,
    -- True or null: a unique constraint takes nulls for different.
    leads boolean check (leads),
    -- Begun by another gateway than the one that has it.
    taken_over boolean not null default false,
    began_at timestamptz not null default now(),
    constraint attempts_lease unique (tenant, account, purpose, treatment, sha256, leads)
);

create index attempts_of_gateway on {schema}.attempts (gateway, id);

-- What a gateway found about a provider account.
create table {schema}.provider_states (
    gateway text collate "C" not null,
    account text collate "C" not null,
    open_until timestamptz,
    cool_until timestamptz,
    primary key (gateway, account)
);

create function {schema}.seen(gateway text, lease_ms bigint) returns void
language sql volatile set search_path = ''
as $$
    insert into {schema}.gateways as g (id, seen_at, alive_until)
    values (seen.gateway, clock_timestamp(), clock_timestamp() + lease_ms * interval '1 millisecond')
    on conflict (id) do update set
        seen_at = excluded.seen_at, alive_until = greatest(g.alive_until, excluded.alive_until)
$$;

create function {schema}.is_alive(gateway text) returns boolean
language sql volatile set search_path = ''
as $$
    select exists (select from {schema}.gateways as g
        where g.id = is_alive.gateway and g.alive_until >= clock_timestamp())
$$;

create function {schema}.attempt_json(a {schema}.attempts) returns jsonb
language sql stable set search_path = ''
as $$
    select jsonb_build_object(
        'id', a.id,
        'key', jsonb_build_object('tenant', a.tenant, 'account', a.account, 'purpose', a.purpose,
                                  'treatment', a.treatment, 'sha256', a.sha256),
        'bytes', a.bytes, 'entry', a.entry)
$$;

-- The functions that the tracker calls. -------------------------------------------------------------------------------

create function {schema}.beat(gateway text, lease_ms bigint, states jsonb, url text default null) returns jsonb
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
        'abandoned', (select count(*) from {schema}.gateways as g
            join {schema}.attempts as a on a.gateway = g.id
            where g.id <> beat.gateway and g.alive_until < clock_timestamp()));
end $$;

create function {schema}.acquire(
    gateway text, lease_ms bigint, attempt jsonb,
    max_files bigint default null, max_bytes bigint default null, instead text default null
) returns jsonb language plpgsql volatile set search_path = ''
as $$
declare
    n {schema}.attempts;
    h {schema}.attempts;
    used_files numeric;
    used_bytes numeric;
    alive boolean;
begin
    perform {schema}.seen(gateway, lease_ms);
    n.id := attempt ->> 'id';
    n.tenant := attempt -> 'key' ->> 'tenant';
    n.account := attempt -> 'key' ->> 'account';
    n.purpose := attempt -> 'key' ->> 'purpose';
    n.treatment := attempt -> 'key' ->> 'treatment';
    n.sha256 := attempt -> 'key' ->> 'sha256';
    n.bytes := (attempt ->> 'bytes')::bigint;
    if max_files is not null or max_bytes is not null then
        -- One at a time for a tenant with limits: of two that ask at once, the second counts the first.
        perform pg_advisory_xact_lock(hashtextextended('{schema} quota ' || n.tenant, 0));
        select coalesce(sum(t.files), 0), coalesce(sum(t.bytes), 0) into used_files, used_bytes
            from {schema}.totals as t where t.scope = 'tenant' and t.tenant = n.tenant;
        -- A file is counted once: recorded ones by the totals, an upload that went on to another provider by its content.
        select used_files + count(*), used_bytes + coalesce(sum(a.bytes), 0) into used_files, used_bytes
            from {schema}.attempts as a
            where a.tenant = n.tenant and a.id <> n.id and a.id is distinct from instead
                and a.entry <> '' and not (a.gateway = acquire.gateway and a.sha256 = n.sha256)
                and not exists (select from {schema}.files as f where f.id = a.id);
        if used_files >= max_files or used_bytes + n.bytes > max_bytes then
            return jsonb_build_object('over_quota', jsonb_build_object('files', used_files, 'bytes', used_bytes));
        end if;
    end if;
    for round in 1..5 loop
        insert into {schema}.attempts as a (
            id, gateway, tenant, account, purpose, treatment, sha256, bytes, entry, fence, leads)
        values (
            n.id, acquire.gateway, n.tenant, n.account, n.purpose, n.treatment, n.sha256, n.bytes,
            attempt ->> 'entry', nextval('{schema}.fences'), true)
        on conflict do nothing returning a.fence into n.fence;
        if found then
            return jsonb_build_object('granted', n.fence);
        end if;
        select * into h from {schema}.attempts as a
            where a.tenant = n.tenant and a.account = n.account and a.purpose = n.purpose
                and a.treatment = n.treatment and a.sha256 = n.sha256 and a.leads for update;
        if not found then
            -- It ended in between; or this very attempt is there without a lease, and is begun anew.
            delete from {schema}.attempts as a where a.id = n.id and a.gateway = acquire.gateway;
            continue;
        end if;
        if h.id = n.id and h.gateway = acquire.gateway then
            return jsonb_build_object('granted', h.fence);
        end if;
        alive := {schema}.is_alive(h.gateway);
        if h.id = instead and (h.gateway = acquire.gateway or not alive) then
            update {schema}.attempts as a set leads = null where a.id = h.id;
            continue;
        end if;
        return jsonb_build_object('held', jsonb_build_object(
            'gateway', h.gateway, 'attempt', h.id, 'alive', alive));
    end loop;
    return jsonb_build_object('held', jsonb_build_object('gateway', '', 'attempt', '', 'alive', true));
end $$;

create function {schema}.ended(gateway text, ids jsonb, lease_only boolean) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
    touched bigint;
begin
    if lease_only then
        update {schema}.attempts as a set leads = null
            where a.gateway = ended.gateway and a.id in (select jsonb_array_elements_text(ids));
    else
        delete from {schema}.attempts as a
            where a.gateway = ended.gateway and a.id in (select jsonb_array_elements_text(ids));
    end if;
    get diagnostics touched = row_count;
    return to_jsonb(touched);
end $$;

-- Records one file unless another gateway has its attempt, or a file or the lead under its key.
create function {schema}.record_fenced(gateway text, file jsonb) returns text
language plpgsql volatile set search_path = ''
as $$
declare
    k jsonb := file -> 'key';
    a {schema}.attempts;
    there text;
    outcome text;
begin
    select * into a from {schema}.attempts as x where x.id = file ->> 'id' for update;
    select f.remote_id into there from {schema}.files as f where f.id = file ->> 'id';
    if found then
        if there <> file ->> 'remote_id' then
            return 'fenced';
        end if;
        delete from {schema}.attempts as x where x.id = a.id and x.gateway = record_fenced.gateway;
        return 'existing';
    end if;
    if a.gateway <> record_fenced.gateway then
        return 'fenced';
    end if;
    if a.leads is null then
        -- It lost its lease, was settled by another, or never had one. A further reference is always taken.
        if not exists (select from {schema}.remote_files as r
                where r.account = k ->> 'account' and r.remote_id = file ->> 'remote_id' and r.state = 'live')
            and (exists (select from {schema}.claims as c
                    join {schema}.remote_files as r on r.account = c.account and r.remote_id = c.remote_id
                    where c.tenant = k ->> 'tenant' and c.account = k ->> 'account' and c.purpose = k ->> 'purpose'
                        and c.treatment = k ->> 'treatment' and c.sha256 = k ->> 'sha256' and r.state = 'live'
                        and not {schema}.is_over(r.expires_at, {schema}.ms(clock_timestamp())))
                or exists (select from {schema}.attempts as x
                    where x.tenant = k ->> 'tenant' and x.account = k ->> 'account' and x.purpose = k ->> 'purpose'
                        and x.treatment = k ->> 'treatment' and x.sha256 = k ->> 'sha256' and x.leads
                        and x.id <> file ->> 'id'))
        then
            return 'fenced';
        end if;
    end if;
    outcome := {schema}.record_one(file, false);
    if outcome <> 'remote-not-live' then
        delete from {schema}.attempts as x where x.id = a.id and x.gateway = record_fenced.gateway;
    end if;
    return outcome;
end $$;

create function {schema}.record_leased(gateway text, files jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
    outcome jsonb := '[]';
    file jsonb;
begin
    -- In one order, as `record_many`: attempts, then remote files.
    perform from {schema}.attempts as a
        where a.id in (select e ->> 'id' from jsonb_array_elements(files) as e) order by a.id for update;
    perform from {schema}.remote_files as r
        where (r.account, r.remote_id) in (
            select e -> 'key' ->> 'account', e ->> 'remote_id' from jsonb_array_elements(files) as e)
        order by r.account, r.remote_id for update;
    for file in select e from jsonb_array_elements(files) with ordinality as a (e, n) order by n loop
        outcome := outcome || to_jsonb({schema}.record_fenced(gateway, file));
    end loop;
    return outcome;
end $$;

create function {schema}.take_over(gateway text, accounts jsonb, count integer) returns jsonb
language sql volatile set search_path = ''
as $$
    with gone as (
        select x.id from {schema}.gateways as g
        join {schema}.attempts as x on x.gateway = g.id
        where g.id <> take_over.gateway and g.alive_until < clock_timestamp()
            and x.account in (select jsonb_array_elements_text(accounts))
        order by x.id limit count for update of x skip locked),
    taken as (
        update {schema}.attempts as a
            set gateway = take_over.gateway, taken_over = true, fence = nextval('{schema}.fences')
            from gone where a.id = gone.id returning a.*)
    select coalesce(jsonb_agg({schema}.attempt_json(t.*::{schema}.attempts) order by t.id), '[]') from taken as t
$$;

create function {schema}.lost(gateway text, ids jsonb) returns jsonb
language sql stable set search_path = ''
as $$
    select coalesce(jsonb_agg(a.id), '[]') from {schema}.attempts as a
    where a.id in (select jsonb_array_elements_text(ids)) and a.gateway <> lost.gateway
$$;

create function {schema}.resume(gateway text, open jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
begin
    delete from {schema}.attempts as a
        where a.gateway = resume.gateway and not a.taken_over
            and a.id not in (select jsonb_array_elements_text(open));
    -- It may have died between taking over and noting that.
    update {schema}.attempts as a set gateway = ''
        where a.gateway = resume.gateway and a.id not in (select jsonb_array_elements_text(open));
    return {schema}.lost(gateway, open);
end $$;

create function {schema}.others(gateway text, count integer, after text default null) returns jsonb
language sql stable set search_path = ''
as $$
    select coalesce(jsonb_agg({schema}.attempt_json(o.*::{schema}.attempts) order by o.id), '[]') from (
        select * from {schema}.attempts as a
        where a.gateway <> others.gateway and a.id > coalesce(others.after, '')
        order by a.id limit count) as o
$$;

-- As for the tables and functions before.
revoke all on all tables in schema {schema} from public;
revoke all on all functions in schema {schema} from public;
grant select, insert, update, delete on {schema}.gateways, {schema}.attempts, {schema}.provider_states to {role};
grant usage on sequence {schema}.fences to {role};
grant execute on all functions in schema {schema} to {role};

do $do$
declare
    one text;
begin
    foreach one in array array['gateways', 'attempts', 'provider_states'] loop
        execute format('alter table {schema}.%I enable row level security', one);
        execute format('create policy gateways on {schema}.%I to {role} using (true) with check (true)', one);
    end loop;
end $do$;

insert into {schema}.migrations (version, name) values (3, 'coordination');
