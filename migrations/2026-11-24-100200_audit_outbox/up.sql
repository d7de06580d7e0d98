-- Every change of state and every look at unmasked personal data: who, when, what, before and after. No runtime role may
-- change or remove a row. Each bureau's events are numbered without a gap and chained: `hash` is an HMAC over the event
-- and the hash before it, with a key that the database does not hold (src/db/trail/seal.rs).
CREATE TABLE audit_events (
    tenant_id      int         NOT NULL,
    seq            bigint      NOT NULL CHECK (0 < seq),
    -- Version of the form that is hashed, and of its key.
    form           smallint    NOT NULL,
    at             timestamptz NOT NULL,
    actor_id       bigint,
    -- The bureau of whoever acted: another one than tenant_id when an upper level looked.
    actor_tenant   int         NOT NULL,
    actor_name     text        NOT NULL,
    actor_role     text        NOT NULL,
    action         text        NOT NULL,
    subject_kind   text        NOT NULL,
    subject_id     text        NOT NULL,
    institution_id bigint,
    -- json and not jsonb: the very bytes that were hashed are kept.
    before         json,
    after          json,
    reason         text,
    request_id     text        NOT NULL,
    hash           bytea       NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (tenant_id, seq)
);
ALTER TABLE audit_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_events FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON audit_events FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY append ON audit_events FOR INSERT
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int
                AND current_setting('app.institution', true) IN ('all', institution_id::text));
-- A look by an upper level stands also in the trail of the county whose record it is: the one thing that an upper level
-- writes there.
CREATE POLICY look ON audit_events FOR INSERT TO mingjian_app
    WITH CHECK (action = 'personal.unmasked' AND current_setting('app.institution', true) = 'all'
                AND tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int);
CREATE POLICY sign_in ON audit_events FOR INSERT TO mingjian_auth WITH CHECK (true);
CREATE POLICY verify ON audit_events FOR SELECT TO mingjian_worker USING (true);
GRANT SELECT, INSERT ON audit_events TO mingjian_app, mingjian_ingest, mingjian_worker;
GRANT INSERT ON audit_events TO mingjian_auth;
-- One for each way in which the auditor's page narrows the trail down; in order of time.
CREATE INDEX audit_events_by_time ON audit_events (tenant_id, at, seq);
CREATE INDEX audit_events_by_actor ON audit_events (tenant_id, actor_id, at, seq) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_events_by_institution ON audit_events (tenant_id, institution_id, at, seq) WHERE institution_id IS NOT NULL;
CREATE INDEX audit_events_by_subject ON audit_events (tenant_id, subject_id, at, seq);
CREATE INDEX audit_events_looks ON audit_events (tenant_id, at, seq) WHERE action = 'personal.unmasked';

-- What must leave the system because of a fact, written in the same transaction as the fact.
CREATE TABLE outbox (
    tenant_id       int         NOT NULL,
    id              bigint      GENERATED ALWAYS AS IDENTITY,
    kind            text        NOT NULL CHECK (kind IN ('mail')),
    recipient       text        NOT NULL,
    subject         text        NOT NULL,
    body            text        NOT NULL,
    idempotency_key text        NOT NULL,
    state           text        NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'dead')),
    attempts        int         NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL,
    last_error      text,
    created_at      timestamptz NOT NULL,
    sent_at         timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, idempotency_key)
);
ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
CREATE POLICY append ON outbox FOR INSERT
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int);
CREATE POLICY deliver ON outbox TO mingjian_worker USING (true) WITH CHECK (true);
GRANT INSERT ON outbox TO mingjian_app, mingjian_ingest;
GRANT SELECT, UPDATE, DELETE ON outbox TO mingjian_worker;
CREATE INDEX outbox_waiting ON outbox (due_at, id) WHERE state = 'waiting';

-- Answers of writes that carried an Idempotency-Key, so that a repeat changes nothing and reads the same.
CREATE TABLE idempotency_keys (
    tenant_id  int         NOT NULL,
    user_id    bigint      NOT NULL,
    key        text        NOT NULL,
    request    bytea       NOT NULL,
    status     int         NOT NULL,
    answer     jsonb       NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id, key)
);
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON idempotency_keys
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND user_id = nullif(current_setting('app.user', true), '')::bigint)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND user_id = nullif(current_setting('app.user', true), '')::bigint);
CREATE POLICY sweep ON idempotency_keys TO mingjian_worker USING (true);
GRANT SELECT, INSERT ON idempotency_keys TO mingjian_app;
GRANT SELECT, DELETE ON idempotency_keys TO mingjian_worker;
