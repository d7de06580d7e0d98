-- What the accounts of a bureau come to, as of its last sweep: the whole country is read from here, one row a bureau, so that no
-- page sums up all of its accounts. Anything smaller is summed up when it is asked for.
CREATE TABLE county_sums (
    tenant_id    int         NOT NULL PRIMARY KEY REFERENCES tenants (tenant_id),
    accounts     bigint      NOT NULL,
    unknown      bigint      NOT NULL,
    unheard      bigint      NOT NULL,
    held_fen     bigint      NOT NULL,
    unearned_fen bigint      NOT NULL,
    needed_fen   bigint      NOT NULL,
    covered_fen  bigint      NOT NULL,
    oldest_on    date,
    -- Of all accounts that are not closed, in use or not.
    all_accounts bigint      NOT NULL,
    all_fen      bigint      NOT NULL,
    latest       timestamptz,
    summed_at    timestamptz NOT NULL
);
ALTER TABLE county_sums ENABLE ROW LEVEL SECURITY;
ALTER TABLE county_sums FORCE ROW LEVEL SECURITY;
-- Whoever sees a part of the institutions alone is told of no sum of all of them.
CREATE POLICY read ON county_sums FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) = 'all' AND current_setting('app.department', true) = 'all');
CREATE POLICY write ON county_sums
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all')
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
GRANT SELECT, INSERT, UPDATE ON county_sums TO mingjian_app;
-- Until the first sweep after this.
INSERT INTO county_sums
SELECT a.tenant_id, count(*) FILTER (WHERE a.status = 'active'), count(*) FILTER (WHERE a.status = 'active' AND a.needed_fen IS NULL),
       count(*) FILTER (WHERE a.status = 'active' AND f.on IS NULL),
       coalesce(sum(a.balance_fen) FILTER (WHERE a.status = 'active' AND (a.entry_count > 0 OR a.opening_fen IS NOT NULL)), 0),
       coalesce(sum(a.unearned_fen) FILTER (WHERE a.status = 'active'), 0), coalesce(sum(a.needed_fen) FILTER (WHERE a.status = 'active'), 0),
       coalesce(sum(least(a.needed_fen, greatest(a.balance_fen, 0))) FILTER (WHERE a.status = 'active' AND a.needed_fen IS NOT NULL), 0),
       min(f.on) FILTER (WHERE a.status = 'active'), count(*) FILTER (WHERE a.status <> 'closed'),
       coalesce(sum(a.balance_fen) FILTER (WHERE a.status <> 'closed'), 0), max(a.last_booked_at), coalesce(max(s.finished_at), now())
  FROM escrow_accounts a
  CROSS JOIN LATERAL (SELECT greatest(a.statement_on, a.heard_on, (a.last_booked_at AT TIME ZONE interval '8 hours')::date) AS "on") f
  LEFT JOIN sweeps s ON s.tenant_id = a.tenant_id GROUP BY a.tenant_id;
