"""What the pages of officials read, on a full register and five million entries, as PostgreSQL's auto_explain tells it.

A statement whose cost grows with the whole table reads thousands of blocks here; one that reads what it shows, a few.
"""

import json
import re

ENTRIES = 5_000_000
ACCOUNTS = 20_000
# Most blocks of 8 kB that one statement of a page may touch.
BLOCKS = 3_000
PAGES = {
    "register": "/api/v1/institutions?limit=50",
    "register, by name": "/api/v1/institutions?limit=50&q=%E7%BE%8E%E6%9C%AF",
    "accounts": "/api/v1/escrow/accounts?limit=50",
    "entries": "/api/v1/escrow/accounts/{account}/entries?limit=50",
    "balances": "/api/v1/escrow/accounts/{account}/balances",
    "warnings": "/api/v1/warnings?limit=50",
    "courses": "/api/v1/courses?limit=50",
    "approvals": "/api/v1/approvals?limit=50",
    "register page": "/b/institutions",
    "watch page": "/b/escrow",
    "league page": "/b/regions",
    "account page": "/b/escrow/{account}",
    "course page": "/b/courses",
    "approvals page": "/b/approvals",
    "audit page": "/b/audit",
}
REACHES = [("county", "bureau_admin", "331002"), ("city", "city_officer", "331000"),
           ("province", "province_officer", "330000"), ("ministry", "ministry_officer", "000000")]
FILL = f"""
TRUNCATE entries, statements, warnings, warning_actions, courses CASCADE;
SELECT ensure_entries_month((date '2025-04-01' + make_interval(months => m))::date) FROM generate_series(0, 11) m;
CREATE TEMP TABLE chosen AS
  SELECT tenant_id, id, institution_id, row_number() OVER (ORDER BY tenant_id, id) - 1 AS n FROM
  ((SELECT * FROM escrow_accounts WHERE tenant_id = 331002)
   UNION (SELECT * FROM escrow_accounts ORDER BY tenant_id, id LIMIT {ACCOUNTS})) accounts;
INSERT INTO entries (tenant_id, account_id, institution_id, booked_at, bank_ref, seq, credit, reversal, amount_fen, kind, statement_id)
SELECT c.tenant_id, c.id, c.institution_id, timestamptz '2025-04-01 00:00+08' + make_interval(mins => (g * 2003 + c.n % 1440)::int),
       'B' || g || '-' || c.n, 0, g % 10 <> 0, false, 10000 + g, 'prepayment', 1
FROM generate_series(0, {ENTRIES // ACCOUNTS - 1}) g CROSS JOIN chosen c;
UPDATE escrow_accounts a SET entry_count = {ENTRIES // ACCOUNTS}, balance_fen = 100000000, opening_fen = 0, opening_on = '2025-04-01',
       last_booked_at = '2026-03-14', statement_on = '2026-03-16', unearned_fen = 120000000, needed_fen = 120000000, minimum_fen = 24000000,
       outflow_fen = 100000, runoff_on = '2026-05-01', flow_fen = array_fill(100000::bigint, ARRAY[63]), flow_on = '2026-03-16' FROM chosen c WHERE a.tenant_id = c.tenant_id AND a.id = c.id;
INSERT INTO warnings (tenant_id, account_id, institution_id, kind, level, status, raised_at, evidence, history, policy_version, detected_at)
SELECT tenant_id, id, institution_id, 'large_single', (ARRAY['blue', 'yellow', 'orange', 'red'])[n % 4 + 1],
       CASE WHEN n % 5 = 0 THEN 'resolved' ELSE 'raised' END, timestamptz '2026-03-01 00:00+08' + make_interval(mins => n::int),
       '{{}}', '[]', 'ministry-2021', '2026-03-02 00:00+08'
FROM chosen;
INSERT INTO courses (tenant_id, institution_id, name, status, filing, form, findings, decision, created_at, updated_at, submitted_at)
SELECT tenant_id, id, '美术基础班', (ARRAY['draft', 'submitted', 'approved', 'returned'])[id % 4 + 1], '{{}}', '{{}}', '[]', 'pass',
       '2026-03-01', '2026-03-01', '2026-03-01' FROM institutions;
VACUUM ANALYZE;
"""


def walk(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from walk(child)


def plans_of(log):
    """Blocks, milliseconds, whole tables read and text of every statement explained in a log."""
    for match in re.finditer(r"plan:\n(\t?\{.*?\n\t?\}\n)", log, re.S):
        told = json.loads(match[1].replace("\t", ""))
        plan = told["Plan"]
        whole = sorted({node["Relation Name"] for node in walk(plan)
                        if node["Node Type"] == "Seq Scan" and node["Actual Rows"] + node.get("Rows Removed by Filter", 0) > 10_000})
        yield plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], plan["Actual Total Time"], whole, told["Query Text"]


def measure(service):
    """For each page and reach of an official: statements, most blocks of one, milliseconds of all, whole tables read."""
    service.sql(FILL)
    settings = ["session_preload_libraries = 'auto_explain'", "auto_explain.log_min_duration = 0", "auto_explain.log_analyze = on",
                "auto_explain.log_buffers = on", "auto_explain.log_format = 'json'"]
    found = []
    account = service.sql("SELECT min(id) FROM escrow_accounts WHERE tenant_id = 331002")[0]
    for reach, role, region in REACHES:
        headers = service.sign_in(role, region)
        for page, path in PAGES.items():
            if page == "audit page" and reach != "county":
                continue  # Each bureau reads its own trail.
            statuses = []
            ask = lambda: statuses.append(service.get(path.format(account=account), headers)[0])
            plans = list(plans_of(service.logged("mingjian_app", settings, ask)))
            if statuses != [200]:
                raise SystemExit(f"bench: {path} as {reach} answers {statuses}")
            worst = max(plans, key=lambda plan: plan[0], default=(0, 0, [], ""))
            whole = sorted({table for plan in plans for table in plan[2]})
            found.append((reach, page, len(plans), worst[0], sum(plan[1] for plan in plans), whole, worst[3]))
            print(f"  {reach}, {page}: {found[-1][2:6]}", flush=True)
    return found
