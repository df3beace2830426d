-- Finding the copies of files: further files of their tenant whose ids continue theirs after a `~`.

create function {schema}.copies_of(tenant text, ids jsonb) returns jsonb
language sql stable set search_path = ''
as $$
    -- The character that follows `~` ends the range; ids are compared by their bytes.
    select coalesce(jsonb_agg(f.id), '[]')
    from jsonb_array_elements_text(copies_of.ids) as e (id), lateral (
        select c.id from {schema}.files as c
        where c.id > e.id || '~' and c.id < e.id || chr(127) and c.tenant = copies_of.tenant) as f
$$;

-- As for the functions before.
revoke all on function {schema}.copies_of(text, jsonb) from public;
grant execute on function {schema}.copies_of(text, jsonb) to {role};

insert into {schema}.migrations (version, name) values (8, 'copies');
