DROP TABLE idp_links;
DROP TABLE idp_role_mappings;
DROP TABLE identity_providers;
DROP INDEX machine_keys_by_end;
REVOKE SELECT (tenant_id, key_id, role, name, scopes, institution_id, accounts, created_by, created_at, expires_at,
               previous_until, rotated_at, revoked_at, last_used_at) ON machine_keys FROM mingjian_app;
DROP POLICY read ON machine_keys;
ALTER TABLE machine_keys
    DROP CONSTRAINT machine_keys_tenant_id_institution_id_fkey,
    DROP CONSTRAINT machine_keys_previous,
    DROP COLUMN created_by,
    DROP COLUMN last_used_at,
    DROP COLUMN rotated_at,
    DROP COLUMN previous_until,
    DROP COLUMN previous_secret,
    DROP COLUMN accounts,
    DROP COLUMN institution_id,
    DROP COLUMN scopes;
DROP INDEX refresh_tokens_of_session;
ALTER TABLE sessions DROP COLUMN device, DROP COLUMN network, DROP COLUMN last_seen_at;
DROP TABLE signing_keys;
