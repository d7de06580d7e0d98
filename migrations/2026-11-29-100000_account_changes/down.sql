REVOKE UPDATE (account_id) ON release_orders FROM mingjian_ingest;
DROP TABLE own_transfers;
REVOKE UPDATE (bank, mode, agreement_no, branches, status, in_use_from, in_use_until, others_from) ON escrow_accounts FROM mingjian_app;
DROP INDEX escrow_accounts_one_upcoming, escrow_accounts_one_emptying, escrow_accounts_changing;
-- What waited is none of the old kinds: it holds nothing that anybody paid in.
ALTER TABLE escrow_accounts NO FORCE ROW LEVEL SECURITY;
UPDATE escrow_accounts SET status = 'closed' WHERE status IN ('upcoming', 'emptying');
ALTER TABLE escrow_accounts FORCE ROW LEVEL SECURITY;
ALTER TABLE escrow_accounts
    DROP CONSTRAINT escrow_accounts_succeeds_fkey,
    DROP CONSTRAINT escrow_accounts_status_check,
    ADD CONSTRAINT escrow_accounts_status_check CHECK (status IN ('active', 'closed')),
    DROP COLUMN branches, DROP COLUMN in_use_from, DROP COLUMN in_use_until, DROP COLUMN succeeds, DROP COLUMN others_from;
