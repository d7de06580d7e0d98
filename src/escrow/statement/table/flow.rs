//! One large text table, read piece by piece.
//!
//! Pieces are whole lines, and the rows of each are read as those of a table in memory are. What
//! [`Section::finish`] settles at the end of a table must be settled by its beginning here: rows come
//! oldest first, their running balances follow on one another, all are of one account and currency, and no sign may mean
//! one thing or the other. Any other table is not plain.

use std::{borrow::Cow, io::Read};

use chrono::{DateTime, FixedOffset, NaiveDate};
use encoding_rs::{Encoding, GB18030, UTF_8};

use super::{
    TableReader,
    delimited::{HEADER_WITHIN, delimiter, each_row},
    head::Head,
    records,
    rows::{Row, Written},
    sections::Section,
};
use crate::escrow::{
    distinct::Distinct,
    statement::{
        Flowing, NotPlain,
        flowing::Pieces,
        layout::Layout,
        model::{Direction, Document, Entry, Format, Limits, Statement},
        mt940,
        settle::{Origin, balanced_by},
        values::minor_digits,
    },
};

/// Text as it comes, cut behind lines.
struct Lines<R> {
    pieces: Pieces<R>,
    encoding: &'static Encoding,
}

impl<R: Read> Lines<R> {
    /// Reads the first piece, which says how the text is encoded.
    fn open(source: R, size: usize, limits: &Limits) -> Result<(Lines<R>, Vec<u8>), NotPlain> {
        let mut lines = Lines { pieces: Pieces::new(source, size), encoding: UTF_8 };
        let mut first = lines.next(limits)?.ok_or(NotPlain)?;
        if let Some((encoding, mark)) = Encoding::for_bom(&first) {
            if encoding != UTF_8 {
                return Err(NotPlain);
            }
            first.drain(..mark);
        } else if simdutf8::basic::from_utf8(&first).is_err() {
            // No byte of a character of it is that of a line's end, so that lines are whole in it too.
            lines.encoding = GB18030;
        }
        Ok((lines, first))
    }

    /// The next lines; `None` behind the last.
    fn next(&mut self, limits: &Limits) -> Result<Option<Vec<u8>>, NotPlain> {
        let waiting = self.pieces.fill(usize::MAX, limits)?;
        let (all, line) = (waiting.len(), memchr::memrchr(b'\n', waiting));
        match line {
            _ if all == 0 => Ok(None),
            _ if self.pieces.has_ended() => Ok(Some(self.pieces.cut(all))),
            Some(at) => Ok(Some(self.pieces.cut(at + 1))),
            // A line that is longer than a piece.
            None => Err(NotPlain),
        }
    }

    fn decode<'b>(&self, bytes: &'b [u8]) -> Result<Cow<'b, str>, NotPlain> {
        if self.encoding == UTF_8 {
            return simdutf8::basic::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| NotPlain);
        }
        let (text, broken) = self.encoding.decode_without_bom_handling(bytes);
        if broken { Err(NotPlain) } else { Ok(text) }
    }
}

/// The last row so far.
#[derive(Debug, Clone, Copy)]
struct Before {
    on: NaiveDate,
    at: Option<DateTime<FixedOffset>>,
    balance_fen: Option<i64>,
}

/// A table on its way.
pub struct TableFlow<'l, R> {
    lines: Lines<R>,
    reader: TableReader<'l>,
    delimiter: u8,
    format: Format,
    limits: &'l Limits,
    begins: Statement,
    first_on: NaiveDate,
    /// Read with the head and not yet given out.
    first: Option<Vec<Row>>,
    before: Option<Before>,
    /// Entries so far, and what comes in and goes out by them.
    count: u32,
    credit_fen: i128,
    debit_fen: i128,
    /// That no reference comes twice is known at last.
    references: Distinct,
}

impl<'l, R: Read> TableFlow<'l, R> {
    /// Reads the head of what comes in pieces of `size` bytes: all up to the first row. `name` tells `csv` from `txt`.
    pub fn open(
        source: R,
        size: usize,
        name: &str,
        layouts: &'l [Layout],
        limits: &'l Limits,
    ) -> Result<TableFlow<'l, R>, NotPlain> {
        let (lines, first) = Lines::open(source, size, limits)?;
        let text = lines.decode(&first)?;
        if records::looks_like(&text) || mt940::looks_like(&text) {
            return Err(NotPlain);
        }
        // The header is looked for in as many lines.
        if !lines.pieces.has_ended() && text.lines().nth(HEADER_WITHIN).is_none() {
            return Err(NotPlain);
        }
        let delimiter = delimiter(&text, layouts).ok_or(NotPlain)?;
        let lower = name.to_ascii_lowercase();
        let format = match delimiter {
            b',' | b';' if lower.ends_with(".txt") => Format::Txt,
            b',' | b';' => Format::Csv,
            _ if lower.ends_with(".csv") => Format::Csv,
            _ => Format::Txt,
        };
        let mut reader = TableReader::new(limits, layouts, None);
        let rows = rows_of(&mut reader, &text, delimiter, limits)?;
        let row = rows.first().ok_or(NotPlain)?;
        let (begins, first_on) = (begins(&reader, row)?, row.entry.booked_on);
        Ok(TableFlow {
            lines,
            reader,
            delimiter,
            format,
            limits,
            begins,
            first_on,
            first: Some(rows),
            before: None,
            count: 0,
            credit_fen: 0,
            debit_fen: 0,
            references: Distinct::default(),
        })
    }

    fn take(&mut self, row: Row) -> Result<Entry, NotPlain> {
        let strange = row.balance_unreadable || row.bad_value_date.is_some() || row.status.is_some();
        let unsettled = row.written == Written::Sided { negative: true };
        let ours = ledger(&self.reader, &row) == (self.begins.account.as_deref(), self.begins.currency.as_deref());
        if strange || unsettled || !ours || row.origin != Origin::Assigned || row.entry.bank_ref.is_empty() {
            return Err(NotPlain);
        }
        let mut entry = row.entry;
        let own = Before { on: entry.booked_on, at: entry.booked_at, balance_fen: entry.balance_after_fen };
        let follows = self.before.is_none_or(|before| (before.on, before.at) <= (own.on, own.at));
        let base = self.before.map_or(self.begins.opening_fen, |before| before.balance_fen);
        let expected = base.and_then(|base| base.checked_add(entry.effect_fen()));
        let chained = expected.is_none() || own.balance_fen.is_none() || expected == own.balance_fen;
        if !follows || !chained {
            return Err(NotPlain);
        }
        self.before = Some(own);
        self.count = self.count.checked_add(1).ok_or(NotPlain)?;
        entry.seq = self.count;
        *match entry.direction {
            Direction::Credit => &mut self.credit_fen,
            Direction::Debit => &mut self.debit_fen,
        } += i128::from(entry.amount_fen);
        self.references.add(&entry.bank_ref);
        Ok(entry)
    }

    /// Whether the totals that the file states are those of its rows.
    fn adds_up(&self) -> bool {
        let totals = self.reader.sections.first().and_then(|section| section.totals);
        let Some((_, (credit, debit))) = totals else { return true };
        let is = |stated: Option<i64>, sum: i128| stated.is_none_or(|stated| i128::from(stated) == sum);
        is(credit, self.credit_fen) && is(debit, self.debit_fen)
    }
}

impl<R: Read> Flowing for TableFlow<'_, R> {
    type Source = R;

    fn begins(&self) -> &Statement {
        &self.begins
    }

    fn first_on(&self) -> Option<NaiveDate> {
        Some(self.first_on)
    }

    fn read_on(&mut self) -> Result<Option<Vec<Entry>>, NotPlain> {
        let rows = match self.first.take() {
            Some(rows) => rows,
            None => {
                let Some(piece) = self.lines.next(self.limits)? else { return Ok(None) };
                let text = self.lines.decode(&piece)?;
                if mt940::looks_like(&text) {
                    return Err(NotPlain);
                }
                rows_of(&mut self.reader, &text, self.delimiter, self.limits)?
            }
        };
        let mut entries = Vec::with_capacity(rows.len());
        for row in rows {
            entries.push(self.take(row)?);
        }
        Ok(Some(entries))
    }

    fn end(self) -> Result<(Document, R), NotPlain> {
        let section = self.reader.sections.first().ok_or(NotPlain)?;
        let (neutral, has_zero) = section.skipped();
        if has_zero || !self.adds_up() {
            return Err(NotPlain);
        }
        let (head, begins) = (&section.head, &self.begins);
        let mut statement = Statement { statement_ref: head.statement_ref.clone(), ..begins.clone() };
        let digits = statement.currency.as_deref().map_or(2, minor_digits);
        // What was said of it only after its rows must not be another than what they were judged by.
        let stated = Head::minor(head.opening.as_deref(), digits);
        let same = stated.is_none_or(|stated| begins.opening_fen == Some(stated))
            && (begins.opening_fen.is_none() || begins.opening_on == Some(head.from.unwrap_or(self.first_on)));
        if !same {
            return Err(NotPlain);
        }
        let last = self.before.ok_or(NotPlain)?;
        statement.closing_fen = Head::minor(head.closing.as_deref(), digits).or(last.balance_fen);
        statement.closing_on = statement.closing_fen.map(|_| head.to.unwrap_or(last.on));
        statement.skipped.info += neutral;
        statement.balanced = balanced_by(&statement, self.credit_fen - self.debit_fen);
        if !self.references.all_differ() {
            return Err(NotPlain);
        }
        Ok((
            Document {
                member: None,
                format: self.format,
                version: None,
                statements: vec![statement],
                unread: Vec::new(),
            },
            self.lines.pieces.end().0,
        ))
    }
}

/// The rows of some lines; none may go on in the next ones.
fn rows_of(reader: &mut TableReader<'_>, text: &str, delimiter: u8, limits: &Limits) -> Result<Vec<Row>, NotPlain> {
    let mut goes_on = false;
    each_row(text, delimiter, limits, |line, cells| {
        goes_on = cells.iter().any(|cell| cell.contains('\n'));
        reader.row(line, cells).map(|()| true)
    })
    .map_err(|_| NotPlain)?;
    let whole = !goes_on && reader.columns.is_some() && reader.sections.len() == 1;
    if whole { Ok(reader.section().take_rows().into_iter().map(|(row, _)| row).collect()) } else { Err(NotPlain) }
}

/// The account and the currency of a row.
fn ledger<'r>(reader: &'r TableReader<'_>, row: &'r Row) -> (Option<&'r str>, Option<&'r str>) {
    let section = reader.sections.first();
    let account = row.account.as_deref().or_else(|| section.and_then(|section| section.head.account.as_deref()));
    let currency = row.currency.as_deref().or_else(|| section.and_then(Section::currency));
    (account, currency)
}

/// What the head and the first row say of the statement.
fn begins(reader: &TableReader<'_>, first: &Row) -> Result<Statement, NotPlain> {
    let head = &reader.sections.first().ok_or(NotPlain)?.head;
    let (account, currency) = ledger(reader, first);
    let digits = currency.map_or(2, minor_digits);
    let entry = &first.entry;
    let implied = || entry.balance_after_fen?.checked_sub(entry.effect_fen());
    let opening_fen = Head::minor(head.opening.as_deref(), digits).or_else(implied);
    Ok(Statement {
        account: account.map(str::to_owned),
        currency: currency.map(str::to_owned),
        statement_ref: head.statement_ref.clone(),
        opening_fen,
        opening_on: opening_fen.map(|_| head.from.unwrap_or(entry.booked_on)),
        ..Statement::default()
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;
    use crate::escrow::statement;

    const HEADER: &str = "交易日期,交易时间,收入,支出,余额,对方户名,摘要,流水号";

    fn flowed(bytes: &[u8], size: usize) -> Result<Document, NotPlain> {
        let limits = Limits::default();
        let mut flow = TableFlow::open(Cursor::new(bytes), size, "a.csv", &[], &limits)?;
        let begins = flow.begins().clone();
        let mut entries = Vec::new();
        while let Some(next) = flow.read_on()? {
            entries.extend(next);
        }
        let (mut document, _) = flow.end()?;
        document.statements[0].entries = entries;
        let own = &document.statements[0];
        assert_eq!(
            (&own.account, own.opening_fen, own.opening_on),
            (&begins.account, begins.opening_fen, begins.opening_on)
        );
        Ok(document)
    }

    fn whole(bytes: &[u8]) -> Option<Document> {
        statement::parse("a.csv", bytes, None, &[], &Limits::default()).ok()
    }

    /// Rows of ¥1.00 that come in, from a balance of ¥10.00, three a day.
    fn rows(count: u32) -> Vec<String> {
        let row = |n: u32| {
            let (day, hour) = (1 + n / 3, 9 + n % 3);
            format!("2026-03-{day:02},{hour:02}:00:00,1.00,,{}.00,\"家长, {n}\",学费,R{n}", 11 + n)
        };
        (0..count).map(row).collect()
    }

    fn table(head: &str, rows: &[String], tail: &str) -> String {
        format!("{head}{HEADER}\n{}\n{tail}", rows.join("\n"))
    }

    #[test]
    fn a_plain_table_says_the_same_in_pieces_as_in_one() {
        let account = "账号：33105001,币种：人民币\n";
        let period = "账号：33105001,起始日期：2026-02-28,截止日期：2026-04-02\n";
        let balance = "期初余额：10.00,期末余额：70.00\n";
        for (case, text) in [
            ("nothing but rows", table("", &rows(60), "")),
            ("an account before them", table(account, &rows(60), "")),
            ("a period", table(period, &rows(60), "")),
            ("balances", table(&format!("{account}{balance}"), &rows(60), "")),
            ("totals behind them", table(account, &rows(60), "合计,,60.00,0.00,,,,\n")),
            ("blank lines", table(account, &rows(60), "\n\n")),
            ("no last line's end", table(account, &rows(60), "").trim_end().to_owned()),
        ] {
            let gbk = GB18030.encode(&text).0.into_owned();
            let marked = [b"\xEF\xBB\xBF", text.as_bytes()].concat();
            for bytes in [text.as_bytes(), &marked, &gbk] {
                let expected = whole(bytes).unwrap();
                assert!(expected.statements[0].notes.is_empty(), "{case}: {:?}", expected.statements[0].notes);
                // The first piece holds as many lines as a header is looked for in.
                for size in [16 << 10, 1 << 20] {
                    let long = [bytes, b"\n".repeat(300).as_slice()].concat();
                    assert_eq!(flowed(&long, size).as_ref(), Ok(&expected), "{case}, {size}");
                }
            }
        }
    }

    #[test]
    fn pieces_are_cut_anywhere() {
        // Twelve hundred rows of one day, each with its second.
        let row = |n: u32| {
            format!(
                "2026-03-01,{:02}:{:02}:{:02},,0.01,{}.{:02},张三,消课划拨,S{n}",
                8 + n / 3600,
                n / 60 % 60,
                n % 60,
                99 - n / 100,
                99 - n % 100
            )
        };
        let text = table("", &(0..1_200).map(row).collect::<Vec<_>>(), "");
        let expected = whole(text.as_bytes());
        for size in [13_000, 13_001, 13_007, 20_000, 1 << 20] {
            assert_eq!(flowed(text.as_bytes(), size).ok(), expected, "{size}");
        }
        assert_eq!(flowed(text.as_bytes(), 100), Err(NotPlain), "too small a piece for a header");
    }

    #[test]
    fn what_is_not_plain_is_read_as_a_whole() {
        let plain = rows(60);
        let with = |at: usize, row: &str| {
            let mut rows = plain.clone();
            rows[at] = row.to_owned();
            table("", &rows, "")
        };
        let reversed: Vec<String> = plain.iter().rev().cloned().collect();
        for (case, text) in [
            ("newest first", table("", &reversed, "")),
            ("a balance that does not follow", with(30, "2026-03-11,09:00:00,1.00,,99.00,家长,学费,R30")),
            ("a reference twice", with(30, "2026-03-11,09:00:00,1.00,,41.00,家长,学费,R3")),
            ("no reference", with(30, "2026-03-11,09:00:00,1.00,,41.00,家长,学费,")),
            ("an amount of zero", with(30, "2026-03-11,09:00:00,0.00,,41.00,家长,学费,R30")),
            ("a negative amount", with(30, "2026-03-11,09:00:00,-1.00,,41.00,家长,学费,R30")),
            ("no day", with(30, "2026-13-11,09:00:00,1.00,,41.00,家长,学费,R30")),
            ("other totals", table("", &plain, "合计,,61.00,0.00,,,,\n")),
            ("a closing balance said at last", table("", &plain, "期初余额,,,,11.00,,,\n")),
            ("another account's block", table("账号：1\n", &plain, "账号：2\n")),
            ("no header", plain.join("\n")),
        ] {
            assert_eq!(flowed(text.as_bytes(), 1 << 20), Err(NotPlain), "{case}");
        }
    }

    proptest! {
        /// Whatever stands in a table, pieces say what the whole says, or nothing.
        #[test]
        fn pieces_never_say_another_thing_than_the_whole(
            faults in prop::collection::vec((0_usize..60, 0_usize..14), 0..4),
            head in 0_usize..4,
            tail in 0_usize..5,
            size in 14_000_usize..30_000,
            gbk in any::<bool>(),
        ) {
            let mut rows = rows(60);
            for (at, fault) in faults {
                let row = rows[at].clone();
                match fault {
                    0 => rows.swap(at, 59 - at),
                    1 => rows[at] = row.replace(",学费", ",\"学\n费\""),
                    2 => rows[at] = row.replace("学费", "\"\"学费"),
                    3 => rows[at] = row.replace("1.00,,", ",1.00,"),
                    4 => rows[at] = row.replace("1.00,,", ",-1.00,"),
                    5 => rows[at] = row.replace(".00,\"", ".00元,\""),
                    6 => rows[at] = row.replace("R", ""),
                    7 => rows[at] = HEADER.to_owned(),
                    8 => rows[at] = "账号：33105002".to_owned(),
                    9 => rows[at] = "期末余额：3.00".to_owned(),
                    10 => rows[at] = row.replace("09:00:00", ""),
                    11 => rows[at] = row.replace("2026-03", "2026-02"),
                    12 => rows[at] = row.replace("学费,", "\"学费,"),
                    _ => rows[at].clear(),
                }
            }
            let head = ["", "账号：33105001\n", "期初余额：10.00\n", "账号：33105001,起始日期：2026-02-01,期末余额：9.00\n"][head];
            let tail = ["", "合计,,60.00,0.00,,,,\n", "第 1 页\n", "账号：33105001\n", "\"\n"][tail];
            let text = table(head, &rows, tail) + &"\n".repeat(300);
            let bytes = if gbk { GB18030.encode(&text).0.into_owned() } else { text.into_bytes() };
            if let Ok(document) = flowed(&bytes, size) {
                prop_assert_eq!(Some(document), whole(&bytes));
            }
        }
    }
}
