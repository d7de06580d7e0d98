ALTER TABLE institutions DROP COLUMN staff_names;
