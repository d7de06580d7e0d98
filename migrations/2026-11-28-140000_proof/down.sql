DROP INDEX lessons_by_confirmation, release_orders_by_settlement, refunds_by_payment, payments_by_entry;
DROP TABLE proof_items, proof_days;
