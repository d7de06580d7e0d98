//! The record form of text exports: `H|…` head, `D|…` lines, `T|…` totals, with amounts in fen and `|` between fields.
//!
//! | record | fields |
//! |---|---|
//! | `H` | day, account, currency, opening, closing, number of lines |
//! | `D` | serial, day and time, `C` or `D`, amount, balance after, counterparty account, counterparty name, remittance |
//! | `T` | credit total, debit total |

use super::{
    super::{
        error::{Place, StatementError},
        model::{Entry, Limits, RefSource},
        settle::{Draft, Origin},
        values::{AMOUNT_MEND, at_beijing, currency_code, loose_date, shorten},
    },
    cells::{Side, amount, filled, side},
    sections::check_sums,
};

/// Whether the first line that is not blank is an `H` record.
pub(super) fn looks_like(text: &str) -> bool {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    first.starts_with("H|") && first.split('|').count() >= 6
}

/// Reads the records; each `H` begins a statement.
pub(super) fn read(text: &str, limits: &Limits) -> Result<Vec<Draft>, StatementError> {
    let mut drafts: Vec<Draft> = Vec::new();
    let mut entries = 0;
    for (line, number) in text.lines().zip(1u32..) {
        let fields: Vec<&str> = line.trim().split('|').collect();
        let record = Record { fields: &fields, number };
        if line.len() > limits.max_field_bytes {
            let what = ("一行的字节数", "bytes of one line");
            return Err(StatementError::over_limit(record.place(), what, limits.max_field_bytes));
        }
        let full = drafts.len() >= limits.max_statements;
        match (fields[0], drafts.last_mut()) {
            ("", _) if fields.len() == 1 => {}
            ("H", _) if full => {
                return Err(StatementError::too_many_statements(record.place(), limits.max_statements));
            }
            ("H", _) => drafts.push(record.head()?),
            ("D", Some(draft)) => {
                entries += 1;
                if entries > limits.max_entries {
                    let what = ("记账条目数", "number of entries");
                    return Err(StatementError::over_limit(record.place(), what, limits.max_entries));
                }
                record.line(draft)?;
            }
            ("T", Some(draft)) => {
                let (credit, debit) = (record.fen(1)?, record.fen(2)?);
                check_sums(&mut draft.statement, &record.place(), credit, debit);
            }
            _ => return Err(record.refuse("RECORD", "不是 H、D、T 记录", "is no H, D or T record")),
        }
    }
    Ok(drafts)
}

struct Record<'a> {
    fields: &'a [&'a str],
    number: u32,
}

impl Record<'_> {
    fn place(&self) -> Place {
        Place::Line(self.number.into())
    }

    fn field(&self, index: usize) -> &str {
        self.fields.get(index).copied().unwrap_or_default()
    }

    fn refuse(&self, rule: &'static str, zh: &str, en: &str) -> StatementError {
        let line = self.fields.join("|");
        let shown = shorten(&line);
        StatementError::new(
            self.place(),
            rule,
            (format!("「{shown}」{zh}"), format!("\"{shown}\" {en}")),
            ("请向银行索取更正后的文件", "ask the bank for a corrected file"),
        )
    }

    fn fen(&self, index: usize) -> Result<Option<i64>, StatementError> {
        let text = self.field(index);
        amount(text, true, 0)
            .map_err(|fault| StatementError::new(self.place(), "AMOUNT", fault.problem(text), AMOUNT_MEND))
    }

    fn head(&self) -> Result<Draft, StatementError> {
        let day = loose_date(self.field(1)).map(|(day, _)| day);
        let day = day.ok_or_else(|| self.refuse("DATE", "没有有效的日期", "has no possible date"))?;
        let mut draft = Draft::default();
        draft.statement.account = filled(self.field(2));
        draft.statement.currency = currency_code(self.field(3));
        draft.statement.opening_fen = self.fen(4)?;
        draft.statement.closing_fen = self.fen(5)?;
        draft.statement.closing_on = draft.statement.closing_fen.map(|_| day);
        Ok(draft)
    }

    fn line(&self, draft: &mut Draft) -> Result<(), StatementError> {
        let (booked_on, time) = loose_date(self.field(2))
            .ok_or_else(|| self.refuse("BOOKING_DATE", "没有有效的日期", "has no possible date"))?;
        let Some(Side::Moves(direction)) = side(self.field(3)) else {
            return Err(self.refuse("DIRECTION", "没有收支方向", "has no direction"));
        };
        let amount_fen = self.fen(4)?.unwrap_or(0);
        if amount_fen < 0 {
            return Err(self.refuse("AMOUNT", "的金额为负", "has a negative amount"));
        }
        if amount_fen == 0 {
            draft.statement.skipped.info += 1;
            let zh = "发生额为零的行已略去。".to_owned();
            draft.statement.note(self.place(), "ZERO_AMOUNT", zh, "A line of amount zero is left out.".to_owned());
            return Ok(());
        }
        let serial = filled(self.field(1));
        let origin = if serial.is_some() { Origin::Assigned } else { Origin::Absent };
        let entry = Entry {
            bank_ref: serial.unwrap_or_default(),
            ref_source: RefSource::Bank,
            seq: 0,
            booked_on,
            booked_at: time.and_then(|time| at_beijing(booked_on.and_time(time))),
            value_on: None,
            direction,
            amount_fen,
            reversal: false,
            counterparty_name: filled(self.field(7)),
            counterparty_account: filled(self.field(6)),
            remittance: filled(self.field(8)),
            balance_after_fen: self.fen(5)?,
            kind: None,
        };
        if draft.statement.opening_on.is_none() {
            draft.statement.opening_on = draft.statement.opening_fen.map(|_| booked_on);
        }
        draft.push(entry, self.number, origin);
        Ok(())
    }
}
