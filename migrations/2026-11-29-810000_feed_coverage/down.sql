DROP TRIGGER keep_feed_day ON escrow_accounts;
DROP FUNCTION keep_feed_day();
DROP TABLE feed_days;
DROP INDEX statements_with_days;
ALTER TABLE statements DROP COLUMN number;
