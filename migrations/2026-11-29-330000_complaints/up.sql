-- What parents told the bureau that speaks for fees outside escrow or for a training loan (W12, W13), as an official recorded it.
-- Who complained is never shown to the institution: neither is any of these rows.
CREATE TABLE complaints (
    tenant_id        int         NOT NULL,
    id               bigint      GENERATED ALWAYS AS IDENTITY,
    institution_id   bigint      NOT NULL,
    kind             text        NOT NULL CHECK (kind IN ('outside_escrow', 'training_loan')),
    received_on      date        NOT NULL,
    -- Null where the family did not say.
    amount_fen       bigint      CHECK (0 < amount_fen),
    -- The account paid into is that of a natural person.
    personal_payee   boolean     NOT NULL,
    -- The family's telephone, by which two complaints are told to be of one; null for an anonymous one.
    phone_sealed     bytea,
    phone_index      bytea,
    -- What was said.
    note_sealed      bytea,
    state            text        NOT NULL DEFAULT 'received' CHECK (state IN ('received', 'confirmed', 'refuted')),
    settled_reason   text,
    settled_by       text,
    settled_at       timestamptz,
    recorded_by      text        NOT NULL,
    recorded_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, institution_id) REFERENCES institutions (tenant_id, id),
    CHECK ((phone_sealed IS NULL) = (phone_index IS NULL)),
    CHECK ((state = 'received') = (settled_at IS NULL))
);
ALTER TABLE complaints ENABLE ROW LEVEL SECURITY;
ALTER TABLE complaints FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON complaints
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all')
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
GRANT SELECT, INSERT ON complaints TO mingjian_app;
GRANT UPDATE (state, settled_reason, settled_by, settled_at, phone_sealed, note_sealed) ON complaints TO mingjian_app;
-- A row is sealed before it is written, so its number is taken first.
GRANT USAGE ON SEQUENCE complaints_id_seq TO mingjian_app;
CREATE INDEX complaints_by_institution ON complaints (tenant_id, institution_id, kind) WHERE state <> 'refuted';
CREATE INDEX complaints_by_phone ON complaints (tenant_id, phone_index) WHERE phone_index IS NOT NULL;
