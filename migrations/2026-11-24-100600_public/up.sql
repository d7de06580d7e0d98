-- What parents see: published facts only, one row per institution, ready to show. Rewritten by the command that changes a
-- fact, in the same transaction. `tokens` holds what a search may ask for, so that one GIN index serves all of it; the
-- public role's policy is constant, which keeps that index usable under row-level security.
-- `card` is JSON kept as text, because the search sends it on as it stands.
-- `statement_on` stands beside `detail`, because the bank's statements move it every day and nothing else.
CREATE TABLE public_institutions (
    tenant_id      int         NOT NULL,
    institution_id bigint      NOT NULL,
    credit_code    text        NOT NULL COLLATE "C",
    name           text        NOT NULL COLLATE "C",
    category       text        NOT NULL COLLATE "C",
    rank           smallint    NOT NULL CHECK (rank BETWEEN 0 AND 3),
    latin          text        NOT NULL COLLATE "C",
    tokens         text[]      NOT NULL COLLATE "C",
    card           text        NOT NULL,
    detail         jsonb       NOT NULL,
    statement_on   date,
    published_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, institution_id)
);
-- What a search reads stays in the row itself, however long the detail grows.
ALTER TABLE public_institutions ALTER COLUMN tokens SET STORAGE MAIN, ALTER COLUMN card SET STORAGE MAIN;
ALTER TABLE public_institutions ENABLE ROW LEVEL SECURITY;
ALTER TABLE public_institutions FORCE ROW LEVEL SECURITY;
CREATE POLICY everyone ON public_institutions FOR SELECT TO mingjian_public USING (true);
CREATE POLICY publish ON public_institutions TO mingjian_app
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int
                AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY statement_day ON public_institutions TO mingjian_ingest
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int);
GRANT SELECT ON public_institutions TO mingjian_public;
GRANT SELECT, INSERT, UPDATE ON public_institutions TO mingjian_app;
GRANT SELECT (tenant_id, institution_id, statement_on), UPDATE (statement_on) ON public_institutions TO mingjian_ingest;
CREATE INDEX public_institutions_by_code ON public_institutions (credit_code);
CREATE INDEX public_institutions_by_region ON public_institutions (tenant_id, rank, name, institution_id);
CREATE INDEX public_institutions_in_order ON public_institutions (rank, name, institution_id);
-- Readers are many and publications few: new tokens go into the index at once instead of a list that every search reads.
CREATE INDEX public_institutions_tokens ON public_institutions USING gin (tokens) WITH (fastupdate = off);
