//! The facts of a bureau, brought to the rules.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};

use super::{
    limits::Limits,
    model::{Alarm, Subject},
    rules::{self, Break, Contradiction, Feed, Filing, Forgery, Lacking, Loans, Outside, OverCap, Payment, Refunds},
    store::{facts, faults, ledger, warnings},
};
use crate::{
    db::{DbError, ScopedConn},
    escrow::detector::WarningKind,
    kernel::Calendar,
};

/// How far back days without a statement are looked for.
const COVERED_BACK: Days = Days::new(400);
/// How far back payments are put together by pupil.
const SPLIT_BACK: TimeDelta = TimeDelta::days(30);

/// Where the holidays of a year are not known, money is in by now that was paid so long ago.
const LONGEST_SETTLING: Days = Days::new(14);

/// What the rules said: of each subject and kind that could be judged, an alarm or none.
#[derive(Debug, Default)]
pub struct Judged(pub BTreeMap<(Subject, WarningKind), Option<Alarm>>);

impl Judged {
    fn put(&mut self, subject: Subject, kind: WarningKind, alarm: Option<Alarm>) {
        self.0.insert((subject, kind), alarm);
    }
}

/// What a bureau is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Grounds<'a> {
    pub limits: &'a Limits,
    pub calendar: &'a Calendar,
    pub now: DateTime<Utc>,
}

/// What is missing of some accounts' statements, by account; what is due only later is left out.
async fn lacking(
    conn: &mut ScopedConn,
    grounds: Grounds<'_>,
    accounts: &[i64],
) -> Result<BTreeMap<i64, Lacking>, DbError> {
    let Grounds { limits, calendar, now } = grounds;
    let since = rules::day_of(now).checked_sub_days(COVERED_BACK).unwrap_or_default();
    let mut spans: BTreeMap<i64, (Vec<rules::Span>, Vec<NaiveDate>)> = BTreeMap::new();
    for (account, span) in facts::spans(conn, accounts, since).await? {
        spans.entry(account).or_default().0.push(span);
    }
    for (account, day) in facts::pushed_days(conn, accounts, since).await? {
        spans.entry(account).or_default().1.push(day);
    }
    let mut holes: BTreeSet<(i64, NaiveDate)> = BTreeSet::new();
    let mut found: BTreeMap<i64, Lacking> = BTreeMap::new();
    for (account, (spans, days)) in &spans {
        holes.extend(rules::uncovered(spans, days, calendar).into_iter().map(|day| (*account, day)));
        found.entry(*account).or_default().numbers = rules::skipped(spans);
    }
    let asked: Vec<(i64, NaiveDate)> = holes.iter().copied().collect();
    if !asked.is_empty() {
        for moved in facts::days_with_entries(conn, &asked).await? {
            holes.remove(&moved);
        }
    }
    for (account, lacking) in &mut found {
        let days = holes.range((*account, NaiveDate::MIN)..=(*account, NaiveDate::MAX)).map(|(_, day)| *day);
        lacking.days = rules::due(&days.collect(), calendar, &limits.feed, now);
    }
    Ok(found)
}

/// W7 and W8 of the bureau's accounts and banks. Of accounts that are not among `only`, where that is given, what lies
/// between the days that came is not looked up.
pub async fn of_feeds(
    conn: &mut ScopedConn,
    grounds: Grounds<'_>,
    only: Option<&BTreeSet<i64>>,
) -> Result<Judged, DbError> {
    let mut judged = Judged::default();
    let mut feeds = facts::feeds(conn).await?;
    let looked_at = |feed: &&Feed| only.is_none_or(|only| only.contains(&feed.account));
    let accounts: Vec<i64> = feeds.iter().filter(looked_at).map(|feed| feed.account).collect();
    let lacking = lacking(conn, grounds, &accounts).await?;
    for feed in &mut feeds {
        if let Some(lacking) = lacking.get(&feed.account) {
            feed.holes.clone_from(&lacking.days);
        }
    }
    for (subject, alarm) in rules::feed_silent(&feeds, grounds.calendar, &grounds.limits.feed, grounds.now) {
        judged.put(subject, WarningKind::FeedSilent, alarm);
    }
    let mut breaks: BTreeMap<(i64, i64), Vec<Break>> = BTreeMap::new();
    for (of, place) in facts::breaks(conn).await? {
        breaks.entry(of).or_default().push(place);
    }
    let faults::Faults { contradictions, forgeries } = faults::open(conn, grounds.now).await?;
    let mut contradicted: BTreeMap<(i64, i64), Vec<Contradiction>> = BTreeMap::new();
    for (of, one) in contradictions {
        contradicted.entry(of).or_default().push(one);
    }
    // Of an account that is no longer in use, and of a bank without one, nothing is to be said any more.
    for stored in warnings::open(conn).await? {
        let gone = match stored.subject() {
            Subject::Account { account, .. } => feeds.iter().all(|feed| feed.account != account),
            Subject::Bank(bank) => feeds.iter().all(|feed| feed.bank != bank),
            Subject::Institution(_) => false,
        };
        let subject = stored.subject();
        let kind = stored.kind.parse();
        let of_bank = matches!((&subject, &kind), (Subject::Bank(_), Ok(WarningKind::ChainBreak)));
        if let (true, Ok(kind)) = (gone || of_bank, kind) {
            judged.put(subject, kind, None);
        }
    }
    let mut by_bank: BTreeMap<String, Vec<Forgery>> = BTreeMap::new();
    for one in forgeries {
        by_bank.entry(one.bank.clone()).or_default().push(one);
    }
    for (bank, forgeries) in by_bank {
        judged.put(Subject::Bank(bank), WarningKind::ChainBreak, rules::forged(&forgeries));
    }
    for feed in feeds {
        let of = (feed.account, feed.institution);
        let subject = || Subject::Account { account: of.0, institution: of.1 };
        judged.put(subject(), WarningKind::StatementGap, None);
        judged.put(subject(), WarningKind::ChainBreak, None);
        let places = breaks.get(&of).map(Vec::as_slice).unwrap_or_default();
        let nothing = Lacking::default();
        let lacking = lacking.get(&feed.account).unwrap_or(&nothing);
        let mut alarms = rules::broken_chain(places, lacking, grounds.calendar);
        rules::contradicted(&mut alarms, contradicted.get(&of).map(Vec::as_slice).unwrap_or_default());
        for alarm in alarms {
            judged.put(subject(), alarm.kind, Some(alarm));
        }
    }
    Ok(judged)
}

/// All that is known of one institution.
#[derive(Debug, Default)]
struct Known {
    filing: Option<Filing>,
    pupils: i64,
    over_cap: Vec<OverCap>,
    payments: Vec<Payment>,
    outside: Outside,
    loans: Loans,
    refunds: Refunds,
}

/// W10 to W13, W15 and W16 of the next institutions in order of id; the last of them, `None` when there is none.
pub async fn of_institutions(
    conn: &mut ScopedConn,
    grounds: Grounds<'_>,
    after: i64,
    limit: i64,
) -> Result<(Judged, Option<i64>), DbError> {
    let Grounds { limits, calendar, now } = grounds;
    let institutions = facts::institutions(conn, after, limit).await?;
    let last = institutions.last().map(|(id, _)| *id);
    let ids: Vec<i64> = institutions.iter().map(|(id, _)| *id).collect();
    let mut known: BTreeMap<i64, Known> = BTreeMap::new();
    for (id, filing) in institutions {
        known.insert(id, Known { filing, ..Known::default() });
    }
    if last.is_some() {
        read_ledger(conn, grounds, &ids, &mut known).await?;
    }
    let today = rules::day_of(now);
    let mut judged = Judged::default();
    for (id, known) in known {
        let put = |judged: &mut Judged, kind, alarm| judged.put(Subject::Institution(id), kind, alarm);
        put(&mut judged, WarningKind::OverCap, rules::over_cap(&known.over_cap, known.pupils, &limits.prepay, now));
        put(&mut judged, WarningKind::Structuring, rules::split_orders(&known.payments, &limits.prepay));
        put(&mut judged, WarningKind::OutsideEscrow, rules::outside_escrow(&known.outside, &limits.outside, now));
        put(&mut judged, WarningKind::TrainingLoan, rules::training_loan(&known.loans, limits.loan_red_families));
        put(&mut judged, WarningKind::RefundBacklog, rules::refund_backlog(&known.refunds, &limits.refunds, today));
        let filed = match &known.filing {
            Some(filing) => rules::account_not_filed(filing, limits.filing_workdays, calendar, today),
            None => Some(None),
        };
        if let Some(alarm) = filed {
            put(&mut judged, WarningKind::AccountNotFiled, alarm);
        }
    }
    Ok((judged, last))
}

async fn read_ledger(
    conn: &mut ScopedConn,
    Grounds { limits, calendar, now }: Grounds<'_>,
    ids: &[i64],
    known: &mut BTreeMap<i64, Known>,
) -> Result<(), DbError> {
    let today = rules::day_of(now);
    let mut of = |id: i64, put: &mut dyn FnMut(&mut Known)| {
        if let Some(known) = known.get_mut(&id) {
            put(known);
        }
    };
    for (id, pupils) in ledger::pupils(conn, ids, today).await? {
        of(id, &mut |known| known.pupils = pupils);
    }
    for (id, order) in ledger::over_cap(conn, ids).await? {
        of(id, &mut |known| known.over_cap.push(order.clone()));
    }
    for (id, payment) in ledger::payments(conn, ids, now - SPLIT_BACK).await? {
        of(id, &mut |known| known.payments.push(payment.clone()));
    }
    for (id, payment) in ledger::elsewhere(conn, ids).await? {
        of(id, &mut |known| known.outside.payments.push(payment.clone()));
    }
    let settled = workdays_before(calendar, today, limits.outside.settled_workdays);
    let surely_settled = settled.or_else(|| today.checked_sub_days(LONGEST_SETTLING)).unwrap_or(today);
    for (id, pupil) in ledger::unpaid(conn, ids, surely_settled).await? {
        of(id, &mut |known| known.outside.unpaid.push(pupil.clone()));
    }
    if let Some(settled) = settled {
        for (id, dues) in ledger::dues(conn, ids, settled, limits.prepay.payment_max_fen).await? {
            of(id, &mut |known| known.outside.dues = Some(dues));
        }
    }
    for (id, loan) in ledger::loans(conn, ids).await? {
        of(id, &mut |known| known.loans.paid.push(loan.clone()));
    }
    for (id, said) in ledger::complaints(conn, ids).await? {
        of(id, &mut |known| known.outside.complaints.push(said.clone()));
    }
    for (id, (families, at)) in ledger::loan_complaints(conn, ids).await? {
        of(id, &mut |known| (known.loans.complained, known.loans.complained_at) = (families, Some(at)));
    }
    let mut late: BTreeMap<i64, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for (id, (due_on, pupil)) in ledger::overdue_refunds(conn, ids, today).await? {
        of(id, &mut |known| known.refunds.open_due_on.push(due_on));
        late.entry(id).or_default().insert(pupil);
    }
    for (id, families) in late {
        of(id, &mut |known| known.refunds.late_families = i64::try_from(families.len()).unwrap_or(i64::MAX));
    }
    let week = today.checked_sub_days(Days::new(7)).unwrap_or(today);
    for (id, (asking, on)) in ledger::asking(conn, ids, (week, today)).await? {
        of(id, &mut |known| (known.refunds.asking, known.refunds.asked_on) = (asking, Some(on)));
    }
    known.values_mut().for_each(|known| known.refunds.pupils = known.pupils);
    Ok(())
}

/// The day so many workdays before another; `None` where the holidays are not known.
fn workdays_before(calendar: &Calendar, day: chrono::NaiveDate, count: u32) -> Option<chrono::NaiveDate> {
    let mut left = count;
    let mut on = day;
    while left > 0 {
        on = on.pred_opt()?;
        left -= u32::from(calendar.is_workday(on)?);
    }
    Some(on)
}

/// The subjects of some accounts: their own, and the banks, whose outage they may end.
pub fn only_of(judged: Judged, accounts: &BTreeSet<i64>) -> Judged {
    let concerned = |subject: &Subject| match subject {
        Subject::Account { account, .. } => accounts.contains(account),
        Subject::Institution(_) => false,
        Subject::Bank(_) => true,
    };
    Judged(judged.0.into_iter().filter(|((subject, _), _)| concerned(subject)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_two_workdays_to_come_in() {
        let back = |day: &str| workdays_before(Calendar::statutory(), day.parse().unwrap(), 2).map(|on| on.to_string());
        assert_eq!(back("2026-03-18").as_deref(), Some("2026-03-16"));
        assert_eq!(back("2026-03-16").as_deref(), Some("2026-03-12"), "over a weekend");
        assert_eq!(back("2026-05-06").as_deref(), Some("2026-04-29"), "over the May holiday");
    }
}
