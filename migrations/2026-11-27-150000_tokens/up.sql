-- Keys that sign access tokens, by generation; the seed is sealed with the service's secret and emptied when nothing needs
-- it any more. They belong to no bureau and are read by the sign-in role alone.
CREATE TABLE signing_keys (
    generation     int         NOT NULL PRIMARY KEY CHECK (0 < generation),
    kid            text        NOT NULL UNIQUE,
    sealed_seed    bytea       NOT NULL,
    created_at     timestamptz NOT NULL,
    signs_from     timestamptz NOT NULL,
    verifies_until timestamptz
);
ALTER TABLE signing_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE signing_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY sign_in ON signing_keys TO mingjian_auth USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON signing_keys TO mingjian_auth;

-- Where a session is used: the network and not the address, and a digest by which the same device is known again.
ALTER TABLE sessions
    ADD COLUMN last_seen_at timestamptz NOT NULL,
    ADD COLUMN network      text        NOT NULL,
    ADD COLUMN device       bytea       NOT NULL;
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (tenant_id, session_id);

-- Machine users: what the key may do, for which accounts or for which institution, and the secret before the present one.
ALTER TABLE machine_keys
    ADD COLUMN scopes          text[]      NOT NULL,
    -- The one institution of an institution's system.
    ADD COLUMN institution_id  bigint,
    -- The escrow accounts that a bank's key reaches; all of the bureau when absent.
    ADD COLUMN accounts        text[],
    ADD COLUMN previous_secret bytea,
    ADD COLUMN previous_until  timestamptz,
    ADD COLUMN rotated_at      timestamptz,
    ADD COLUMN last_used_at    timestamptz,
    ADD COLUMN created_by      text        NOT NULL,
    ADD CONSTRAINT machine_keys_previous CHECK ((previous_secret IS NULL) = (previous_until IS NULL)),
    ADD FOREIGN KEY (tenant_id, institution_id) REFERENCES institutions (tenant_id, id);
-- Whoever keeps keys sees them without their secrets: a bureau's administrator all of the bureau, an institution its own.
CREATE POLICY read ON machine_keys FOR SELECT TO mingjian_app
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
GRANT SELECT (tenant_id, key_id, role, name, scopes, institution_id, accounts, created_by, created_at, expires_at,
              previous_until, rotated_at, revoked_at, last_used_at) ON machine_keys TO mingjian_app;
CREATE INDEX machine_keys_by_end ON machine_keys (expires_at) WHERE revoked_at IS NULL;

-- Identity providers: a bureau's, mostly a province's, for signing in by OpenID Connect within its range.
CREATE TABLE identity_providers (
    tenant_id     int         NOT NULL REFERENCES tenants (tenant_id),
    id            text        NOT NULL,
    name          text        NOT NULL,
    issuer        text        NOT NULL,
    client_id     text        NOT NULL,
    sealed_secret bytea,
    -- Hosts besides the issuer's own at which it may be asked.
    hosts         text[]      NOT NULL,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
ALTER TABLE identity_providers ENABLE ROW LEVEL SECURITY;
ALTER TABLE identity_providers FORCE ROW LEVEL SECURITY;
CREATE POLICY sign_in ON identity_providers TO mingjian_auth USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON identity_providers TO mingjian_auth;

-- Which post a claim's value means; the first line that somebody fulfils counts.
CREATE TABLE idp_role_mappings (
    tenant_id   int  NOT NULL,
    provider    text NOT NULL,
    claim       text NOT NULL,
    value       text NOT NULL,
    role        text NOT NULL,
    post_tenant int  NOT NULL,
    position    int  NOT NULL,
    PRIMARY KEY (tenant_id, provider, claim, value),
    FOREIGN KEY (tenant_id, provider) REFERENCES identity_providers (tenant_id, id)
);
ALTER TABLE idp_role_mappings ENABLE ROW LEVEL SECURITY;
ALTER TABLE idp_role_mappings FORCE ROW LEVEL SECURITY;
CREATE POLICY sign_in ON idp_role_mappings TO mingjian_auth USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON idp_role_mappings TO mingjian_auth;

-- Whom a provider's subject is here, and the post that the provider gave them.
CREATE TABLE idp_links (
    tenant_id    int    NOT NULL,
    provider     text   NOT NULL,
    subject      text   NOT NULL,
    person_id    bigint NOT NULL REFERENCES people (id),
    post_tenant  int    NOT NULL,
    post_id      bigint NOT NULL,
    -- The provider took the post away.
    withdrawn_at timestamptz,
    PRIMARY KEY (tenant_id, provider, subject),
    FOREIGN KEY (tenant_id, provider) REFERENCES identity_providers (tenant_id, id)
);
ALTER TABLE idp_links ENABLE ROW LEVEL SECURITY;
ALTER TABLE idp_links FORCE ROW LEVEL SECURITY;
CREATE POLICY sign_in ON idp_links TO mingjian_auth USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON idp_links TO mingjian_auth;
