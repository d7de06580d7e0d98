-- Who set an institution up (举办者): money that goes to one of them is told (FUND-UNUSUAL-COUNTERPARTY). A name is sealed as all
-- data of persons are (src/vault); the keyed hash beside it is what the name of a recipient is compared with.
CREATE TABLE sponsors (
    tenant_id      int         NOT NULL REFERENCES tenants (tenant_id),
    id             bigint      GENERATED ALWAYS AS IDENTITY,
    institution_id bigint      NOT NULL,
    kind           text        NOT NULL CHECK (kind IN ('person', 'company')),
    name_sealed    bytea       NOT NULL,
    name_index     bytea       NOT NULL,
    -- In hundredths of a per cent; null where nobody says.
    share_bp       int         CHECK (share_bp BETWEEN 1 AND 10000),
    added_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, institution_id) REFERENCES institutions (tenant_id, id),
    UNIQUE (tenant_id, institution_id, name_index)
);
ALTER TABLE sponsors ENABLE ROW LEVEL SECURITY;
ALTER TABLE sponsors FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON sponsors FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY write ON sponsors
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all')
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
GRANT SELECT, INSERT, DELETE ON sponsors TO mingjian_app;
GRANT UPDATE (kind, share_bp, name_sealed) ON sponsors TO mingjian_app;
GRANT SELECT (tenant_id, institution_id, name_index) ON sponsors TO mingjian_ingest;

-- A contract is found by the pupil's whole name. Of contracts on file the service fills it in by itself: only it has the key.
ALTER TABLE contracts ADD COLUMN pupil_name_index bytea;
CREATE INDEX contracts_by_pupil_name ON contracts (tenant_id, pupil_name_index);
CREATE INDEX contracts_without_pupil_name ON contracts (tenant_id, id) WHERE pupil_name_index IS NULL;

-- What may be asked for in the clear: a sponsor's name, a contract's pupil and guardian, the account that a fee was paid to.
ALTER TABLE access_requests DROP CONSTRAINT access_requests_subject_kind_check,
    ADD CONSTRAINT access_requests_subject_kind_check
        CHECK (subject_kind IN ('institution', 'escrow_account', 'entry', 'course', 'sponsor', 'contract', 'payment'));
