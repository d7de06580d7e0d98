//! A table's rows between its header and its end: booking order, what signs mean, balances, totals.

use std::collections::HashMap;

use super::{
    super::{
        error::Place,
        model::{Direction, Entry, Statement},
        settle::{Draft, Origin},
        values::minor_digits,
    },
    columns::Columns,
    head::Head,
    rows::{Row, Skip, Written},
};

/// What a totals line says of credits and of debits.
pub(super) type Sums = (Option<i64>, Option<i64>);

/// The rows of one account and currency, each with its number.
type Group = (Option<String>, Option<String>, Vec<(Row, u64)>);

/// The account and the currency of a group.
type Ledger = (Option<String>, Option<String>);

/// The rows under one header.
#[derive(Debug, Default)]
pub(super) struct Section {
    pub head: Head,
    /// The row and the credit and debit sums of a totals line.
    pub totals: Option<(u64, Sums)>,
    columns: Option<Columns>,
    sheet: Option<String>,
    rows: Vec<(Row, u64)>,
    neutral: u32,
    zero: Vec<u64>,
}

impl Section {
    pub(super) fn new(head: Head, columns: Columns, sheet: Option<String>) -> Section {
        Section { head, columns: Some(columns), sheet, ..Section::default() }
    }

    pub(super) fn push(&mut self, row: Row, number: u64) {
        self.rows.push((row, number));
    }

    pub(super) fn skip(&mut self, skip: Skip, number: u64) {
        match skip {
            Skip::Neutral => self.neutral += 1,
            Skip::Zero => self.zero.push(number),
        }
    }

    /// The rows so far; what follows is pushed anew.
    pub(super) fn take_rows(&mut self) -> Vec<(Row, u64)> {
        std::mem::take(&mut self.rows)
    }

    /// How many rows moved nothing, and whether there were any without an amount.
    pub(super) fn skipped(&self) -> (u32, bool) {
        (self.neutral, !self.zero.is_empty())
    }

    /// Of rows that name none.
    pub(super) fn currency(&self) -> Option<&str> {
        let chinese = self.columns.as_ref().is_some_and(Columns::is_chinese);
        self.head.currency.as_deref().or(chinese.then_some("CNY"))
    }

    fn place(&self, row: u64) -> Place {
        Place::Cell { sheet: self.sheet.clone(), row, column: None }
    }

    /// One draft per account and currency, in the order in which they first appear; `None` for more than `drafts_max`.
    pub(super) fn finish(mut self, drafts_max: usize) -> Option<Vec<Draft>> {
        settle_signs(&mut self.rows);
        let fallback = self.currency().map(str::to_owned);
        let mut groups: Vec<Group> = Vec::new();
        let mut places: HashMap<Ledger, usize> = HashMap::new();
        for (mut row, number) in std::mem::take(&mut self.rows) {
            let account = row.account.take().or_else(|| self.head.account.clone());
            let currency = row.currency.take().or_else(|| fallback.clone());
            // Rows of one account mostly stand together.
            if let Some(last) = groups.last_mut().filter(|last| last.0 == account && last.1 == currency) {
                last.2.push((row, number));
                continue;
            }
            let place = *places.entry((account.clone(), currency.clone())).or_insert(groups.len());
            match groups.get_mut(place) {
                Some(group) => group.2.push((row, number)),
                None => groups.push((account, currency, vec![(row, number)])),
            }
            if groups.len() > drafts_max {
                return None;
            }
        }
        if groups.is_empty() {
            groups.push((self.head.account.clone(), fallback, Vec::new()));
        }
        if groups.len() > drafts_max {
            return None;
        }
        let single = groups.len() == 1;
        let mut drafts: Vec<Draft> =
            groups.into_iter().map(|(account, currency, rows)| self.draft(account, currency, rows, single)).collect();
        if let Some(draft) = drafts.first_mut() {
            self.note_skipped(&mut draft.statement);
            if single {
                self.check_totals(&mut draft.statement);
            }
        }
        Some(drafts)
    }

    fn draft(
        &self,
        account: Option<String>,
        currency: Option<String>,
        mut rows: Vec<(Row, u64)>,
        single: bool,
    ) -> Draft {
        put_in_order(&mut rows);
        let digits = currency.as_deref().map_or(2, minor_digits);
        let statement =
            Statement { account, currency, statement_ref: self.head.statement_ref.clone(), ..Statement::default() };
        let mut draft = Draft { statement, lines: Vec::with_capacity(rows.len()), sheet: self.sheet.clone() };
        self.balances(&mut draft.statement, &rows, single, digits);
        self.note_rows(&mut draft.statement, &rows);
        for (row, number) in rows {
            let mut origin = row.origin;
            if row.entry.bank_ref.is_empty() {
                origin = Origin::Absent;
            }
            draft.push(row.entry, u32::try_from(number).unwrap_or(u32::MAX), origin);
        }
        draft
    }

    /// Balances of the head block; without them, those that the running balance implies.
    fn balances(&self, statement: &mut Statement, rows: &[(Row, u64)], single: bool, digits: u32) {
        let entry = |row: Option<&(Row, u64)>| {
            row.map(|(row, _)| (row.entry.booked_on, row.entry.balance_after_fen, row.entry.effect_fen()))
        };
        let stated = |text: &Option<String>| if single { Head::minor(text.as_deref(), digits) } else { None };
        let (first, last) = (entry(rows.first()), entry(rows.last()));
        statement.opening_fen =
            stated(&self.head.opening).or_else(|| first.and_then(|(_, balance, effect)| balance?.checked_sub(effect)));
        statement.closing_fen = stated(&self.head.closing).or_else(|| last.and_then(|(_, balance, _)| balance));
        if statement.opening_fen.is_some() {
            statement.opening_on = self.head.from.or(first.map(|(day, ..)| day));
        }
        if statement.closing_fen.is_some() {
            statement.closing_on = self.head.to.or(last.map(|(day, ..)| day));
        }
    }

    /// Notes what single rows and their succession show.
    fn note_rows(&self, statement: &mut Statement, rows: &[(Row, u64)]) {
        let mut before: Option<i64> = statement.opening_fen;
        let mut masked = false;
        for (row, number) in rows {
            let place = self.place(*number);
            if let Some(text) = &row.bad_value_date {
                let (zh, en) = (
                    format!("起息日「{text}」不存在，按空值处理。"),
                    format!("The value date \"{text}\" does not exist; it is given as null."),
                );
                statement.note(&place, "VALUE_DATE", zh, en);
            }
            if let Some(status) = &row.status {
                let (zh, en) = (
                    format!("交易状态为「{status}」，金额可能并未动账。"),
                    format!("The status is \"{status}\"; the money may not have moved."),
                );
                statement.note(&place, "STATUS_NOT_DONE", zh, en);
            }
            if row.balance_unreadable && !masked {
                masked = true;
                let zh = "余额列被遮盖或不是数字，按空值处理。".to_owned();
                let en = "The balance is masked or no number; it is given as null.".to_owned();
                statement.note(&place, "BALANCE_UNREADABLE", zh, en);
            }
            let expected = before.and_then(|before| before.checked_add(row.entry.effect_fen()));
            if let (Some(expected), Some(balance)) = (expected, row.entry.balance_after_fen)
                && expected != balance
            {
                let (zh, en) = (
                    format!("余额不连续：按上一笔应为 {expected} 分，文件为 {balance} 分。"),
                    format!("The running balance does not follow: {expected} fen expected, {balance} fen written."),
                );
                statement.note(&place, "BALANCE_CHAIN", zh, en);
            }
            before = row.entry.balance_after_fen;
        }
    }

    fn note_skipped(&self, statement: &mut Statement) {
        statement.skipped.info += self.neutral + u32::try_from(self.zero.len()).unwrap_or(u32::MAX);
        for row in &self.zero {
            statement.note(
                self.place(*row),
                "ZERO_AMOUNT",
                "没有发生额或发生额为零的行已略去。".to_owned(),
                "A line without an amount, or of amount zero, is left out.".to_owned(),
            );
        }
    }

    /// Compares the totals line with the rows.
    fn check_totals(&self, statement: &mut Statement) {
        let Some((row, (credit, debit))) = self.totals else { return };
        check_sums(statement, &self.place(row), credit, debit);
    }
}

/// Notes where the totals that a file states differ from its lines.
pub(super) fn check_sums(statement: &mut Statement, place: &Place, credit: Option<i64>, debit: Option<i64>) {
    for (stated, direction, name_zh) in [(credit, Direction::Credit, "收入"), (debit, Direction::Debit, "支出")] {
        let of = |entry: &&Entry| entry.direction == direction;
        let sum: i128 = statement.entries.iter().filter(of).map(|entry| i128::from(entry.amount_fen)).sum();
        if let Some(stated) = stated.filter(|stated| i128::from(*stated) != sum) {
            statement.note(
                place,
                "TOTALS_DIFFER",
                format!("{name_zh}合计写为 {stated} 分，逐笔相加为 {sum} 分。"),
                format!("The {direction} total is written as {stated} fen; the lines add up to {sum} fen."),
            );
        }
    }
}

/// A minus beside a direction either only repeats that money went out (then all outgoing amounts have it), or it is a
/// booking in red that takes an earlier one back: then the effect is the opposite one.
fn settle_signs(rows: &mut [(Row, u64)]) {
    let count = |direction: Direction, sign: bool| {
        rows.iter()
            .filter(|(row, _)| row.entry.direction == direction && row.written == Written::Sided { negative: sign })
            .count()
    };
    let repeats =
        count(Direction::Debit, true) > 0 && count(Direction::Debit, false) == 0 && count(Direction::Credit, true) == 0;
    for (row, _) in rows {
        if !repeats && row.written == (Written::Sided { negative: true }) {
            row.entry.direction = row.entry.direction.opposite();
            row.entry.reversal = true;
        }
    }
}

/// Puts rows oldest first. The running balance tells the order best, then the days; rows without any balance are sorted
/// by their time, since wallets append late lines out of order.
fn put_in_order(rows: &mut [(Row, u64)]) {
    let follows = |earlier: &Entry, later: &Entry| match (earlier.balance_after_fen, later.balance_after_fen) {
        (Some(before), Some(after)) => before.checked_add(later.effect_fen()) == Some(after),
        _ => false,
    };
    let (mut down, mut up) = (0, 0);
    let (mut later, mut earlier) = (0, 0);
    for pair in rows.windows(2) {
        let (a, b) = (&pair[0].0.entry, &pair[1].0.entry);
        down += usize::from(follows(a, b));
        up += usize::from(follows(b, a));
        match (b.booked_on, b.booked_at).cmp(&(a.booked_on, a.booked_at)) {
            std::cmp::Ordering::Greater => later += 1,
            std::cmp::Ordering::Less => earlier += 1,
            std::cmp::Ordering::Equal => {}
        }
    }
    if up > down || (up == down && earlier > later) {
        rows.reverse();
    }
    if rows.iter().all(|(row, _)| row.entry.balance_after_fen.is_none()) {
        rows.sort_by_key(|(row, _)| (row.entry.booked_on, row.entry.booked_at));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        super::{model::Limits, settle::settle},
        TableReader,
    };
    use crate::escrow::statement::{Direction, Statement};

    fn table(rows: &[&str]) -> Vec<Statement> {
        let limits = Limits::default();
        let mut reader = TableReader::new(&limits, &[], None);
        for (row, number) in rows.iter().zip(1..) {
            reader.row(number, &row.split(',').collect::<Vec<_>>()).unwrap();
        }
        settle(reader.finish().unwrap())
    }

    const HEADER: &str = "交易日期,收入,支出,余额,流水号";

    #[test]
    fn newest_first_and_oldest_first_are_booked_alike() {
        let rows = ["20260301,100.00,,1100.00,A", "20260302,,50.00,1050.00,B", "20260302,,50.00,1000.00,C"];
        let oldest = table(&[&[HEADER], &rows[..]].concat());
        let newest = table(&[HEADER, rows[2], rows[1], rows[0]]);
        assert_eq!(oldest, newest);
        let refs: Vec<&str> = oldest[0].entries.iter().map(|entry| entry.bank_ref.as_str()).collect();
        assert_eq!(refs, ["A", "B", "C"]);
        assert_eq!((oldest[0].opening_fen, oldest[0].closing_fen), (Some(100_000), Some(100_000)));
        assert_eq!(oldest[0].balanced, Some(true));
        // One day only: the running balance tells the order.
        let one_day = table(&[HEADER, rows[2], rows[1]]);
        assert_eq!(one_day[0].entries[0].bank_ref, "B");
    }

    #[test]
    fn a_broken_running_balance_is_noted_and_unbalanced() {
        let statements = table(&[HEADER, "20260301,100.00,,1100.00,A", "20260302,,50.00,1050.01,B"]);
        assert_eq!(statements[0].balanced, Some(false));
        assert_eq!(statements[0].notes[0].rule, "BALANCE_CHAIN");
        assert_eq!(statements[0].notes[0].path, "line 3");
    }

    #[test]
    fn a_minus_is_a_reversal_unless_every_outgoing_amount_has_one() {
        let effects = |rows: &[&str]| -> Vec<(Direction, bool)> {
            table(&[&["交易日期,收入,支出,流水号"], rows].concat())[0]
                .entries
                .iter()
                .map(|e| (e.direction, e.reversal))
                .collect()
        };
        let (credit, debit) = (Direction::Credit, Direction::Debit);
        assert_eq!(effects(&["20260301,,50.00,A", "20260302,,-50.00,B"]), [(debit, false), (credit, true)]);
        assert_eq!(effects(&["20260301,5.00,,A", "20260302,-5.00,,B"]), [(credit, false), (debit, true)]);
        assert_eq!(effects(&["20260301,5.00,,A", "20260302,,-50.00,B"]), [(credit, false), (debit, false)]);
    }

    #[test]
    fn totals_zeros_and_foreign_currencies_are_told() {
        let statements = table(&[
            "日期,币种,收入,支出,流水号",
            "20260301,人民币,1.00,,A",
            "20260301,美元,2.00,,B",
            "20260301,人民币,0.00,0.00,C",
        ]);
        let told: Vec<_> = statements.iter().map(|s| (s.currency.as_deref(), s.entries.len())).collect();
        assert_eq!(told, [(Some("CNY"), 1), (Some("USD"), 1)]);
        assert_eq!(statements[0].skipped.info, 1);
        assert_eq!(statements[0].notes[0].rule, "ZERO_AMOUNT");
    }
}
