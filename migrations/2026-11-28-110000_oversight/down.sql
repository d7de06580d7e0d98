DROP TABLE sweeps;
DELETE FROM outbox WHERE kind = 'webhook';
ALTER TABLE outbox DROP CONSTRAINT outbox_kind_check, ADD CONSTRAINT outbox_kind_check CHECK (kind IN ('mail'));
DROP TABLE webhooks;
DELETE FROM approvals WHERE proposed_by IS NULL;
ALTER TABLE approvals
    DROP CONSTRAINT approvals_proposer,
    ALTER COLUMN proposed_by SET NOT NULL,
    ALTER COLUMN proposed_person SET NOT NULL;
ALTER TABLE escrow_accounts DROP COLUMN heard_on;
DROP INDEX statements_with_gap;
DROP POLICY internal ON warning_actions;
DELETE FROM warning_actions WHERE internal OR institution_id IS NULL;
ALTER TABLE warning_actions DROP COLUMN internal, ALTER COLUMN institution_id SET NOT NULL;
DROP INDEX warnings_due, warnings_by_institution, warnings_one_open_bank, warnings_one_open_institution;
REVOKE INSERT ON warnings FROM mingjian_app;
DELETE FROM warning_actions a USING warnings w WHERE w.tenant_id = a.tenant_id AND w.id = a.warning_id AND w.account_id IS NULL;
DELETE FROM warnings WHERE account_id IS NULL;
ALTER TABLE warnings
    DROP CONSTRAINT warnings_subject,
    DROP COLUMN bank, DROP COLUMN judged_by, DROP COLUMN reopen_checked, DROP COLUMN reopens, DROP COLUMN red_proposal,
    DROP COLUMN digested_on,
    ALTER COLUMN account_id SET NOT NULL,
    ALTER COLUMN institution_id SET NOT NULL;
