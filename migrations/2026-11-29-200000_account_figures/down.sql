ALTER TABLE escrow_accounts RESET (toast_tuple_target);
REVOKE UPDATE (unearned_fen, needed_fen, minimum_fen) ON escrow_accounts FROM mingjian_app;
ALTER TABLE escrow_accounts
    DROP COLUMN unearned_fen,
    DROP COLUMN needed_fen,
    DROP COLUMN minimum_fen,
    DROP COLUMN outflow_fen,
    DROP COLUMN runoff_on,
    DROP COLUMN flow_fen,
    DROP COLUMN flow_on;
