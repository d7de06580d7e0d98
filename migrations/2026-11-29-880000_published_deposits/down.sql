DELETE FROM published_coverage WHERE mode <> 'custody';
ALTER TABLE published_coverage DROP COLUMN mode;
