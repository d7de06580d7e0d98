-- The three-way proof (三方核对): what the bank booked, what the ledger says was paid, refunded and released, and the lessons that
-- were confirmed, by institution and day. A day that is proven anew with another outcome gets a further version; none is changed.
CREATE TABLE proof_days (
    tenant_id      int         NOT NULL,
    institution_id bigint      NOT NULL,
    day            date        NOT NULL,
    version        int         NOT NULL,
    bank_in_fen    bigint      NOT NULL,
    bank_out_fen   bigint      NOT NULL,
    paid_fen       bigint      NOT NULL,
    refunded_fen   bigint      NOT NULL,
    released_fen   bigint      NOT NULL,
    consumed_fen   bigint      NOT NULL,
    matched        int         NOT NULL,
    -- What may still come: a payment that the bank has two workdays to book.
    waiting        int         NOT NULL,
    exceptions     int         NOT NULL,
    -- Of all that the outcome says, and the service's signature of it (docs/adr/0012).
    digest         bytea       NOT NULL,
    signature      bytea       NOT NULL,
    made_at        timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, institution_id, day, version),
    FOREIGN KEY (tenant_id, institution_id) REFERENCES institutions (tenant_id, id)
);
ALTER TABLE proof_days ENABLE ROW LEVEL SECURITY;
ALTER TABLE proof_days FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON proof_days FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY append ON proof_days FOR INSERT
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
GRANT SELECT, INSERT ON proof_days TO mingjian_app;

-- What does not match: a queue of work. It is settled when a later proof finds it matched, or explained by an official.
CREATE TABLE proof_items (
    tenant_id      int         NOT NULL,
    id             bigint      GENERATED ALWAYS AS IDENTITY,
    institution_id bigint      NOT NULL,
    day            date        NOT NULL,
    kind           text        NOT NULL CHECK (kind IN ('only_bank', 'only_ledger', 'only_attendance', 'amount_differs')),
    -- What it is about: a bank entry, a payment, a refund, a release or a contract, by its own reference.
    subject        text        NOT NULL COLLATE "C",
    -- Money on the one side and on the other; zero where there is nothing.
    bank_fen       bigint      NOT NULL,
    ledger_fen     bigint      NOT NULL,
    state          text        NOT NULL CHECK (state IN ('open', 'explained', 'settled')),
    comment        text,
    handler        text,
    found_at       timestamptz NOT NULL,
    closed_at      timestamptz,
    version        int         NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, institution_id, day, subject),
    FOREIGN KEY (tenant_id, institution_id) REFERENCES institutions (tenant_id, id)
);
ALTER TABLE proof_items ENABLE ROW LEVEL SECURITY;
ALTER TABLE proof_items FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON proof_items FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY write ON proof_items
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all')
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int AND current_setting('app.institution', true) = 'all');
GRANT SELECT, INSERT ON proof_items TO mingjian_app;
GRANT UPDATE (kind, bank_fen, ledger_fen, state, comment, handler, closed_at, version) ON proof_items TO mingjian_app;
CREATE INDEX proof_items_open ON proof_items (tenant_id, id DESC) WHERE state = 'open';
CREATE INDEX proof_items_by_day ON proof_items (tenant_id, institution_id, day);

-- The proof looks a day up by each side's own date.
CREATE INDEX payments_by_entry ON payments (tenant_id, institution_id, entry_booked_at);
CREATE INDEX refunds_by_payment ON refunds (tenant_id, institution_id, coalesce(entry_booked_at, paid_at));
CREATE INDEX release_orders_by_settlement ON release_orders (tenant_id, institution_id, coalesce(entry_booked_at, settled_at));
CREATE INDEX lessons_by_confirmation ON lessons (tenant_id, institution_id, confirmed_at) WHERE state = 'confirmed';
