-- What parents see: published facts only, one row per institution, ready to show. Rewritten by the command that changes a
-- fact, in the same transaction. `tokens` holds what a search may ask for, so that one GIN index serves all of it; the
-- public role's policy is constant, which keeps that index usable under row-level security.
CREATE TABLE public_institutions (
    tenant_id      int         NOT NULL,
    institution_id bigint      NOT NULL,
    credit_code    text        NOT NULL COLLATE "C",
    name           text        NOT NULL COLLATE "C",
    category       text        NOT NULL COLLATE "C",
    list_status    text        NOT NULL COLLATE "C",
    rank           smallint    NOT NULL,
    latin          text        NOT NULL COLLATE "C",
    tokens         text[]      NOT NULL,
    card           jsonb       NOT NULL,
    detail         jsonb       NOT NULL,
    published_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, institution_id)
);
ALTER TABLE public_institutions ENABLE ROW LEVEL SECURITY;
ALTER TABLE public_institutions FORCE ROW LEVEL SECURITY;
CREATE POLICY everyone ON public_institutions FOR SELECT TO mingjian_public USING (true);
CREATE POLICY publish ON public_institutions TO mingjian_app
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all')
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
GRANT SELECT ON public_institutions TO mingjian_public;
GRANT SELECT, INSERT, UPDATE ON public_institutions TO mingjian_app;
CREATE INDEX public_institutions_by_code ON public_institutions (credit_code);
CREATE INDEX public_institutions_in_order ON public_institutions (rank, name, institution_id);
CREATE INDEX public_institutions_tokens ON public_institutions USING gin (tokens);
