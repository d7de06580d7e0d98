ALTER TABLE courses DROP COLUMN policy_version;
DROP TABLE policy_values;
