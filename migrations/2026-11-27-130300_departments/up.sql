-- Which department of the county is in charge of which category of training (行业主管部门分工).
CREATE TABLE department_routes (
    tenant_id  int         NOT NULL REFERENCES tenants (tenant_id),
    category   text        NOT NULL,
    department text        NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, category)
);
ALTER TABLE department_routes ENABLE ROW LEVEL SECURITY;
ALTER TABLE department_routes FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON department_routes FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int);
CREATE POLICY write ON department_routes
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all'
           AND current_setting('app.department', true) = 'all')
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all'
                AND current_setting('app.department', true) = 'all');
CREATE POLICY establish ON department_routes TO mingjian_auth USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON department_routes TO mingjian_app;
GRANT SELECT, INSERT ON department_routes TO mingjian_auth;

-- What the table says of an institution's category stands in its row and in those of its courses, because a policy may not
-- look it up. app.department is 'all' for most, a department's word for its officers, 'township' for a township's.
-- CASE, because the planner takes it for half of the rows; a chain of OR it takes for next to none, and leaves the index.
ALTER TABLE institutions ADD COLUMN department text NOT NULL DEFAULT 'education';
ALTER TABLE courses ADD COLUMN department text NOT NULL DEFAULT 'education';
ALTER TABLE courses ADD COLUMN township int;
CREATE POLICY part ON institutions AS RESTRICTIVE TO mingjian_app
    USING (CASE current_setting('app.department', true) WHEN 'all' THEN true WHEN department THEN true
           WHEN 'township' THEN current_setting('app.township', true) = township::text ELSE false END);
CREATE POLICY part ON courses AS RESTRICTIVE TO mingjian_app
    USING (CASE current_setting('app.department', true) WHEN 'all' THEN true WHEN department THEN true
           WHEN 'township' THEN current_setting('app.township', true) = township::text ELSE false END);
-- The lists are the education bureau's work; departments and townships read what was decided, not what is proposed.
CREATE POLICY part ON approvals AS RESTRICTIVE TO mingjian_app
    USING (current_setting('app.department', true) = 'all');
