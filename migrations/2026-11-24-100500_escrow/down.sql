DROP TABLE warning_actions;
DROP TABLE warnings;
DROP FUNCTION ensure_entries_month(date);
DROP TABLE entries;
DROP TABLE statements;
DROP TABLE escrow_accounts;
