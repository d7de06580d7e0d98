-- Documents that are attached to what somebody did about a warning: an invoice, a contract, a photograph of a receipt. Both the
-- file and what the sender named it are sealed (src/vault). Whoever may read the action may read its documents, nobody else.
CREATE TABLE warning_documents (
    tenant_id      int         NOT NULL,
    id             bigint      GENERATED ALWAYS AS IDENTITY,
    warning_id     bigint      NOT NULL,
    action_id      bigint      NOT NULL,
    institution_id bigint,
    -- As of its action: what officials say among themselves is not the institution's to read.
    internal       boolean     NOT NULL,
    kind           text        NOT NULL CHECK (kind IN ('pdf', 'jpeg', 'png', 'xlsx')),
    size_bytes     int         NOT NULL CHECK (0 < size_bytes),
    -- Of the file as it was sent: it stays when the file is erased.
    sha256         bytea       NOT NULL CHECK (length(sha256) = 32),
    -- Null once the file was erased.
    file_sealed    bytea,
    name_sealed    bytea,
    erased_at      timestamptz,
    erased_by      text,
    added_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, warning_id) REFERENCES warnings (tenant_id, id),
    FOREIGN KEY (tenant_id, action_id) REFERENCES warning_actions (tenant_id, id),
    CHECK ((erased_at IS NULL) = (file_sealed IS NOT NULL)),
    CHECK ((file_sealed IS NULL) = (name_sealed IS NULL) AND (erased_at IS NULL) = (erased_by IS NULL))
);
ALTER TABLE warning_documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE warning_documents FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON warning_documents FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY internal ON warning_documents AS RESTRICTIVE FOR SELECT
    USING (NOT internal OR current_setting('app.institution', true) = 'all');
CREATE POLICY append ON warning_documents FOR INSERT
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int
                AND current_setting('app.institution', true) IN ('all', institution_id::text));
-- Erasing, and sealing anew with another key.
CREATE POLICY reseal ON warning_documents FOR UPDATE
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all')
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
GRANT SELECT, INSERT ON warning_documents TO mingjian_app;
GRANT UPDATE (file_sealed, name_sealed, erased_at, erased_by) ON warning_documents TO mingjian_app;
-- A row is sealed before it is written, so its number is taken first.
GRANT USAGE ON SEQUENCE warning_documents_id_seq TO mingjian_app;
CREATE INDEX warning_documents_by_warning ON warning_documents (tenant_id, warning_id, id);
