//! Judges the rows of a sheet.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::{
    cells,
    header::{Field, Header},
};
use crate::{
    institutions::{
        import::{ImportError, Limits, Sheet, day, plain, sheets},
        report::Line,
    },
    kernel::{Fen, Private},
    ledger::{
        commands::{contracts::NewContract, payments::NewPayment},
        model::{Basis, Channel, Product, Terms},
    },
};

/// A row that is a contract, with the payment on it that the same row tells.
#[derive(Debug, Clone)]
pub struct ContractRow {
    /// As the spreadsheet counts, from 1.
    pub row: u32,
    pub contract: NewContract,
    pub payment: Option<NewPayment>,
}

/// A row that is one pupil's part in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LessonRow {
    pub row: u32,
    pub contract_no: String,
    pub ended_at: DateTime<Utc>,
    pub units: u32,
}

/// A sheet, read and judged.
#[derive(Debug, Clone)]
pub struct Read<T> {
    pub header: Header,
    pub rows: Vec<T>,
    /// Why rows are refused.
    pub rejected: Vec<Line>,
}

impl<T> Read<T> {
    /// A line about a row's field.
    pub fn line(&self, row: u32, field: Option<Field>, rule: &str, zh: &str, en: &str) -> Line {
        let column = field.map_or("*", |field| self.header.label(field));
        line(row, column, rule, zh, en)
    }
}

fn line(row: u32, column: &str, rule: &str, zh: &str, en: &str) -> Line {
    Line { row, column: column.to_owned(), rule: rule.to_owned(), message_zh: zh.to_owned(), message_en: en.to_owned() }
}

/// Most lines of a report: whoever has so many mends the sheet as a whole.
const REJECTED_MAX: usize = 500;

const CONTRACT: [Field; 9] = [
    Field::Subject,
    Field::Basis,
    Field::Pupil,
    Field::SignedOn,
    Field::Price,
    Field::UnitsBought,
    Field::FirstLessonOn,
    Field::LastLessonOn,
    Field::ContractNo,
];
const PAYMENT: [Field; 4] = [Field::ReceiptNo, Field::PaidAt, Field::Amount, Field::Channel];

/// The sheet with the best header, and that header.
fn open(file_name: &str, bytes: &[u8], limits: &Limits, required: &[Field]) -> Result<(Header, Sheet), ImportError> {
    let named = |rows: &[(u32, Vec<String>)]| Header::find(rows).map_or(0, |header| header.fields());
    let sheets = sheets(file_name, bytes, limits, named)?;
    let looked_at = sheets.iter().map(|sheet| sheet.rows.len().min(30)).max().unwrap_or(0);
    if looked_at == 0 {
        return Err(ImportError::Empty);
    }
    let found = sheets.into_iter().filter_map(|sheet| Some((Header::find(&sheet.rows)?, sheet)));
    let best = found.reduce(|best, next| if next.0.fields() > best.0.fields() { next } else { best });
    let (header, sheet) = best.ok_or(ImportError::NoHeader { looked_at })?;
    let columns: Vec<&'static str> =
        required.iter().filter(|field| !header.has(**field)).map(|field| field.label()).collect();
    if !columns.is_empty() {
        let row = sheet.rows.get(header.at).map_or(0, |(number, _)| *number);
        return Err(ImportError::MissingColumns { row, columns });
    }
    Ok((header, sheet))
}

/// What is wrong with the cells of one row.
struct Judge<'s> {
    row: u32,
    header: &'s Header,
    cells: &'s [String],
    lines: Vec<Line>,
}

impl Judge<'_> {
    fn cell(&self, field: Field) -> &str {
        self.header.cell(field, self.cells)
    }

    fn is_empty(&self, field: Field) -> bool {
        plain(self.cell(field)).is_empty()
    }

    fn refuse(&mut self, field: Field, rule: &str, zh: &str, en: &str) {
        let column = self.header.label(field).to_owned();
        let (zh, en) = (format!("{column}{zh}"), format!("{column} {en}"));
        self.lines.push(line(self.row, &column, rule, &zh, &en));
    }

    /// A cell that must be filled in and read.
    fn required<T>(
        &mut self,
        field: Field,
        read: impl Fn(&str) -> Option<T>,
        rule: &str,
        zh: &str,
        en: &str,
    ) -> Option<T> {
        if self.is_empty(field) {
            self.refuse(field, "REQUIRED_EMPTY", "必填，但为空；请填写", "is required but empty; fill it in");
            return None;
        }
        let value = read(self.cell(field));
        if value.is_none() {
            self.refuse(field, rule, zh, en);
        }
        value
    }

    /// A cell that may be empty.
    fn optional<T>(
        &mut self,
        field: Field,
        read: impl Fn(&str) -> Option<T>,
        absent: T,
        rule: &str,
        zh: &str,
        en: &str,
    ) -> Option<T> {
        if self.is_empty(field) { Some(absent) } else { self.required(field, read, rule, zh, en) }
    }

    fn text(&mut self, field: Field) -> Option<String> {
        self.required(field, |cell| Some(plain(cell)), "", "", "")
    }

    fn date(&mut self, field: Field) -> Option<NaiveDate> {
        self.required(
            field,
            |cell| day(&plain(cell)),
            "DATE_IMPOSSIBLE",
            "不是可以识别的日期，请写成 2025-12-31",
            "is not a date that can be read; write it like 2025-12-31",
        )
    }

    fn amount(&mut self, field: Field) -> Option<Fen> {
        self.required(
            field,
            cells::money,
            "BAD_NUMBER",
            "不是金额（元），例如 4800.00",
            "is not an amount in yuan, such as 4800.00",
        )
    }

    fn number(&mut self, field: Field, absent: Option<u32>) -> Option<u32> {
        let (zh, en) = ("不是整数；请只填数字", "is not a whole number; write digits only");
        match absent {
            Some(absent) => self.optional(field, cells::count, absent, "BAD_NUMBER", zh, en),
            None => self.required(field, cells::count, "BAD_NUMBER", zh, en),
        }
    }

    fn yes(&mut self, field: Field) -> Option<bool> {
        self.optional(field, cells::yes, false, "YES_OR_NO", "请填是或否", "must be 是 or 否")
    }
}

/// Reads contracts with their payments. `already_taken`: they have been signed and paid.
pub fn contracts(
    file_name: &str,
    bytes: &[u8],
    limits: &Limits,
    already_taken: bool,
) -> Result<Read<ContractRow>, ImportError> {
    let (header, sheet) = open(file_name, bytes, limits, &CONTRACT)?;
    let mut read = Read { header: header.clone(), rows: Vec::new(), rejected: Vec::new() };
    let mut known: HashMap<String, NewContract> = HashMap::new();
    for (number, cells) in sheet.rows.iter().skip(header.at + 1) {
        let mut judge = Judge { row: *number, header: &header, cells, lines: Vec::new() };
        let contract_no = plain(judge.cell(Field::ContractNo));
        let has_payment = PAYMENT.iter().any(|field| !judge.is_empty(*field));
        // A further payment leaves what the contract is empty.
        let bare = CONTRACT.iter().all(|field| *field == Field::ContractNo || judge.is_empty(*field));
        let contract = match known.get(&contract_no).filter(|_| bare && has_payment) {
            Some(contract) => Some(contract.clone()),
            None => contract(&mut judge, already_taken),
        };
        let payment = if has_payment { payment(&mut judge, already_taken).map(Some) } else { Some(None) };
        if let (Some(contract), Some(payment), true) = (contract, payment, judge.lines.is_empty()) {
            known.entry(contract_no).or_insert_with(|| contract.clone());
            read.rows.push(ContractRow { row: *number, contract, payment });
        }
        read.rejected.append(&mut judge.lines);
        if read.rejected.len() > REJECTED_MAX {
            break;
        }
    }
    if read.rows.is_empty() && read.rejected.is_empty() { Err(ImportError::Empty) } else { Ok(read) }
}

fn contract(judge: &mut Judge<'_>, already_taken: bool) -> Option<NewContract> {
    let contract_no = judge.text(Field::ContractNo);
    let subject = judge.text(Field::Subject);
    let pupil = judge.text(Field::Pupil);
    let basis = judge.required(
        Field::Basis,
        |cell| cells::word(cell, Basis::zh),
        "UNKNOWN_BASIS",
        "请填按课时、按时间，或课时和时间都约定",
        "must be 按课时, 按时间 or 课时和时间都约定",
    );
    let product = judge.optional(
        Field::Product,
        |cell| cells::word(cell, Product::zh),
        Product::Course,
        "UNKNOWN_PRODUCT",
        "请填课程、充值、次卡、会员卡、定金或押金、团购券",
        "must be 课程, 充值, 次卡, 会员卡, 定金或押金 or 团购券",
    );
    let course_id = judge.optional(
        Field::CourseId,
        |cell| plain(cell).parse::<i64>().ok().map(Some),
        None,
        "BAD_NUMBER",
        "不是课程备案编号；请只填数字",
        "is not the number of a course filing; write digits only",
    );
    let (signed_on, first, last) =
        (judge.date(Field::SignedOn), judge.date(Field::FirstLessonOn), judge.date(Field::LastLessonOn));
    let price = judge.amount(Field::Price);
    let materials = if judge.is_empty(Field::Materials) { Some(Fen::ZERO) } else { judge.amount(Field::Materials) };
    let (bought, gifted) = (judge.number(Field::UnitsBought, None), judge.number(Field::UnitsGifted, Some(0)));
    let instalments = judge.number(Field::Instalments, Some(1));
    let is_renewal = judge.yes(Field::Renewal);
    let terms = Terms { price: price?, materials: materials?, units_bought: bought?, units_gifted: gifted? };
    Some(NewContract {
        contract_no: contract_no?,
        course_id: course_id?,
        subject: subject?,
        product: product?,
        basis: basis?,
        pupil: Private::new(pupil?),
        guardian_phone: Private::new(plain(judge.cell(Field::GuardianPhone))),
        signed_on: signed_on?,
        is_renewal: is_renewal?,
        terms,
        instalments: instalments?,
        first_lesson_on: first?,
        last_lesson_on: last?,
        already_taken,
    })
}

fn payment(judge: &mut Judge<'_>, already_taken: bool) -> Option<NewPayment> {
    let receipt_no = judge.text(Field::ReceiptNo);
    let paid_at = judge.required(
        Field::PaidAt,
        cells::instant_or_day,
        "DATE_IMPOSSIBLE",
        "不是可以识别的日期或时间，请写成 2026-02-10 或 2026-02-10 10:05",
        "is not a day or time that can be read; write it like 2026-02-10 or 2026-02-10 10:05",
    );
    let amount = judge.amount(Field::Amount);
    let channel = judge.required(
        Field::Channel,
        |cell| cells::word(cell, Channel::zh),
        "UNKNOWN_CHANNEL",
        "请填银行转账、微信、支付宝、刷卡、现金、贷款或分期、其他",
        "must be 银行转账, 微信, 支付宝, 刷卡, 现金, 贷款或分期 or 其他",
    );
    let payee_is_person = judge.yes(Field::PayeeIsPerson);
    Some(NewPayment {
        receipt_no: receipt_no?,
        paid_at: paid_at?,
        amount: amount?,
        channel: channel?,
        payee_account: Private::new(plain(judge.cell(Field::Payee))),
        payee_is_person: payee_is_person?,
        already_taken,
    })
}

/// Reads lessons: one row a pupil and session.
pub fn lessons(file_name: &str, bytes: &[u8], limits: &Limits) -> Result<Read<LessonRow>, ImportError> {
    let (header, sheet) = open(file_name, bytes, limits, &[Field::ContractNo, Field::EndedAt])?;
    let mut read = Read { header: header.clone(), rows: Vec::new(), rejected: Vec::new() };
    for (number, cells) in sheet.rows.iter().skip(header.at + 1) {
        let mut judge = Judge { row: *number, header: &header, cells, lines: Vec::new() };
        let contract_no = judge.text(Field::ContractNo);
        let ended_at = judge.required(
            Field::EndedAt,
            cells::instant,
            "TIME_IMPOSSIBLE",
            "不是可以识别的时间，请写成 2026-03-16 19:00",
            "is not a time that can be read; write it like 2026-03-16 19:00",
        );
        let units = judge.number(Field::Units, Some(1));
        if let (Some(contract_no), Some(ended_at), Some(units)) = (contract_no, ended_at, units) {
            read.rows.push(LessonRow { row: *number, contract_no, ended_at, units });
        }
        read.rejected.append(&mut judge.lines);
        if read.rejected.len() > REJECTED_MAX {
            break;
        }
    }
    if read.rows.is_empty() && read.rejected.is_empty() { Err(ImportError::Empty) } else { Ok(read) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "合同编号,学员姓名,监护人电话,科目,收费方式,签订日期,合同金额（元）,购买课时,赠送课时,首课日期,末课日期,票据号,收款时间,收款金额,收款方式\n";

    fn read(rows: &str) -> Read<ContractRow> {
        contracts("a.csv", format!("{HEADER}{rows}").as_bytes(), &Limits::default(), false).unwrap()
    }

    #[test]
    fn a_row_is_a_contract_with_its_payment_and_a_further_payment_needs_its_number_alone() {
        let read = read(
            "HT-1,王小明,13800000000,初中数学,按课时,2026-02-10,\"9,600.00\",120,,2026-03-01,2026-08-31,SJ-1,2026-02-10 10:05,4800,微信\n\
             HT-1,,,,,,,,,,,SJ-2,2026-05-10,4800,银行转账\n\
             HT-2,李小红,,初中英语,units,2026/2/11,4800元,40,8,2026-03-01,2026-05-31,,,,\n",
        );
        assert!(read.rejected.is_empty(), "{:?}", read.rejected);
        let [first, second, third] = &read.rows[..] else { panic!("{:?}", read.rows) };
        assert_eq!((first.contract.terms.price, first.contract.terms.units()), (Fen(960_000), 120));
        assert_eq!(first.payment.as_ref().unwrap().channel, Channel::Wechat);
        assert_eq!((second.row, second.contract.pupil.expose()), (3, "王小明"));
        assert_eq!(second.payment.as_ref().unwrap().paid_at, "2026-05-09T16:00:00Z".parse::<DateTime<Utc>>().unwrap());
        assert_eq!((third.contract.terms.units(), third.payment.is_none()), (48, true));
    }

    #[test]
    fn a_row_that_cannot_be_read_names_its_cells() {
        let read = read(
            "HT-1,,13800000000,初中数学,随便,2026-02-30,一万,120,,2026-03-01,2026-08-31,SJ-1,昨天,,微信\n\
             HT-2,,,,,,,,,,,SJ-2,2026-05-10,4800,银行转账\n",
        );
        let told: Vec<(u32, &str, &str)> =
            read.rejected.iter().map(|line| (line.row, line.column.as_str(), line.rule.as_str())).collect();
        assert_eq!(
            told[..6],
            [
                (2, "学员姓名", "REQUIRED_EMPTY"),
                (2, "收费方式", "UNKNOWN_BASIS"),
                (2, "签订日期", "DATE_IMPOSSIBLE"),
                (2, "合同金额（元）", "BAD_NUMBER"),
                (2, "收款时间", "DATE_IMPOSSIBLE"),
                (2, "收款金额", "REQUIRED_EMPTY"),
            ]
        );
        assert!(told[6..].iter().all(|(row, ..)| *row == 3) && told.len() > 6, "nothing tells what HT-2 is: {told:?}");
        assert!(read.rows.is_empty());
    }

    #[test]
    fn a_sheet_without_what_is_needed_says_which_columns() {
        let refused = contracts("a.csv", "合同编号,学员姓名\nHT-1,王小明\n".as_bytes(), &Limits::default(), false);
        let Err(ImportError::MissingColumns { row: 1, columns }) = refused else { panic!("{refused:?}") };
        assert!(columns.contains(&"合同金额") && !columns.contains(&"学员姓名"), "{columns:?}");
        assert!(matches!(lessons("a.csv", b"a,b\n1,2\n", &Limits::default()), Err(ImportError::NoHeader { .. })));
    }

    #[test]
    fn lessons_are_a_number_a_time_and_units() {
        let sheet = "合同编号;下课时间;课时\nHT-1;2026-03-16 19:00;2\nHT-2;2026-03-16 19:00;\nHT-3;2026-03-16;1\n";
        let read = lessons("a.csv", sheet.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(
            read.rows.iter().map(|row| (row.contract_no.as_str(), row.units)).collect::<Vec<_>>(),
            [("HT-1", 2), ("HT-2", 1)]
        );
        assert_eq!(read.rejected[0].rule, "TIME_IMPOSSIBLE");
    }
}
