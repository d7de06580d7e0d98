DROP TABLE feed_days;
DROP INDEX statements_with_days;
ALTER TABLE statements DROP COLUMN number;
