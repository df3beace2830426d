-- The beginnings and the ends of many uploads in one call each.
--
-- Every call takes its locks first, all of them in one order: two calls that have keys in common wait for each other and never block each
-- other. What most items need is done for all of them by one statement; what is left, and what a statement would refuse, goes one by one
-- by the functions of before, so that an item that is refused fails alone. Sums come last, for their rows are shared by all. Nothing is
-- compiled for it: how many items there are the planner guesses far too high, and compiling takes longer than they do.

create function {schema}.lock_of(what text) returns bigint
    language sql immutable parallel safe
    as $$ select hashtextextended('{schema} ' || what, 0) $$;

create function {schema}.lock_of_key(k jsonb) returns bigint
    language sql immutable parallel safe
    as $$ select hashtextextended('{schema} key ' || (k ->> 'tenant') || chr(31) || (k ->> 'account') || chr(31) || (k ->> 'purpose')
        || chr(31) || (k ->> 'treatment') || chr(31) || (k ->> 'sha256'), 0) $$;

create function {schema}.lock_of_remote(account text, remote_id text) returns bigint
    language sql immutable parallel safe
    as $$ select hashtextextended('{schema} remote ' || account || chr(31) || remote_id, 0) $$;

create function {schema}.lock_all(locks bigint[]) returns void
language plpgsql volatile set search_path = ''
as $$
declare
    one bigint;
begin
    for one in select distinct l from unnest(locks) as l order by l loop
        perform pg_advisory_xact_lock(one);
    end loop;
end $$;

-- The live remote file at one of the places of an item, and whether it may be taken as it is: one that may comes first, then the first place.
create function {schema}.stored_at(item jsonb) returns table (key jsonb, account text, remote_id text, provider text, expires_at timestamptz, usable boolean)
    language sql stable
    as $$
    select p.place -> 'key', r.account, r.remote_id, r.provider, r.expires_at,
        r.verified_at > {schema}.instant((p.place ->> 'verified_since_ms')::bigint)
            and (r.expires_at is null
                or r.expires_at >= r.created_at + (p.place ->> 'kept_ms')::bigint * interval '1 millisecond'
                or r.expires_at >= {schema}.instant((item -> 'terms' ->> 'expires_at_ms')::bigint)) is true as usable
    from jsonb_array_elements(item -> 'places') with ordinality as p (place, n)
    cross join lateral (
        select f.* from {schema}.claims as c
        join {schema}.remote_files as f on f.account = c.account and f.remote_id = c.remote_id
        where c.tenant = p.place -> 'key' ->> 'tenant' and c.account = p.place -> 'key' ->> 'account'
            and c.purpose = p.place -> 'key' ->> 'purpose' and c.treatment = p.place -> 'key' ->> 'treatment'
            and c.sha256 = p.place -> 'key' ->> 'sha256'
            and f.state = 'live' and not {schema}.is_over(f.expires_at, (item ->> 'now_ms')::bigint)
        order by f.verified_at desc, f.remote_id
        limit 1) as r
    order by usable desc, p.n
    limit 1
    $$;

-- The lease of an attempt's key, as `acquire` gives it.
create function {schema}.lead(gateway text, attempt jsonb, instead text) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
    k jsonb := attempt -> 'key';
    h {schema}.attempts;
    given bigint;
    alive boolean;
begin
    for round in 1..5 loop
        insert into {schema}.attempts as a (
            id, gateway, tenant, account, purpose, treatment, sha256, bytes, entry, fence, leads)
        values (
            attempt ->> 'id', lead.gateway, k ->> 'tenant', k ->> 'account', k ->> 'purpose', k ->> 'treatment', k ->> 'sha256',
            (attempt ->> 'bytes')::bigint, attempt ->> 'entry', nextval('{schema}.fences'), true)
        on conflict do nothing returning a.fence into given;
        if found then
            return jsonb_build_object('granted', given);
        end if;
        select * into h from {schema}.attempts as a
            where a.tenant = k ->> 'tenant' and a.account = k ->> 'account' and a.purpose = k ->> 'purpose'
                and a.treatment = k ->> 'treatment' and a.sha256 = k ->> 'sha256' and a.leads for update;
        if not found then
            -- It ended in between; or this very attempt is there without a lease, and is begun anew.
            delete from {schema}.attempts as a where a.id = attempt ->> 'id' and a.gateway = lead.gateway;
            continue;
        end if;
        if h.id = attempt ->> 'id' and h.gateway = lead.gateway then
            return jsonb_build_object('granted', h.fence);
        end if;
        alive := {schema}.is_alive(h.gateway);
        if h.id = instead and (h.gateway = lead.gateway or not alive) then
            update {schema}.attempts as a set leads = null where a.id = h.id;
            continue;
        end if;
        return jsonb_build_object('held', jsonb_build_object(
            'gateway', h.gateway, 'attempt', h.id, 'alive', alive));
    end loop;
    return jsonb_build_object('held', jsonb_build_object('gateway', '', 'attempt', '', 'alive', true));
end $$;

-- What a tenant has under way at all gateways.
create function {schema}.under_way(of_tenant text, besides_id text, besides_instead text, besides_gateway text, besides_sha256 text)
    returns table (files numeric, bytes numeric)
    language sql stable
    as $$
    select count(*)::numeric, coalesce(sum(a.bytes), 0)
    from {schema}.attempts as a
    where a.tenant = of_tenant and a.entry <> ''
        and a.id is distinct from besides_id and a.id is distinct from besides_instead
        and (a.gateway = besides_gateway and a.sha256 = besides_sha256) is not true
        and not exists (select from {schema}.files as f where f.id = a.id)
    $$;

create function {schema}.recorded_of(of_tenant text) returns table (files numeric, bytes numeric)
    language sql stable
    as $$
    select coalesce(sum(t.files), 0), coalesce(sum(t.bytes), 0)
    from {schema}.totals as t where t.scope = 'tenant' and t.tenant = of_tenant
    $$;

create function {schema}.is_limited(item jsonb) returns boolean
    language sql immutable parallel safe
    as $$ select coalesce(item ->> 'max_files', item ->> 'max_bytes') is not null $$;

-- One item after another: where a limit is near, something is stored, or the lease was not to be had at once.
create function {schema}.begin_one(gateway text, item jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
    a jsonb := item -> 'attempt';
    s record;
    file jsonb;
    used record;
    way record;
    answer jsonb;
    is_stored boolean;
begin
    -- Asked again: the answer was lost.
    select {schema}.file_json(f) into file from {schema}.files as f
        where f.id = a ->> 'id' and f.tenant = a -> 'key' ->> 'tenant' and item -> 'terms' <> 'null';
    if found then
        return jsonb_build_object('found', file);
    end if;
    if {schema}.is_limited(item) then
        select * into used from {schema}.recorded_of(a -> 'key' ->> 'tenant');
        select * into way from {schema}.under_way(
            a -> 'key' ->> 'tenant', a ->> 'id', item ->> 'instead', gateway, a -> 'key' ->> 'sha256');
        if used.files + way.files >= (item ->> 'max_files')::numeric
            or used.bytes + way.bytes + (a ->> 'bytes')::numeric > (item ->> 'max_bytes')::numeric then
            return jsonb_build_object('over_quota', jsonb_build_object(
                'files', used.files + way.files, 'bytes', used.bytes + way.bytes));
        end if;
    end if;
    select * into s from {schema}.stored_at(item);
    is_stored := found;
    if is_stored and s.usable and item -> 'terms' <> 'null' then
        file := jsonb_build_object(
            'id', a ->> 'id',
            -- Under the tenant's own key, also over another's remote file.
            'key', s.key || jsonb_build_object('tenant', a -> 'key' ->> 'tenant'),
            'filename', item -> 'terms' ->> 'filename', 'bytes', a -> 'bytes',
            'media_type', item -> 'terms' ->> 'media_type', 'provider', s.provider, 'remote_id', s.remote_id,
            'deduplicated', true, 'attempts', 0, 'created_at_ms', item -> 'now_ms',
            'expires_at_ms', least((item -> 'terms' ->> 'expires_at_ms')::bigint, {schema}.ms(s.expires_at)));
        if {schema}.record_one(file, true) = 'inserted' then
            -- It may have begun before, and lost its lease since.
            delete from {schema}.attempts as x where x.id = a ->> 'id' and x.gateway = begin_one.gateway;
            return jsonb_build_object('found', file);
        end if;
    end if;
    answer := {schema}.lead(gateway, a, item ->> 'instead');
    if answer ? 'granted' then
        return jsonb_build_object('granted', jsonb_build_object('fence', answer -> 'granted', 'stored', is_stored));
    end if;
    return answer;
end $$;

create function {schema}.refusal(state text, said text) returns jsonb
    language sql immutable parallel safe
    as $$ select jsonb_build_object('refused', jsonb_build_object('code', state, 'message', said)) $$;

-- The answers in the order of the items: what became of each by its id, and what is recorded by tenant.
create function {schema}.begun_items(items jsonb, outcome jsonb, recorded jsonb) returns jsonb
    language sql immutable parallel safe
    as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'begun', outcome -> (e.item -> 'attempt' ->> 'id'),
        'recorded', recorded -> (e.item -> 'attempt' -> 'key' ->> 'tenant')) order by e.n), '[]')
    from jsonb_array_elements(items) with ordinality as e (item, n)
    $$;

create function {schema}.begin_many(gateway text, lease_ms bigint, items jsonb) returns jsonb
language plpgsql volatile set search_path = '' set jit = off
as $$
declare
    outcome jsonb := '{}';
    -- Numbers of items, from 1.
    at_once integer[];
    tight text[];
    recorded jsonb := '{}';
    one record;
    said text;
    state text;
begin
    -- It is said every second that it lives: its row is not written by every call.
    if not exists (select from {schema}.gateways as g where g.id = begin_many.gateway
            and g.alive_until > clock_timestamp() + lease_ms * interval '0.5 milliseconds') then
        perform {schema}.seen(gateway, lease_ms);
    end if;
    perform {schema}.lock_all(array(
        select {schema}.lock_of_key(e -> 'attempt' -> 'key') from jsonb_array_elements(items) as e
        union all
        select {schema}.lock_of('quota ' || (e -> 'attempt' -> 'key' ->> 'tenant')) from jsonb_array_elements(items) as e
            where {schema}.is_limited(e)));

    -- Tenants that would pass a limit if everything of them that begins here began.
    for one in
        select e -> 'attempt' -> 'key' ->> 'tenant' as tenant, min((e ->> 'max_files')::numeric) as max_files,
            min((e ->> 'max_bytes')::numeric) as max_bytes, count(*) as files, sum((e -> 'attempt' ->> 'bytes')::numeric) as bytes
        from jsonb_array_elements(items) as e where {schema}.is_limited(e) group by 1
    loop
        recorded := recorded || (select jsonb_build_object(one.tenant, jsonb_build_object('files', r.files, 'bytes', r.bytes))
            from {schema}.recorded_of(one.tenant) as r);
        if (select r.files + w.files + one.files > one.max_files or r.bytes + w.bytes + one.bytes > one.max_bytes
                from {schema}.recorded_of(one.tenant) as r, {schema}.under_way(one.tenant, null, null, null, null) as w) then
            tight := tight || one.tenant;
        end if;
    end loop;

    -- Those that nothing is in the way of begin at once; of what is stored they are told below.
    at_once := array(
        select e.n from jsonb_array_elements(items) with ordinality as e (item, n)
        where (tight is null or e.item -> 'attempt' -> 'key' ->> 'tenant' <> all (tight))
            and not exists (select from {schema}.files as f where f.id = e.item -> 'attempt' ->> 'id'));
    begin
        with begun as (
            insert into {schema}.attempts as a (
                id, gateway, tenant, account, purpose, treatment, sha256, bytes, entry, fence, leads)
            select e.item -> 'attempt' ->> 'id', begin_many.gateway, k ->> 'tenant', k ->> 'account', k ->> 'purpose', k ->> 'treatment',
                k ->> 'sha256', (e.item -> 'attempt' ->> 'bytes')::bigint, e.item -> 'attempt' ->> 'entry', nextval('{schema}.fences'), true
            from jsonb_array_elements(items) with ordinality as e (item, n), lateral (select e.item -> 'attempt' -> 'key' as k) as k
            where e.n = any (at_once)
            order by k ->> 'tenant', k ->> 'account', k ->> 'purpose', k ->> 'treatment', k ->> 'sha256'
            on conflict do nothing returning a.id, a.fence)
        select coalesce(jsonb_object_agg(b.id, b.fence), '{}') into outcome from begun as b;
    exception when data_exception or integrity_constraint_violation then
        outcome := '{}';
    end;
    -- Order: looked for after the lease is there, so that what another gateway recorded before it went is seen.
    select coalesce(jsonb_object_agg(e.item -> 'attempt' ->> 'id', jsonb_build_object('granted', jsonb_build_object(
            'fence', outcome -> (e.item -> 'attempt' ->> 'id'), 'stored', false))), '{}') into outcome
        from jsonb_array_elements(items) as e (item)
        where outcome ? (e.item -> 'attempt' ->> 'id') and not exists (select from {schema}.stored_at(e.item));
    if not exists (select from jsonb_array_elements(items) as e (item) where not outcome ? (e.item -> 'attempt' ->> 'id')) then
        return {schema}.begun_items(items, outcome, recorded);
    end if;

    -- Attempts, then remote files, and sums last: as everywhere.
    perform from {schema}.attempts as a where a.leads and (a.tenant, a.account, a.purpose, a.treatment, a.sha256) in (
            select k ->> 'tenant', k ->> 'account', k ->> 'purpose', k ->> 'treatment', k ->> 'sha256'
            from jsonb_array_elements(items) as e (item), lateral (select e.item -> 'attempt' -> 'key' as k) as k
            where not outcome ? (e.item -> 'attempt' ->> 'id'))
        order by a.id for update;
    perform from {schema}.remote_files as r where (r.account, r.remote_id) in (
            select s.account, s.remote_id from jsonb_array_elements(items) as e (item), {schema}.stored_at(e.item) as s
            where not outcome ? (e.item -> 'attempt' ->> 'id'))
        order by r.account, r.remote_id for update;
    for one in select e.item, e.item -> 'attempt' ->> 'id' as id
        from jsonb_array_elements(items) with ordinality as e (item, n)
        where not outcome ? (e.item -> 'attempt' ->> 'id') order by e.n
    loop
        begin
            outcome := outcome || jsonb_build_object(one.id, {schema}.begin_one(gateway, one.item));
        exception when data_exception or check_violation or not_null_violation then
            get stacked diagnostics state = returned_sqlstate, said = message_text;
            outcome := outcome || jsonb_build_object(one.id, {schema}.refusal(state, said));
        end;
    end loop;
    return {schema}.begun_items(items, outcome, recorded);
end $$;

-- Records as many as one statement can: leading attempts of this gateway whose remote file nobody knows. Answers their numbers.
create function {schema}.record_new(gateway text, items jsonb) returns integer[]
language plpgsql volatile set search_path = ''
as $$
declare
    fresh {schema}.files[];
    numbers integer[];
    mine smallint := {schema}.shard();
begin
    select array_agg(row(c.id, c.tenant, c.account, c.purpose, c.treatment, c.sha256, c.filename, c.bytes, c.media_type, c.provider,
            c.remote_id, c.deduplicated, c.attempts, c.created_at, c.expires_at)::{schema}.files), array_agg(c.n)
        into fresh, numbers
    from (
        select e.n::integer as n, f ->> 'id' as id, f -> 'key' ->> 'tenant' as tenant, f -> 'key' ->> 'account' as account,
            f -> 'key' ->> 'purpose' as purpose, f -> 'key' ->> 'treatment' as treatment, f -> 'key' ->> 'sha256' as sha256,
            f ->> 'filename' as filename, (f ->> 'bytes')::bigint as bytes, f ->> 'media_type' as media_type, f ->> 'provider' as provider,
            f ->> 'remote_id' as remote_id, (f ->> 'deduplicated')::boolean as deduplicated, (f ->> 'attempts')::bigint as attempts,
            {schema}.instant((f ->> 'created_at_ms')::bigint) as created_at, {schema}.instant((f ->> 'expires_at_ms')::bigint) as expires_at,
            -- Two of one remote file, key or id go one after the other.
            count(*) over (partition by f -> 'key' ->> 'account', f ->> 'remote_id') as of_remote,
            count(*) over (partition by f -> 'key') as of_key,
            count(*) over (partition by f ->> 'id') as of_id
        from jsonb_array_elements(items) with ordinality as e (item, n), lateral (select e.item -> 'record' as f) as f
        where e.item ? 'record') as c
    join {schema}.attempts as a on a.id = c.id
    where c.of_remote = 1 and c.of_key = 1 and c.of_id = 1
        and a.gateway = record_new.gateway and a.leads and a.tenant = c.tenant and a.account = c.account and a.purpose = c.purpose
        and a.treatment = c.treatment and a.sha256 = c.sha256
        and not exists (select from {schema}.files as f where f.id = c.id)
        and not exists (select from {schema}.claims as x where x.account = c.account and x.remote_id = c.remote_id)
        and not exists (select from {schema}.remote_files as r where r.account = c.account and r.remote_id = c.remote_id)
        and not exists (select from {schema}.remote_files as r where r.tenant = c.tenant and r.account = c.account
            and r.purpose = c.purpose and r.treatment = c.treatment and r.sha256 = c.sha256 and r.live);
    if numbers is null then
        return '{}';
    end if;
    insert into {schema}.remote_files (
            account, remote_id, provider, tenant, purpose, treatment, sha256, bytes, media_type,
            state, reference_count, created_at, verified_at, expires_at)
        select f.account, f.remote_id, f.provider, f.tenant, f.purpose, f.treatment, f.sha256, f.bytes, f.media_type,
            'live', 1, f.created_at, f.created_at, f.expires_at
        from unnest(fresh) as f order by f.account, f.remote_id;
    insert into {schema}.files select f.* from unnest(fresh) as f order by f.id;
    insert into {schema}.claims
        select f.tenant, f.account, f.purpose, f.treatment, f.sha256, f.remote_id, 1 from unnest(fresh) as f
        order by f.tenant, f.account, f.purpose, f.treatment, f.sha256;
    delete from {schema}.attempts as a where a.id in (select f.id from unnest(fresh) as f);
    insert into {schema}.totals as t (scope, tenant, shard, files, bytes, remotes, remote_bytes)
        select s.scope, s.tenant, mine, count(*), sum(f.bytes), count(*), sum(f.bytes)
        from unnest(fresh) as f, lateral (values ('all', ''), ('tenant', f.tenant)) as s (scope, tenant)
        group by s.scope, s.tenant order by s.scope, s.tenant
        on conflict (scope, tenant, shard) do update set
            files = t.files + excluded.files, bytes = t.bytes + excluded.bytes,
            remotes = t.remotes + excluded.remotes, remote_bytes = t.remote_bytes + excluded.remote_bytes;
    insert into {schema}.usage_totals as u (account, purpose, shard, remotes, bytes)
        select f.account, f.purpose, mine, count(*), sum(f.bytes) from unnest(fresh) as f
        group by f.account, f.purpose order by f.account, f.purpose
        on conflict (account, purpose, shard) do update set
            remotes = u.remotes + excluded.remotes, bytes = u.bytes + excluded.bytes;
    return numbers;
end $$;

create function {schema}.end_one(gateway text, item jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
    gone jsonb := item -> 'gone';
begin
    if item ? 'record' then
        return jsonb_build_object('recorded', {schema}.record_fenced(gateway, item -> 'record'));
    elsif item ? 'over' then
        return jsonb_build_object('done', {schema}.ended(gateway, jsonb_build_array(item -> 'over'), false) <> '0');
    elsif item ? 'unled' then
        return jsonb_build_object('done', {schema}.ended(gateway, jsonb_build_array(item -> 'unled'), true) <> '0');
    end if;
    perform {schema}.ended(gateway, jsonb_build_array(gone -> 'attempt'), false);
    return jsonb_build_object('done', {schema}.forget(gone ->> 'account', gone ->> 'remote_id'));
end $$;

create function {schema}.end_many(gateway text, items jsonb) returns jsonb
language plpgsql volatile set search_path = '' set jit = off
as $$
declare
    outcome jsonb[] := array_fill(null::jsonb, array[jsonb_array_length(items)]);
    at_once integer[];
    one record;
    number integer;
    said text;
    state text;
begin
    perform {schema}.lock_all(array(
        select {schema}.lock_of_key(e -> 'record' -> 'key') from jsonb_array_elements(items) as e where e ? 'record'
        union all
        select {schema}.lock_of_remote(e -> 'record' -> 'key' ->> 'account', e -> 'record' ->> 'remote_id')
        from jsonb_array_elements(items) as e where e ? 'record'
        union all
        select {schema}.lock_of_remote(e -> 'gone' ->> 'account', e -> 'gone' ->> 'remote_id')
        from jsonb_array_elements(items) as e where e ? 'gone'));
    -- As `record_leased`: attempts, then remote files.
    perform from {schema}.attempts as a
        where a.id in (select coalesce(e -> 'record' ->> 'id', e ->> 'over', e ->> 'unled', e -> 'gone' ->> 'attempt')
            from jsonb_array_elements(items) as e) order by a.id for update;
    perform from {schema}.remote_files as r
        where (r.account, r.remote_id) in (
            select coalesce(e -> 'record' -> 'key', e -> 'gone') ->> 'account', coalesce(e -> 'record', e -> 'gone') ->> 'remote_id'
            from jsonb_array_elements(items) as e where e ? 'record' or e ? 'gone')
        order by r.account, r.remote_id for update;
    begin
        at_once := {schema}.record_new(gateway, items);
    exception when data_exception or integrity_constraint_violation then
        at_once := '{}';
    end;
    foreach number in array at_once loop
        outcome[number] := '{"recorded": "inserted"}';
    end loop;
    for one in select e.item, e.n::integer as n from jsonb_array_elements(items) with ordinality as e (item, n)
        where e.n <> all (at_once) order by e.n
    loop
        begin
            outcome[one.n] := {schema}.end_one(gateway, one.item);
        exception when data_exception or check_violation or not_null_violation then
            get stacked diagnostics state = returned_sqlstate, said = message_text;
            outcome[one.n] := {schema}.refusal(state, said);
        end;
    end loop;
    return to_jsonb(outcome);
end $$;

-- Lets files go; whoever let the last one go has the lease for deleting the remote file.
create function {schema}.remove_many(gateway text, items jsonb) returns jsonb
language plpgsql volatile set search_path = '' set jit = off
as $$
declare
    outcome jsonb := '[]';
    one record;
    released jsonb;
    k jsonb;
    leads boolean;
begin
    perform {schema}.lock_all(array(
        select l from jsonb_array_elements(items) as e
        join {schema}.files as f on f.id = e ->> 'id' and f.tenant = e ->> 'tenant'
        join {schema}.remote_files as r on r.account = f.account and r.remote_id = f.remote_id
        cross join lateral (values ({schema}.lock_of_remote(r.account, r.remote_id)), ({schema}.lock_of_key(
            {schema}.remote_json(r) -> 'key'))) as locks (l)));
    perform from {schema}.remote_files as r
        where (r.account, r.remote_id) in (
            select f.account, f.remote_id
            from jsonb_array_elements(items) as e join {schema}.files as f on f.id = e ->> 'id' and f.tenant = e ->> 'tenant')
        order by r.account, r.remote_id for update;
    for one in select e.item from jsonb_array_elements(items) with ordinality as e (item, n) order by e.n loop
        released := {schema}.release_one(one.item ->> 'id', one.item ->> 'tenant');
        leads := false;
        if released ? 'last' then
            k := released -> 'last' -> 'key';
            insert into {schema}.attempts (id, gateway, tenant, account, purpose, treatment, sha256, bytes, entry, fence, leads)
                values (one.item ->> 'attempt', gateway, k ->> 'tenant', k ->> 'account', k ->> 'purpose', k ->> 'treatment',
                    k ->> 'sha256', 0, '', nextval('{schema}.fences'), true)
                on conflict do nothing;
            leads := found;
        end if;
        outcome := outcome || jsonb_build_array(jsonb_build_object('release', released, 'leads', leads));
    end loop;
    return outcome;
end $$;

-- As before, save that what is released is locked before any of it is, in the order of all.
create or replace function {schema}.expire(now_ms bigint, count integer) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
    outcome jsonb := '[]';
    released jsonb;
    ids text[];
    one text;
begin
    -- What another gateway is expiring just now is left to it.
    ids := array(select f.id from {schema}.files as f
        where f.expires_at < {schema}.instant(now_ms)
        order by f.expires_at, f.id limit count for update skip locked);
    perform from {schema}.remote_files as r
        where (r.account, r.remote_id) in (select f.account, f.remote_id from {schema}.files as f where f.id = any (ids))
        order by r.account, r.remote_id for update;
    foreach one in array ids loop
        released := {schema}.release_one(one, null);
        if released ? 'last' then
            outcome := outcome || jsonb_build_array(released -> 'last');
        end if;
    end loop;
    return outcome;
end $$;

-- As for the functions before.
revoke all on all functions in schema {schema} from public;
grant execute on all functions in schema {schema} to {role};

insert into {schema}.migrations (version, name) values (6, 'batches');
