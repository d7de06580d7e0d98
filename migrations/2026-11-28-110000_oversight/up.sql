-- Warnings about an institution as a whole and about a bank, beside those about one account: without an account it is about the
-- institution, without an institution about the bank.
ALTER TABLE warnings
    ALTER COLUMN account_id DROP NOT NULL,
    ALTER COLUMN institution_id DROP NOT NULL,
    ADD COLUMN bank           text,
    -- Who found it. A replay of an account's entries makes up its mind about those of the detector alone.
    ADD COLUMN judged_by      text    NOT NULL DEFAULT 'detector' CHECK (judged_by IN ('detector', 'oversight')),
    -- Whether it was looked up if the same was closed shortly before, and the warning that was.
    ADD COLUMN reopen_checked boolean NOT NULL DEFAULT false,
    ADD COLUMN reopens        bigint,
    -- The proposal to turn the institution red in which it took part.
    ADD COLUMN red_proposal   bigint,
    -- The day on which officials read of it in their daily mail.
    ADD COLUMN digested_on    date,
    ADD CONSTRAINT warnings_subject CHECK (
        institution_id IS NOT NULL AND bank IS NULL OR institution_id IS NULL AND account_id IS NULL AND bank IS NOT NULL);
GRANT INSERT ON warnings TO mingjian_app;
-- One open warning for each subject and kind, where the subject is no account.
CREATE UNIQUE INDEX warnings_one_open_institution ON warnings (tenant_id, institution_id, kind)
    WHERE account_id IS NULL AND institution_id IS NOT NULL AND status NOT IN ('resolved', 'withdrawn');
CREATE UNIQUE INDEX warnings_one_open_bank ON warnings (tenant_id, bank, kind)
    WHERE bank IS NOT NULL AND status NOT IN ('resolved', 'withdrawn');
CREATE INDEX warnings_by_institution ON warnings (tenant_id, institution_id, id);
CREATE INDEX warnings_due ON warnings (tenant_id, due_on) WHERE status NOT IN ('resolved', 'withdrawn');

-- Notes among officials, and what the system did as a deadline passed.
ALTER TABLE warning_actions
    ALTER COLUMN institution_id DROP NOT NULL,
    ADD COLUMN internal boolean NOT NULL DEFAULT false;
CREATE POLICY internal ON warning_actions AS RESTRICTIVE FOR SELECT
    USING (NOT internal OR current_setting('app.institution', true) = 'all');

-- Places at which an account's statements do not fit together are few, and looked for in all of them.
CREATE INDEX statements_with_gap ON statements (tenant_id, account_id) WHERE gap_fen IS NOT NULL;
-- The day on which the bank pushed something for the account last, be it that nothing had happened.
ALTER TABLE escrow_accounts ADD COLUMN heard_on date;

-- The system itself may propose, when a rule says so; an official decides.
ALTER TABLE approvals
    ALTER COLUMN proposed_by DROP NOT NULL,
    ALTER COLUMN proposed_person DROP NOT NULL,
    ADD CONSTRAINT approvals_proposer CHECK ((proposed_by IS NULL) = (proposed_person IS NULL));

-- Where a bureau's own systems hear of warnings: each is sent there as a signed POST. Its key is sealed with the master secret.
CREATE TABLE webhooks (
    tenant_id     int         NOT NULL PRIMARY KEY REFERENCES tenants (tenant_id),
    url           text        NOT NULL,
    secret_sealed bytea       NOT NULL,
    set_by        text        NOT NULL,
    set_at        timestamptz NOT NULL,
    version       int         NOT NULL DEFAULT 1
);
ALTER TABLE webhooks ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhooks FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON webhooks
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all')
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
CREATE POLICY deliver ON webhooks FOR SELECT TO mingjian_worker USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON webhooks TO mingjian_app;
GRANT SELECT (tenant_id) ON webhooks TO mingjian_ingest;
GRANT SELECT (tenant_id, url, secret_sealed) ON webhooks TO mingjian_worker;
ALTER TABLE outbox DROP CONSTRAINT outbox_kind_check, ADD CONSTRAINT outbox_kind_check CHECK (kind IN ('mail', 'webhook'));

-- When each bureau was looked over last.
CREATE TABLE sweeps (
    tenant_id   int         NOT NULL PRIMARY KEY REFERENCES tenants (tenant_id),
    finished_at timestamptz NOT NULL,
    -- The day of the last daily mail.
    digested_on date
);
ALTER TABLE sweeps ENABLE ROW LEVEL SECURITY;
ALTER TABLE sweeps FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON sweeps
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all')
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
CREATE POLICY background ON sweeps FOR SELECT TO mingjian_worker USING (true);
GRANT SELECT, INSERT, UPDATE ON sweeps TO mingjian_app;
GRANT SELECT ON sweeps TO mingjian_worker;
