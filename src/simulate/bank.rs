//! The county's banks: they book, and report each bank day by file, now and then late, twice or broken.

use chrono::{DateTime, FixedOffset, NaiveDate};
use rand::{Rng, rngs::StdRng};

use super::world::instant;
use crate::kernel::Fen;

/// One movement on an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    pub at: DateTime<FixedOffset>,
    pub credit: bool,
    pub amount_fen: i64,
    /// The other side.
    pub name: String,
    pub account: Option<String>,
    pub remittance: String,
}

/// An approved order that the bank carries out: a release to the school or a refund to a parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub order_ref: String,
    pub amount_fen: i64,
    /// Who is paid.
    pub name: String,
    pub account: Option<String>,
}

/// A statement file on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub name: String,
    pub bytes: Vec<u8>,
    /// The day on which it arrives.
    pub arrives_on: NaiveDate,
    /// Cut off on the way: it must be refused, and the whole file comes after it.
    pub is_broken: bool,
}

/// A booked movement with the bank's reference.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    bank_ref: String,
    booking: Booking,
}

/// One account at the bank.
#[derive(Debug)]
pub struct Account {
    number: String,
    /// What the account holds.
    pub balance_fen: i64,
    /// What it held when the last statement was drawn.
    reported_fen: i64,
    lines: Vec<Line>,
    /// Movements so far, which number the references, and how many of them are on a statement.
    count: u32,
    reported: u32,
    reports: u32,
    /// The last day of the latest statement.
    reported_on: Option<NaiveDate>,
    uses_mt940: bool,
}

impl Account {
    /// An empty account; some banks write MT940, the others camt.053.
    pub fn new(number: &str, uses_mt940: bool) -> Account {
        let number = number.to_owned();
        Account {
            number,
            balance_fen: 0,
            reported_fen: 0,
            lines: Vec::new(),
            count: 0,
            reported: 0,
            reports: 0,
            reported_on: None,
            uses_mt940,
        }
    }

    /// Books a movement.
    pub fn book(&mut self, booking: Booking) {
        self.balance_fen += if booking.credit { booking.amount_fen } else { -booking.amount_fen };
        self.count += 1;
        let bank_ref = format!("B{}{:06}", &self.number[self.number.len().saturating_sub(4)..], self.count);
        self.lines.push(Line { bank_ref, booking });
    }

    /// Carries out an order on a day; `false` where the account does not hold as much.
    pub fn carry_out(&mut self, order: &Order, day: NaiveDate) -> bool {
        if order.amount_fen > self.balance_fen {
            return false;
        }
        self.book(Booking {
            at: instant(day, 14, 30),
            credit: false,
            amount_fen: order.amount_fen,
            name: order.name.clone(),
            account: order.account.clone(),
            remittance: order.order_ref.clone(),
        });
        true
    }

    /// Its number.
    pub fn number(&self) -> &str {
        &self.number
    }

    /// How many movements are on a statement so far.
    pub fn reported(&self) -> u32 {
        self.reported
    }

    /// The balance of the latest statement.
    pub fn reported_fen(&self) -> i64 {
        self.reported_fen
    }

    /// The statement of what was booked since the last one, as files in the order in which they arrive.
    pub fn report(&mut self, day: NaiveDate, random: &mut StdRng) -> Vec<File> {
        self.reports += 1;
        self.lines.sort_by_key(|line| line.booking.at);
        // A statement goes on where the last one ended, whether anything was booked on the days after it or not.
        let onward = self.reported_on.and_then(|last| last.succ_opt());
        let booked = self.lines.first().map(|line| line.booking.at.date_naive());
        let first = onward.into_iter().chain(booked).fold(day, NaiveDate::min);
        self.reported_on = Some(day);
        let bytes = if self.uses_mt940 { self.mt940(first, day) } else { self.camt(first, day) };
        let ending = if self.uses_mt940 { "sta" } else { "xml" };
        let name = format!("{}-{day}.{ending}", self.number);
        self.reported_fen = self.balance_fen;
        self.reported = self.count;
        self.lines.clear();
        let late = if random.gen_ratio(1, 30) { random.gen_range(1..=3) } else { 0 };
        let whole =
            File { name, bytes: bytes.into_bytes(), arrives_on: day + chrono::Days::new(late), is_broken: false };
        let mut files = Vec::new();
        if random.gen_ratio(1, 60) {
            let half = whole.bytes.len() / 2;
            files.push(File { bytes: whole.bytes[..half].to_vec(), is_broken: true, ..whole.clone() });
        }
        files.push(whole.clone());
        if random.gen_ratio(1, 25) {
            files.push(whole);
        }
        files
    }

    fn camt(&self, first: NaiveDate, day: NaiveDate) -> String {
        let balance = |code: &str, fen: i64, on: NaiveDate| {
            let sign = if fen < 0 { "DBIT" } else { "CRDT" };
            format!(
                "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"CNY\">{}</Amt>\
                 <CdtDbtInd>{sign}</CdtDbtInd><Dt><Dt>{on}</Dt></Dt></Bal>",
                yuan(fen, ".")
            )
        };
        let mut text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\">\
             <BkToCstmrStmt><GrpHdr><MsgId>M{0}</MsgId><CreDtTm>{day}T18:00:00+08:00</CreDtTm></GrpHdr><Stmt><Id>S{0}</Id>\
             <Acct><Id><Othr><Id>{1}</Id></Othr></Id><Ccy>CNY</Ccy></Acct>",
            self.reports, self.number
        );
        text.push_str(&balance("OPBD", self.reported_fen, first));
        text.push_str(&balance("CLBD", self.balance_fen, day));
        for Line { bank_ref, booking } in &self.lines {
            let (sign, party) = if booking.credit { ("CRDT", "Dbtr") } else { ("DBIT", "Cdtr") };
            let account = booking.account.as_ref().map_or(String::new(), |number| {
                format!("<{party}Acct><Id><Othr><Id>{number}</Id></Othr></Id></{party}Acct>")
            });
            text.push_str(&format!(
                "\n<Ntry><Amt Ccy=\"CNY\">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>\
                 <BookgDt><DtTm>{at}</DtTm></BookgDt><AcctSvcrRef>{bank_ref}</AcctSvcrRef><NtryDtls><TxDtls><RltdPties>\
                 <{party}><Pty><Nm>{name}</Nm></Pty></{party}>{account}</RltdPties><RmtInf><Ustrd>{remittance}</Ustrd></RmtInf>\
                 </TxDtls></NtryDtls></Ntry>",
                amount = yuan(booking.amount_fen, "."),
                at = booking.at.to_rfc3339(),
                name = booking.name,
                remittance = booking.remittance,
            ));
        }
        text.push_str("</Stmt></BkToCstmrStmt></Document>\n");
        text
    }

    fn mt940(&self, first: NaiveDate, day: NaiveDate) -> String {
        let balance = |fen: i64, on: NaiveDate| {
            format!("{}{}CNY{}", if fen < 0 { 'D' } else { 'C' }, on.format("%y%m%d"), yuan(fen, ","))
        };
        let mut text = format!(
            ":20:S{}\r\n:25:{}\r\n:28C:{}/1\r\n:60F:{}\r\n",
            self.reports,
            self.number,
            self.reports,
            balance(self.reported_fen, first)
        );
        for Line { bank_ref, booking } in &self.lines {
            let on = booking.at.date_naive();
            text.push_str(&format!(
                ":61:{}{}{}{}NTRF{bank_ref}//{bank_ref}\r\n:86:{} {}\r\n",
                on.format("%y%m%d"),
                on.format("%m%d"),
                if booking.credit { 'C' } else { 'D' },
                yuan(booking.amount_fen, ","),
                booking.name,
                booking.remittance,
            ));
        }
        text.push_str(&format!(":62F:{}\r\n-\r\n", balance(self.balance_fen, day)));
        text
    }
}

/// An amount without its sign.
fn yuan(fen: i64, point: &str) -> String {
    Fen(fen.saturating_abs()).to_string().replace('.', point)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::escrow::statement::{self, Limits};

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn both_kinds_of_file_are_read_as_they_were_booked() {
        for mt940 in [false, true] {
            let mut account = Account::new("99993310021001", mt940);
            let booking = |hour, credit, amount_fen| Booking {
                at: instant(day("2026-03-02"), hour, 5),
                credit,
                amount_fen,
                name: "某某商贸有限公司".to_owned(),
                account: Some("6222000000000000001".to_owned()),
                remittance: "SJ01-000001 学费".to_owned(),
            };
            account.book(booking(9, true, 480_000));
            account.book(booking(15, false, 120_050));
            let order =
                Order { order_ref: "HB-1".to_owned(), amount_fen: 1_000, name: "甲".to_owned(), account: None };
            assert!(account.carry_out(&order, day("2026-03-03")));
            let much = Order { amount_fen: 400_000, ..order.clone() };
            assert!(!account.carry_out(&much, day("2026-03-03")), "no more than there is");
            let mut random = StdRng::seed_from_u64(2);
            let file = account.report(day("2026-03-03"), &mut random).pop().unwrap();
            let document = statement::parse(&file.name, &file.bytes, None, &[], &Limits::default()).unwrap();
            let [read] = &document.statements[..] else { panic!("{mt940}: {document:?}") };
            assert_eq!(
                (read.opening_fen, read.closing_fen, read.balanced),
                (Some(0), Some(358_950), Some(true)),
                "{mt940}"
            );
            let amounts: Vec<i64> = read.entries.iter().map(|entry| entry.amount_fen).collect();
            assert_eq!(amounts, [480_000, 120_050, 1_000], "{mt940}");
            assert_eq!(read.entries[2].remittance.as_deref().map(|text| text.contains("HB-1")), Some(true), "{mt940}");
            let next = account.report(day("2026-03-04"), &mut random).pop().unwrap();
            let document = statement::parse(&next.name, &next.bytes, None, &[], &Limits::default()).unwrap();
            assert_eq!(document.statements[0].opening_fen, Some(358_950), "{mt940}: each begins where the last ended");
            // Days without a booking are days of a statement all the same.
            account.book(Booking { at: instant(day("2026-03-09"), 9, 5), ..booking(9, true, 100) });
            let week = account.report(day("2026-03-10"), &mut random).pop().unwrap();
            let document = statement::parse(&week.name, &week.bytes, None, &[], &Limits::default()).unwrap();
            assert_eq!(document.statements[0].opening_on, Some(day("2026-03-05")), "{mt940}: from the day after");
        }
    }
}
