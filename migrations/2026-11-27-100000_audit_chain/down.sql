REVOKE INSERT ON outbox FROM mingjian_worker;
DROP FUNCTION audit_forget(int, bigint);
DROP POLICY forget ON audit_events;
DROP POLICY forget_read ON audit_events;
DROP TABLE audit_checks;
DROP TABLE audit_archives;
DROP TABLE audit_checkpoints;
DROP TABLE audit_heads;
