-- What a statement claims of the balance, so that the account's anchor follows from all of its statements together, and
-- what is missing beside it (docs/adr/0005). Statements recorded before this count from the day of their opening.
ALTER TABLE statements
    -- Whether its own arithmetic holds; `balanced` also asks whether it follows on the others.
    ADD COLUMN adds_up       boolean,
    -- Its first entry, whether that was news or not; null where it names no opening balance.
    ADD COLUMN first_at      timestamptz,
    ADD COLUMN last_on       date,
    -- The balance after its last entry, and the effect of its entries of the first day.
    ADD COLUMN end_fen       bigint,
    ADD COLUMN first_day_fen bigint,
    -- Movements between two days that no statement shows, and what they come to.
    ADD COLUMN gap_after     date,
    ADD COLUMN gap_before    date,
    ADD COLUMN gap_fen       bigint;
CREATE INDEX statements_with_balance ON statements (tenant_id, account_id, first_at) WHERE opening_fen IS NOT NULL;
-- A statement that closes a gap changes what its neighbours are worth.
CREATE POLICY judge ON statements FOR UPDATE TO mingjian_ingest
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int);
GRANT UPDATE (balanced, gap_after, gap_before, gap_fen) ON statements TO mingjian_ingest;
