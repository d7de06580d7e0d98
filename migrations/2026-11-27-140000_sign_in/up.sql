-- What signing in remembers besides the password. All of it hangs on people and is the sign-in role's alone.

-- Failures by the keyed hash of what they are counted for: a name, an address, a device, or a pair of them.
CREATE TABLE attempts (
    bucket        bytea       NOT NULL PRIMARY KEY,
    failures      int         NOT NULL,
    forgiven_at   timestamptz NOT NULL,
    blocked_until timestamptz NOT NULL
);
ALTER TABLE attempts ENABLE ROW LEVEL SECURITY;
ALTER TABLE attempts FORCE ROW LEVEL SECURITY;
CREATE POLICY sign_in ON attempts TO mingjian_auth USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON attempts TO mingjian_auth;

-- What somebody is in the middle of, by the SHA-256 of the token that only they hold. Each is finished once.
CREATE TABLE steps (
    token_hash bytea       NOT NULL PRIMARY KEY,
    purpose    text        NOT NULL,
    person_id  bigint      REFERENCES people (id),
    sealed     bytea       NOT NULL,
    tries      int         NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL
);
ALTER TABLE steps ENABLE ROW LEVEL SECURITY;
ALTER TABLE steps FORCE ROW LEVEL SECURITY;
CREATE POLICY sign_in ON steps TO mingjian_auth USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON steps TO mingjian_auth;
CREATE INDEX steps_by_person ON steps (person_id);

-- The secret is needed to check codes, so it is kept sealed. The last step used keeps a code from being used twice.
CREATE TABLE totp_secrets (
    person_id bigint      NOT NULL PRIMARY KEY REFERENCES people (id),
    sealed    bytea       NOT NULL,
    last_step bigint      NOT NULL,
    added_at  timestamptz NOT NULL
);
ALTER TABLE totp_secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE totp_secrets FORCE ROW LEVEL SECURITY;
CREATE POLICY sign_in ON totp_secrets TO mingjian_auth USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON totp_secrets TO mingjian_auth;

-- Codes for when the telephone is lost: keyed hashes, each used once.
CREATE TABLE recovery_codes (
    person_id bigint      NOT NULL REFERENCES people (id),
    code_hash bytea       NOT NULL,
    used_at   timestamptz,
    PRIMARY KEY (person_id, code_hash)
);
ALTER TABLE recovery_codes ENABLE ROW LEVEL SECURITY;
ALTER TABLE recovery_codes FORCE ROW LEVEL SECURITY;
CREATE POLICY sign_in ON recovery_codes TO mingjian_auth USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON recovery_codes TO mingjian_auth;

-- Passkeys: the public key with its counter, as the WebAuthn library keeps it.
CREATE TABLE passkeys (
    credential_id bytea       NOT NULL PRIMARY KEY,
    person_id     bigint      NOT NULL REFERENCES people (id),
    name          text        NOT NULL,
    passkey       jsonb       NOT NULL,
    added_at      timestamptz NOT NULL,
    used_at       timestamptz
);
ALTER TABLE passkeys ENABLE ROW LEVEL SECURITY;
ALTER TABLE passkeys FORCE ROW LEVEL SECURITY;
CREATE POLICY sign_in ON passkeys TO mingjian_auth USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON passkeys TO mingjian_auth;
CREATE INDEX passkeys_by_person ON passkeys (person_id);
