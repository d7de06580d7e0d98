ALTER TABLE escrow_accounts ALTER COLUMN detector TYPE jsonb USING detector::text::jsonb;
REVOKE USAGE ON SEQUENCE statements_id_seq FROM mingjian_ingest;
