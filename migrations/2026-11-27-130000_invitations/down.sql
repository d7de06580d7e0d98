REVOKE INSERT ON outbox FROM mingjian_auth;
DROP POLICY accounts ON outbox;
ALTER TABLE outbox DROP COLUMN confidential;
DROP INDEX sessions_by_user;
DROP POLICY managed ON sessions;
DROP POLICY managed ON users;
ALTER TABLE users DROP COLUMN successor_id;
REVOKE USAGE ON SEQUENCE users_id_seq FROM mingjian_auth;
DROP TABLE invitations;
