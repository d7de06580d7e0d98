-- The number that the bank gave the statement in its series (camt ElctrncSeqNb, MT940 :28C:), where it gave one.
ALTER TABLE statements ADD COLUMN number int;
-- Which days statements cover is looked for in those alone that say so.
CREATE INDEX statements_with_days ON statements (tenant_id, account_id, (greatest(last_on, closing_on)))
    WHERE greatest(last_on, closing_on) IS NOT NULL;

-- Days on which the bank pushed something for an account, be it that nothing had happened.
CREATE TABLE feed_days (
    tenant_id  int    NOT NULL,
    account_id bigint NOT NULL,
    day        date   NOT NULL,
    PRIMARY KEY (tenant_id, account_id, day),
    FOREIGN KEY (tenant_id, account_id) REFERENCES escrow_accounts (tenant_id, id)
);
ALTER TABLE feed_days ENABLE ROW LEVEL SECURITY;
ALTER TABLE feed_days FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON feed_days
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all')
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
GRANT SELECT ON feed_days TO mingjian_app;
GRANT SELECT, INSERT ON feed_days TO mingjian_ingest;
INSERT INTO feed_days SELECT tenant_id, id, heard_on FROM escrow_accounts WHERE heard_on IS NOT NULL;
