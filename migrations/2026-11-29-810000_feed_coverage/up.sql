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

-- The account holds the last of them; whoever moves it on keeps the day, in the same statement.
CREATE FUNCTION keep_feed_day() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO feed_days (tenant_id, account_id, day) VALUES (NEW.tenant_id, NEW.id, NEW.heard_on) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER keep_feed_day AFTER UPDATE OF heard_on ON escrow_accounts FOR EACH ROW
    WHEN (NEW.heard_on IS NOT NULL AND NEW.heard_on IS DISTINCT FROM OLD.heard_on) EXECUTE FUNCTION keep_feed_day();
