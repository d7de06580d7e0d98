"""What an entry costs when forty times as many are stored: the same accounts, eight years instead of one, and four counties beside."""

import county
import pushes

YEARS = 8
BESIDE = 4


def grow(place):
    """Gives every account of the county seven years more, and as many entries to accounts of other counties."""
    sql = place.service.sql
    sql("ALTER TABLE entries NO FORCE ROW LEVEL SECURITY", "mingjian_owner")
    sql("SELECT ensure_entries_month((date '2017-12-01' + n * interval '1 month')::date) FROM generate_series(0, 100) n", "mingjian_owner")
    columns = ("institution_id, bank_ref, seq, value_on, credit, reversal, amount_fen, kind, statement_id, counterparty_name,"
               " counterparty_account, remittance, balance_after_fen, order_ref")
    told = columns.replace("bank_ref", "'Y' || {year} || bank_ref")
    for year in range(1, YEARS):
        sql(f"INSERT INTO entries (tenant_id, account_id, booked_at, {columns})"
            f" SELECT tenant_id, account_id, booked_at - {year} * interval '365 days', {told.format(year=year)}"
            f" FROM entries WHERE tenant_id = {county.REGION} AND bank_ref LIKE 'H%'", "mingjian_owner")
    sql(f"UPDATE escrow_accounts SET entry_count = entry_count + {(YEARS - 1) * county.A_YEAR} WHERE tenant_id = {county.REGION}")
    for beside in range(1, BESIDE + 1):
        sql(f"INSERT INTO entries (tenant_id, account_id, booked_at, {columns})"
            f" SELECT tenant_id + {beside}, account_id, booked_at, {columns} FROM entries"
            f" WHERE tenant_id = {county.REGION} AND bank_ref NOT LIKE 'P%'", "mingjian_owner")
    sql("ALTER TABLE entries FORCE ROW LEVEL SECURITY", "mingjian_owner")
    sql("VACUUM (ANALYZE) entries; CHECKPOINT")
    return int(sql("SELECT count(*) FROM entries")[0])


def measure(place, rounds, count):
    """Entries stored and entries a second, before and after."""
    # The first round warms pools, plans and what is remembered of accounts.
    speeds = lambda: [pushes.load(place, count, pushes.BATCH)[0] for _ in range(rounds + 1)][1:]
    before = int(place.service.sql("SELECT count(*) FROM entries")[0]), speeds()
    stored = grow(place)
    place.service.restart()
    after = stored, speeds()
    for stored, rates in (before, after):
        print(f"  growth: {stored:,} entries stored, {', '.join(f'{rate:.0f}' for rate in rates)} entries/s", flush=True)
    return before, after
