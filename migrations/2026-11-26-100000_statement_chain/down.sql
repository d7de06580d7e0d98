REVOKE UPDATE (balanced, gap_after, gap_before, gap_fen) ON statements FROM mingjian_ingest;
DROP POLICY judge ON statements;
DROP INDEX statements_with_balance;
ALTER TABLE statements
    DROP COLUMN adds_up,
    DROP COLUMN first_at,
    DROP COLUMN last_on,
    DROP COLUMN end_fen,
    DROP COLUMN first_day_fen,
    DROP COLUMN gap_after,
    DROP COLUMN gap_before,
    DROP COLUMN gap_fen;
