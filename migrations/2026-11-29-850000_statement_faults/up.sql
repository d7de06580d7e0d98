-- Where what a bank delivered contradicts itself or what was kept before: a running balance that does not follow, a reference
-- that came again with other content, a push whose signature is not that of its key. Open until the bank has put it right.
CREATE TABLE statement_faults (
    tenant_id  int         NOT NULL,
    id         bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    account_id bigint      NOT NULL,
    sort       text        NOT NULL CHECK (sort IN ('balance', 'reference', 'signature')),
    -- The bank's reference; of a signature the name of the key.
    about      text        NOT NULL,
    day        date        NOT NULL,
    file_name  text        NOT NULL,
    -- The place in the file, e.g. `line 7`.
    place      text,
    details    jsonb       NOT NULL,
    found_at   timestamptz NOT NULL,
    last_at    timestamptz NOT NULL,
    mended_at  timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES escrow_accounts (tenant_id, id)
);
-- Told once however often it comes; of a key once, for whichever account.
CREATE UNIQUE INDEX statement_faults_open ON statement_faults (tenant_id, account_id, sort, about)
    WHERE mended_at IS NULL AND sort <> 'signature';
CREATE UNIQUE INDEX statement_faults_open_key ON statement_faults (tenant_id, about)
    WHERE mended_at IS NULL AND sort = 'signature';
ALTER TABLE statement_faults ENABLE ROW LEVEL SECURITY;
ALTER TABLE statement_faults FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON statement_faults
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all')
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
GRANT SELECT, UPDATE (mended_at) ON statement_faults TO mingjian_app;
GRANT SELECT, INSERT, UPDATE ON statement_faults TO mingjian_ingest;
