"""What a back-test of one county's year takes: a million entries of four hundred accounts, judged by two policies over the API."""

import datetime
import http.client
import json
import random
import statistics
import time
import uuid

import data

COUNTY = "330102"
ACCOUNTS = 400
ENTRIES = 1_000_000
# Seconds within which the answer must be there.
LIMIT = 5
HEADER = "交易日期,交易时间,借方发生额,贷方发生额,余额,对方户名,对方账号,摘要,流水号\n"


def year(account, number):
    """A year of one account as its bank exports it: families pay in, every fourth entry is a release to the school."""
    dice, balance, rows = random.Random(number), 50_000_000, []
    count = ENTRIES // ACCOUNTS
    for at in range(count):
        second = at * 365 * 86_400 // count
        when = datetime.datetime(2025, 1, 1) + datetime.timedelta(seconds=second)
        credit = at % 4 != 0
        fen = dice.randrange(120_000, 480_000) if credit else dice.randrange(400_000, 1_200_000)
        # Now and then somebody takes more.
        if at % 500 == 499:
            credit, fen = False, balance // 3
        fen = fen if credit else min(fen, balance)
        balance += fen if credit else -fen
        yuan = f"{fen // 100}.{fen % 100:02}"
        name, other = (f"家长{at % 300}", f"6217{number:05}{at % 300:07}") if credit else ("本校自有账户", f"6222{number:012}")
        rows.append(f"{when:%Y-%m-%d},{when:%H:%M:%S},{'' if credit else yuan},{yuan if credit else ''},"
                    f"{balance // 100}.{balance % 100:02},{name},{other},{'课程预收费' if credit else '消课划拨'},R{number:05}{at:07}\n")
    return (HEADER + "".join(rows)).encode()


def post(service, path, headers, body, kind):
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=600)
    connection.request("POST", path, body, {**headers, "content-type": kind})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 300:
        raise SystemExit(f"bench: {path}: {answer.status} {text[:400]}")
    return json.loads(text)


def load(service, folder, headers):
    """Enters the county's schools, their year of entries and what they owe day by day."""
    rows = [
        f"样例{number}培训中心,{data.credit_code(COUNTY, 90_000 + number)},民办非企业单位,{COUNTY},,建设街 {number} 号,文化艺术类,美术,"
        f"样教民1{COUNTY}9{number:06}号,教育局,2024-09-01,2028-08-31,陈明,154{number:08},样例银行,8888{COUNTY}{number:07},320.00,正常\n"
        for number in range(ACCOUNTS)
    ]
    path = folder / "county.csv"
    path.write_text(data.HEADER + "".join(rows), encoding="utf-8")
    service.run("import", "institutions", path, "--region", COUNTY)
    accounts = service.sql(f"SELECT id, account_no FROM escrow_accounts WHERE tenant_id = {COUNTY} AND account_no LIKE '8888%' ORDER BY id")
    for number, line in enumerate(accounts):
        account, name = line.split("|")
        edge = uuid.uuid4().hex
        body = (f"--{edge}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}.csv\"\r\n"
                "content-type: text/csv\r\n\r\n").encode() + year(name, number) + f"\r\n--{edge}--\r\n".encode()
        post(service, f"/api/v1/escrow/accounts/{account}/statements", headers, body, f"multipart/form-data; boundary={edge}")
    service.sql(
        "INSERT INTO owed_days (tenant_id, institution_id, day, contracted_fen, consumed_fen, refunded_fen, until_on) "
        "SELECT a.tenant_id, a.institution_id, d::date, 9000000, 8000000, 0, d::date + 60 FROM escrow_accounts a, "
        f"generate_series('2025-01-01'::date, '2025-12-31', interval '1 day') d WHERE a.tenant_id = {COUNTY} AND a.account_no LIKE '8888%';"
        "ANALYZE"
    )


def measure(service, folder, rounds):
    """Seconds of each back-test, and what it found."""
    load(service, folder, service.sign_in("finance_officer", COUNTY))
    headers = service.sign_in("bureau_admin", COUNTY)
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.request("GET", "/api/v1/policies/escrow", headers=headers)
    policy = json.loads(connection.getresponse().read())
    policy["FUND-LARGE-SINGLE"]["tiers"][0]["amount_fen"] = 2_000_000
    body = json.dumps({"policy": policy})
    took, found = [], {}
    for turn in range(rounds + 1):
        start = time.monotonic()
        answer = post(service, "/api/v1/policies/escrow/simulate", headers, body, "application/json")
        seconds = time.monotonic() - start
        if answer["entries"] != ENTRIES or not answer["complete"]:
            raise SystemExit(f"bench: {answer['entries']} of {ENTRIES} entries were replayed")
        # The first one reads from the disk what the others find in memory.
        if turn:
            took.append(seconds)
        found = {"accounts": answer["accounts"], "come": len(answer["appear"]), "go": len(answer["disappear"]),
                 "memory_mb": round(service.resident_mb())}
        print(f"  back-test, round {turn}: {seconds:.2f} s", flush=True)
    return took, found


def row(measured):
    """The line of the table of ratios."""
    took, _ = measured
    return f"back-test of a county's year ({ENTRIES:,} entries), seconds", f"< {LIMIT}", took, statistics.median(took) < LIMIT
