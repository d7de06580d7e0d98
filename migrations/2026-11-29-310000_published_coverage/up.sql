-- The share of families' prepaid money that lies in escrow, as a bureau publishes it, with the day of the statement that it holds
-- for. Without a row nothing is published. It is judged by the sweep, never by the account's warnings.
CREATE TABLE published_coverage (
    tenant_id      int         NOT NULL,
    institution_id bigint      NOT NULL,
    share_bp       int         NOT NULL CHECK (share_bp BETWEEN 0 AND 10000),
    held_on        date        NOT NULL,
    judged_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, institution_id),
    FOREIGN KEY (tenant_id, institution_id) REFERENCES institutions (tenant_id, id)
);
ALTER TABLE published_coverage ENABLE ROW LEVEL SECURITY;
ALTER TABLE published_coverage FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON published_coverage FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY write ON published_coverage
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all')
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
GRANT SELECT, INSERT, UPDATE, DELETE ON published_coverage TO mingjian_app;
