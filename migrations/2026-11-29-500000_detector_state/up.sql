-- How far the detector has come is written with every delivery and read as a whole: as text it is neither taken apart nor
-- put together again.
ALTER TABLE escrow_accounts ALTER COLUMN detector TYPE json USING detector::text::json;
