//! The facts of a bureau, brought to the rules.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, TimeDelta, Utc};

use super::{
    limits::Limits,
    model::{Alarm, Subject},
    rules::{self, Break, Filing, Loans, Outside, OverCap, Payment, Refunds},
    store::{facts, ledger, warnings},
};
use crate::{
    db::{DbError, ScopedConn},
    escrow::detector::WarningKind,
    kernel::Calendar,
};

/// How far back a lender's payments are looked for.
const LENDERS_BACK: TimeDelta = TimeDelta::days(90);
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

/// W7 and W8 of the bureau's accounts and banks.
pub async fn of_feeds(conn: &mut ScopedConn, grounds: Grounds<'_>) -> Result<Judged, DbError> {
    let mut judged = Judged::default();
    let feeds = facts::feeds(conn).await?;
    for (subject, alarm) in rules::feed_silent(&feeds, grounds.calendar, &grounds.limits.feed, grounds.now) {
        judged.put(subject, WarningKind::FeedSilent, alarm);
    }
    let mut breaks: BTreeMap<(i64, i64), Vec<Break>> = BTreeMap::new();
    for (of, place) in facts::breaks(conn).await? {
        breaks.entry(of).or_default().push(place);
    }
    // Of an account that is no longer in use, and of a bank without one, nothing is to be said any more.
    for stored in warnings::open(conn).await? {
        let gone = match stored.subject() {
            Subject::Account { account, .. } => feeds.iter().all(|feed| feed.account != account),
            Subject::Bank(bank) => feeds.iter().all(|feed| feed.bank != bank),
            Subject::Institution(_) => false,
        };
        if let (true, Ok(kind)) = (gone, stored.kind.parse()) {
            judged.put(stored.subject(), kind, None);
        }
    }
    for feed in feeds {
        let of = (feed.account, feed.institution);
        let subject = || Subject::Account { account: of.0, institution: of.1 };
        judged.put(subject(), WarningKind::StatementGap, None);
        judged.put(subject(), WarningKind::ChainBreak, None);
        let places = breaks.get(&of).map(Vec::as_slice).unwrap_or_default();
        for alarm in rules::broken_chain(places, grounds.calendar) {
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
        let most = limits.prepay.payment_max_fen;
        put(&mut judged, WarningKind::TrainingLoan, rules::training_loan(&known.loans, limits.loan_red_families, most));
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
    for (id, (pupils, paid_at)) in ledger::loans(conn, ids).await? {
        of(id, &mut |known| (known.loans.pupils, known.loans.paid_at) = (pupils, Some(paid_at)));
    }
    for (id, said) in ledger::complaints(conn, ids).await? {
        of(id, &mut |known| known.outside.complaints.push(said.clone()));
    }
    for (id, (families, at)) in ledger::loan_complaints(conn, ids).await? {
        of(id, &mut |known| (known.loans.complained, known.loans.complained_at) = (families, Some(at)));
    }
    for (id, inflow) in facts::lenders(conn, ids, now - LENDERS_BACK).await? {
        of(id, &mut |known| known.loans.inflows.push(inflow));
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
