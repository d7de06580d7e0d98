-- What an institution changes about an account that is filed whole: the agreement, or the own account that releases go to. The
-- bureau confirms it, and a change of payee takes two officials; until then nothing is other than it was. Every row is kept: together
-- they are the history of both, with the day from which each holds.
CREATE TABLE account_amendments (
    tenant_id           int         NOT NULL,
    id                  bigint      GENERATED ALWAYS AS IDENTITY,
    institution_id      bigint      NOT NULL,
    account_id          bigint      NOT NULL,
    -- What is to hold; null stays as it is.
    agreement_no        text,
    payee_sealed        bytea,
    payee_index         bytea,
    reason              text        NOT NULL,
    state               text        NOT NULL CHECK (state IN ('filed', 'confirmed', 'refused', 'withdrawn')),
    filed_by            bigint      NOT NULL,
    filed_person        bigint      NOT NULL,
    filed_by_name       text        NOT NULL,
    filed_at            timestamptz NOT NULL,
    decided_by_name     text,
    decided_at          timestamptz,
    comment             text,
    -- What held before, once it is confirmed, and the first day on which it does no more.
    agreement_before    text,
    payee_before_sealed bytea,
    payee_before_index  bytea,
    in_force_from       date,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, institution_id) REFERENCES institutions (tenant_id, id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES escrow_accounts (tenant_id, id),
    CHECK (agreement_no IS NOT NULL OR payee_sealed IS NOT NULL),
    CHECK ((payee_sealed IS NULL) = (payee_index IS NULL)),
    CHECK ((state = 'confirmed') = (in_force_from IS NOT NULL))
);
ALTER TABLE account_amendments ENABLE ROW LEVEL SECURITY;
ALTER TABLE account_amendments FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON account_amendments FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY write ON account_amendments
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
GRANT SELECT, INSERT ON account_amendments TO mingjian_app;
GRANT UPDATE (state, decided_by_name, decided_at, comment, agreement_before, payee_before_sealed, payee_before_index, in_force_from,
              payee_sealed) ON account_amendments TO mingjian_app;
GRANT SELECT (tenant_id, id, institution_id, account_id, state, payee_before_index, in_force_from) ON account_amendments TO mingjian_ingest;
-- One at a time.
CREATE UNIQUE INDEX account_amendments_one_filed ON account_amendments (tenant_id, account_id) WHERE state = 'filed';
CREATE INDEX account_amendments_by_account ON account_amendments (tenant_id, account_id, id);
