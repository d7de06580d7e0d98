//! W7 `FEED-SILENT` (银行报送中断): bank days for which nothing came by the cut-off.
//!
//! The data of a bank day are due by the cut-off of the next bank day. A bank day is a workday of the holiday table. Days
//! before the last one heard of count as well until they are filled in.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::instant;
use crate::{
    escrow::{
        detector::{Level, WarningKind},
        oversight::{
            limits::FeedLimits,
            model::{Alarm, Subject, evidence},
        },
    },
    kernel::Calendar,
};

/// No account is counted further back than this.
const DAYS_MAX: usize = 400;

/// The feed of one account in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    pub account: i64,
    pub institution: i64,
    pub bank: String,
    /// The last day of which the bank has sent anything, or on which the account was filed.
    pub covered_on: NaiveDate,
    /// Bank days before that of which nothing came and whose cut-off has passed, in order.
    pub holes: Vec<NaiveDate>,
}

/// A bank day of which nothing came, and the cut-off by which it was due.
type Missing = (NaiveDate, DateTime<Utc>);

/// The bank days after `covered_on` whose cut-off has passed; `None` where the holidays of a year are not known.
fn missing(
    calendar: &Calendar,
    limits: &FeedLimits,
    covered_on: NaiveDate,
    now: DateTime<Utc>,
) -> Option<Vec<Missing>> {
    let mut days = Vec::new();
    for day in covered_on.iter_days().skip(1) {
        let due = instant(calendar.add_workdays(day, 1)?, limits.cutoff);
        if now < due || days.len() == DAYS_MAX {
            break;
        }
        if calendar.is_workday(day)? {
            days.push((day, due));
        }
    }
    Some(days)
}

/// The gravest tier that so many missing days reach, and their number.
fn tier(limits: &FeedLimits, days: usize) -> Option<(Level, i64)> {
    let count = i64::try_from(days).unwrap_or(i64::MAX);
    limits.tiers.into_iter().filter(|(_, least)| *least <= count).max_by_key(|(level, _)| *level)
}

fn alarm(
    limits: &FeedLimits,
    missing: &[Missing],
    (covered_on, holes): (NaiveDate, usize),
    accounts: Option<usize>,
) -> Option<Alarm> {
    let (level, least) = tier(limits, missing.len())?;
    let reached = usize::try_from(least).unwrap_or(1).max(1);
    let (first, at) = (missing.first()?.0, missing.get(reached - 1)?.1);
    let count = i64::try_from(missing.len()).unwrap_or(i64::MAX);
    let mut inputs = vec![
        ("covered_on", covered_on.to_string().into()),
        ("missing_from", first.to_string().into()),
        ("cutoff", limits.cutoff.format("%H:%M").to_string().into()),
    ];
    if holes > 0 {
        inputs.push(("days_in_between", holes.into()));
    }
    inputs.extend(accounts.map(|accounts| ("accounts", accounts.into())));
    Some(Alarm {
        kind: WarningKind::FeedSilent,
        level,
        at,
        evidence: evidence((count, least, "bank_days"), "missing bank days >= threshold", inputs),
        basis: if holes > 0 { format!("{covered_on} {first} {holes}") } else { covered_on.to_string() },
    })
}

/// The days in between and those of the silence after them, each with its cut-off.
fn all_missing(calendar: &Calendar, limits: &FeedLimits, feed: &Feed, silent: &[Missing]) -> Option<Vec<Missing>> {
    let due = |day: &NaiveDate| Some((*day, instant(calendar.add_workdays(*day, 1)?, limits.cutoff)));
    let mut all = feed.holes.iter().map(due).collect::<Option<Vec<Missing>>>()?;
    all.extend_from_slice(silent);
    Some(all)
}

/// W7 of all accounts of a bureau; it closes once every bank day is there. Where nothing came of any account of a bank, the
/// outage is told once, as the bank's: for as many days as it is silent as a whole; an account that misses more days has a
/// warning of its own.
///
/// Returns an alarm, or none, for each account and each bank that could be judged.
pub fn feed_silent(
    feeds: &[Feed],
    calendar: &Calendar,
    limits: &FeedLimits,
    now: DateTime<Utc>,
) -> Vec<(Subject, Option<Alarm>)> {
    let mut banks: BTreeMap<&str, Vec<(&Feed, Vec<Missing>)>> = BTreeMap::new();
    for feed in feeds {
        if let Some(missing) = missing(calendar, limits, feed.covered_on, now) {
            banks.entry(&feed.bank).or_default().push((feed, missing));
        }
    }
    let mut judged = Vec::with_capacity(feeds.len());
    for (bank, feeds) in banks {
        let outage = feeds.iter().min_by_key(|(_, missing)| missing.len());
        let outage = outage.filter(|(_, missing)| !missing.is_empty() && limits.bank_accounts <= feeds.len());
        let of_bank =
            outage.and_then(|(feed, missing)| alarm(limits, missing, (feed.covered_on, 0), Some(feeds.len())));
        let shared = outage.map_or(0, |(_, missing)| missing.len());
        judged.push((Subject::Bank(bank.to_owned()), of_bank));
        for (feed, missing) in &feeds {
            let own = match all_missing(calendar, limits, feed, missing) {
                Some(all) if all.len() > shared => alarm(limits, &all, (feed.covered_on, feed.holes.len()), None),
                _ => None,
            };
            judged.push((Subject::Account { account: feed.account, institution: feed.institution }, own));
        }
    }
    judged
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{at, day},
        *,
    };
    use crate::escrow::oversight::limits::Limits;
    use Level::{Blue, Orange, Red, Yellow};

    fn feed(account: i64, bank: &str, covered_on: &str) -> Feed {
        Feed {
            account,
            institution: account * 10,
            bank: bank.to_owned(),
            covered_on: day(covered_on),
            holes: Vec::new(),
        }
    }

    /// Level, count and instant of each alarm.
    fn told(feeds: &[Feed], now: &str) -> Vec<(Subject, Level, i64, DateTime<Utc>)> {
        let judged = feed_silent(feeds, Calendar::statutory(), &Limits::default().feed, at(now));
        let alarm = |(subject, alarm): (Subject, Option<Alarm>)| {
            let alarm = alarm?;
            Some((subject, alarm.level, alarm.evidence["value"].as_i64().unwrap(), alarm.at))
        };
        judged.into_iter().filter_map(alarm).collect()
    }

    fn one(now: &str) -> Option<(Level, i64)> {
        let told = told(&[feed(1, "台州银行", "2026-04-30")], now);
        told.first().map(|(_, level, count, _)| (*level, *count))
    }

    #[test]
    fn f15_and_both_sides_of_each_tier() {
        for (now, expected) in [
            // The holiday of 1 to 5 May, then the first bank day, whose data are due on the next.
            ("2026-05-05T23:00", None),
            ("2026-05-06T23:59", None),
            ("2026-05-07T09:59", None),
            ("2026-05-07T10:00", Some((Blue, 1))),
            ("2026-05-08T09:59", Some((Blue, 1))),
            ("2026-05-08T10:00", Some((Yellow, 2))),
            // 9 May is a Saturday on which people work.
            ("2026-05-09T10:00", Some((Orange, 3))),
            ("2026-05-11T10:00", Some((Orange, 4))),
            ("2026-05-12T09:59", Some((Orange, 4))),
            ("2026-05-12T10:00", Some((Red, 5))),
            ("2026-06-12T10:00", Some((Red, 28))),
        ] {
            assert_eq!(one(now).map(|(level, _)| level), expected.map(|(level, _)| level), "{now}");
            if let (Some((_, count)), Some((_, wanted))) = (one(now), expected.filter(|(_, count)| *count < 28)) {
                assert_eq!(count, wanted, "{now}");
            }
        }
        let told = told(&[feed(1, "台州银行", "2026-04-30")], "2026-05-20T12:00");
        assert_eq!(told[0].3, at("2026-05-12T10:00"), "the instant at which it became red, whenever it is looked at");
    }

    #[test]
    fn days_in_between_count_until_they_are_filled_in() {
        let feed = |holes: &[&str], covered_on| Feed {
            holes: holes.iter().map(|text| day(text)).collect(),
            ..feed(1, "台州银行", covered_on)
        };
        for (case, feed, expected) in [
            (
                "two are missing, the day after is there",
                feed(&["2026-05-06", "2026-05-07"], "2026-05-08"),
                Some((Yellow, 2)),
            ),
            ("one of them came", feed(&["2026-05-07"], "2026-05-08"), Some((Blue, 1))),
            ("all of it came", feed(&[], "2026-05-08"), None),
            ("and silent since", feed(&["2026-04-29", "2026-04-30"], "2026-05-07"), Some((Orange, 3))),
        ] {
            let told = told(&[feed], "2026-05-09T10:00");
            assert_eq!(told.first().map(|(_, level, count, _)| (*level, *count)), expected, "{case}");
        }
    }

    #[test]
    fn days_without_a_notice_are_not_guessed() {
        let feeds = [feed(1, "台州银行", "2026-12-30")];
        let judged = feed_silent(&feeds, Calendar::statutory(), &Limits::default().feed, at("2027-01-08T12:00"));
        assert!(judged.is_empty(), "neither silent nor well: {judged:?}");
    }

    #[test]
    fn a_whole_banks_outage_is_told_once_and_longer_silence_apart() {
        let silent = [feed(1, "甲", "2026-03-12"), feed(2, "甲", "2026-03-16"), feed(3, "甲", "2026-03-16")];
        // Wednesday: the 17th is missing of all, of the first the 13th and 16th too.
        let told = told(&silent, "2026-03-18T10:00");
        let subjects: Vec<_> =
            told.iter().map(|(subject, level, count, _)| (subject.clone(), *level, *count)).collect();
        assert_eq!(
            subjects,
            [(Subject::Bank("甲".to_owned()), Blue, 1), (Subject::Account { account: 1, institution: 10 }, Orange, 3)]
        );
    }

    #[test]
    fn one_account_that_is_heard_of_is_no_outage_and_one_account_alone_is_no_bank() {
        let feeds = [feed(1, "甲", "2026-03-16"), feed(2, "甲", "2026-03-17"), feed(3, "乙", "2026-03-16")];
        let told = told(&feeds, "2026-03-18T10:00");
        let subjects: Vec<_> = told.iter().map(|(subject, ..)| subject.clone()).collect();
        let account = |account| Subject::Account { account, institution: account * 10 };
        assert_eq!(subjects, [account(3), account(1)]);
    }
}
