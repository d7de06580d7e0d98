-- When the statements of a broken chain were found to connect again. The warning stays open until an official signs that the
-- account was reconciled.
ALTER TABLE warnings ADD COLUMN mended_at timestamptz;
