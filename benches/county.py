"""One county whose 200 institutions are watched: accounts as they are filed, a year of statements, and a bank that signs its pushes.

Everything follows from the constants here, so every run has the same data.
"""

import csv
import datetime
import hashlib
import hmac
import http.client
import io
import json
import os
import zoneinfo

import data

REGION = "331002"
SCHOOLS = 200
# A school of some 150 families: payments, and what lessons earned once a week.
A_YEAR = 2_500
OPENING = 60_000_000
# The service's clock stands still, so that a signature made ahead is still fresh.
NOW = datetime.datetime(2026, 3, 18, 9, 0, tzinfo=zoneinfo.ZoneInfo("Asia/Shanghai"))
PUSHED = "/api/v1/bank/entries"


def payee(number):
    return f"6230{number:012}"


def account_no(number):
    return f"9999{REGION}{number:07}"


def register():
    """The county's register as a spreadsheet."""
    text = io.StringIO()
    text.write(data.HEADER)
    rows = csv.writer(text, lineterminator="\n")
    for number in range(SCHOOLS):
        category, kind = data.KINDS[number % 9]
        rows.writerow([f"椒江{data.FIRST[number % 60]}{data.SECOND[number // 60]}{kind}培训中心", data.credit_code(REGION, number), "民办非企业单位",
                       REGION, "", f"椒江区建设街 {number + 1} 号", category, kind, f"样教民1{REGION}7{number:07}号", "椒江区教育局",
                       "2025-01-01", "2028-08-31", "陈明", f"154{number:08}", "", "", "320.00", "正常"])
    return text.getvalue()


def call(service, method, path, body, headers):
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=600)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status // 100 != 2:
        raise SystemExit(f"bench: {path} was answered {answer.status}: {text[:400]!r}")
    return json.loads(text)


def movement(number, at):
    """Effect, name and account of the other side, and remark of the entry `at` in an account's life."""
    if at % 5:
        family = (at * 7919 + number) % 150
        return 120_000 + at * 37 % 90_000, f"家长{family}", f"6217{number:05}{family:07}", f"课程预收费 第{at}笔"
    return -(300_000 + at * 41 % 150_000), "", payee(number), f"消课划拨 第{at}笔"


def statement(number, first, days, count, at=0, opening=OPENING):
    """A camt.053 statement over so many days, and its closing balance."""
    parts, balance = [], opening
    for place in range(count):
        fen, name, account, remark = movement(number, at + place)
        balance += fen
        day = first + datetime.timedelta(days=place * days // count)
        side, party = ("CRDT", "Dbtr") if fen > 0 else ("DBIT", "Cdtr")
        name = name or "自有账户"
        parts.append(
            f'<Ntry><Amt Ccy="CNY">{abs(fen) // 100}.{abs(fen) % 100:02}</Amt><CdtDbtInd>{side}</CdtDbtInd><Sts>BOOK</Sts>'
            f"<BookgDt><Dt>{day}</Dt></BookgDt><AcctSvcrRef>H{number:05}{at + place:08}</AcctSvcrRef><NtryDtls><TxDtls><RltdPties>"
            f"<{party}><Nm>{name}</Nm></{party}><{party}Acct><Id><Othr><Id>{account}</Id></Othr></Id></{party}Acct></RltdPties>"
            f"<RmtInf><Ustrd>{remark}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n"
        )
    last = first + datetime.timedelta(days=days - 1)

    def bal(code, fen, day):
        return (f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"CNY\">{fen // 100}.{fen % 100:02}</Amt>"
                f"<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>")

    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt>'
        f"<GrpHdr><MsgId>M</MsgId><CreDtTm>{last}T23:00:00+08:00</CreDtTm></GrpHdr><Stmt><Id>S{last}</Id>"
        f"<CreDtTm>{last}T23:00:00+08:00</CreDtTm><Acct><Id><Othr><Id>{account_no(number)}</Id></Othr></Id><Ccy>CNY</Ccy></Acct>"
        f"{bal('OPBD', opening, first)}{bal('CLBD', balance, last)}{''.join(parts)}</Stmt></BkToCstmrStmt></Document>\n"
    )
    return text.encode(), balance


class County:
    """The county on a running service: its accounts are filed, and each has a year of statements up to yesterday."""

    def __init__(self, service, folder, history=A_YEAR):
        self.service = service
        path = folder / "county.csv"
        path.write_text(register(), encoding="utf-8")
        service.run("import", "institutions", path, "--region", REGION)
        self.officer = service.sign_in("bureau_admin", REGION)
        self.finance = service.sign_in("finance_officer", REGION)
        made = json.loads(service.run("key", "add", "--role", "bank", "--region", REGION, "样例银行"))
        self.key, self.secret = made["key"], made["secret"].encode()
        # Where each account stands in its life, by number of the school.
        self.at = [history] * SCHOOLS
        self.second = [0] * SCHOOLS
        self.nonces = 0
        first = NOW.date() - datetime.timedelta(days=365)
        json_type = {"content-type": "application/json"}
        self.ids = []
        for number in range(SCHOOLS):
            filing = {"credit_code": data.credit_code(REGION, number), "bank": "样例银行", "account": account_no(number),
                      "mode": "custody", "agreement_no": f"XY{number:05}", "payee_account": payee(number)}
            account = call(service, "POST", "/api/v1/escrow/accounts", json.dumps(filing), {**self.officer, **json_type})
            self.ids.append(account["id"])
            if history:
                body, _ = statement(number, first, 365, history)
                form = b'--mj\r\ncontent-disposition: form-data; name="file"; filename="a.xml"\r\n\r\n' + body + b"\r\n--mj--\r\n"
                answer = call(service, "POST", f"/api/v1/escrow/accounts/{account['id']}/statements", form,
                              {**self.finance, "content-type": "multipart/form-data; boundary=mj"})
                if answer["inserted"] != history:
                    raise SystemExit(f"bench: of {history} entries {answer['inserted']} went in")
        # A year of what families paid ahead and lessons earned, so that nothing is left unjudged for want of a ledger.
        service.sql(
            "INSERT INTO owed_days (tenant_id, institution_id, day, contracted_fen, consumed_fen, refunded_fen, until_on)"
            " SELECT tenant_id, institution_id, date '2025-03-18' + n, CASE WHEN n = 0 THEN 60000000 ELSE 800000 END, 700000, 0,"
            f" date '2026-06-30' FROM escrow_accounts, generate_series(0, 364) n WHERE tenant_id = {REGION}")
        service.sql("VACUUM ANALYZE; CHECKPOINT")

    def names(self):
        """What the schools are called, by number."""
        return self.service.sql(f"SELECT i.name FROM escrow_accounts a JOIN institutions i ON i.tenant_id = a.tenant_id"
                                f" AND i.id = a.institution_id WHERE a.tenant_id = {REGION} ORDER BY a.account_no")

    def entries(self, number, count, grab=False):
        """The next entries of an account, each a second after the one before."""
        made = []
        for _ in range(count):
            at = self.at[number]
            self.at[number] += 1
            fen, name, account, remark = movement(number, at)
            moment = NOW.replace(hour=0, minute=0) + datetime.timedelta(seconds=self.second[number] // 4, milliseconds=self.second[number] % 4 * 250)
            self.second[number] += 1
            if grab:
                # What no bureau may miss: half a million yuan to somebody who was never paid before.
                fen, name, account, remark, grab = -50_000_000, f"王{at}明", f"6228{number:05}{at:07}", "往来款", False
            made.append({"bank_ref": f"P{number:05}{at:08}", "booked_on": str(moment.date()), "booked_at": moment.isoformat(),
                         "direction": "credit" if fen > 0 else "debit", "amount_fen": abs(fen), "counterparty_name": name or None,
                         "counterparty_account": account, "remittance": remark,
                         "kind": "prepayment" if fen > 0 else "release" if "划拨" in remark else "other"})
        return made

    def signed(self, number, entries):
        """A push as it travels."""
        body = json.dumps({"account": account_no(number), "entries": entries}, ensure_ascii=False, separators=(",", ":")).encode()
        self.nonces += 1
        nonce, stamp = f"bench{os.getpid():08}{self.nonces:012}", str(int(NOW.timestamp()))
        told = f"{stamp}\n{nonce}\nPOST\n{PUSHED}\n{hashlib.sha256(body).hexdigest()}".encode()
        signature = hmac.new(self.secret, told, hashlib.sha256).hexdigest()
        head = (f"POST {PUSHED} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
                f"x-mj-key: {self.key}\r\nx-mj-timestamp: {stamp}\r\nx-mj-nonce: {nonce}\r\nx-mj-signature: {signature}\r\n\r\n")
        return head.encode() + body
