-- How far the detector has come is written with every delivery and read as a whole: as text it is neither taken apart nor
-- put together again.
ALTER TABLE escrow_accounts ALTER COLUMN detector TYPE json USING detector::text::json;

-- A large statement's entries are written while it is read: its number is taken first, and the rest is known at last.
GRANT USAGE ON SEQUENCE statements_id_seq TO mingjian_ingest;
