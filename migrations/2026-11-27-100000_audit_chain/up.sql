-- The last link of each bureau's chain of audit events. Whoever appends locks its row, last of all that it locks.
-- A runtime role may move a head, which `mingjian audit verify` would find not to fit its events.
CREATE TABLE audit_heads (
    tenant_id int    NOT NULL PRIMARY KEY,
    seq       bigint NOT NULL CHECK (0 <= seq),
    hash      bytea  NOT NULL CHECK (octet_length(hash) = 32)
) WITH (fillfactor = 50);
ALTER TABLE audit_heads ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_heads FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON audit_heads
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int)
    WITH CHECK (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int);
CREATE POLICY sign_in ON audit_heads TO mingjian_auth USING (true) WITH CHECK (true);
CREATE POLICY verify ON audit_heads FOR SELECT TO mingjian_worker USING (true);
GRANT SELECT, INSERT, UPDATE (seq, hash) ON audit_heads TO mingjian_app, mingjian_auth, mingjian_ingest, mingjian_worker;

-- Signed statements of how far a chain went and what its last hash was: a tail that is cut off later is missed by them.
CREATE TABLE audit_checkpoints (
    tenant_id int         NOT NULL,
    seq       bigint      NOT NULL CHECK (0 < seq),
    hash      bytea       NOT NULL CHECK (octet_length(hash) = 32),
    at        timestamptz NOT NULL,
    signature bytea       NOT NULL,
    PRIMARY KEY (tenant_id, seq)
);
ALTER TABLE audit_checkpoints ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_checkpoints FORCE ROW LEVEL SECURITY;
CREATE POLICY work ON audit_checkpoints TO mingjian_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON audit_checkpoints TO mingjian_worker;

-- Signed statements of what was removed when its time was over: the chain begins anew after `seq`, from `hash`.
CREATE TABLE audit_archives (
    tenant_id int         NOT NULL,
    seq       bigint      NOT NULL CHECK (0 < seq),
    hash      bytea       NOT NULL CHECK (octet_length(hash) = 32),
    events    bigint      NOT NULL CHECK (0 < events),
    first_at  timestamptz NOT NULL,
    last_at   timestamptz NOT NULL,
    at        timestamptz NOT NULL,
    signature bytea       NOT NULL,
    PRIMARY KEY (tenant_id, seq)
);
ALTER TABLE audit_archives ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_archives FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON audit_archives FOR SELECT TO mingjian_app
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
CREATE POLICY work ON audit_archives TO mingjian_worker USING (true) WITH CHECK (true);
CREATE POLICY forget ON audit_archives FOR SELECT TO mingjian_owner USING (true);
GRANT SELECT, INSERT ON audit_archives TO mingjian_worker;
GRANT SELECT ON audit_archives TO mingjian_app;

-- What the latest check of each chain found.
CREATE TABLE audit_checks (
    tenant_id  int         NOT NULL PRIMARY KEY,
    checked_at timestamptz NOT NULL,
    -- The last event that was checked, and its time.
    seq        bigint      NOT NULL,
    last_at    timestamptz,
    -- Null when all was well.
    fault      text,
    fault_seq  bigint
);
ALTER TABLE audit_checks ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_checks FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON audit_checks FOR SELECT TO mingjian_app
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
CREATE POLICY work ON audit_checks TO mingjian_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON audit_checks TO mingjian_worker;
GRANT SELECT ON audit_checks TO mingjian_app;

-- The nightly check writes to those who answer for a trail that was tampered with.
GRANT INSERT ON outbox TO mingjian_worker;

-- Removes the beginning of a bureau's trail: only as far as an archive record says, only what is six months old by the
-- database's own clock (网络安全法, log retention), and only for the worker. No role has DELETE on the table itself.
CREATE POLICY forget_read ON audit_events FOR SELECT TO mingjian_owner USING (true);
CREATE POLICY forget ON audit_events FOR DELETE TO mingjian_owner USING (true);
CREATE FUNCTION audit_forget(bureau int, through bigint) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    removed bigint;
BEGIN
    IF NOT EXISTS (
        SELECT FROM public.audit_archives a
        JOIN public.audit_events e ON e.tenant_id = a.tenant_id AND e.seq = a.seq AND e.hash = a.hash
        WHERE a.tenant_id = bureau AND a.seq = through)
    THEN
        RAISE EXCEPTION 'no archive record ends with event % of bureau %', through, bureau USING ERRCODE = '42501';
    END IF;
    IF EXISTS (
        SELECT FROM public.audit_events e
        WHERE e.tenant_id = bureau AND e.seq <= through AND e.at > now() - interval '6 months')
    THEN
        RAISE EXCEPTION 'events of the last six months are kept' USING ERRCODE = '42501';
    END IF;
    DELETE FROM public.audit_events e WHERE e.tenant_id = bureau AND e.seq <= through;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END $$;
REVOKE ALL ON FUNCTION audit_forget(int, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_forget(int, bigint) TO mingjian_worker;
