//! What one row of an export says.

use chrono::NaiveDate;

use super::{
    super::{
        error::{Place, StatementError},
        layout::ColumnRole as Role,
        model::{Direction, Entry, Limits, RefSource},
        settle::Origin,
        values::{AMOUNT_MEND, at_beijing, currency_code, loose_date, loose_time, minor_digits, shorten},
    },
    cells::{Side, amount, filled, flagged, side},
    columns::Columns,
};

/// How a row's amount was written, which decides what its sign means once all rows are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// In a credit or debit column, or beside a direction.
    Sided { negative: bool },
    /// The sign is the direction.
    Signed,
}

/// A booking before its section is settled.
#[derive(Debug)]
pub(super) struct Row {
    pub entry: Entry,
    pub origin: Origin,
    pub written: Written,
    pub account: Option<String>,
    pub currency: Option<String>,
    /// The balance cell is filled but no number (masked).
    pub balance_unreadable: bool,
    /// The value date as written, when it does not exist.
    pub bad_value_date: Option<String>,
    /// A wallet's state that says the payment did not go through.
    pub status: Option<String>,
}

/// Why a dated row is no booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skip {
    Neutral,
    Zero,
}

/// What a row is.
pub(super) enum Parsed {
    Entry(Box<Row>),
    /// Totals of the credit and the debit column.
    Totals((Option<i64>, Option<i64>)),
    /// A balance brought forward, or the balance at the end.
    Balance {
        opening: bool,
        fen: String,
    },
    Skip(Skip),
    /// Small print, a page number, a head block.
    Other,
}

/// What is wrong with a row, and in which column.
pub(super) struct RowFault {
    column: Option<String>,
    rule: &'static str,
    problem: (String, String),
    mend: (&'static str, &'static str),
}

impl RowFault {
    pub(super) fn column(&self) -> Option<String> {
        self.column.clone()
    }

    pub(super) fn at(&self, place: Place) -> StatementError {
        StatementError::new(place, self.rule, self.problem.clone(), self.mend)
    }
}

/// A row under its header.
struct Cells<'a, S> {
    columns: &'a Columns,
    cells: &'a [S],
}

impl<S: AsRef<str>> Cells<'_, S> {
    fn raw(&self, role: Role) -> &str {
        self.columns.index(role).and_then(|index| self.cells.get(index)).map_or("", AsRef::as_ref)
    }

    fn text(&self, role: Role) -> Option<String> {
        filled(self.raw(role))
    }

    fn amount(&self, role: Role, digits: u32) -> Result<Option<i64>, RowFault> {
        let raw = self.raw(role);
        amount(raw, self.columns.in_fen(role), digits).map_err(|fault| RowFault {
            column: self.columns.name(role),
            rule: "AMOUNT",
            problem: fault.problem(raw.trim()),
            mend: AMOUNT_MEND,
        })
    }

    fn fault(&self, role: Role, rule: &'static str, zh: &str, en: &str) -> RowFault {
        let shown = shorten(self.raw(role).trim()).into_owned();
        RowFault {
            column: self.columns.name(role),
            rule,
            problem: (format!("「{shown}」{zh}"), format!("\"{shown}\" {en}")),
            mend: ("请对照原始明细更正该行", "correct the row after the bank's original"),
        }
    }
}

/// Reads one row under its header.
pub(super) fn parse<S: AsRef<str>>(columns: &Columns, cells: &[S], limits: &Limits) -> Result<Parsed, RowFault> {
    let row = Cells { columns, cells };
    let date_text = row.raw(Role::Date).trim();
    let Some((booked_on, time)) = loose_date(date_text) else {
        return undated(&row);
    };
    if let Some(balance) = carried(&row) {
        return Ok(balance);
    }
    let currency = currency_of(&row);
    let digits = currency.as_deref().map_or(2, minor_digits);
    let (direction, magnitude, written) = match movement(&row, digits)? {
        Ok(movement) => movement,
        Err(skip) => return Ok(Parsed::Skip(skip)),
    };
    let balance = amount(row.raw(Role::Balance), columns.in_fen(Role::Balance), digits);
    let time = time.or_else(|| columns.time_is_of_date().then(|| time_of(&row, booked_on)).flatten());
    let value_text = row.text(Role::ValueDate);
    let value_on = value_text.as_deref().and_then(loose_date).map(|(day, _)| day);
    let serial = row.text(Role::Serial);
    if serial.as_ref().is_some_and(|serial| serial.chars().count() > SERIAL_MAX) {
        return Err(row.fault(Role::Serial, "REF_LENGTH", "作为流水号过长", "is too long for a reference"));
    }
    let origin = if serial.is_some() { Origin::Assigned } else { Origin::Absent };
    let entry = Entry {
        bank_ref: serial.unwrap_or_default(),
        ref_source: RefSource::Bank,
        seq: 0,
        booked_on,
        booked_at: time.and_then(|time| at_beijing(booked_on.and_time(time))),
        value_on,
        direction,
        amount_fen: magnitude,
        reversal: columns.has(Role::Reversal) && flagged(row.raw(Role::Reversal)),
        counterparty_name: row.text(Role::CounterpartyName),
        counterparty_account: row.text(Role::CounterpartyAccount),
        remittance: remittance(&row, limits),
        balance_after_fen: balance.as_ref().ok().copied().flatten(),
        kind: None,
    };
    Ok(Parsed::Entry(Box::new(Row {
        entry,
        origin,
        written,
        account: row.text(Role::OwnAccount),
        currency,
        balance_unreadable: balance.is_err(),
        bad_value_date: value_text.filter(|_| value_on.is_none()),
        status: row.text(Role::Status).filter(|status| failed(status)),
    })))
}

/// A bank's reference is never longer than this many characters.
const SERIAL_MAX: usize = 128;

fn failed(status: &str) -> bool {
    ["关闭", "失败", "撤销", "已取消"].iter().any(|word| status.contains(word))
}

/// A row without a date: totals, a balance, small print; with an amount it is a booking that cannot be read.
fn undated<S: AsRef<str>>(row: &Cells<'_, S>) -> Result<Parsed, RowFault> {
    let first = row.cells.iter().filter_map(|cell| filled(cell.as_ref())).next().unwrap_or_default();
    if let Some(balance) = carried(row) {
        return Ok(balance);
    }
    if ["合计", "总计", "小计", "累计", "共计", "本页", "汇总"].iter().any(|word| first.contains(word)) {
        let whole = !["小计", "本页", "累计"].iter().any(|word| first.contains(word));
        let total = |role| row.amount(role, 2).ok().flatten();
        return Ok(if whole { Parsed::Totals((total(Role::Credit), total(Role::Debit))) } else { Parsed::Other });
    }
    let filled_amount = |role| row.columns.has(role) && matches!(row.amount(role, 2), Ok(Some(minor)) if minor != 0);
    if [Role::Credit, Role::Debit, Role::Amount].into_iter().any(filled_amount) {
        return Err(row.fault(Role::Date, "BOOKING_DATE", "不是有效的日期", "is not a possible date"));
    }
    Ok(Parsed::Other)
}

/// 期初余额, 承前页: a row that gives a balance and moves nothing.
fn carried<S: AsRef<str>>(row: &Cells<'_, S>) -> Option<Parsed> {
    let empty = |role| !matches!(row.amount(role, 2), Ok(Some(minor)) if minor != 0);
    if !row.columns.has(Role::Balance) || ![Role::Credit, Role::Debit, Role::Amount].into_iter().all(empty) {
        return None;
    }
    let says = |words: &[&str]| {
        row.cells.iter().any(|cell| filled(cell.as_ref()).is_some_and(|text| words.contains(&text.as_str())))
    };
    let opening = says(&["期初余额", "上期余额", "承前余额", "承前页", "上期结余", "期初"]);
    if !opening && !says(&["期末余额", "本期余额", "本期结余", "期末"]) {
        return None;
    }
    Some(Parsed::Balance { opening, fen: row.text(Role::Balance)? })
}

fn currency_of<S: AsRef<str>>(row: &Cells<'_, S>) -> Option<String> {
    currency_code(row.raw(Role::Currency))
}

type Movement = (Direction, i64, Written);

/// The direction and the magnitude of the row's amount, or why it moves nothing.
fn movement<S: AsRef<str>>(row: &Cells<'_, S>, digits: u32) -> Result<Result<Movement, Skip>, RowFault> {
    let sided = |direction, minor: i64| Ok(Ok((direction, minor.abs(), Written::Sided { negative: minor < 0 })));
    let credit = row.amount(Role::Credit, digits)?.filter(|minor| *minor != 0);
    let debit = row.amount(Role::Debit, digits)?.filter(|minor| *minor != 0);
    match (credit, debit) {
        (Some(_), Some(_)) => {
            let (zh, en) = ("与另一方向的金额同时出现", "stands beside an amount of the other direction");
            return Err(row.fault(Role::Credit, "BOTH_SIDES", zh, en));
        }
        (Some(minor), None) => return sided(Direction::Credit, minor),
        (None, Some(minor)) => return sided(Direction::Debit, minor),
        (None, None) => {}
    }
    if !row.columns.has(Role::Amount) {
        return Ok(Err(Skip::Zero));
    }
    let minor = row.amount(Role::Amount, digits)?.unwrap_or(0);
    if row.columns.has(Role::Direction) {
        let side = side(row.raw(Role::Direction))
            .ok_or_else(|| row.fault(Role::Direction, "DIRECTION", "不是收支方向", "is no direction"))?;
        return match side {
            Side::Neutral => Ok(Err(Skip::Neutral)),
            Side::Moves(_) if minor == 0 => Ok(Err(Skip::Zero)),
            Side::Moves(direction) => sided(direction, minor),
        };
    }
    if minor == 0 {
        return Ok(Err(Skip::Zero));
    }
    let incoming = (minor > 0) != row.columns.is_card_bill();
    Ok(Ok((if incoming { Direction::Credit } else { Direction::Debit }, minor.abs(), Written::Signed)))
}

/// The time of day in a column of its own; one that carries a date too must be of the booking day.
fn time_of<S: AsRef<str>>(row: &Cells<'_, S>, booked_on: NaiveDate) -> Option<chrono::NaiveTime> {
    let text = row.raw(Role::Time);
    match loose_date(text) {
        Some((day, time)) if day == booked_on => time,
        Some(_) => None,
        None => loose_time(text),
    }
}

/// The remark columns, each text once.
fn remittance<S: AsRef<str>>(row: &Cells<'_, S>, limits: &Limits) -> Option<String> {
    let mut texts: Vec<String> = Vec::new();
    for text in row.columns.remarks().iter().filter_map(|index| filled(row.cells.get(*index)?.as_ref())) {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    let joined = texts.join(" ");
    (!joined.is_empty() && joined.len() <= limits.max_field_bytes.saturating_mul(4)).then_some(joined)
}
