-- Entries that name a refund and went to somebody who did not pay: such an entry is told once, and is no refund whatever a later
-- delivery of it calls it.
CREATE TABLE refunds_astray (
    tenant_id      int         NOT NULL,
    account_id     bigint      NOT NULL,
    entry_ref      text        NOT NULL COLLATE "C",
    refund_id      bigint      NOT NULL,
    institution_id bigint      NOT NULL,
    found_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, account_id, entry_ref, refund_id),
    FOREIGN KEY (tenant_id, refund_id) REFERENCES refunds (tenant_id, id),
    FOREIGN KEY (tenant_id, institution_id) REFERENCES institutions (tenant_id, id)
);
ALTER TABLE refunds_astray ENABLE ROW LEVEL SECURITY;
ALTER TABLE refunds_astray FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON refunds_astray FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY write ON refunds_astray
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int
                AND current_setting('app.institution', true) IN ('all', institution_id::text));
GRANT SELECT ON refunds_astray TO mingjian_app;
GRANT SELECT, INSERT ON refunds_astray TO mingjian_ingest;
CREATE INDEX refunds_astray_by_refund ON refunds_astray (tenant_id, refund_id);
-- Refunds of which it is not known where they went: they are looked at again when a payment's entry comes.
CREATE INDEX refunds_undetermined ON refunds (tenant_id, institution_id) WHERE route = 'undetermined';
