-- What an account is shown by at a glance, written in the transaction that judges it or books what is owed, so that no page reckons
-- over entries or days (docs/adr/0017). All of it is null where it is not known.
ALTER TABLE escrow_accounts
    -- Fees not yet earned, what the balance is to cover, and the minimum balance, all of the latest day that anything is known of.
    ADD COLUMN unearned_fen bigint,
    ADD COLUMN needed_fen   bigint,
    ADD COLUMN minimum_fen  bigint,
    -- What leaves in a day on balance, and the day on which the money is gone at that rate.
    ADD COLUMN outflow_fen  bigint,
    ADD COLUMN runoff_on    date,
    -- In less out of nine weeks' days at most, the last of them on flow_on.
    ADD COLUMN flow_fen     bigint[],
    ADD COLUMN flow_on      date;
-- The ledger books what is owed; what the bank says is the ingest's to write.
GRANT UPDATE (unearned_fen, needed_fen, minimum_fen) ON escrow_accounts TO mingjian_app;
-- The detector's state is read when an account is judged and never in a list; it lies apart, so that lists read less.
ALTER TABLE escrow_accounts SET (toast_tuple_target = 256);
