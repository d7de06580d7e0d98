-- An institution changes its account: the new one is filed as the successor with a day, the old one is watched until it is empty.
-- `upcoming` waits for its day, `active` is the one in use, `emptying` had a successor and holds money still, `closed` is empty.
-- Which branches (分校区、教学点) an account serves is named with its filing; none named means the whole institution.
ALTER TABLE escrow_accounts
    ADD COLUMN branches       text[] NOT NULL DEFAULT '{}',
    -- The first day on which it is the account in use; null since it came on file.
    ADD COLUMN in_use_from    date,
    -- The first day on which its successor is; null while it has none.
    ADD COLUMN in_use_until   date,
    -- The account whose place it takes.
    ADD COLUMN succeeds       bigint,
    -- The earliest day of which the institution's other accounts have to be judged anew, because this one's entries count in them.
    ADD COLUMN others_from    date,
    DROP CONSTRAINT escrow_accounts_status_check,
    ADD CONSTRAINT escrow_accounts_status_check CHECK (status IN ('upcoming', 'active', 'emptying', 'closed')),
    ADD CONSTRAINT escrow_accounts_succeeds_fkey FOREIGN KEY (tenant_id, succeeds) REFERENCES escrow_accounts (tenant_id, id);
-- One change at a time.
CREATE UNIQUE INDEX escrow_accounts_one_upcoming ON escrow_accounts (tenant_id, institution_id) WHERE status = 'upcoming';
CREATE UNIQUE INDEX escrow_accounts_one_emptying ON escrow_accounts (tenant_id, institution_id) WHERE status = 'emptying';
CREATE INDEX escrow_accounts_changing ON escrow_accounts (tenant_id) WHERE status IN ('upcoming', 'emptying') OR others_from IS NOT NULL;
GRANT UPDATE (bank, mode, agreement_no, branches, status, in_use_from, in_use_until, others_from) ON escrow_accounts TO mingjian_app;

-- Money on its way from an institution's old account to its new one, worked out from the entries of both whenever one of them
-- gets some: it is no withdrawal as long as it arrives. `missing` is what did not in time.
CREATE TABLE own_transfers (
    tenant_id      int         NOT NULL,
    institution_id bigint      NOT NULL,
    from_account   bigint      NOT NULL,
    bank_ref       text        NOT NULL COLLATE "C",
    booked_at      timestamptz NOT NULL,
    amount_fen     bigint      NOT NULL,
    state          text        NOT NULL CHECK (state IN ('under_way', 'arrived', 'missing')),
    to_account     bigint,
    to_ref         text        COLLATE "C",
    arrived_at     timestamptz,
    PRIMARY KEY (tenant_id, from_account, bank_ref),
    FOREIGN KEY (tenant_id, from_account) REFERENCES escrow_accounts (tenant_id, id),
    FOREIGN KEY (tenant_id, to_account) REFERENCES escrow_accounts (tenant_id, id),
    CHECK ((state = 'arrived') = (to_account IS NOT NULL AND to_ref IS NOT NULL AND arrived_at IS NOT NULL))
);
ALTER TABLE own_transfers ENABLE ROW LEVEL SECURITY;
ALTER TABLE own_transfers FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON own_transfers FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY write ON own_transfers TO mingjian_ingest
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int);
GRANT SELECT ON own_transfers TO mingjian_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON own_transfers TO mingjian_ingest;
CREATE INDEX own_transfers_by_institution ON own_transfers (tenant_id, institution_id, booked_at);
CREATE INDEX own_transfers_under_way ON own_transfers (tenant_id, booked_at) WHERE state = 'under_way';
-- An order that was worked out on the old account may be carried out on the new one.
GRANT UPDATE (account_id) ON release_orders TO mingjian_ingest;
