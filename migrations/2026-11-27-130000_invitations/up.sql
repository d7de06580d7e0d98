-- An invitation to a post, sent by mail. The link holds a token that is used once and kept as SHA-256.
CREATE TABLE invitations (
    tenant_id      int         NOT NULL REFERENCES tenants (tenant_id),
    -- Drawn from the posts' sequence: the post that comes of it has the same number.
    id             bigint      NOT NULL,
    token_hash     bytea       NOT NULL,
    email          text        NOT NULL,
    display_name   text        NOT NULL,
    role           text        NOT NULL,
    institution_id bigint,
    department     text        CHECK ((department IS NOT NULL) = (role = 'department_officer')),
    township       int         CHECK ((township IS NOT NULL) = (role = 'township_officer')),
    invited_by     bigint      NOT NULL,
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    sendings       int         NOT NULL DEFAULT 1,
    accepted_at    timestamptz,
    withdrawn_at   timestamptz,
    -- The post that came of it.
    user_id        bigint,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, token_hash),
    FOREIGN KEY (tenant_id, invited_by) REFERENCES users (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    FOREIGN KEY (tenant_id, institution_id) REFERENCES institutions (tenant_id, id),
    CHECK ((accepted_at IS NULL) = (user_id IS NULL)),
    CHECK (accepted_at IS NULL OR withdrawn_at IS NULL)
);
ALTER TABLE invitations ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitations FORCE ROW LEVEL SECURITY;
CREATE POLICY sign_in ON invitations TO mingjian_auth USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON invitations TO mingjian_auth;
GRANT USAGE ON SEQUENCE users_id_seq TO mingjian_auth;
-- One open invitation an address and place; sending it again renews it.
CREATE UNIQUE INDEX invitations_one_open ON invitations (tenant_id, email, institution_id) NULLS NOT DISTINCT
    WHERE accepted_at IS NULL AND withdrawn_at IS NULL;

-- Who took over the work of a post that was given up.
ALTER TABLE users ADD COLUMN successor_id bigint;
ALTER TABLE users ADD CONSTRAINT users_successor FOREIGN KEY (tenant_id, successor_id) REFERENCES users (tenant_id, id);

-- Accounts are managed on the sign-in role's connections. Inside a scope that role, too, is held to the bureau, and an
-- institution's administrator to the institution; without a scope it signs people in.
CREATE POLICY managed ON users AS RESTRICTIVE TO mingjian_auth
    USING (tenant_id = coalesce(nullif(current_setting('app.tenant', true), '')::int, tenant_id)
           AND coalesce(nullif(current_setting('app.institution', true), ''), 'all') IN ('all', institution_id::text));
CREATE POLICY managed ON invitations AS RESTRICTIVE TO mingjian_auth
    USING (tenant_id = coalesce(nullif(current_setting('app.tenant', true), '')::int, tenant_id)
           AND coalesce(nullif(current_setting('app.institution', true), ''), 'all') IN ('all', institution_id::text));
CREATE POLICY managed ON sessions AS RESTRICTIVE TO mingjian_auth
    USING (tenant_id = coalesce(nullif(current_setting('app.tenant', true), '')::int, tenant_id));
CREATE INDEX sessions_by_user ON sessions (tenant_id, user_id, created_at DESC);

-- A mail with a secret in it is emptied once it has been sent or given up.
ALTER TABLE outbox ADD COLUMN confidential boolean NOT NULL DEFAULT false;
CREATE POLICY accounts ON outbox FOR INSERT TO mingjian_auth WITH CHECK (true);
GRANT INSERT ON outbox TO mingjian_auth;
