REVOKE UPDATE (kind, reversal, value_on, counterparty_name, counterparty_account, remittance, balance_after_fen, order_ref)
    ON entries FROM mingjian_ingest;
