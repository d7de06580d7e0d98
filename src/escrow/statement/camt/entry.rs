//! What a camt entry and a camt balance mean, once their elements are read.

use std::borrow::Cow;

use crate::escrow::statement::{
    error::{Place, StatementError},
    model::{Direction, Entry, RefSource, Statement},
    settle::{Draft, Origin},
    values::{AMOUNT_MEND, AmountFault, Currency, iso_date, iso_instant, minor_digits, minor_units, shorten, tidy},
};

/// The text of an `Amt` and its `Ccy`.
#[derive(Debug, Default)]
pub(super) struct Amount<'a> {
    pub text: Cow<'a, str>,
    pub currency: Option<Currency>,
}

impl Amount<'_> {
    /// In minor units of its own currency, else of the statement's.
    fn minor(&self, statement: &Statement) -> Result<i64, AmountFault> {
        let currency = self.currency.as_ref().map(Currency::as_str).or(statement.currency.as_deref());
        minor_units(self.text.trim(), b'.', currency.map_or(2, minor_digits))
    }
}

/// What is wrong with an entry or a balance; the reader adds where.
#[derive(Debug)]
pub(super) struct Fault {
    rule: &'static str,
    problem: (String, String),
    mend: (&'static str, &'static str),
}

impl Fault {
    fn amount(fault: AmountFault, text: &str) -> Fault {
        Fault { rule: "AMOUNT", problem: fault.problem(text.trim()), mend: AMOUNT_MEND }
    }

    fn missing(element: &str) -> Fault {
        Fault {
            rule: "MISSING",
            problem: (format!("缺少元素 {element} 或其内容无效"), format!("{element} is missing or not valid")),
            mend: ("请向银行索取更正后的文件", "ask the bank for a corrected file"),
        }
    }

    pub(super) fn at(self, place: Place) -> StatementError {
        StatementError::new(place, self.rule, self.problem, self.mend)
    }
}

fn direction(indicator: &str) -> Option<Direction> {
    match indicator.trim() {
        "CRDT" => Some(Direction::Credit),
        "DBIT" => Some(Direction::Debit),
        _ => None,
    }
}

/// A `Bal` element.
#[derive(Debug, Default)]
pub(super) struct Balance<'a> {
    pub kind: Cow<'a, str>,
    pub amount: Option<Amount<'a>>,
    pub indicator: Cow<'a, str>,
    pub on: Option<chrono::NaiveDate>,
}

impl Balance<'_> {
    /// Enters the balance into its statement: `OPBD` opens, `PRCD` stands in for it, `CLBD` closes, others pass.
    pub(super) fn settle(&self, statement: &mut Statement) -> Result<(), Fault> {
        let kind = self.kind.trim();
        if !matches!(kind, "OPBD" | "PRCD" | "CLBD") {
            return Ok(());
        }
        let amount = self.amount.as_ref().ok_or_else(|| Fault::missing("Bal/Amt"))?;
        let magnitude = amount.minor(statement).map_err(|fault| Fault::amount(fault, &amount.text))?;
        let fen = match direction(&self.indicator).unwrap_or(Direction::Credit) {
            Direction::Credit => magnitude,
            Direction::Debit => -magnitude,
        };
        match kind {
            "CLBD" => (statement.closing_fen, statement.closing_on) = (Some(fen), self.on),
            "PRCD" if statement.opening_fen.is_some() => {}
            _ => (statement.opening_fen, statement.opening_on) = (Some(fen), self.on),
        }
        Ok(())
    }

    /// The currency that the balance is written in.
    pub(super) fn currency(&self) -> Option<Currency> {
        self.amount.as_ref()?.currency
    }
}

/// A `TxDtls` element.
#[derive(Debug, Default)]
pub(super) struct Detail<'a> {
    pub servicer_ref: Cow<'a, str>,
    pub transaction_id: Cow<'a, str>,
    pub end_to_end_id: Cow<'a, str>,
    pub amount: Option<Amount<'a>>,
    pub transaction_amount: Option<Amount<'a>>,
    pub indicator: Cow<'a, str>,
    pub debtor: Cow<'a, str>,
    pub debtor_account: Cow<'a, str>,
    pub creditor: Cow<'a, str>,
    pub creditor_account: Cow<'a, str>,
    pub unstructured: Cow<'a, str>,
    pub structured: Cow<'a, str>,
    pub additional: Cow<'a, str>,
}

impl Detail<'_> {
    /// The amount in the entry's currency, in minor units.
    fn minor_in(&self, currency: Option<&str>) -> Option<i64> {
        [&self.amount, &self.transaction_amount].into_iter().flatten().find_map(|amount| {
            let own = amount.currency.as_ref().map(Currency::as_str).or(currency);
            if own != currency {
                return None;
            }
            minor_units(amount.text.trim(), b'.', own.map_or(2, minor_digits)).ok().filter(|minor| *minor > 0)
        })
    }
}

/// An `Ntry` element.
#[derive(Debug, Default)]
pub(super) struct RawEntry<'a> {
    pub line: u32,
    pub amount: Option<Amount<'a>>,
    pub indicator: Cow<'a, str>,
    pub reversal: bool,
    pub status: Cow<'a, str>,
    pub booked: Option<Cow<'a, str>>,
    pub value: Option<Cow<'a, str>>,
    pub servicer_ref: Cow<'a, str>,
    pub entry_ref: Cow<'a, str>,
    pub additional: Cow<'a, str>,
    pub details: Vec<Detail<'a>>,
}

/// One part of an entry: its direction, its amount, and which detail it is told by.
type Part = (Direction, i64, Option<usize>);

impl RawEntry<'_> {
    /// Empties the entry for the next one, which begins on `line`.
    pub(super) fn reset(&mut self, line: u32) {
        let mut details = std::mem::take(&mut self.details);
        details.clear();
        *self = RawEntry { line, details, ..RawEntry::default() };
    }

    /// Enters what the element means into its statement: nothing when it is not booked, one entry per detail when
    /// their amounts add up, else one entry.
    pub(super) fn settle(&mut self, draft: &mut Draft) -> Result<(), Fault> {
        if !self.is_booked(&mut draft.statement) {
            return Ok(());
        }
        let amount = self.amount.as_ref().ok_or_else(|| Fault::missing("Ntry/Amt"))?;
        let minor = amount.minor(&draft.statement).map_err(|fault| Fault::amount(fault, &amount.text))?;
        let direction = direction(&self.indicator).ok_or_else(|| Fault::missing("Ntry/CdtDbtInd"))?;
        if minor == 0 {
            draft.statement.skipped.info += 1;
            draft.statement.note(
                Place::Line(self.line.into()),
                "ZERO_AMOUNT",
                "金额为零的条目已略去。".to_owned(),
                "An entry of amount zero is left out.".to_owned(),
            );
            return Ok(());
        }
        let currency = amount.currency;
        self.note_currency(currency.as_ref().map(Currency::as_str), &mut draft.statement);
        let common = self.common(direction, minor, &mut draft.statement)?;
        let currency = currency.as_ref().map(Currency::as_str).or(draft.statement.currency.as_deref());
        let parts = self.parts(direction, minor, currency);
        let split = parts.len() > 1;
        let first = draft.statement.entries.len();
        for (direction, amount_fen, detail) in parts {
            let mut entry = Entry { direction, amount_fen, ..common.clone() };
            let detail = detail.and_then(|index| self.details.get(index));
            let (bank_ref, origin) = self.reference(detail, split);
            entry.bank_ref = bank_ref;
            self.describe(&mut entry, detail);
            draft.push(entry, self.line, origin);
        }
        if split {
            number_shared(draft, first);
        }
        Ok(())
    }

    fn is_booked(&self, statement: &mut Statement) -> bool {
        match self.status.trim() {
            "BOOK" | "" => return true,
            "INFO" => statement.skipped.info += 1,
            "PDNG" | "FUTR" => statement.skipped.pending += 1,
            other => {
                let shown = shorten(other);
                statement.skipped.pending += 1;
                statement.note(
                    Place::Line(self.line.into()),
                    "STATUS_UNKNOWN",
                    format!("状态「{shown}」不是已记账，已略去。"),
                    format!("The status \"{shown}\" is not booked; the entry is left out."),
                );
            }
        }
        // An account without a currency of its own takes it from its entries, booked or not.
        if statement.currency.is_none() {
            statement.currency = self.amount.as_ref().and_then(|amount| Some(amount.currency?.as_str().to_owned()));
        }
        false
    }

    fn note_currency(&self, currency: Option<&str>, statement: &mut Statement) {
        match (currency, statement.currency.as_deref()) {
            (Some(own), Some(account)) if own != account => {
                let (zh, en) = (
                    format!("条目币种 {own} 与账户币种 {account} 不同，金额按原样计入。"),
                    format!("The entry is in {own}, the account in {account}; its amount is taken as written."),
                );
                statement.note(Place::Line(self.line.into()), "CURRENCY_DIFFERS", zh, en);
            }
            (Some(own), None) => statement.currency = Some(own.to_owned()),
            _ => {}
        }
    }

    /// The fields that all parts of the entry share.
    fn common(&self, direction: Direction, amount_fen: i64, statement: &mut Statement) -> Result<Entry, Fault> {
        let value = self.value.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let value_on = value.and_then(|text| {
            if text.len() > 10 {
                iso_instant(text).map(|at| at.date_naive()).or_else(|| iso_date(text))
            } else {
                iso_date(text)
            }
        });
        if let (Some(text), None) = (value, value_on) {
            let shown = shorten(text);
            statement.note(
                Place::Line(self.line.into()),
                "VALUE_DATE",
                format!("起息日「{shown}」不存在，按空值处理。"),
                format!("The value date \"{shown}\" does not exist; it is given as null."),
            );
        }
        let booked = self.booked.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let booked_at = booked.and_then(iso_instant);
        let booked_on = match booked {
            Some(text) => booked_at.map(|at| at.date_naive()).or_else(|| iso_date(text)),
            // Some banks give the value date only; it is the day that they booked on.
            None => value_on,
        };
        Ok(Entry {
            bank_ref: String::new(),
            ref_source: RefSource::Bank,
            seq: 0,
            booked_on: booked_on.ok_or_else(|| Fault::missing("Ntry/BookgDt"))?,
            booked_at,
            value_on,
            direction,
            amount_fen,
            reversal: self.reversal,
            counterparty_name: None,
            counterparty_account: None,
            remittance: None,
            balance_after_fen: None,
            kind: None,
        })
    }

    /// One part per detail when their amounts add up to the entry's, else one part.
    fn parts(&self, whole: Direction, amount: i64, currency: Option<&str>) -> Vec<Part> {
        let single = || vec![(whole, amount, (!self.details.is_empty()).then_some(0))];
        if self.details.len() < 2 {
            return single();
        }
        let Some(amounts) = self.details.iter().map(|detail| detail.minor_in(currency)).collect::<Option<Vec<i64>>>()
        else {
            return single();
        };
        let sign = |side: Direction| if side == whole { 1 } else { -1 };
        let sides = self.details.iter().map(|detail| direction(&detail.indicator).unwrap_or(whole));
        let signed: i128 = sides.clone().zip(&amounts).map(|(side, amount)| i128::from(*amount) * sign(side)).sum();
        if signed == i128::from(amount) {
            return sides.zip(amounts).enumerate().map(|(index, (side, amount))| (side, amount, Some(index))).collect();
        }
        let plain: i128 = amounts.iter().map(|amount| i128::from(*amount)).sum();
        if plain == i128::from(amount) {
            // The details tell the direction of the original payment; the entry's counts.
            return amounts.into_iter().enumerate().map(|(index, amount)| (whole, amount, Some(index))).collect();
        }
        single()
    }

    fn reference(&self, detail: Option<&Detail<'_>>, split: bool) -> (String, Origin) {
        let of_detail = |pick: fn(&Detail<'_>) -> Option<String>| detail.and_then(pick);
        let own = || of_detail(|detail| tidy(&detail.servicer_ref));
        let entry = || tidy(&self.servicer_ref);
        let assigned = if split { own().or_else(entry) } else { entry().or_else(own) };
        if let Some(reference) = assigned.or_else(|| tidy(&self.entry_ref)) {
            return (reference, Origin::Assigned);
        }
        let quoted = of_detail(|detail| tidy(&detail.transaction_id))
            .or_else(|| of_detail(|detail| tidy(&detail.end_to_end_id)).filter(|id| id != "NOTPROVIDED"));
        match quoted {
            Some(reference) => (reference, Origin::Quoted),
            None => (String::new(), Origin::Absent),
        }
    }

    /// The counterparty is the debtor of what came in and the creditor of what went out; a reversal keeps the roles of
    /// the payment that it takes back.
    fn describe(&self, entry: &mut Entry, detail: Option<&Detail<'_>>) {
        if let Some(detail) = detail {
            let paid_in = (entry.direction == Direction::Credit) != entry.reversal;
            let (name, account) = if paid_in {
                (&detail.debtor, &detail.debtor_account)
            } else {
                (&detail.creditor, &detail.creditor_account)
            };
            entry.counterparty_name = tidy(name);
            entry.counterparty_account = tidy(account);
            entry.remittance =
                tidy(&detail.unstructured).or_else(|| tidy(&detail.structured)).or_else(|| tidy(&detail.additional));
        }
        if entry.remittance.is_none() {
            entry.remittance = tidy(&self.additional);
        }
    }
}

/// Numbers the parts of one entry that share a reference: `R#1`, `R#2`, ….
fn number_shared(draft: &mut Draft, first: usize) {
    let entries = &mut draft.statement.entries[first..];
    let mut counts: std::collections::HashMap<String, (u32, u32)> = std::collections::HashMap::new();
    for entry in entries.iter() {
        counts.entry(entry.bank_ref.clone()).or_default().0 += 1;
    }
    for entry in entries.iter_mut().filter(|entry| !entry.bank_ref.is_empty()) {
        if let Some((total, next)) = counts.get_mut(&entry.bank_ref)
            && *total > 1
        {
            *next += 1;
            entry.bank_ref.push_str(&format!("#{next}"));
        }
    }
}
