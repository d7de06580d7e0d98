-- What the columns of a bank's exports mean, where an official has said so: one row a bank and header row, for the whole bureau.
CREATE TABLE statement_layouts (
    tenant_id   int         NOT NULL REFERENCES tenants (tenant_id),
    id          bigint      GENERATED ALWAYS AS IDENTITY,
    bank        text        NOT NULL,
    -- SHA-256 of the header row without blanks and units.
    fingerprint bytea       NOT NULL,
    -- [{name, role}], a role of null for a column that does not count.
    columns     jsonb       NOT NULL,
    told_by     text        NOT NULL,
    told_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, bank, fingerprint)
);
ALTER TABLE statement_layouts ENABLE ROW LEVEL SECURITY;
ALTER TABLE statement_layouts FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON statement_layouts
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all')
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
GRANT SELECT, INSERT, UPDATE, DELETE ON statement_layouts TO mingjian_app;

-- Files that wait for somebody to say what their columns mean. Compressed, then sealed; gone once settled, or after some days.
CREATE TABLE statement_drafts (
    tenant_id   int         NOT NULL REFERENCES tenants (tenant_id),
    id          bigint      GENERATED ALWAYS AS IDENTITY,
    file_name   text        NOT NULL,
    file_sealed bytea       NOT NULL,
    -- The account that the file was uploaded for; null where the file itself names it.
    account_id  bigint,
    left_by     text        NOT NULL,
    left_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES escrow_accounts (tenant_id, id)
);
ALTER TABLE statement_drafts ENABLE ROW LEVEL SECURITY;
ALTER TABLE statement_drafts FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON statement_drafts
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all')
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
GRANT SELECT, INSERT, UPDATE, DELETE ON statement_drafts TO mingjian_app;
-- The sweep asks which bureaus have files that nobody settled in time.
CREATE POLICY due ON statement_drafts FOR SELECT TO mingjian_worker USING (true);
GRANT SELECT (tenant_id, left_at) ON statement_drafts TO mingjian_worker;
-- A file is sealed before it is written, so its number is taken first.
GRANT USAGE ON SEQUENCE statement_drafts_id_seq TO mingjian_app;

-- A later delivery of the same entry may tell its place in the day better: a time of day, or its number in the whole day
-- instead of in a part of it (docs/adr/0015). Nothing else of an entry is ever changed, and no day.
CREATE POLICY place ON entries FOR UPDATE TO mingjian_ingest
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int);
GRANT UPDATE (booked_at, seq) ON entries TO mingjian_ingest;
