-- Course filings (课程备案). The filing is kept as the text that was judged, in the shape of `check course`.
CREATE TABLE courses (
    tenant_id      int         NOT NULL,
    id             bigint      GENERATED ALWAYS AS IDENTITY,
    institution_id bigint      NOT NULL,
    name           text        NOT NULL,
    status         text        NOT NULL CHECK (status IN ('draft', 'submitted', 'approved', 'returned')),
    filing         jsonb       NOT NULL,
    -- The form as it was typed, so that a draft that cannot be read yet loses nothing.
    form           jsonb       NOT NULL,
    findings       jsonb       NOT NULL,
    decision       text        NOT NULL CHECK (decision IN ('pass', 'warn', 'refer', 'block')),
    version        int         NOT NULL DEFAULT 1,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    submitted_at   timestamptz,
    decided_at     timestamptz,
    decided_by     bigint,
    comment        text,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, institution_id) REFERENCES institutions (tenant_id, id),
    FOREIGN KEY (tenant_id, decided_by) REFERENCES users (tenant_id, id)
);
ALTER TABLE courses ENABLE ROW LEVEL SECURITY;
ALTER TABLE courses FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON courses FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY write ON courses
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int
                AND current_setting('app.institution', true) IN ('all', institution_id::text));
GRANT SELECT, INSERT, UPDATE ON courses TO mingjian_app;
CREATE INDEX courses_by_institution ON courses (tenant_id, institution_id, id DESC);
-- A city, a province and the ministry list theirs in order of id, far beyond one bureau.
CREATE INDEX courses_by_id ON courses (id);
CREATE INDEX courses_waiting ON courses (tenant_id, submitted_at) WHERE status = 'submitted';
