ALTER TABLE owed_days DROP COLUMN contracts;
