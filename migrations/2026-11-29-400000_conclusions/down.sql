ALTER TABLE institutions DROP COLUMN status_on;
ALTER TABLE warnings DROP COLUMN conclusion;
