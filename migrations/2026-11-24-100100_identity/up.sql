-- Who may sign in. Passwords are Argon2id strings; an account without one cannot sign in until it sets one.
CREATE TABLE users (
    tenant_id      int         NOT NULL REFERENCES tenants (tenant_id),
    id             bigint      GENERATED ALWAYS AS IDENTITY,
    username       text        NOT NULL,
    display_name   text        NOT NULL,
    role           text        NOT NULL,
    institution_id bigint,
    email          text,
    password_hash  text,
    status         text        NOT NULL CHECK (status IN ('active', 'disabled')),
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, username)
);
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON users FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY sign_in ON users TO mingjian_auth USING (true) WITH CHECK (true);
CREATE POLICY recipients ON users FOR SELECT TO mingjian_worker, mingjian_ingest USING (true);
-- The password hash is for the sign-in role alone.
GRANT SELECT (tenant_id, id, username, display_name, role, institution_id, email, status, created_at)
    ON users TO mingjian_app, mingjian_worker, mingjian_ingest;
GRANT SELECT, INSERT, UPDATE ON users TO mingjian_auth;

-- Sign-in names are unique in the whole system, so that the sign-in form need not ask for the bureau.
-- Read by the sign-in role alone; holds no tenant's data but the way to the account.
CREATE TABLE sign_in_names (
    username    text   NOT NULL PRIMARY KEY,
    home_tenant int    NOT NULL,
    user_id     bigint NOT NULL
);
ALTER TABLE sign_in_names ENABLE ROW LEVEL SECURITY;
ALTER TABLE sign_in_names FORCE ROW LEVEL SECURITY;
CREATE POLICY sign_in ON sign_in_names TO mingjian_auth USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON sign_in_names TO mingjian_auth;

-- One sign-in on one device. Ended sessions stay for the record.
CREATE TABLE sessions (
    tenant_id  int         NOT NULL,
    id         text        NOT NULL,
    user_id    bigint      NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz,
    end_reason text,
    agent      text        NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY sign_in ON sessions TO mingjian_auth USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON sessions TO mingjian_auth;
CREATE INDEX sessions_lately_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;

-- Refresh tokens by SHA-256; each is used once, and a second use ends its session.
CREATE TABLE refresh_tokens (
    tenant_id  int         NOT NULL,
    token_hash bytea       NOT NULL,
    session_id text        NOT NULL,
    used_at    timestamptz,
    PRIMARY KEY (tenant_id, token_hash),
    FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id)
);
ALTER TABLE refresh_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE refresh_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY sign_in ON refresh_tokens TO mingjian_auth USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON refresh_tokens TO mingjian_auth;

-- Machine users (banks). The secret is needed to check signatures, so it is kept sealed by the service's key.
CREATE TABLE machine_keys (
    tenant_id     int         NOT NULL REFERENCES tenants (tenant_id),
    key_id        text        NOT NULL,
    role          text        NOT NULL,
    name          text        NOT NULL,
    sealed_secret bytea       NOT NULL,
    expires_at    timestamptz NOT NULL,
    revoked_at    timestamptz,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, key_id)
);
ALTER TABLE machine_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE machine_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY sign_in ON machine_keys TO mingjian_auth USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON machine_keys TO mingjian_auth;

-- Nonces of signed requests, kept for ten minutes; the primary key refuses the second use.
CREATE TABLE machine_nonces (
    tenant_id int         NOT NULL,
    key_id    text        NOT NULL,
    nonce     text        NOT NULL,
    used_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, key_id, nonce)
);
ALTER TABLE machine_nonces ENABLE ROW LEVEL SECURITY;
ALTER TABLE machine_nonces FORCE ROW LEVEL SECURITY;
CREATE POLICY sign_in ON machine_nonces TO mingjian_auth USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, DELETE ON machine_nonces TO mingjian_auth;
CREATE INDEX machine_nonces_by_age ON machine_nonces USING brin (used_at);
