"""What is measured on: a register of 200,000 fictitious schools, searches for them, and one bank statement.

Everything follows from the constants here and the table of divisions, so every run has the same data.
"""

import csv
import datetime
import pathlib
from urllib.parse import quote

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCHOOLS = 200_000
# Two characters make a brand: 3,600 of them, each borne by some 55 schools across the country.
FIRST = "启青乐晨思慧星博凌海木知明新优卓佳童文华智育英才德雅诚信立达远航睿颖聪嘉禾春阳江山东南西北金玉书墨诗画琴棋弦歌舞跃跳梦希"
SECOND = "学光源泉河云棠兰行成程诺越音韵艺彩苗芽树林帆舟翼飞鹏翔宇宙欣悦蕾悟道理心语言风月花叶石溪田园桥路门窗塔灯火水土空竹松梅荷"
KINDS = [
    ("文化艺术类", "美术"), ("文化艺术类", "舞蹈"), ("文化艺术类", "钢琴"), ("文化艺术类", "书法"),
    ("体育类", "篮球"), ("体育类", "游泳"), ("体育类", "跆拳道"),
    ("科技类", "编程"), ("科技类", "机器人"), ("学科类", "英语"),
]
HEADER = (
    "institution_name,credit_code,org_kind,county_code,county,address,category,courses,licence_no,licence_authority,"
    "licence_from,licence_to,legal_person,phone,escrow_bank,escrow_account_no,floor_area_m2,status\n"
)
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def counties():
    """Code and name of every county, in order."""
    with open(ROOT / "reference/divisions.csv", encoding="utf-8") as file:
        return [(row["code"], row["name"]) for row in csv.DictReader(file) if row["level"] == "county"]


def credit_code(county, number):
    """A valid code of a private non-enterprise unit with a body that no registrar gives out."""
    organisation = f"MJY{number:05}"
    total = sum(int(c, 36) * weight for c, weight in zip(organisation, (3, 7, 9, 10, 5, 8, 4, 2)))
    body = f"52{county}{organisation}{'0123456789X0'[(11 - total % 11)]}"
    total = sum(ALPHABET.index(c) * pow(3, at, 31) for at, c in enumerate(body))
    return body + ALPHABET[(31 - total % 31) % 31]


def registers(folder):
    """Writes one spreadsheet a province; yields its division code and path."""
    places = counties()
    provinces = {}
    for number in range(SCHOOLS):
        # Counties take turns, so each has about as many; brands and kinds change out of step with them.
        code, place = places[number % len(places)]
        brand = FIRST[number * 7 % 60] + SECOND[number * 11 // 60 % 60]
        category, kind = KINDS[number // 3 % len(KINDS)]
        short = place[:-1] if len(place) > 2 else place
        provinces.setdefault(code[:2], []).append(
            f"{short}{brand}{kind}培训中心,{credit_code(code, number % 100_000)},民办非企业单位,{code},,"
            f"{place}建设街 {number % 300 + 1} 号,{category},{kind},样教民1{code}7{number:07}号,{place}教育局,"
            f"2025-09-01,2028-08-31,陈明,154{number:08},样例银行,9999{code}{number:07},320.00,正常\n"
        )
    for province, rows in provinces.items():
        path = folder / f"register-{province}.csv"
        path.write_text(HEADER + "".join(rows), encoding="utf-8")
        yield f"{province}0000", path


def searches():
    """Addresses of first pages as parents ask for them, by kind; each kind is a fifth of the load."""
    places = counties()
    brands = [FIRST[at * 5 % 60] + SECOND[at * 7 % 60] for at in range(10)]
    paths = {
        "a brand": [f"q={quote(brand)}" for brand in brands],
        "a county": [f"region={places[at * 197][0]}" for at in range(10)],
        "the arts in a county": [f"region={places[at * 251][0]}&category=arts" for at in range(10)],
        "a category": [f"category={('arts', 'sports')[at % 2]}" for at in range(10)],
        "the front page": [""] * 10,
    }
    return {kind: [f"/api/v1/public/institutions?{query}" for query in queries] for kind, queries in paths.items()}


NAMES = ["张小雨的家长", "李子涵的家长", "王一诺的家长", "刘梓萱的家长", "陈浩然的家长", "赵欣怡的家长"]


def entry(number, total):
    """One `Ntry` of a year of prepayments; every fiftieth is a release of 40 yuan to the school."""
    day = datetime.date(2025, 1, 1) + datetime.timedelta(days=number * 365 // total)
    credit = number % 50 != 0
    party, side = ("Dbtr", "CRDT") if credit else ("Cdtr", "DBIT")
    fen = 12_000 + number * 37 % 180_000 if credit else 4_000
    # The last one takes half of what is there at once, which no bureau may miss.
    if number == total - 1:
        party, side, credit = "Cdtr", "DBIT", False
        fen = balance_before_last(total) // 2
    return fen if credit else -fen, (
        f'<Ntry><NtryRef>{number}</NtryRef><Amt Ccy="CNY">{fen // 100}.{fen % 100:02}</Amt><CdtDbtInd>{side}</CdtDbtInd>'
        f"<Sts>BOOK</Sts><BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt>"
        f"<AcctSvcrRef>B{day:%Y%m%d}{number:09}</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd></Domn></BkTxCd><NtryDtls><TxDtls>"
        f"<Refs><EndToEndId>E{number:012}</EndToEndId></Refs><RltdPties><{party}><Nm>{NAMES[number % 6]}</Nm></{party}>"
        f"<{party}Acct><Id><Othr><Id>6222{number * 7919 % 10**12:012}</Id></Othr></Id></{party}Acct></RltdPties>"
        f"<RmtInf><Ustrd>{'课程预收费' if credit else '消课划拨'} 合同{number:07}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n"
    )


OPENING = 50_000_000


def balance_before_last(total):
    return OPENING + sum(12_000 + n * 37 % 180_000 if n % 50 else -4_000 for n in range(total - 1))


def statement(folder, total):
    """Writes the entries of a camt.053 statement; returns the path and a function from account to head and foot."""
    path = folder / f"entries-{total}.xml"
    balance = OPENING
    with open(path, "w", encoding="utf-8") as file:
        for number in range(total):
            effect, text = entry(number, total)
            balance += effect
            file.write(text)

    def bal(code, fen, day):
        return (f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"CNY\">{fen // 100}.{fen % 100:02}</Amt>"
                f"<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>")

    def around(account):
        head = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02">'
            "<BkToCstmrStmt><GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-01-01T06:00:00+08:00</CreDtTm></GrpHdr><Stmt><Id>S2025</Id>"
            f"<CreDtTm>2026-01-01T06:00:00+08:00</CreDtTm><Acct><Id><Othr><Id>{account}</Id></Othr></Id><Ccy>CNY</Ccy></Acct>"
            f"{bal('OPBD', OPENING, '2025-01-01')}{bal('CLBD', balance, '2025-12-31')}"
        )
        return head.encode(), b"</Stmt></BkToCstmrStmt></Document>\n"

    return path, around


def table(folder, total):
    """Writes the rows of the same account's year as a bank's table, each with a long remark; returns the path and its head and foot."""
    path = folder / f"rows-{total}.csv"
    balance, remark = OPENING, "家长经手机银行缴存的课程预收费，凭证留存于本校财务室备查，" * 6
    with open(path, "w", encoding="utf-8") as file:
        for number in range(total):
            credit = number % 5 != 0 and number != total - 1
            fen = 120_000 + number * 37 % 90_000 if credit else 300_000
            fen = balance // 2 if number == total - 1 else min(fen, balance)
            balance += fen if credit else -fen
            second = number * 365 * 86_400 // total
            when = datetime.datetime(2025, 1, 1) + datetime.timedelta(seconds=second)
            yuan = f"{fen // 100}.{fen % 100:02}"
            file.write(f"{when:%Y-%m-%d},{when:%H:%M:%S},{yuan if credit else ''},{'' if credit else yuan},"
                       f"{balance // 100}.{balance % 100:02},家长{number % 300},6217{number % 300:015},{remark},T{number:08}\n")
    head = "交易日期,交易时间,收入,支出,余额,对方户名,对方账号,摘要,流水号\n"
    return path, lambda account: (head.encode(), b"")
