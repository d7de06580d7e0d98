-- What families bought and paid ahead: the training contracts (中小学生校外培训服务合同, GF-2021-2604), with what became of the money.
-- Of the pupil and the guardian there is a name and a telephone, sealed, and keyed hashes to find the same pupil again.
CREATE TABLE contracts (
    tenant_id       int         NOT NULL,
    id              bigint      GENERATED ALWAYS AS IDENTITY,
    institution_id  bigint      NOT NULL,
    -- The institution's own number of it.
    contract_no     text        NOT NULL COLLATE "C",
    course_id       bigint,
    subject         text        NOT NULL,
    -- Recharges, cards, memberships, deposits and vouchers are prepayment as a course is (PREPAY-VARIANTS).
    product         text        NOT NULL CHECK (product IN ('course', 'recharge', 'card', 'membership', 'deposit', 'voucher')),
    -- By what the fee is charged: units, a period, or both, when both limits bind (PREPAY-BOTH-MODES).
    basis           text        NOT NULL CHECK (basis IN ('units', 'period', 'both')),
    pupil_sealed    bytea       NOT NULL,
    pupil_index     bytea       NOT NULL,
    guardian_phone_sealed bytea,
    guardian_phone_index  bytea,
    signed_on       date        NOT NULL,
    is_renewal      boolean     NOT NULL,
    -- All that the contract costs, separately billed materials among it.
    price_fen       bigint      NOT NULL CHECK (price_fen >= 0),
    materials_fen   bigint      NOT NULL DEFAULT 0 CHECK (materials_fen BETWEEN 0 AND price_fen),
    units_bought    int         NOT NULL CHECK (units_bought > 0),
    units_gifted    int         NOT NULL DEFAULT 0 CHECK (units_gifted >= 0),
    -- In how many payments the price is paid.
    instalments     int         NOT NULL DEFAULT 1 CHECK (instalments BETWEEN 1 AND 60),
    first_lesson_on date        NOT NULL,
    last_lesson_on  date        NOT NULL CHECK (last_lesson_on >= first_lesson_on),
    -- Sums of its payments, confirmed lessons and refunds, kept under the row's lock.
    paid_fen        bigint      NOT NULL DEFAULT 0 CHECK (paid_fen >= 0),
    consumed_units  int         NOT NULL DEFAULT 0 CHECK (consumed_units BETWEEN 0 AND units_bought + units_gifted),
    consumed_fen    bigint      NOT NULL DEFAULT 0 CHECK (consumed_fen >= 0),
    refunded_fen    bigint      NOT NULL DEFAULT 0 CHECK (refunded_fen >= 0),
    status          text        NOT NULL CHECK (status IN ('open', 'finished', 'cancelled')),
    findings        jsonb       NOT NULL,
    created_at      timestamptz NOT NULL,
    version         int         NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, institution_id, contract_no),
    CHECK (consumed_fen + refunded_fen <= paid_fen),
    FOREIGN KEY (tenant_id, institution_id) REFERENCES institutions (tenant_id, id),
    FOREIGN KEY (tenant_id, course_id) REFERENCES courses (tenant_id, id)
);
ALTER TABLE contracts ENABLE ROW LEVEL SECURITY;
ALTER TABLE contracts FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON contracts FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY write ON contracts
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int
                AND current_setting('app.institution', true) IN ('all', institution_id::text));
GRANT SELECT, INSERT, UPDATE ON contracts TO mingjian_app;
GRANT USAGE ON SEQUENCE contracts_id_seq TO mingjian_app;
GRANT SELECT ON contracts TO mingjian_ingest;
-- A refund that the bank has paid out is booked with its entry.
GRANT UPDATE (paid_fen, consumed_units, consumed_fen, refunded_fen, status, version) ON contracts TO mingjian_ingest;
CREATE INDEX contracts_by_institution ON contracts (tenant_id, institution_id, id DESC);
CREATE INDEX contracts_by_pupil ON contracts (tenant_id, institution_id, pupil_index);
CREATE INDEX contracts_by_guardian ON contracts (tenant_id, guardian_phone_index) WHERE guardian_phone_index IS NOT NULL;
-- The last lesson that anybody has paid for.
CREATE INDEX contracts_owing ON contracts (tenant_id, institution_id, last_lesson_on)
    WHERE consumed_fen + refunded_fen < paid_fen;

-- Money that a family paid on a contract, as the institution says; the bank's entry that bears it out is matched to it.
CREATE TABLE payments (
    tenant_id       int         NOT NULL,
    id              bigint      GENERATED ALWAYS AS IDENTITY,
    institution_id  bigint      NOT NULL,
    contract_id     bigint      NOT NULL,
    paid_at         timestamptz NOT NULL,
    amount_fen      bigint      NOT NULL CHECK (amount_fen > 0),
    channel         text        NOT NULL CHECK (channel IN ('bank_transfer', 'wechat', 'alipay', 'pos', 'cash', 'loan', 'other')),
    -- Where it was paid to; null for the escrow account itself.
    payee_sealed    bytea,
    payee_index     bytea,
    -- Whether that is a natural person's account (FUND-OUTSIDE-ESCROW).
    payee_is_person boolean     NOT NULL DEFAULT false,
    -- The receipt or invoice; unique within the institution, so that what is sent twice counts once.
    receipt_no      text        NOT NULL COLLATE "C",
    -- The bank's entry, once found.
    account_id      bigint,
    entry_booked_at timestamptz,
    entry_ref       text        COLLATE "C",
    recorded_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, institution_id, receipt_no),
    FOREIGN KEY (tenant_id, institution_id) REFERENCES institutions (tenant_id, id),
    FOREIGN KEY (tenant_id, contract_id) REFERENCES contracts (tenant_id, id)
);
ALTER TABLE payments ENABLE ROW LEVEL SECURITY;
ALTER TABLE payments FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON payments FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY write ON payments
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int
                AND current_setting('app.institution', true) IN ('all', institution_id::text));
GRANT SELECT, INSERT ON payments TO mingjian_app;
GRANT USAGE ON SEQUENCE payments_id_seq TO mingjian_app;
GRANT SELECT ON payments TO mingjian_ingest;
GRANT UPDATE (account_id, entry_booked_at, entry_ref) ON payments TO mingjian_app, mingjian_ingest;
-- Sealed anew with a new key.
GRANT UPDATE (payee_sealed) ON payments TO mingjian_app;
CREATE INDEX payments_by_contract ON payments (tenant_id, contract_id, id);
CREATE INDEX payments_by_day ON payments (tenant_id, institution_id, paid_at);
-- Those that no entry of the bank bears out yet.
CREATE INDEX payments_open ON payments (tenant_id, institution_id, amount_fen) WHERE entry_ref IS NULL;
CREATE INDEX payments_by_payee ON payments (tenant_id, payee_index) WHERE payee_index IS NOT NULL;

-- One unit given to one pupil (一课一消). The parent confirms by a link, or is silent for the hours that the policy says; what is
-- disputed stays where it is until somebody settles it.
CREATE TABLE lessons (
    tenant_id       int         NOT NULL,
    id              bigint      GENERATED ALWAYS AS IDENTITY,
    institution_id  bigint      NOT NULL,
    contract_id     bigint      NOT NULL,
    -- 1 for the contract's first unit; its price follows from it.
    unit_no         int         NOT NULL CHECK (unit_no > 0),
    ended_at        timestamptz NOT NULL,
    state           text        NOT NULL CHECK (state IN ('awaiting', 'confirmed', 'disputed', 'void')),
    -- When silence confirms it.
    due_at          timestamptz NOT NULL,
    confirmed_at    timestamptz,
    confirmed_by    text        CHECK (confirmed_by IN ('parent', 'silence', 'official')),
    amount_fen      bigint      NOT NULL CHECK (amount_fen >= 0),
    -- Of the parent's link; the link itself is in the message alone.
    token_hash      bytea       NOT NULL,
    dispute_sealed  bytea,
    recorded_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, contract_id, unit_no),
    FOREIGN KEY (tenant_id, institution_id) REFERENCES institutions (tenant_id, id),
    FOREIGN KEY (tenant_id, contract_id) REFERENCES contracts (tenant_id, id)
);
ALTER TABLE lessons ENABLE ROW LEVEL SECURITY;
ALTER TABLE lessons FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON lessons FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY write ON lessons
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int
                AND current_setting('app.institution', true) IN ('all', institution_id::text));
GRANT SELECT, INSERT ON lessons TO mingjian_app;
GRANT UPDATE (state, confirmed_at, confirmed_by, dispute_sealed, ended_at, due_at, token_hash, recorded_at) ON lessons TO mingjian_app;
GRANT USAGE ON SEQUENCE lessons_id_seq TO mingjian_app;
GRANT SELECT ON lessons TO mingjian_ingest;
CREATE INDEX lessons_awaiting ON lessons (tenant_id, due_at) WHERE state = 'awaiting';
CREATE INDEX lessons_by_day ON lessons (tenant_id, institution_id, ended_at);
CREATE INDEX lessons_by_token ON lessons (tenant_id, token_hash);

-- Refunds asked for, by domain-rules §5.3; the bank's entry settles them by their order number.
CREATE TABLE refunds (
    tenant_id       int         NOT NULL,
    id              bigint      GENERATED ALWAYS AS IDENTITY,
    institution_id  bigint      NOT NULL,
    contract_id     bigint      NOT NULL,
    order_ref       text        NOT NULL COLLATE "C",
    asked_on        date        NOT NULL,
    reason          text        NOT NULL CHECK (reason IN ('cooling_off', 'before_start', 'after_start', 'institution_fault', 'excess')),
    amount_fen      bigint      NOT NULL CHECK (amount_fen >= 0),
    -- Each step of the sum, as it was shown.
    steps           jsonb       NOT NULL,
    -- The last lawful day, and the workday to aim at.
    due_on          date        NOT NULL,
    target_on       date        NOT NULL,
    state           text        NOT NULL CHECK (state IN ('asked', 'approved', 'paid', 'withdrawn')),
    paid_at         timestamptz,
    account_id      bigint,
    entry_booked_at timestamptz,
    entry_ref       text        COLLATE "C",
    created_at      timestamptz NOT NULL,
    version         int         NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, order_ref),
    FOREIGN KEY (tenant_id, institution_id) REFERENCES institutions (tenant_id, id),
    FOREIGN KEY (tenant_id, contract_id) REFERENCES contracts (tenant_id, id)
);
ALTER TABLE refunds ENABLE ROW LEVEL SECURITY;
ALTER TABLE refunds FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON refunds FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY write ON refunds
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int
                AND current_setting('app.institution', true) IN ('all', institution_id::text));
GRANT SELECT, INSERT, UPDATE ON refunds TO mingjian_app;
GRANT USAGE ON SEQUENCE refunds_id_seq TO mingjian_app;
GRANT SELECT ON refunds TO mingjian_ingest;
GRANT UPDATE (state, paid_at, account_id, entry_booked_at, entry_ref, version) ON refunds TO mingjian_ingest;
CREATE INDEX refunds_by_contract ON refunds (tenant_id, contract_id, id);
CREATE INDEX refunds_open ON refunds (tenant_id, institution_id, due_on) WHERE state IN ('asked', 'approved');

-- What the bank may pay out to the institution for lessons confirmed (划拨指令), by domain-rules §5.2.
CREATE TABLE release_orders (
    tenant_id       int         NOT NULL,
    id              bigint      GENERATED ALWAYS AS IDENTITY,
    institution_id  bigint      NOT NULL,
    account_id      bigint      NOT NULL,
    period_from     date        NOT NULL,
    period_to       date        NOT NULL CHECK (period_to >= period_from),
    seq             int         NOT NULL,
    order_ref       text        NOT NULL COLLATE "C",
    amount_fen      bigint      NOT NULL CHECK (amount_fen > 0),
    -- What the sum was made of: confirmed, released before, disputed.
    inputs          jsonb       NOT NULL,
    state           text        NOT NULL CHECK (state IN ('calculated', 'approved', 'sent', 'bank_ack', 'settled', 'rejected')),
    approved_by     text,
    calculated_at   timestamptz NOT NULL,
    settled_at      timestamptz,
    entry_booked_at timestamptz,
    entry_ref       text        COLLATE "C",
    version         int         NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, order_ref),
    UNIQUE (tenant_id, institution_id, period_to, seq),
    FOREIGN KEY (tenant_id, institution_id) REFERENCES institutions (tenant_id, id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES escrow_accounts (tenant_id, id)
);
ALTER TABLE release_orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE release_orders FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON release_orders FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY write ON release_orders
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int
                AND current_setting('app.institution', true) IN ('all', institution_id::text));
GRANT SELECT, INSERT, UPDATE ON release_orders TO mingjian_app;
GRANT USAGE ON SEQUENCE release_orders_id_seq TO mingjian_app;
GRANT SELECT ON release_orders TO mingjian_ingest;
GRANT UPDATE (state, settled_at, entry_booked_at, entry_ref, version) ON release_orders TO mingjian_ingest;
CREATE INDEX release_orders_open ON release_orders (tenant_id, account_id) WHERE state IN ('approved', 'sent', 'bank_ack');
CREATE INDEX release_orders_by_institution ON release_orders (tenant_id, institution_id, id DESC);

-- What is owed, by institution and day: the sums of all its contracts' payments, confirmed lessons and refunds of the day, by the
-- day on which they count. The detector reads these and never a contract; no contract is below zero, so sums of sums are exact.
CREATE TABLE owed_days (
    tenant_id       int         NOT NULL,
    institution_id  bigint      NOT NULL,
    day             date        NOT NULL,
    contracted_fen  bigint      NOT NULL DEFAULT 0,
    consumed_fen    bigint      NOT NULL DEFAULT 0,
    refunded_fen    bigint      NOT NULL DEFAULT 0,
    -- The latest lesson that anybody had paid for when the day's last fact was written.
    until_on        date,
    PRIMARY KEY (tenant_id, institution_id, day),
    FOREIGN KEY (tenant_id, institution_id) REFERENCES institutions (tenant_id, id)
);
ALTER TABLE owed_days ENABLE ROW LEVEL SECURITY;
ALTER TABLE owed_days FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON owed_days FOR SELECT
    USING (tenant_id BETWEEN nullif(current_setting('app.lo', true), '')::int AND nullif(current_setting('app.hi', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text));
CREATE POLICY write ON owed_days
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int
           AND current_setting('app.institution', true) IN ('all', institution_id::text))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), '')::int
                AND current_setting('app.institution', true) IN ('all', institution_id::text));
GRANT SELECT, INSERT, UPDATE ON owed_days TO mingjian_app, mingjian_ingest;

-- The earliest day of which it was learned anew what is owed since the account was judged last; null when there is none.
ALTER TABLE escrow_accounts ADD COLUMN owed_changed_on date;
GRANT UPDATE (owed_changed_on) ON escrow_accounts TO mingjian_app;
-- The approved order that an entry settles. Entries are never changed: it is found when the entry comes in.
ALTER TABLE entries ADD COLUMN order_ref text COLLATE "C";
