ALTER TABLE entries DROP COLUMN order_ref;
ALTER TABLE escrow_accounts DROP COLUMN owed_changed_on;
DROP TABLE owed_days, release_orders, refunds, lessons, payments, contracts;
