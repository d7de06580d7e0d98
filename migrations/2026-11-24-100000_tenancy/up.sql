-- A tenant is a bureau, keyed by its GB/T 2260 code: a county (331002), a city (331000), a province (330000), the ministry (0).
CREATE TABLE tenants (
    tenant_id  int         NOT NULL PRIMARY KEY CHECK (tenant_id BETWEEN 0 AND 999999),
    name       text        NOT NULL,
    phone      text,
    created_at timestamptz NOT NULL
);
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON tenants FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int);
CREATE POLICY write ON tenants
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int);
-- Bureaus' names and telephones are public.
CREATE POLICY everyone ON tenants FOR SELECT TO mingjian_public, mingjian_auth, mingjian_worker, mingjian_ingest USING (true);
CREATE POLICY establish ON tenants TO mingjian_auth USING (true) WITH CHECK (true);
GRANT SELECT ON tenants TO mingjian_app, mingjian_public, mingjian_auth, mingjian_worker, mingjian_ingest;
GRANT INSERT ON tenants TO mingjian_auth;

-- The county's school calendar (校历): vacations and teaching hours, as `check course` takes them.
CREATE TABLE school_calendars (
    tenant_id    int         NOT NULL PRIMARY KEY REFERENCES tenants (tenant_id),
    vacations    jsonb       NOT NULL,
    school_hours jsonb       NOT NULL,
    source       text        NOT NULL,
    updated_at   timestamptz NOT NULL
);
ALTER TABLE school_calendars ENABLE ROW LEVEL SECURITY;
ALTER TABLE school_calendars FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON school_calendars FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int);
CREATE POLICY write ON school_calendars
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all')
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
GRANT SELECT, INSERT, UPDATE ON school_calendars TO mingjian_app;
