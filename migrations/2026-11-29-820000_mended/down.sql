ALTER TABLE warnings DROP COLUMN mended_at;
