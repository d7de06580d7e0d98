-- A person signs in with one name and one password, whatever posts they hold. A person without a password cannot sign in
-- until they set one. Belongs to no bureau and is read by the sign-in role alone; holds no tenant's data.
CREATE TABLE people (
    id                bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username          text        NOT NULL UNIQUE,
    password_hash     text,
    status            text        NOT NULL CHECK (status IN ('active', 'disabled')),
    -- Signing in needs the password alone; an operator said so on the command line, and the users page shows it.
    second_factor_off boolean     NOT NULL DEFAULT false,
    -- The post that was used last: the next session begins in it.
    last_tenant       int,
    last_post         bigint,
    created_at        timestamptz NOT NULL
);
ALTER TABLE people ENABLE ROW LEVEL SECURITY;
ALTER TABLE people FORCE ROW LEVEL SECURITY;
CREATE POLICY sign_in ON people TO mingjian_auth USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON people TO mingjian_auth;

-- A post: what a person is in one bureau, or for one institution of it. Nobody holds two posts as an official of one
-- bureau, because then one person would be two pairs of eyes.
CREATE TABLE users (
    tenant_id      int         NOT NULL REFERENCES tenants (tenant_id),
    id             bigint      GENERATED ALWAYS AS IDENTITY,
    person_id      bigint      NOT NULL REFERENCES people (id),
    display_name   text        NOT NULL,
    role           text        NOT NULL,
    institution_id bigint,
    -- Of department officers: which department, whose categories they see.
    department     text        CHECK ((department IS NOT NULL) = (role = 'department_officer')),
    -- Of township officers: which township (nine digits), whose institutions they see; without one they see none.
    township       int         CHECK (township IS NULL OR role = 'township_officer'),
    email          text,
    status         text        NOT NULL CHECK (status IN ('active', 'disabled')),
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE NULLS NOT DISTINCT (tenant_id, person_id, institution_id)
);
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON users FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY sign_in ON users TO mingjian_auth USING (true) WITH CHECK (true);
CREATE POLICY recipients ON users FOR SELECT TO mingjian_worker, mingjian_ingest USING (true);
-- Who holds a post elsewhere is for the sign-in role alone.
GRANT SELECT (tenant_id, id, display_name, role, institution_id, department, township, email, status, created_at)
    ON users TO mingjian_app, mingjian_worker, mingjian_ingest;
GRANT SELECT, INSERT, UPDATE ON users TO mingjian_auth;
CREATE INDEX users_by_person ON users (person_id);

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
