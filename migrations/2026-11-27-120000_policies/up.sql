-- Values of policy parameters, as each bureau has set them for itself and for all below it. A row is never changed: what
-- holds on a day is the row that came into force last (src/policies/rules.rs).
CREATE TABLE policy_values (
    tenant_id        int         NOT NULL REFERENCES tenants (tenant_id),
    id               bigint      GENERATED ALWAYS AS IDENTITY,
    parameter        text        NOT NULL,
    -- Counts the bureau's values of the parameter.
    version          int         NOT NULL CHECK (version > 0),
    effective_from   date        NOT NULL,
    value            jsonb       NOT NULL,
    reason           text        NOT NULL,
    approval_id      bigint      NOT NULL,
    proposed_by      bigint      NOT NULL,
    -- Names stand here because the levels below read the row, and not the accounts of the bureau above.
    proposed_by_name text        NOT NULL,
    approved_by      bigint      NOT NULL,
    approved_by_name text        NOT NULL,
    adopted_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, parameter, version),
    FOREIGN KEY (tenant_id, approval_id) REFERENCES approvals (tenant_id, id),
    FOREIGN KEY (tenant_id, proposed_by) REFERENCES users (tenant_id, id),
    FOREIGN KEY (tenant_id, approved_by) REFERENCES users (tenant_id, id),
    CHECK (proposed_by <> approved_by)
);
ALTER TABLE policy_values ENABLE ROW LEVEL SECURITY;
ALTER TABLE policy_values FORCE ROW LEVEL SECURITY;
-- The range as everywhere, and the levels above, whose codes follow from the bureau's own: province, city, ministry (0).
-- An institution's users are among the readers: they are judged by these values.
CREATE POLICY read ON policy_values FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           OR tenant_id IN (nullif(current_setting('app.tenant', true), '')::int / 10000 * 10000,
                            nullif(current_setting('app.tenant', true), '')::int / 100 * 100,
                            nullif(current_setting('app.tenant', true), '')::int * 0));
CREATE POLICY adopt ON policy_values FOR INSERT
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
-- Before anybody is signed in there is no scope, and what is asked is which second factor a bureau wants.
CREATE POLICY sign_in ON policy_values FOR SELECT TO mingjian_auth, mingjian_worker USING (true);
GRANT SELECT, INSERT ON policy_values TO mingjian_app;
GRANT SELECT ON policy_values TO mingjian_ingest, mingjian_auth, mingjian_worker;

-- By which values a course was judged, so that an old decision can be explained.
ALTER TABLE courses ADD COLUMN policy_version text;
