//! Bank statements and courses as tests send them.

use serde_json::{Value, json};

/// One line of a statement: day, credit, fen, reference.
pub type Line<'a> = (&'a str, bool, i64, &'a str);

/// A camt.053 statement as a bank writes it.
pub fn camt(account: &str, opening_fen: i64, lines: &[Line<'_>]) -> String {
    let yuan = |fen: i64| format!("{}.{:02}", fen / 100, fen % 100);
    let closing =
        lines.iter().fold(opening_fen, |sum, (_, credit, fen, _)| if *credit { sum + fen } else { sum - fen });
    let (first, last) = (lines.first().unwrap().0, lines.last().unwrap().0);
    let balance = |code: &str, fen: i64, day: &str| {
        format!(
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"CNY\">{}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>",
            yuan(fen)
        )
    };
    let entries: String = lines
        .iter()
        .map(|(day, credit, fen, reference)| {
            let mark = if *credit { "CRDT" } else { "DBIT" };
            format!(
                "<Ntry><Amt Ccy=\"CNY\">{}</Amt><CdtDbtInd>{mark}</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt>\
                 <AcctSvcrRef>{reference}</AcctSvcrRef><NtryDtls><TxDtls><RmtInf><Ustrd>往来</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>",
                yuan(*fen)
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02\"><BkToCstmrStmt><GrpHdr><MsgId>M1</MsgId>\
         <CreDtTm>2026-03-17T20:00:00+08:00</CreDtTm></GrpHdr><Stmt><Id>S-{first}</Id><CreDtTm>2026-03-17T20:00:00+08:00</CreDtTm><Acct><Id><Othr><Id>{account}</Id></Othr></Id>\
         <Ccy>CNY</Ccy></Acct>{}{}{entries}</Stmt></BkToCstmrStmt></Document>",
        balance("OPBD", opening_fen, first),
        balance("CLBD", closing, last)
    )
}

/// 40 % of what is there leaves at once.
pub const GRAB: [Line<'static>; 3] =
    [("2026-03-16", true, 480_000, "A1"), ("2026-03-16", true, 240_000, "A2"), ("2026-03-17", false, 18_288_000, "A3")];
/// What was there before, in fen.
pub const OPENING: i64 = 45_000_000;

/// A filing that every rule lets pass: Thursday evening, a qualified teacher, a fee within the caps.
pub fn good_course(name: &str) -> Value {
    json!({
        "course": {"name": name, "category": "academic", "subject": "mathematics", "stage": "junior", "grade": 7, "delivery": "offline",
            "lesson_minutes": 45, "break_minutes": 10, "class_size": 30, "area_m2": 120, "lessons": 40, "fee_fen": 200_000,
            "benchmark_fen": 5_000, "first_payment_on": "2026-03-20", "materials_filed": true, "homework": false,
            "overseas_curriculum": false, "photo_search": false,
            "sessions": [{"date": "2026-03-26", "start": "18:30", "end": "20:30"}, {"date": "2026-04-02", "start": "18:30", "end": "20:30"}]},
        "instructors": [{"name": "林晓", "role": "teaching", "nationality": "CN", "located_in": "CN",
            "teacher_certificate": "20153301032000123", "certificate_subject": "mathematics", "certificate_stage": "junior",
            "skill_certificate": null, "published": true, "in_service_teacher": false, "banned": false, "inquiry_on": "2026-01-05"}]
    })
}
