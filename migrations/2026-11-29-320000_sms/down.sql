DELETE FROM outbox WHERE kind = 'sms';
ALTER TABLE outbox DROP CONSTRAINT outbox_kind_check, ADD CONSTRAINT outbox_kind_check CHECK (kind IN ('mail', 'webhook'));
DROP TABLE duty_phones;
DROP TABLE sms_gateways;
