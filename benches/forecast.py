"""What the night's forecast of a whole country takes: every account judged by its whole history and by what is owed, figures written."""

import re
import statistics
import time

# Accounts are those of the register; each has so many entries.
EACH = 25
# Seconds within which all of them must be forecast.
LIMIT = 120
FILL = f"""
TRUNCATE entries, statements, warnings, warning_actions, owed_days CASCADE;
SELECT ensure_entries_month((date '2025-09-01' + make_interval(months => m))::date) FROM generate_series(0, 6) m;
CREATE TEMP TABLE chosen AS SELECT tenant_id, id, institution_id FROM escrow_accounts;
INSERT INTO entries (tenant_id, account_id, institution_id, booked_at, bank_ref, seq, credit, reversal, amount_fen, kind, statement_id, order_ref)
SELECT c.tenant_id, c.id, c.institution_id, timestamptz '2025-09-15 10:00+08' + make_interval(days => 7 * g, mins => (c.id % 400)::int),
       'B' || g, 0, g = 0 OR g % 4 = 3, false, CASE WHEN g = 0 THEN 30000000 ELSE 100000 + g * 1000 + c.id % 1000 END,
       CASE WHEN g = 0 OR g % 4 = 3 THEN 'prepayment' ELSE 'release' END, 1,
       CASE WHEN g = 0 OR g % 4 = 3 THEN NULL ELSE 'XK' || c.id || '-' || g END
FROM generate_series(0, {EACH - 1}) g CROSS JOIN chosen c ORDER BY c.tenant_id, c.id, g;
INSERT INTO owed_days (tenant_id, institution_id, day, contracted_fen, consumed_fen, refunded_fen, until_on)
SELECT DISTINCT c.tenant_id, c.institution_id, d::date, 1000000, 500000, 0, date '2026-06-30'
FROM chosen c, generate_series('2025-09-15'::date, '2026-03-01', interval '1 month') d;
UPDATE escrow_accounts a SET entry_count = e.n, balance_fen = e.sum, last_booked_at = e.last, statement_on = '2026-03-16', owed_changed_on = NULL
FROM (SELECT tenant_id, account_id, count(*) AS n, sum(CASE WHEN credit THEN amount_fen ELSE -amount_fen END) AS sum, max(booked_at) AS last
      FROM entries GROUP BY 1, 2) e WHERE a.tenant_id = e.tenant_id AND a.id = e.account_id;
VACUUM ANALYZE;
"""
FORGET = "UPDATE escrow_accounts SET outflow_fen = NULL, flow_fen = NULL, flow_on = NULL, runoff_on = NULL, unearned_fen = NULL; VACUUM escrow_accounts; CHECKPOINT"


def measure(service, rounds):
    """Accounts, and the seconds of each forecast after which every figure is another than before, and after which none is."""
    # Nothing of these accounts is worth a warning: releases carry out orders, and the balance covers what is owed.
    service.sql(FILL)
    accounts, anew, same = 0, [], []
    for turn in range(rounds):
        service.sql(FORGET)
        for took, all_anew in ((anew, True), (same, False)):
            start = time.monotonic()
            told = service.run("sweep", "--forecast")
            took.append(time.monotonic() - start)
            accounts, written, judged = map(int, re.findall(r"\d+", told))
            if judged or written != (accounts if all_anew else 0):
                raise SystemExit(f"bench: {told}")
        print(f"  forecast, round {turn + 1}: {accounts:,} accounts, all written {anew[-1]:.1f} s, none {same[-1]:.1f} s", flush=True)
    return accounts, anew, same


def row(measured):
    """The line of the table of limits."""
    accounts, anew, _ = measured
    return f"nightly forecast of {accounts:,} accounts ({accounts * EACH:,} entries), seconds", f"< {LIMIT}", anew, statistics.median(anew) < LIMIT
