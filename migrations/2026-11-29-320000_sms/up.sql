-- The gateway through which a bureau has short messages sent, and the officers on duty who get them. Its key is sealed with the
-- master secret, as a webhook's is; the officers' numbers are sealed as all numbers of persons are (src/vault).
CREATE TABLE sms_gateways (
    tenant_id     int         NOT NULL PRIMARY KEY REFERENCES tenants (tenant_id),
    url           text        NOT NULL,
    -- The gateway's own number of the text that is filled in.
    template      text        NOT NULL,
    secret_sealed bytea       NOT NULL,
    set_by        text        NOT NULL,
    set_at        timestamptz NOT NULL,
    version       int         NOT NULL DEFAULT 1
);
ALTER TABLE sms_gateways ENABLE ROW LEVEL SECURITY;
ALTER TABLE sms_gateways FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON sms_gateways
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all')
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
CREATE POLICY deliver ON sms_gateways FOR SELECT TO mingjian_worker USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON sms_gateways TO mingjian_app;
GRANT SELECT (tenant_id) ON sms_gateways TO mingjian_ingest;
GRANT SELECT (tenant_id, url, template, secret_sealed) ON sms_gateways TO mingjian_worker;

CREATE TABLE duty_phones (
    tenant_id    int         NOT NULL REFERENCES tenants (tenant_id),
    id           bigint      GENERATED ALWAYS AS IDENTITY,
    -- Whose it is, as the bureau's list of duties has it.
    holder       text        NOT NULL,
    phone_sealed bytea       NOT NULL,
    phone_index  bytea       NOT NULL,
    added_by     text        NOT NULL,
    added_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, phone_index)
);
ALTER TABLE duty_phones ENABLE ROW LEVEL SECURITY;
ALTER TABLE duty_phones FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON duty_phones
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all')
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
CREATE POLICY deliver ON duty_phones FOR SELECT TO mingjian_worker USING (true);
GRANT SELECT, INSERT, DELETE ON duty_phones TO mingjian_app;
GRANT UPDATE (phone_sealed) ON duty_phones TO mingjian_app;
GRANT SELECT (tenant_id, id, phone_index) ON duty_phones TO mingjian_ingest;
GRANT SELECT (tenant_id, id, phone_sealed, phone_index) ON duty_phones TO mingjian_worker;

-- A short message names the officer by the row of the number, so that no number lies in the outbox.
ALTER TABLE outbox DROP CONSTRAINT outbox_kind_check, ADD CONSTRAINT outbox_kind_check CHECK (kind IN ('mail', 'webhook', 'sms'));
