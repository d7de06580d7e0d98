-- Every change of state: who, when, what, before and after. No runtime role may change or remove a row.
CREATE TABLE audit_events (
    tenant_id      int         NOT NULL,
    id             bigint      GENERATED ALWAYS AS IDENTITY,
    at             timestamptz NOT NULL,
    actor_id       bigint,
    actor_name     text        NOT NULL,
    actor_role     text        NOT NULL,
    action         text        NOT NULL,
    subject_kind   text        NOT NULL,
    subject_id     text        NOT NULL,
    institution_id bigint,
    before         jsonb,
    after          jsonb,
    reason         text,
    request_id     text        NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
ALTER TABLE audit_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_events FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON audit_events FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY append ON audit_events FOR INSERT
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int
                AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY sign_in ON audit_events FOR INSERT TO mingjian_auth WITH CHECK (true);
GRANT SELECT, INSERT ON audit_events TO mingjian_app, mingjian_ingest;
GRANT INSERT ON audit_events TO mingjian_auth, mingjian_worker;
CREATE INDEX audit_events_by_time ON audit_events (tenant_id, at DESC, id DESC);

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
