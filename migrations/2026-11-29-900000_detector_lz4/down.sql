ALTER TABLE warnings ALTER COLUMN history SET COMPRESSION default;
ALTER TABLE escrow_accounts ALTER COLUMN detector SET COMPRESSION default;
