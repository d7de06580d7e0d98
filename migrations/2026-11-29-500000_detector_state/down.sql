ALTER TABLE escrow_accounts ALTER COLUMN detector TYPE jsonb USING detector::text::jsonb;
