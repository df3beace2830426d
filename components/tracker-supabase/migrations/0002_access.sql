-- Who may do what: the role of the gateways everything, readers their own tenant's files, everybody else nothing.

revoke all on schema {schema} from public;
revoke all on all tables in schema {schema} from public;
revoke all on all functions in schema {schema} from public;
grant usage on schema {schema} to {role};
grant select, insert, update, delete on all tables in schema {schema} to {role};
grant execute on all functions in schema {schema} to {role};

-- Supabase grants rights on new tables to its roles by default; without a policy they see no row all the same.
do $do$
declare
    one text;
begin
    foreach one in array array['migrations', 'remote_files', 'files', 'claims', 'totals', 'usage_totals'] loop
        execute format('alter table {schema}.%I enable row level security', one);
        execute format('create policy gateways on {schema}.%I to {role} using (true) with check (true)', one);
    end loop;
end $do$;

-- The files of the tenant that a reader's key names, in its claim `tenant` or in Supabase's `app_metadata.tenant`, which users
-- cannot write. A key without one sees nothing. The view reads as its owner: the tables stay closed.
create view {schema}.tenant_files with (security_barrier) as
    select id, filename, bytes, media_type, provider, purpose, sha256, deduplicated, attempts, created_at, expires_at
    from {schema}.files
    where tenant = (
        select coalesce(claims ->> 'tenant', claims -> 'app_metadata' ->> 'tenant')
        from (select nullif(current_setting('request.jwt.claims', true), '')::jsonb as claims) as request)
    and (expires_at is null or expires_at >= now());

-- The same files under the column names of an earlier system, for dashboards that were made for it: all of them to the gateways'
-- role and its members, a tenant's own to its readers. Columns that have no meaning here are null.
create view {schema}.file_uploads with (security_barrier) as
    select f.id, f.id as file_id, f.tenant as user_id, f.filename, null::text as file_path, null::text as supabase_path,
        f.bytes as file_size, f.bytes as file_size_bytes, f.sha256, f.sha256 as file_hash, f.media_type as mime_type,
        f.provider, f.remote_id as provider_file_id, f.purpose,
        case r.state when 'live' then 'completed' when 'missing' then 'failed' else 'deleted' end as upload_status,
        f.deduplicated as is_duplicate, null::text as original_file_id, true as deduplication_checked,
        case r.state when 'live' then 'healthy' when 'missing' then 'unhealthy' else 'unknown' end as health_status,
        r.verified_at as last_health_check, r.verified_at as last_used, f.created_at, f.created_at as updated_at, f.expires_at
    from {schema}.files as f
    left join {schema}.remote_files as r on r.account = f.account and r.remote_id = f.remote_id
    where pg_has_role(current_user, {role_name}, 'usage')
        or (f.tenant = (
                select coalesce(claims ->> 'tenant', claims -> 'app_metadata' ->> 'tenant')
                from (select nullif(current_setting('request.jwt.claims', true), '')::jsonb as claims) as request)
            and (f.expires_at is null or f.expires_at >= now()));

revoke all on {schema}.tenant_files, {schema}.file_uploads from public;
grant select on {schema}.tenant_files, {schema}.file_uploads to {role};

do $do$
begin
    if exists (select from pg_catalog.pg_roles where rolname = {reader_name}) then
        grant usage on schema {schema} to {reader};
        revoke all on {schema}.tenant_files, {schema}.file_uploads from {reader};
        grant select on {schema}.tenant_files, {schema}.file_uploads to {reader};
    end if;
end $do$;

insert into {schema}.migrations (version, name) values (2, 'access');
