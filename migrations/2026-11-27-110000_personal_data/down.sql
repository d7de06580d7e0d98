REVOKE UPDATE (email) ON users FROM mingjian_app;
DROP POLICY erase ON users;
DROP TABLE access_requests;
REVOKE USAGE ON SEQUENCE imports_id_seq FROM mingjian_app;
-- The sealed values cannot be read here; what they held is lost to the older version.
ALTER TABLE imports DROP COLUMN file_sealed, DROP COLUMN sheet_sealed, DROP COLUMN report_sealed;
ALTER TABLE imports
    ADD COLUMN file   bytea NOT NULL DEFAULT '',
    ADD COLUMN sheet  jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN report jsonb NOT NULL DEFAULT '{}';
ALTER TABLE imports ALTER COLUMN file DROP DEFAULT, ALTER COLUMN sheet DROP DEFAULT, ALTER COLUMN report DROP DEFAULT;
ALTER TABLE escrow_accounts DROP COLUMN payee_sealed, DROP COLUMN payee_index;
ALTER TABLE escrow_accounts ADD COLUMN payee_account text;
ALTER TABLE institutions DROP COLUMN phone_sealed, DROP COLUMN phone_index, DROP COLUMN legal_person_id_sealed,
    DROP COLUMN legal_person_id_index;
ALTER TABLE institutions ADD COLUMN phone text NOT NULL DEFAULT '';
ALTER TABLE institutions ALTER COLUMN phone DROP DEFAULT;
