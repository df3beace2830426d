-- One remote file by account and id, in whatever state: whether anybody holds what a vendor's list shows.

create function {schema}.remote(account text, remote_id text) returns jsonb
language sql stable set search_path = ''
as $$
    select {schema}.remote_json(r) from {schema}.remote_files as r
    where r.account = remote.account and r.remote_id = remote.remote_id
$$;

-- As for the functions before.
revoke all on function {schema}.remote(text, text) from public;
grant execute on function {schema}.remote(text, text) to {role};

insert into {schema}.migrations (version, name) values (5, 'remote');
