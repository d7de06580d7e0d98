-- Personal data are kept sealed (src/vault): version, key number, nonce, ciphertext and tag in one value, which opens only
-- at its own table, column, bureau and row. Beside it stand the keyed hashes by which equal values are found. No value can be
-- carried over by SQL, because only the service has the keys; nothing was released with the plain columns.
ALTER TABLE institutions DROP COLUMN phone;
ALTER TABLE institutions
    ADD COLUMN phone_sealed           bytea,
    -- One for each number: sheets write several into one cell.
    ADD COLUMN phone_index            bytea[] NOT NULL DEFAULT '{}',
    ADD COLUMN legal_person_id_sealed bytea,
    ADD COLUMN legal_person_id_index  bytea;

-- Where releases go. The escrow account's own number is published by law and stays as it is.
ALTER TABLE escrow_accounts DROP COLUMN payee_account;
ALTER TABLE escrow_accounts
    ADD COLUMN payee_sealed bytea,
    ADD COLUMN payee_index  bytea;
GRANT UPDATE (payee_sealed, payee_index) ON escrow_accounts TO mingjian_app;

-- A file as it came, its table and the report that quotes it hold whatever the sender wrote. Compressed, then sealed.
ALTER TABLE imports DROP COLUMN file, DROP COLUMN sheet, DROP COLUMN report;
ALTER TABLE imports
    -- Null once the file was blanked on request.
    ADD COLUMN file_sealed   bytea,
    ADD COLUMN sheet_sealed  bytea NOT NULL,
    ADD COLUMN report_sealed bytea NOT NULL;
-- A row is sealed before it is written, so its number is taken first.
GRANT USAGE ON SEQUENCE imports_id_seq TO mingjian_app;

-- Somebody asks to see one field of one record in the clear: an official of a bureau above, or of the same bureau where its
-- policy wants two officials for it. Another person of the bureau whose record it is decides, for a day.
CREATE TABLE access_requests (
    tenant_id       int         NOT NULL REFERENCES tenants (tenant_id),
    id              bigint      GENERATED ALWAYS AS IDENTITY,
    asked_by_tenant int         NOT NULL,
    asked_by        bigint      NOT NULL,
    asked_person    bigint      NOT NULL,
    asked_by_name   text        NOT NULL,
    asked_by_role   text        NOT NULL,
    subject_kind    text        NOT NULL CHECK (subject_kind IN ('institution', 'escrow_account', 'entry', 'course')),
    subject_id      text        NOT NULL,
    field           text        NOT NULL,
    institution_id  bigint      NOT NULL,
    purpose         text        NOT NULL,
    reason          text        NOT NULL,
    asked_at        timestamptz NOT NULL,
    -- Of the request while it waits, of the permission once it is given.
    expires_at      timestamptz NOT NULL,
    state           text        NOT NULL CHECK (state IN ('pending', 'approved', 'rejected')),
    decided_by      bigint,
    decided_person  bigint,
    decided_by_name text,
    decided_at      timestamptz,
    comment         text,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, institution_id) REFERENCES institutions (tenant_id, id),
    FOREIGN KEY (tenant_id, decided_by) REFERENCES users (tenant_id, id),
    -- Two persons, whatever posts they hold: nobody decides what they ask for.
    CHECK (decided_person <> asked_person)
);
ALTER TABLE access_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE access_requests FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON access_requests FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) = 'all');
-- The one thing that a bureau above writes at a county: its own question, still undecided.
CREATE POLICY ask ON access_requests FOR INSERT
    WITH CHECK (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
                AND asked_by_tenant = nullif(current_setting('app.tenant', true), '')::int
                AND asked_by = nullif(current_setting('app.user', true), '')::bigint
                AND current_setting('app.institution', true) = 'all' AND state = 'pending');
CREATE POLICY decide ON access_requests FOR UPDATE
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all')
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
GRANT SELECT, INSERT ON access_requests TO mingjian_app;
GRANT UPDATE (state, expires_at, decided_by, decided_person, decided_by_name, decided_at, comment) ON access_requests TO mingjian_app;
CREATE INDEX access_requests_waiting ON access_requests (tenant_id, state, id DESC);
CREATE INDEX access_requests_by_asker ON access_requests (asked_by_tenant, asked_by, id DESC);

-- The e-mail address of a disabled account is erased when its owner asks for it.
CREATE POLICY erase ON users FOR UPDATE TO mingjian_app
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all'
           AND status = 'disabled')
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND email IS NULL);
GRANT UPDATE (email) ON users TO mingjian_app;
