-- A later delivery of the same entry may tell more of it than the first: its kind, the other side, its text, the balance after
-- it (docs/adr/0015). Its day, direction, amount and reference are never changed.
GRANT UPDATE (kind, reversal, value_on, counterparty_name, counterparty_account, remittance, balance_after_fen, order_ref)
    ON entries TO mingjian_ingest;
