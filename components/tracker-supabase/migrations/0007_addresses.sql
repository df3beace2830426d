-- What else names a remote file in its vendor's own calls: few vendors have such a thing, so it is a table of its own. What records files
-- is wrapped, and goes on under the name that it had.

create table {schema}.remote_addresses (
    account text collate "C" not null,
    remote_id text collate "C" not null,
    uri text,
    media_type text,
    primary key (account, remote_id),
    foreign key (account, remote_id) references {schema}.remote_files (account, remote_id) on delete cascade
);

create function {schema}.address_of(of_account text, of_remote_id text) returns jsonb
language sql stable set search_path = ''
as $$
    select jsonb_build_object('uri', a.uri, 'media_type', a.media_type) from {schema}.remote_addresses as a
    where a.account = of_account and a.remote_id = of_remote_id
$$;

-- Of the file that came first.
create function {schema}.keep_address(file jsonb) returns void
language sql volatile set search_path = ''
as $$
    insert into {schema}.remote_addresses (account, remote_id, uri, media_type)
    select file -> 'key' ->> 'account', file ->> 'remote_id', file -> 'address' ->> 'uri', file -> 'address' ->> 'media_type'
    where coalesce(file -> 'address' ->> 'uri', file -> 'address' ->> 'media_type') is not null
    on conflict do nothing
$$;

create or replace function {schema}.remote_json(r {schema}.remote_files) returns jsonb
language sql stable set search_path = ''
as $$
    select jsonb_build_object(
        'account', r.account, 'provider', r.provider, 'remote_id', r.remote_id,
        'address', {schema}.address_of(r.account, r.remote_id),
        'key', jsonb_build_object('tenant', r.tenant, 'account', r.account, 'purpose', r.purpose,
                                  'treatment', r.treatment, 'sha256', r.sha256),
        'bytes', r.bytes, 'media_type', r.media_type, 'state', r.state, 'references', r.reference_count,
        'created_at_ms', {schema}.ms(r.created_at), 'verified_at_ms', {schema}.ms(r.verified_at),
        'expires_at_ms', {schema}.ms(r.expires_at))
$$;

create or replace function {schema}.file_json(f {schema}.files) returns jsonb
language sql stable set search_path = ''
as $$
    select jsonb_build_object(
        'id', f.id,
        'key', jsonb_build_object('tenant', f.tenant, 'account', f.account, 'purpose', f.purpose,
                                  'treatment', f.treatment, 'sha256', f.sha256),
        'filename', f.filename, 'bytes', f.bytes, 'media_type', f.media_type, 'provider', f.provider,
        'remote_id', f.remote_id, 'address', {schema}.address_of(f.account, f.remote_id),
        'deduplicated', f.deduplicated, 'attempts', f.attempts,
        'created_at_ms', {schema}.ms(f.created_at), 'expires_at_ms', {schema}.ms(f.expires_at))
$$;

-- What is wrapped below, under other names. It qualifies its parameters by its own name, so renaming is not enough.
do $do$
begin
    execute replace(pg_get_functiondef('{schema}.record_one(jsonb, boolean)'::regprocedure), 'record_one', 'record_bare');
    execute replace(pg_get_functiondef('{schema}.record_new(text, jsonb)'::regprocedure), 'record_new', 'record_new_bare');
    execute replace(pg_get_functiondef('{schema}.begin_one(text, jsonb)'::regprocedure), 'begin_one', 'begin_bare');
end $do$;

create or replace function {schema}.record_one(file jsonb, only_live boolean) returns text
language plpgsql volatile set search_path = ''
as $$
declare
    outcome text := {schema}.record_bare(file, only_live);
begin
    if outcome = 'inserted' then
        perform {schema}.keep_address(file);
    end if;
    return outcome;
end $$;

create or replace function {schema}.record_new(gateway text, items jsonb) returns integer[]
language plpgsql volatile set search_path = ''
as $$
declare
    numbers integer[] := {schema}.record_new_bare(gateway, items);
begin
    perform {schema}.keep_address(e.item -> 'record')
        from jsonb_array_elements(items) with ordinality as e (item, n)
        where e.n = any (numbers) and e.item -> 'record' ? 'address';
    return numbers;
end $$;

create or replace function {schema}.begin_one(gateway text, item jsonb) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
    outcome jsonb := {schema}.begin_bare(gateway, item);
    file jsonb := outcome -> 'found';
begin
    if file is null then
        return outcome;
    end if;
    return jsonb_build_object('found', file || jsonb_build_object('address',
        {schema}.address_of(file -> 'key' ->> 'account', file ->> 'remote_id')));
end $$;

-- As for the tables and functions before.
revoke all on {schema}.remote_addresses from public;
revoke all on all functions in schema {schema} from public;
grant select, insert, update, delete on {schema}.remote_addresses to {role};
grant execute on all functions in schema {schema} to {role};
alter table {schema}.remote_addresses enable row level security;
create policy gateways on {schema}.remote_addresses to {role} using (true) with check (true);

insert into {schema}.migrations (version, name) values (7, 'addresses');
