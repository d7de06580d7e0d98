//! Entries on their way in: checked, put in order, and told apart from what the same delivery repeats.
//!
//! Pure. An entry without a time of day stands at midnight in Beijing and keeps its place in the day by `seq`; one with
//! a time needs none, and entries of one instant count in the order of their references.

use std::{cmp::Ordering, collections::HashMap};

use chrono::{DateTime, Datelike, NaiveDate, Utc};

use super::{IngestError, again::Position, model::Incoming};
use crate::{
    escrow::{
        detector::{Kind, days::YEARS},
        distinct::all_differ,
        statement::{AMOUNT_FEN_LIMIT, Direction, Entry},
    },
    kernel::clock,
    web::FieldError,
};

/// Longest reference in characters; it is part of a key.
const REF_MAX: usize = 200;
/// Errors and conflicts that one answer names.
pub(super) const TOLD_MAX: usize = 20;

/// One entry as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    pub booked_at: DateTime<Utc>,
    pub bank_ref: String,
    /// Place in the day of an entry without a time of day; 0 for all others.
    pub seq: i32,
    pub value_on: Option<NaiveDate>,
    pub credit: bool,
    pub reversal: bool,
    pub amount_fen: i64,
    pub kind: Kind,
    pub counterparty_name: Option<String>,
    pub counterparty_account: Option<String>,
    pub remittance: Option<String>,
    pub balance_after_fen: Option<i64>,
    /// The approved release or refund order that it settles, once found.
    pub order_ref: Option<String>,
    /// Which statement of the batch it came with.
    pub statement: usize,
}

impl NewEntry {
    /// The local day of booking.
    pub fn booked_on(&self) -> NaiveDate {
        clock::day(self.booked_at)
    }

    /// The signed effect on the balance.
    pub fn effect_fen(&self) -> i64 {
        if self.credit { self.amount_fen } else { -self.amount_fen }
    }

    /// Whether the bank gave no time of day.
    pub fn is_untimed(&self) -> bool {
        self.booked_at == clock::midnight(self.booked_on())
    }

    /// Where it stands.
    pub fn position(&self) -> Position {
        Position { booked_at: self.booked_at, seq: self.seq }
    }

    /// What makes a reference that comes again the same entry: amount, day and direction.
    pub fn content(&self) -> Content {
        Content { booked_on: self.booked_on(), credit: self.credit, amount_fen: self.amount_fen }
    }
}

/// What must agree when a reference comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    pub booked_on: NaiveDate,
    pub credit: bool,
    pub amount_fen: i64,
}

/// One reference with two contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub bank_ref: String,
    pub stored: Content,
    pub received: Content,
}

/// How far the entries of one statement reach, those included that are no news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    pub first_at: DateTime<Utc>,
    pub last_on: NaiveDate,
    /// The effect of all of them on the balance.
    pub effect_fen: i64,
    /// The effect of those of the first day.
    pub first_day_fen: i64,
}

impl Extent {
    pub(super) fn of(entry: &NewEntry) -> Extent {
        let effect_fen = entry.effect_fen();
        Extent { first_at: entry.booked_at, last_on: entry.booked_on(), effect_fen, first_day_fen: effect_fen }
    }

    pub(super) fn and(self, other: Extent) -> Extent {
        let first_day_fen = match self.first_on().cmp(&other.first_on()) {
            Ordering::Less => self.first_day_fen,
            Ordering::Equal => self.first_day_fen.saturating_add(other.first_day_fen),
            Ordering::Greater => other.first_day_fen,
        };
        Extent {
            first_at: self.first_at.min(other.first_at),
            last_on: self.last_on.max(other.last_on),
            effect_fen: self.effect_fen.saturating_add(other.effect_fen),
            first_day_fen,
        }
    }

    fn first_on(&self) -> NaiveDate {
        clock::day(self.first_at)
    }
}

/// What one account gets of a delivery.
#[derive(Debug)]
pub struct Collected {
    /// In order of booking, each reference once.
    pub entries: Vec<NewEntry>,
    /// By statement, how many entries the delivery gave twice.
    pub repeated: Vec<i64>,
    /// How far the entries of each statement reach; those without any are absent.
    pub extents: HashMap<usize, Extent>,
}

/// All entries of one account in one delivery; none may be booked after `last`.
pub fn collect(statements: &mut [Incoming], places: &[usize], last: NaiveDate) -> Result<Collected, IngestError> {
    let mut entries = Vec::new();
    let mut errors = Vec::new();
    for place in places {
        errors.extend(future_days(&statements[*place], last).into_iter().take(TOLD_MAX - errors.len()));
        let given = std::mem::take(&mut statements[*place].entries).into_iter().enumerate();
        let good = given.filter_map(|(index, entry)| match checked(entry, *place, last) {
            Ok(entry) => Some(entry),
            Err((field, error)) => {
                if errors.len() < TOLD_MAX {
                    errors.push(FieldError { path: format!("entries[{index}].{field}"), ..error });
                }
                None
            }
        });
        // Collecting takes the place of what was given, so that a million entries are not held twice.
        if entries.is_empty() {
            entries = good.collect();
        } else {
            entries.extend(good);
        }
    }
    if !errors.is_empty() {
        return Err(IngestError::Invalid(errors));
    }
    // Entries of one statement stand together still.
    let extents = entries.chunk_by(|a, b| a.statement == b.statement).filter_map(|own| {
        let all = own.iter().map(Extent::of).reduce(Extent::and)?;
        Some((own.first()?.statement, all))
    });
    let extents = extents.collect();
    let mut repeated = vec![0; statements.len()];
    let entries = without_repeats(entries, &mut repeated)?;
    Ok(Collected { entries: in_order(entries), repeated, extents })
}

/// The balances of a statement that are dated after `last`.
fn future_days(statement: &Incoming, last: NaiveDate) -> Vec<FieldError> {
    let days = [("opening_on", statement.opening_on), ("closing_on", statement.closing_on)];
    let late = days.into_iter().filter_map(|(field, day)| Some((field, day.filter(|day| *day > last)?)));
    late.map(|(field, day)| in_future(field, day)).collect()
}

fn in_future(field: &str, day: NaiveDate) -> FieldError {
    let (zh, en) = match field {
        "opening_on" => ("期初余额日期", "The date of the opening balance"),
        "closing_on" => ("期末余额日期", "The date of the closing balance"),
        _ => ("记账日期", "The booking date"),
    };
    FieldError::new(
        field,
        "future",
        format!("{zh} {day} 晚于今天（北京时间）。请向银行核对日期，改正后重新报送。"),
        format!(
            "{en}, {day}, is later than today in Beijing. Check the date with the bank, correct it and send it again."
        ),
    )
}

/// The order in which the detector takes entries in.
fn in_order(mut entries: Vec<NewEntry>) -> Vec<NewEntry> {
    entries.sort_unstable_by(|a, b| (a.booked_at, a.seq, &a.bank_ref).cmp(&(b.booked_at, b.seq, &b.bank_ref)));
    entries
}

fn without_repeats(entries: Vec<NewEntry>, repeated: &mut [i64]) -> Result<Vec<NewEntry>, IngestError> {
    if all_differ(entries.iter().map(|entry| entry.bank_ref.as_str())) {
        return Ok(entries);
    }
    let mut first: HashMap<&str, usize> = HashMap::with_capacity(entries.len());
    let mut again = Vec::new();
    let mut conflicts = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let Some(earlier) = first.get(entry.bank_ref.as_str()).copied() else {
            first.insert(&entry.bank_ref, index);
            continue;
        };
        if entries[earlier].content() == entry.content() {
            again.push((index, earlier));
        } else if conflicts.len() < TOLD_MAX {
            conflicts.push(Conflict {
                bank_ref: entry.bank_ref.clone(),
                stored: entries[earlier].content(),
                received: entry.content(),
            });
        }
    }
    if !conflicts.is_empty() {
        return Err(IngestError::Conflict(None, conflicts));
    }
    if again.is_empty() {
        return Ok(entries);
    }
    let mut entries = entries;
    for (index, earlier) in &again {
        entries[*earlier] = entries[*earlier].clone().or(&entries[*index]);
    }
    let mut again = again.into_iter().map(|(index, _)| index).peekable();
    Ok(entries
        .into_iter()
        .enumerate()
        .filter_map(|(index, entry)| {
            if again.peek() == Some(&index) {
                again.next();
                repeated[entry.statement] += 1;
                return None;
            }
            Some(entry)
        })
        .collect())
}

type Fault = (&'static str, FieldError);

fn fault(field: &'static str, rule: &str, zh: &str, en: &str) -> Fault {
    (field, FieldError::new("", rule, zh, en))
}

pub(super) fn checked(entry: Entry, statement: usize, last: NaiveDate) -> Result<NewEntry, Fault> {
    let length = entry.bank_ref.chars().count();
    if entry.bank_ref.trim().is_empty() || length > REF_MAX || entry.bank_ref.chars().any(char::is_control) {
        return Err(fault(
            "bank_ref",
            "reference",
            "银行流水号须为 1 至 200 个可见字符",
            "a bank reference has 1 to 200 printable characters",
        ));
    }
    if !(1..AMOUNT_FEN_LIMIT).contains(&entry.amount_fen) {
        return Err(fault(
            "amount_fen",
            "amount",
            "金额须为正整数（分），且小于十万亿元；没有发生额的不必报送",
            "the amount is a whole number of fen above 0, below ten trillion yuan; what moved nothing is not sent",
        ));
    }
    if !YEARS.contains(&entry.booked_on.year()) {
        return Err(fault(
            "booked_on",
            "date",
            "记账日期须在 1990 至 2099 年之间",
            "the booking date lies in the years 1990 to 2099",
        ));
    }
    if entry.booked_on > last {
        return Err(("booked_on", in_future("booked_on", entry.booked_on)));
    }
    let booked_at = match entry.booked_at {
        Some(at) if clock::day(at) != entry.booked_on => {
            return Err(fault(
                "booked_at",
                "date",
                "记账时间与记账日期不是同一天（北京时间）",
                "the booking instant is not on the booking date in Beijing time",
            ));
        }
        Some(at) => at.with_timezone(&Utc),
        None => clock::midnight(entry.booked_on),
    };
    let kind = kind_of(entry.kind.as_deref(), entry.reversal)?;
    let text = |text: Option<String>| {
        text.map(|text| if text.contains('\0') { text.replace('\0', "") } else { text }).filter(|text| !text.is_empty())
    };
    Ok(NewEntry {
        booked_at,
        seq: if entry.booked_at.is_some() { 0 } else { i32::try_from(entry.seq).unwrap_or(i32::MAX) },
        value_on: entry.value_on,
        credit: entry.direction == Direction::Credit,
        reversal: entry.reversal,
        amount_fen: entry.amount_fen,
        kind,
        counterparty_name: text(entry.counterparty_name),
        counterparty_account: text(entry.counterparty_account),
        remittance: text(entry.remittance),
        balance_after_fen: entry.balance_after_fen,
        order_ref: None,
        bank_ref: entry.bank_ref,
        statement,
    })
}

/// What the bank says an entry is; a reversal is one whatever else is said, and what is not said is `other`.
fn kind_of(said: Option<&str>, reversal: bool) -> Result<Kind, Fault> {
    if reversal {
        return Ok(Kind::Reversal);
    }
    said.map_or(Ok(Kind::Other), |said| {
        said.parse().map_err(|_| {
            fault(
                "kind",
                "kind",
                "类别须为 prepayment、release、refund、interest、bank_fee、top_up、reversal、other 之一",
                "the kind is one of prepayment, release, refund, interest, bank_fee, top_up, reversal, other",
            )
        })
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn entry(bank_ref: &str, booked_on: &str, amount_fen: i64) -> Entry {
        Entry {
            bank_ref: bank_ref.to_owned(),
            ref_source: Default::default(),
            seq: 1,
            booked_on: booked_on.parse().unwrap(),
            booked_at: None,
            value_on: None,
            direction: Direction::Debit,
            amount_fen,
            reversal: false,
            counterparty_name: None,
            counterparty_account: None,
            remittance: None,
            balance_after_fen: None,
            kind: None,
        }
    }

    /// An entry without a time of day, as it is stored.
    pub fn booked(on: NaiveDate, effect_fen: i64) -> NewEntry {
        let given = Entry {
            direction: if effect_fen < 0 { Direction::Debit } else { Direction::Credit },
            ..entry("r", &on.to_string(), effect_fen.abs())
        };
        checked(given, 0, NaiveDate::MAX).unwrap()
    }

    fn collected(entries: Vec<Entry>) -> Result<(Vec<NewEntry>, Vec<i64>), IngestError> {
        let last = "2099-12-31".parse().unwrap();
        let found = collect(&mut [Incoming { entries, ..Incoming::default() }], &[0], last)?;
        Ok((found.entries, found.repeated))
    }

    #[test]
    fn a_statement_reaches_from_its_first_entry_to_its_last_whether_news_or_not() {
        let twice = vec![entry("a", "2026-03-01", 5), entry("b", "2026-03-02", 6), entry("a", "2026-03-01", 5)];
        let mut statements = [
            Incoming { entries: vec![entry("a", "2026-03-01", 5)], ..Incoming::default() },
            Incoming { entries: twice, ..Incoming::default() },
        ];
        let found = collect(&mut statements, &[0, 1], "2026-03-02".parse().unwrap()).unwrap();
        let extent = found.extents[&1];
        assert_eq!(extent.first_at, clock::midnight("2026-03-01".parse().unwrap()));
        assert_eq!(
            (extent.last_on.to_string().as_str(), extent.effect_fen, extent.first_day_fen),
            ("2026-03-02", -16, -10)
        );
    }

    #[test]
    fn nothing_may_be_dated_after_the_day_it_comes() {
        let last = "2026-03-19".parse().unwrap();
        let on = |day: &str| Some(day.parse().unwrap());
        let named = |statement: Incoming| match collect(&mut [statement], &[0], last) {
            Err(IngestError::Invalid(errors)) => errors.into_iter().map(|error| error.path).collect(),
            _ => Vec::new(),
        };
        assert_eq!(named(Incoming { closing_on: on("2062-11-26"), ..Incoming::default() }), ["closing_on"]);
        assert_eq!(named(Incoming { opening_on: on("2026-03-20"), ..Incoming::default() }), ["opening_on"]);
        let late = vec![entry("a", "2026-03-19", 5), entry("b", "2026-03-20", 6)];
        assert_eq!(named(Incoming { entries: late, ..Incoming::default() }), ["entries[1].booked_on"]);
        assert!(named(Incoming { closing_on: on("2026-03-19"), ..Incoming::default() }).is_empty());
    }

    #[test]
    fn entries_stand_in_order_of_booking_then_place_then_reference() {
        let timed = Entry {
            booked_at: Some("2026-03-02T09:00:00+08:00".parse().unwrap()),
            seq: 9,
            ..entry("t", "2026-03-02", 1)
        };
        let second = Entry { seq: 2, ..entry("a", "2026-03-02", 1) };
        let (entries, _) = collected(vec![
            timed,
            second,
            entry("c", "2026-03-02", 1),
            entry("b", "2026-03-02", 1),
            entry("z", "2026-03-01", 1),
        ])
        .unwrap();
        let refs: Vec<&str> = entries.iter().map(|entry| entry.bank_ref.as_str()).collect();
        assert_eq!(refs, ["z", "b", "c", "a", "t"]);
        assert_eq!(entries[0].booked_at.to_rfc3339(), "2026-02-28T16:00:00+00:00");
        assert_eq!(entries[4].seq, 0, "a time of day is place enough");
    }

    #[test]
    fn a_reference_counts_once_and_with_another_content_not_at_all() {
        let (entries, repeated) =
            collected(vec![entry("a", "2026-03-01", 5), entry("b", "2026-03-01", 5), entry("a", "2026-03-01", 5)])
                .unwrap();
        assert_eq!((entries.len(), repeated), (2, vec![1]));
        for other in [
            entry("a", "2026-03-01", 6),
            entry("a", "2026-03-02", 5),
            Entry { direction: Direction::Credit, ..entry("a", "2026-03-01", 5) },
        ] {
            let refused = collected(vec![entry("a", "2026-03-01", 5), other.clone()]);
            assert!(matches!(&refused, Err(IngestError::Conflict(_, pairs)) if pairs.len() == 1), "{other:?}");
        }
    }

    #[test]
    fn a_wrong_field_is_named_by_its_path() {
        let at = |text: &str| Some(text.parse().unwrap());
        for (case, wrong, path) in [
            ("no reference", entry(" ", "2026-03-01", 1), "entries[0].bank_ref"),
            ("a control character", entry("a\u{0}b", "2026-03-01", 1), "entries[0].bank_ref"),
            ("201 characters", entry(&"流".repeat(201), "2026-03-01", 1), "entries[0].bank_ref"),
            ("below zero", entry("a", "2026-03-01", -1), "entries[0].amount_fen"),
            ("nothing", entry("a", "2026-03-01", 0), "entries[0].amount_fen"),
            ("beyond the limit", entry("a", "2026-03-01", AMOUNT_FEN_LIMIT), "entries[0].amount_fen"),
            ("before the table", entry("a", "1989-12-31", 1), "entries[0].booked_on"),
            ("after the table", entry("a", "2100-01-01", 1), "entries[0].booked_on"),
            (
                "another day",
                Entry { booked_at: at("2026-03-01T16:00:00Z"), ..entry("a", "2026-03-01", 1) },
                "entries[0].booked_at",
            ),
            (
                "a kind of our own",
                Entry { kind: Some("opening".into()), ..entry("a", "2026-03-01", 1) },
                "entries[0].kind",
            ),
        ] {
            match collected(vec![wrong]) {
                Err(IngestError::Invalid(errors)) => assert_eq!(errors[0].path, path, "{case}"),
                other => panic!("{case}: {other:?}"),
            }
        }
        for right in [
            entry(&"流".repeat(200), "2026-03-01", AMOUNT_FEN_LIMIT - 1),
            entry("a", "1990-01-01", 1),
            entry("a", "2099-12-31", 1),
            Entry { booked_at: at("2026-03-01T15:59:59Z"), ..entry("a", "2026-03-01", 1) },
        ] {
            assert!(collected(vec![right.clone()]).is_ok(), "{right:?}");
        }
    }

    #[test]
    fn a_reversal_is_one_whatever_the_bank_calls_it() {
        assert_eq!(kind_of(Some("release"), true).ok(), Some(Kind::Reversal));
        assert_eq!(kind_of(Some("refund"), false).ok(), Some(Kind::Refund));
        assert_eq!(kind_of(None, false).ok(), Some(Kind::Other));
    }
}
