-- The working register of training institutions.
CREATE TABLE institutions (
    tenant_id         int         NOT NULL REFERENCES tenants (tenant_id),
    id                bigint      GENERATED ALWAYS AS IDENTITY,
    credit_code       text        NOT NULL COLLATE "C" CHECK (length(credit_code) = 18),
    name              text        NOT NULL,
    org_kind          text        NOT NULL,
    township          int,
    address           text        NOT NULL,
    category          text        NOT NULL,
    stages            text[]      NOT NULL,
    delivery          text[]      NOT NULL,
    for_profit        boolean     NOT NULL,
    courses_text      text        NOT NULL,
    licence_no        text        NOT NULL,
    licence_authority text        NOT NULL,
    licence_from      date,
    licence_to        date,
    legal_person      text        NOT NULL,
    phone             text        NOT NULL,
    floor_area_cm2    bigint,
    status            text        NOT NULL CHECK (status IN ('operating', 'suspended', 'terminating', 'deregistered')),
    version           int         NOT NULL DEFAULT 1,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, credit_code)
);
ALTER TABLE institutions ENABLE ROW LEVEL SECURITY;
ALTER TABLE institutions FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON institutions FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', id::text));
CREATE POLICY write ON institutions
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all')
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
GRANT SELECT, INSERT, UPDATE ON institutions TO mingjian_app;
GRANT SELECT ON institutions TO mingjian_ingest, mingjian_worker;
CREATE POLICY background ON institutions FOR SELECT TO mingjian_worker USING (true);
-- Accounts of an institution's users are made by the sign-in role, which must see that the institution exists.
CREATE POLICY sign_in ON institutions FOR SELECT TO mingjian_auth USING (true);
GRANT SELECT (tenant_id, id, credit_code, name) ON institutions TO mingjian_auth;
CREATE INDEX institutions_by_name ON institutions (tenant_id, name COLLATE "C");
-- A city, a province and the ministry list theirs in order of id, far beyond one bureau.
CREATE INDEX institutions_by_id ON institutions (id);

ALTER TABLE users ADD CONSTRAINT users_institution FOREIGN KEY (tenant_id, institution_id) REFERENCES institutions (tenant_id, id);

-- Files on their way into the register, and those that have arrived. The file is kept as evidence of what was sent, the
-- sheet is its table with the cells that were mended since, the report what was found and done.
CREATE TABLE imports (
    tenant_id  int         NOT NULL REFERENCES tenants (tenant_id),
    id         bigint      GENERATED ALWAYS AS IDENTITY,
    file_name  text        NOT NULL,
    file       bytea       NOT NULL,
    region     int         NOT NULL,
    state      text        NOT NULL CHECK (state IN ('draft', 'done', 'discarded')),
    -- Counts the mends, so that nobody imports another sheet than the one they saw.
    version    int         NOT NULL DEFAULT 1,
    sheet      jsonb       NOT NULL,
    report     jsonb       NOT NULL,
    partial    boolean     NOT NULL DEFAULT false,
    good       int         NOT NULL,
    bad        int         NOT NULL,
    accepted   int         NOT NULL DEFAULT 0,
    created_by bigint,
    created_by_name text   NOT NULL,
    created_at timestamptz NOT NULL,
    settled_at timestamptz,
    PRIMARY KEY (tenant_id, id)
);
ALTER TABLE imports ENABLE ROW LEVEL SECURITY;
ALTER TABLE imports FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON imports FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) = 'all');
CREATE POLICY write ON imports
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all')
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
GRANT SELECT, INSERT, UPDATE ON imports TO mingjian_app;

-- Four eyes: what one official proposed and another must decide, whatever it is about (src/approvals).
CREATE TABLE approvals (
    tenant_id      int         NOT NULL,
    id             bigint      GENERATED ALWAYS AS IDENTITY,
    kind           text        NOT NULL,
    -- What it is about, as the kind names it: an institution, a warning, a parameter.
    subject        text        NOT NULL,
    -- The institution that it is about, where it is about one.
    institution_id bigint,
    -- What is carried out on approval, as the feature of the kind reads it.
    payload        jsonb       NOT NULL,
    reason         text        NOT NULL,
    proposed_by    bigint      NOT NULL,
    -- Who held that post then: a post may be handed over, and a person may come to hold another.
    proposed_person bigint     NOT NULL,
    proposed_at    timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    state          text        NOT NULL CHECK (state IN ('pending', 'approved', 'rejected', 'withdrawn', 'expired')),
    decided_by     bigint,
    decided_person bigint,
    decided_at     timestamptz,
    comment        text,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, institution_id) REFERENCES institutions (tenant_id, id),
    FOREIGN KEY (tenant_id, proposed_by) REFERENCES users (tenant_id, id),
    FOREIGN KEY (tenant_id, decided_by) REFERENCES users (tenant_id, id),
    -- Two posts and two persons.
    CHECK (decided_by IS NULL OR decided_by <> proposed_by AND decided_person <> proposed_person),
    CHECK ((decided_by IS NULL) = (decided_person IS NULL)),
    CHECK ((state IN ('approved', 'rejected')) = (decided_by IS NOT NULL))
);
ALTER TABLE approvals ENABLE ROW LEVEL SECURITY;
ALTER TABLE approvals FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON approvals FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) = 'all');
CREATE POLICY write ON approvals
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all')
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
GRANT SELECT, INSERT, UPDATE ON approvals TO mingjian_app;
-- Whether two posts are one person's is asked by four eyes.
GRANT SELECT (person_id) ON users TO mingjian_app;
-- The worker finds the bureaus in which something ran out; it marks nothing itself.
CREATE POLICY due ON approvals FOR SELECT TO mingjian_worker USING (true);
GRANT SELECT (tenant_id, state, expires_at) ON approvals TO mingjian_worker;
CREATE INDEX approvals_by_state ON approvals (tenant_id, state, id DESC);
CREATE INDEX approvals_due ON approvals (expires_at) WHERE state = 'pending';
-- One proposal of a kind at a time about a subject.
CREATE UNIQUE INDEX approvals_one_pending ON approvals (tenant_id, kind, subject) WHERE state = 'pending';

-- The append-only history of both lists; where an institution stands is its latest row.
CREATE TABLE list_decisions (
    tenant_id      int         NOT NULL,
    id             bigint      GENERATED ALWAYS AS IDENTITY,
    institution_id bigint      NOT NULL,
    status         text        NOT NULL CHECK (status IN ('white', 'suspended', 'black', 'none')),
    -- Why, as parents read it.
    ground         text        NOT NULL,
    effective_on   date        NOT NULL,
    approval_id    bigint      NOT NULL,
    decided_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, institution_id) REFERENCES institutions (tenant_id, id),
    FOREIGN KEY (tenant_id, approval_id) REFERENCES approvals (tenant_id, id)
);
ALTER TABLE list_decisions ENABLE ROW LEVEL SECURITY;
ALTER TABLE list_decisions FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON list_decisions FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY append ON list_decisions FOR INSERT
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
GRANT SELECT, INSERT ON list_decisions TO mingjian_app;
CREATE INDEX list_decisions_latest ON list_decisions (tenant_id, institution_id, id DESC);
