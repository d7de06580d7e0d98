-- Dedicated accounts for prepaid fees (托管专用账户 / 风险保证金), and how far the detector has come on each.
CREATE TABLE escrow_accounts (
    tenant_id       int         NOT NULL,
    id              bigint      GENERATED ALWAYS AS IDENTITY,
    institution_id  bigint      NOT NULL,
    bank            text        NOT NULL,
    account_no      text        NOT NULL COLLATE "C",
    account_name    text        NOT NULL,
    mode            text        NOT NULL CHECK (mode IN ('custody', 'risk_deposit')),
    agreement_no    text        NOT NULL,
    payee_account   text        NOT NULL,
    status          text        NOT NULL CHECK (status IN ('active', 'closed')),
    -- The balance before the earliest statement that named one; null until one did.
    opening_fen     bigint,
    opening_on      date,
    balance_fen     bigint      NOT NULL DEFAULT 0,
    entry_count     bigint      NOT NULL DEFAULT 0,
    last_booked_at  timestamptz,
    statement_on    date,
    detector        jsonb,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, account_no),
    FOREIGN KEY (tenant_id, institution_id) REFERENCES institutions (tenant_id, id)
);
ALTER TABLE escrow_accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE escrow_accounts FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON escrow_accounts FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY write ON escrow_accounts
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int
                AND current_setting('app.institution', true) IN ('all', institution_id::text));
GRANT SELECT, INSERT ON escrow_accounts TO mingjian_app;
GRANT SELECT, UPDATE ON escrow_accounts TO mingjian_ingest;
CREATE INDEX escrow_accounts_by_institution ON escrow_accounts (tenant_id, institution_id);
-- A city, a province and the ministry list theirs in order of id, far beyond one bureau.
CREATE INDEX escrow_accounts_by_id ON escrow_accounts (id);
-- An institution has one dedicated account in use at a time (FUND-ACCOUNT-UNIQUE).
CREATE UNIQUE INDEX escrow_accounts_one_active ON escrow_accounts (tenant_id, institution_id) WHERE status = 'active';

-- Statement files as they came in.
CREATE TABLE statements (
    tenant_id     int         NOT NULL,
    id            bigint      GENERATED ALWAYS AS IDENTITY,
    account_id    bigint      NOT NULL,
    file_name     text        NOT NULL,
    sha256        bytea       NOT NULL,
    format        text        NOT NULL,
    statement_ref text,
    opening_fen   bigint,
    closing_fen   bigint,
    opening_on    date,
    closing_on    date,
    balanced      boolean,
    inserted      int         NOT NULL,
    duplicates    int         NOT NULL,
    received_at   timestamptz NOT NULL,
    received_by   text        NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES escrow_accounts (tenant_id, id)
);
ALTER TABLE statements ENABLE ROW LEVEL SECURITY;
ALTER TABLE statements FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON statements FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) = 'all');
CREATE POLICY append ON statements FOR INSERT
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int);
GRANT SELECT ON statements TO mingjian_app;
GRANT SELECT, INSERT ON statements TO mingjian_ingest;
CREATE INDEX statements_by_account ON statements (tenant_id, account_id, id DESC);

-- Bank entries: immutable facts. An entry without a time of day stands at midnight in Beijing; `seq` orders the day.
-- The key carries the booking instant because it is the partition key; that `bank_ref` is unique within an account for
-- good is kept by the ingest, which holds the account's lock and looks through the account's own range of the key.
CREATE TABLE entries (
    tenant_id            int         NOT NULL,
    account_id           bigint      NOT NULL,
    institution_id       bigint      NOT NULL,
    booked_at            timestamptz NOT NULL,
    bank_ref             text        NOT NULL COLLATE "C",
    seq                  int         NOT NULL,
    value_on             date,
    credit               boolean     NOT NULL,
    reversal             boolean     NOT NULL,
    amount_fen           bigint      NOT NULL CHECK (amount_fen >= 0),
    kind                 text        NOT NULL COLLATE "C",
    statement_id         bigint      NOT NULL,
    counterparty_name    text,
    counterparty_account text,
    remittance           text,
    balance_after_fen    bigint,
    PRIMARY KEY (tenant_id, account_id, booked_at, bank_ref)
) PARTITION BY RANGE (booked_at);
ALTER TABLE entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE entries FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON entries FOR SELECT TO mingjian_app
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
-- The ingest looks through a whole account; this policy asks for nothing that the key does not hold.
CREATE POLICY look_back ON entries FOR SELECT TO mingjian_ingest
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int);
CREATE POLICY append ON entries FOR INSERT
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int);
GRANT SELECT ON entries TO mingjian_app;
GRANT SELECT, INSERT ON entries TO mingjian_ingest;

-- A month of entries gets its partition when the first entry of it comes. The ingest role may call this and no other DDL.
CREATE FUNCTION ensure_entries_month(month date) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first date := date_trunc('month', month)::date;
    part  text := format('entries_%s', to_char(first, 'YYYYMM'));
BEGIN
    IF first < date '1990-01-01' OR first > date '2100-01-01' THEN
        RAISE EXCEPTION 'no entries are kept for the month %', first USING ERRCODE = '22008';
    END IF;
    IF to_regclass('public.' || part) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('ensure_entries_month'));
    IF to_regclass('public.' || part) IS NULL THEN
        EXECUTE format('CREATE TABLE public.%I PARTITION OF public.entries FOR VALUES FROM (%L) TO (%L)',
                       part, first::text || ' 00:00:00+08', (first + interval '1 month')::date::text || ' 00:00:00+08');
    END IF;
END $$;
REVOKE ALL ON FUNCTION ensure_entries_month(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_entries_month(date) TO mingjian_ingest;

-- Warnings (预警), one open per account and kind. `history` holds the detector's steps; what people did is in
-- warning_actions. A warning that later facts no longer bear out is withdrawn, never removed.
CREATE TABLE warnings (
    tenant_id      int         NOT NULL,
    id             bigint      GENERATED ALWAYS AS IDENTITY,
    account_id     bigint      NOT NULL,
    institution_id bigint      NOT NULL,
    kind           text        NOT NULL,
    level          text        NOT NULL CHECK (level IN ('blue', 'yellow', 'orange', 'red')),
    status         text        NOT NULL CHECK (status IN ('raised', 'acknowledged', 'explained', 'investigating', 'escalated', 'resolved', 'withdrawn')),
    raised_at      timestamptz NOT NULL,
    bank_ref       text,
    evidence       jsonb       NOT NULL,
    history        jsonb       NOT NULL,
    policy_version text        NOT NULL,
    due_on         date,
    detected_at    timestamptz NOT NULL,
    resolved_at    timestamptz,
    -- Whom the warning was closed by; null when its closing condition did it.
    resolved_by    text,
    -- The latest fact of the account that people had before them when they closed it.
    resolved_through timestamptz,
    -- The official who took it up last.
    handler        text,
    version        int         NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES escrow_accounts (tenant_id, id),
    FOREIGN KEY (tenant_id, institution_id) REFERENCES institutions (tenant_id, id)
);
ALTER TABLE warnings ENABLE ROW LEVEL SECURITY;
ALTER TABLE warnings FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON warnings FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY write ON warnings
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int
                AND current_setting('app.institution', true) IN ('all', institution_id::text));
GRANT SELECT, UPDATE ON warnings TO mingjian_app;
GRANT SELECT, INSERT, UPDATE ON warnings TO mingjian_ingest;
CREATE UNIQUE INDEX warnings_one_open ON warnings (tenant_id, account_id, kind) WHERE status NOT IN ('resolved', 'withdrawn');
CREATE INDEX warnings_by_account ON warnings (tenant_id, account_id, id);
-- A city, a province and the ministry list theirs in order of id, far beyond one bureau.
CREATE INDEX warnings_by_id ON warnings (id);
CREATE INDEX warnings_open ON warnings (tenant_id, level, raised_at DESC) WHERE status NOT IN ('resolved', 'withdrawn');

-- What people did about a warning; the institution's answers are among them.
CREATE TABLE warning_actions (
    tenant_id      int         NOT NULL,
    id             bigint      GENERATED ALWAYS AS IDENTITY,
    warning_id     bigint      NOT NULL,
    institution_id bigint      NOT NULL,
    action         text        NOT NULL,
    comment        text        NOT NULL,
    actor_id       bigint,
    actor_name     text        NOT NULL,
    actor_role     text        NOT NULL,
    at             timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, warning_id) REFERENCES warnings (tenant_id, id)
);
ALTER TABLE warning_actions ENABLE ROW LEVEL SECURITY;
ALTER TABLE warning_actions FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON warning_actions FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY append ON warning_actions FOR INSERT
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int
                AND current_setting('app.institution', true) IN ('all', institution_id::text));
GRANT SELECT, INSERT ON warning_actions TO mingjian_app, mingjian_ingest;
CREATE INDEX warning_actions_by_warning ON warning_actions (tenant_id, warning_id, id);
