-- The ledger of Loadlock: which logical file of which tenant is which remote file.
--
-- Text that keys are made of compares bytewise (collation "C"), so that pages have one order on every server. Instants are
-- `timestamptz`; the functions speak milliseconds since 1970, as the tracker's contract does. Every function is one
-- statement for its caller and therefore one transaction: nothing is half recorded.

create schema if not exists {schema};

-- Migrations that were applied, oldest first.
create table {schema}.migrations (
    version integer primary key,
    name text not null,
    applied_at timestamptz not null default now()
);

-- One file at one vendor account, and how many files of all tenants refer to it.
create table {schema}.remote_files (
    account text collate "C" not null,
    remote_id text collate "C" not null,
    provider text not null,
    -- The key of the file that came first.
    tenant text collate "C" not null,
    purpose text collate "C" not null,
    treatment text collate "C" not null,
    sha256 text collate "C" not null,
    bytes bigint not null check (bytes >= 0),
    media_type text not null,
    state text not null check (state in ('live', 'dying', 'missing')),
    reference_count bigint not null check (reference_count >= 0),
    created_at timestamptz not null,
    verified_at timestamptz not null,
    expires_at timestamptz,
    -- A further remote file of a key that has a live one: it is counted, found and deleted like any other.
    surplus boolean not null default false,
    -- True or null: a unique constraint takes nulls for different, so it holds over live rows alone. A partial index would
    -- say the same, but `on_conflict` cannot name one.
    live boolean generated always as (case when state = 'live' and not surplus then true end) stored,
    primary key (account, remote_id),
    constraint remote_files_live_key unique (tenant, account, purpose, treatment, sha256, live)
);

create index remote_files_marked on {schema}.remote_files (state, account, remote_id) where state <> 'live';
create index remote_files_size on {schema}.remote_files (account, bytes) where state = 'live';

-- One logical file of one tenant.
create table {schema}.files (
    id text collate "C" primary key,
    tenant text collate "C" not null,
    account text collate "C" not null,
    purpose text collate "C" not null,
    treatment text collate "C" not null,
    sha256 text collate "C" not null,
    filename text not null,
    bytes bigint not null check (bytes >= 0),
    media_type text not null,
    provider text not null,
    remote_id text collate "C" not null,
    deduplicated boolean not null,
    attempts bigint not null check (attempts >= 0),
    created_at timestamptz not null,
    expires_at timestamptz
);

create index files_of_tenant on {schema}.files (tenant, created_at, id);
create index files_of_purpose on {schema}.files (tenant, purpose, created_at, id);
create index files_expiry on {schema}.files (expires_at, id) where expires_at is not null;

-- How many files of a tenant claim a remote file under a key. Claims outlive a forgotten remote file: should the vendor give
-- the same id out again, those files count again.
create table {schema}.claims (
    tenant text collate "C" not null,
    account text collate "C" not null,
    purpose text collate "C" not null,
    treatment text collate "C" not null,
    sha256 text collate "C" not null,
    remote_id text collate "C" not null,
    files bigint not null check (files > 0),
    primary key (tenant, account, purpose, treatment, sha256, remote_id)
);

create index claims_of_remote on {schema}.claims (account, remote_id, tenant);

-- Totals, kept by addition, so that no question counts rows. A scope has 16 rows, and a connection adds to the one of its
-- process: gateways that record at the same time do not wait for each other's totals. A row alone may be negative.
create table {schema}.totals (
    -- 'all' with an empty tenant, or 'tenant'.
    scope text collate "C" not null check (scope in ('all', 'tenant')),
    tenant text collate "C" not null,
    shard smallint not null,
    files numeric not null default 0,
    bytes numeric not null default 0,
    remotes numeric not null default 0,
    remote_bytes numeric not null default 0,
    dying numeric not null default 0,
    missing numeric not null default 0,
    primary key (scope, tenant, shard)
);

create table {schema}.usage_totals (
    account text collate "C" not null,
    purpose text collate "C" not null,
    shard smallint not null,
    remotes numeric not null default 0,
    bytes numeric not null default 0,
    primary key (account, purpose, shard)
);

-- Without a search path of their own, so that the planner can put their bodies in place of the calls: they name pg_catalog alone.
create function {schema}.instant(ms bigint) returns timestamptz
    language sql immutable parallel safe
    as $$ select timestamptz 'epoch' + ms * interval '1 millisecond' $$;

create function {schema}.ms(instant timestamptz) returns bigint
    language sql immutable parallel safe
    as $$ select (extract(epoch from instant) * 1000)::bigint $$;

create function {schema}.shard() returns smallint
    language sql volatile set search_path = ''
    as $$ select (pg_catalog.pg_backend_pid() % 16)::smallint $$;

create function {schema}.tally(
    of_scope text, of_tenant text, d_files numeric, d_bytes numeric,
    d_remotes numeric, d_remote_bytes numeric, d_dying numeric, d_missing numeric
) returns void language sql volatile set search_path = ''
as $$
    insert into {schema}.totals as t (scope, tenant, shard, files, bytes, remotes, remote_bytes, dying, missing)
    values (of_scope, of_tenant, {schema}.shard(), d_files, d_bytes, d_remotes, d_remote_bytes, d_dying, d_missing)
    on conflict (scope, tenant, shard) do update set
        files = t.files + excluded.files,
        bytes = t.bytes + excluded.bytes,
        remotes = t.remotes + excluded.remotes,
        remote_bytes = t.remote_bytes + excluded.remote_bytes,
        dying = t.dying + excluded.dying,
        missing = t.missing + excluded.missing
$$;

-- Adds (`sign` 1) or takes away (-1) what a remote file is to a scope.
create function {schema}.tally_state(of_scope text, of_tenant text, r {schema}.remote_files, sign integer)
returns void language sql volatile set search_path = ''
as $$
    select {schema}.tally(
        of_scope, of_tenant, 0, 0,
        case when r.state = 'live' then sign else 0 end,
        case when r.state = 'live' then sign * r.bytes::numeric else 0 end,
        case when r.state = 'dying' then sign else 0 end,
        case when r.state = 'missing' then sign else 0 end)
$$;

-- What a remote file is to all, apart from those who hold it.
create function {schema}.tally_remote(r {schema}.remote_files, sign integer)
returns void language plpgsql volatile set search_path = ''
as $$
begin
    perform {schema}.tally_state('all', '', r, sign);
    if r.state = 'live' then
        insert into {schema}.usage_totals as u (account, purpose, shard, remotes, bytes)
        values (r.account, r.purpose, {schema}.shard(), sign, sign * r.bytes::numeric)
        on conflict (account, purpose, shard) do update set
            remotes = u.remotes + excluded.remotes, bytes = u.bytes + excluded.bytes;
    elsif r.state = 'dying' then
        -- Nobody holds a dying remote file: it is counted for the tenant that brought it.
        perform {schema}.tally_state('tenant', r.tenant, r, sign);
    end if;
end $$;

-- What a remote file is to all, those who hold it included.
create function {schema}.tally_whole(r {schema}.remote_files, sign integer)
returns void language plpgsql volatile set search_path = ''
as $$
begin
    perform {schema}.tally_remote(r, sign);
    if r.state <> 'dying' then
        perform {schema}.tally_state('tenant', c.tenant, r, sign)
        from (select distinct tenant from {schema}.claims
              where account = r.account and remote_id = r.remote_id) as c;
    end if;
end $$;

create function {schema}.is_over(expires_at timestamptz, now_ms bigint) returns boolean
    language sql immutable parallel safe
    as $$ select coalesce(expires_at < {schema}.instant(now_ms), false) $$;

create function {schema}.remote_json(r {schema}.remote_files) returns jsonb
language sql stable set search_path = ''
as $$
    select jsonb_build_object(
        'account', r.account, 'provider', r.provider, 'remote_id', r.remote_id,
        'key', jsonb_build_object('tenant', r.tenant, 'account', r.account, 'purpose', r.purpose,
                                  'treatment', r.treatment, 'sha256', r.sha256),
        'bytes', r.bytes, 'media_type', r.media_type, 'state', r.state, 'references', r.reference_count,
        'created_at_ms', {schema}.ms(r.created_at), 'verified_at_ms', {schema}.ms(r.verified_at),
        'expires_at_ms', {schema}.ms(r.expires_at))
$$;

create function {schema}.file_json(f {schema}.files) returns jsonb
language sql stable set search_path = ''
as $$
    select jsonb_build_object(
        'id', f.id,
        'key', jsonb_build_object('tenant', f.tenant, 'account', f.account, 'purpose', f.purpose,
                                  'treatment', f.treatment, 'sha256', f.sha256),
        'filename', f.filename, 'bytes', f.bytes, 'media_type', f.media_type, 'provider', f.provider,
        'remote_id', f.remote_id, 'deduplicated', f.deduplicated, 'attempts', f.attempts,
        'created_at_ms', {schema}.ms(f.created_at), 'expires_at_ms', {schema}.ms(f.expires_at))
$$;

-- Takes one reference. Without `only_live` a remote row is made where none is.
create function {schema}.record_one(file jsonb, only_live boolean) returns text
language plpgsql volatile set search_path = ''
as $$
declare
    k jsonb := file -> 'key';
    f {schema}.files;
    r {schema}.remote_files;
    is_new boolean := false;
    held boolean;
begin
    f.id := file ->> 'id';
    f.tenant := k ->> 'tenant';
    f.account := k ->> 'account';
    f.purpose := k ->> 'purpose';
    f.treatment := k ->> 'treatment';
    f.sha256 := k ->> 'sha256';
    f.filename := file ->> 'filename';
    f.bytes := (file ->> 'bytes')::bigint;
    f.media_type := file ->> 'media_type';
    f.provider := file ->> 'provider';
    f.remote_id := file ->> 'remote_id';
    f.deduplicated := (file ->> 'deduplicated')::boolean;
    f.attempts := (file ->> 'attempts')::bigint;
    f.created_at := {schema}.instant((file ->> 'created_at_ms')::bigint);
    f.expires_at := {schema}.instant((file ->> 'expires_at_ms')::bigint);

    if exists (select from {schema}.files where id = f.id) then
        return 'existing';
    end if;
    if not only_live then
        -- First as the live one of its key; if the key has one already, as a surplus. Neither touches a row of that id.
        for is_surplus in 0..1 loop
            insert into {schema}.remote_files (
                account, remote_id, provider, tenant, purpose, treatment, sha256, bytes, media_type,
                state, reference_count, created_at, verified_at, expires_at, surplus)
            values (
                f.account, f.remote_id, f.provider, f.tenant, f.purpose, f.treatment, f.sha256, f.bytes, f.media_type,
                'live', 0, f.created_at, f.created_at, f.expires_at, is_surplus = 1)
            on conflict do nothing;
            is_new := found;
            exit when is_new or exists (
                select from {schema}.remote_files where account = f.account and remote_id = f.remote_id);
        end loop;
    end if;
    select * into r from {schema}.remote_files
        where account = f.account and remote_id = f.remote_id for update;
    if not found then
        return 'remote-not-live';
    end if;
    if not is_new and (r.state <> 'live' or (only_live and {schema}.is_over(r.expires_at, {schema}.ms(f.created_at)))) then
        return 'remote-not-live';
    end if;

    insert into {schema}.files values (f.*) on conflict (id) do nothing;
    if not found then
        -- Another gateway recorded the same id since the look above.
        delete from {schema}.remote_files
            where is_new and account = f.account and remote_id = f.remote_id and reference_count = 0;
        return 'existing';
    end if;
    held := exists (select from {schema}.claims
        where account = f.account and remote_id = f.remote_id and tenant = f.tenant);
    insert into {schema}.claims as c
        values (f.tenant, f.account, f.purpose, f.treatment, f.sha256, f.remote_id, 1)
        on conflict (tenant, account, purpose, treatment, sha256, remote_id) do update set files = c.files + 1;
    perform {schema}.tally(s.scope, s.tenant, 1, f.bytes, 0, 0, 0, 0)
        from (values ('all', ''), ('tenant', f.tenant)) as s (scope, tenant);

    if is_new then
        update {schema}.remote_files
            set reference_count = (select sum(files) from {schema}.claims
                where account = f.account and remote_id = f.remote_id)
            where account = f.account and remote_id = f.remote_id returning * into r;
        perform {schema}.tally_whole(r, 1);
    else
        update {schema}.remote_files
            set reference_count = reference_count + 1,
                -- No expiry is the latest.
                expires_at = case when r.expires_at is null or f.expires_at is null then null
                                  else greatest(r.expires_at, f.expires_at) end,
                -- The vendor has just answered an upload with this id.
                verified_at = case when f.deduplicated then r.verified_at
                                   else greatest(r.verified_at, f.created_at) end
            where account = f.account and remote_id = f.remote_id;
        if not held then
            perform {schema}.tally_state('tenant', f.tenant, r, 1);
        end if;
    end if;
    return 'inserted';
end $$;

-- Gives the reference of one file back; `null` if it is not there.
create function {schema}.release_one(of_id text, of_tenant text) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
    f {schema}.files;
    r {schema}.remote_files;
    left_over bigint;
    still_held boolean;
begin
    delete from {schema}.files
        where id = of_id and (of_tenant is null or tenant = of_tenant) returning * into f;
    if not found then
        return null;
    end if;
    select * into r from {schema}.remote_files
        where account = f.account and remote_id = f.remote_id for update;
    perform {schema}.tally(s.scope, s.tenant, -1, -f.bytes, 0, 0, 0, 0)
        from (values ('all', ''), ('tenant', f.tenant)) as s (scope, tenant);
    delete from {schema}.claims
        where tenant = f.tenant and account = f.account and purpose = f.purpose and treatment = f.treatment
            and sha256 = f.sha256 and remote_id = f.remote_id and files = 1;
    if not found then
        update {schema}.claims set files = files - 1
            where tenant = f.tenant and account = f.account and purpose = f.purpose and treatment = f.treatment
                and sha256 = f.sha256 and remote_id = f.remote_id;
    end if;
    if r.account is null then
        -- The row was forgotten when the vendor lost the file: there is nothing left to delete.
        select coalesce(sum(files), 0) into left_over from {schema}.claims
            where account = f.account and remote_id = f.remote_id;
        return jsonb_build_object('released', left_over);
    end if;
    still_held := exists (select from {schema}.claims
        where account = f.account and remote_id = f.remote_id and tenant = f.tenant);
    if not still_held and r.state <> 'dying' then
        perform {schema}.tally_state('tenant', f.tenant, r, -1);
    end if;
    if r.reference_count > 1 then
        update {schema}.remote_files set reference_count = reference_count - 1
            where account = f.account and remote_id = f.remote_id;
        return jsonb_build_object('released', r.reference_count - 1);
    end if;
    perform {schema}.tally_remote(r, -1);
    update {schema}.remote_files set reference_count = 0, state = 'dying'
        where account = f.account and remote_id = f.remote_id returning * into r;
    perform {schema}.tally_remote(r, 1);
    return jsonb_build_object('last', {schema}.remote_json(r));
end $$;

-- The functions that the tracker calls. -------------------------------------------------------------------------------

create function {schema}.ledger_open() returns jsonb
language sql stable set search_path = ''
as $$
    select jsonb_build_object(
        'version', (select max(version) from {schema}.migrations),
        'now_ms', {schema}.ms(clock_timestamp()))
$$;

create function {schema}.record_many(files jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
    outcome jsonb := '[]';
    file jsonb;
begin
    -- In one order, so that two batches over the same remote files wait for each other instead of blocking each other.
    perform from {schema}.remote_files as r
        where (r.account, r.remote_id) in (
            select e -> 'key' ->> 'account', e ->> 'remote_id' from jsonb_array_elements(files) as e)
        order by r.account, r.remote_id for update;
    for file in select e from jsonb_array_elements(files) with ordinality as a (e, n) order by n loop
        outcome := outcome || to_jsonb({schema}.record_one(file, false));
    end loop;
    return outcome;
end $$;

create function {schema}.reference(file jsonb) returns jsonb
language sql volatile set search_path = ''
as $$ select to_jsonb({schema}.record_one(file, true)) $$;

create function {schema}.find(
    tenant text, account text, purpose text, treatment text, sha256 text, now_ms bigint
) returns jsonb language sql stable set search_path = ''
as $$
    select {schema}.remote_json(r) || jsonb_build_object('key', jsonb_build_object(
        'tenant', find.tenant, 'account', find.account, 'purpose', find.purpose,
        'treatment', find.treatment, 'sha256', find.sha256))
    from {schema}.claims as c
    join {schema}.remote_files as r on r.account = c.account and r.remote_id = c.remote_id
    where c.tenant = find.tenant and c.account = find.account and c.purpose = find.purpose
        and c.treatment = find.treatment and c.sha256 = find.sha256
        and r.state = 'live' and not {schema}.is_over(r.expires_at, find.now_ms)
    order by r.verified_at desc, r.remote_id
    limit 1
$$;

create function {schema}.has_size(tenant text, account text, bytes bigint) returns jsonb
language sql stable set search_path = ''
as $$
    select to_jsonb(exists (
        select from {schema}.remote_files as r
        where r.account = has_size.account and r.bytes = has_size.bytes and r.state = 'live'
            and exists (select from {schema}.claims as c
                where c.account = r.account and c.remote_id = r.remote_id and c.tenant = has_size.tenant)))
$$;

create function {schema}.get(tenant text, id text, now_ms bigint) returns jsonb
language sql stable set search_path = ''
as $$
    select {schema}.file_json(f) from {schema}.files as f
    where f.id = get.id and f.tenant = get.tenant and not {schema}.is_over(f.expires_at, get.now_ms)
$$;

-- Keyset pages: rows after (`after_ms`, `after_id`) in the order asked for.
create function {schema}.list(
    tenant text, ascending boolean, now_ms bigint, count integer,
    purpose text default null, after_ms bigint default null, after_id text default null
) returns jsonb language plpgsql stable set search_path = ''
as $$
declare
    outcome jsonb;
begin
    -- Written out for each question, so that each has the index of its order.
    execute 'select coalesce(jsonb_agg({schema}.file_json(f)), ''[]'') from (
            select * from {schema}.files as f where f.tenant = $1'
        || case when purpose is null then '' else ' and f.purpose = $2' end
        || case when after_id is null then ''
                when ascending then ' and (f.created_at, f.id) > ({schema}.instant($3), $4)'
                else ' and (f.created_at, f.id) < ({schema}.instant($3), $4)' end
        || ' and not {schema}.is_over(f.expires_at, $5)'
        || case when ascending then ' order by f.created_at, f.id' else ' order by f.created_at desc, f.id desc' end
        || ' limit $6) as f'
        into outcome using tenant, purpose, after_ms, after_id, now_ms, count;
    return outcome;
end $$;

create function {schema}.tombstone(tenant text, id text) returns jsonb
language sql volatile set search_path = ''
as $$ select {schema}.release_one(tombstone.id, tombstone.tenant) $$;

create function {schema}.expire(now_ms bigint, count integer) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
    outcome jsonb := '[]';
    released jsonb;
    one text;
begin
    -- What another gateway is expiring just now is left to it.
    for one in select f.id from {schema}.files as f
        where f.expires_at < {schema}.instant(now_ms)
        order by f.expires_at, f.id limit count for update skip locked
    loop
        released := {schema}.release_one(one, null);
        if released ? 'last' then
            outcome := outcome || jsonb_build_array(released -> 'last');
        end if;
    end loop;
    return outcome;
end $$;

create function {schema}.forget(account text, remote_id text) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
    r {schema}.remote_files;
begin
    delete from {schema}.remote_files as d
        where d.account = forget.account and d.remote_id = forget.remote_id and d.state <> 'live'
        returning * into r;
    if not found then
        return to_jsonb(false);
    end if;
    perform {schema}.tally_whole(r, -1);
    return to_jsonb(true);
end $$;

create function {schema}.observe(account text, remote_id text, state text, now_ms bigint) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
    r {schema}.remote_files;
begin
    select * into r from {schema}.remote_files as o
        where o.account = observe.account and o.remote_id = observe.remote_id for update;
    if not found then
        return to_jsonb(false);
    end if;
    if observe.state = 'live' then
        update {schema}.remote_files as o
            set verified_at = greatest(o.verified_at, {schema}.instant(now_ms))
            where o.account = r.account and o.remote_id = r.remote_id returning * into r;
    end if;
    if r.state not in ('dying', observe.state) then
        perform {schema}.tally_whole(r, -1);
        update {schema}.remote_files as o
            set state = observe.state,
                surplus = observe.state = 'live' and exists (
                    select from {schema}.remote_files as other
                    where other.tenant = r.tenant and other.account = r.account and other.purpose = r.purpose
                        and other.treatment = r.treatment and other.sha256 = r.sha256 and other.live)
            where o.account = r.account and o.remote_id = r.remote_id returning * into r;
        perform {schema}.tally_whole(r, 1);
    end if;
    return to_jsonb(true);
end $$;

-- Looks at `window_rows` rows at most: past them the page is short, and `next` says where to go on.
create function {schema}.remotes(
    count integer, window_rows integer, account text default null, state text default null,
    expired_before_ms bigint default null, after_account text default null, after_id text default null
) returns jsonb language plpgsql stable set search_path = ''
as $$
declare
    looked_at text;
    outcome jsonb;
begin
    looked_at := 'select * from {schema}.remote_files as r where true'
        || case when account is null then '' else ' and r.account = $1' end
        || case when state is null then '' else ' and r.state = $2' end
        -- Implied by the line before, and needed for the index of rows that are not live.
        || case when state in ('dying', 'missing') then ' and r.state <> ''live''' else '' end
        || case when after_id is null then '' else ' and (r.account, r.remote_id) > ($4, $5)' end
        || ' order by r.account, r.remote_id limit $7';
    execute 'select coalesce(jsonb_agg({schema}.remote_json(r)), ''[]'') from (
            select (r).* from (' || looked_at || ') as r'
        || case when expired_before_ms is null then '' else ' where {schema}.is_over(r.expires_at, $3)' end
        || ' limit $6) as r'
        into outcome using account, state, expired_before_ms, after_account, after_id, count, window_rows;
    if jsonb_array_length(outcome) >= count then
        return jsonb_build_object('remotes', outcome, 'next', jsonb_build_array(
            outcome -> -1 -> 'account', outcome -> -1 -> 'remote_id'));
    end if;
    execute 'select jsonb_build_array(r.account, r.remote_id) from (' || looked_at || ') as r offset $6 limit 1'
        into looked_at
        using account, state, expired_before_ms, after_account, after_id, window_rows - 1, window_rows;
    return jsonb_build_object('remotes', outcome, 'next', looked_at::jsonb);
end $$;

create function {schema}.stats(tenant text default null) returns jsonb
language sql stable set search_path = ''
as $$
    select jsonb_build_object(
        'files', coalesce(sum(t.files), 0), 'bytes', coalesce(sum(t.bytes), 0),
        'remotes', coalesce(sum(t.remotes), 0), 'remote_bytes', coalesce(sum(t.remote_bytes), 0),
        'dying', coalesce(sum(t.dying), 0), 'missing', coalesce(sum(t.missing), 0),
        'schema_version', (select max(version) from {schema}.migrations))
    from {schema}.totals as t
    where t.scope = case when stats.tenant is null then 'all' else 'tenant' end
        and t.tenant = coalesce(stats.tenant, '')
$$;

create function {schema}.usage() returns jsonb
language sql stable set search_path = ''
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'account', u.account, 'purpose', u.purpose, 'remotes', u.remotes, 'bytes', u.bytes)
        order by u.account, u.purpose), '[]')
    from (select account, purpose, sum(remotes) as remotes, sum(bytes) as bytes
          from {schema}.usage_totals group by account, purpose having sum(remotes) <> 0) as u
$$;

insert into {schema}.migrations (version, name) values (1, 'ledger');
