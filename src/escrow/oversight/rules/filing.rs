//! W16 `ACCOUNT-NOT-FILED` (未备案账户/未签协议): an operating institution without an agreement about an account in use.

use chrono::NaiveDate;

use super::midnight;
use crate::{
    escrow::{
        detector::{Level, WarningKind},
        oversight::model::{Alarm, evidence},
    },
    kernel::Calendar,
};

/// What is on file about an institution that operates and has no agreement about an account in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filing {
    /// From when it had to have one: the day on which it was licensed or came into the register, whichever was later.
    pub since_on: NaiveDate,
    /// What it has taken in fees by its own ledger, and the day of the first.
    pub fees_fen: i64,
    pub first_fee_on: Option<NaiveDate>,
    /// Whether there is an account, though no agreement.
    pub has_account: bool,
}

/// W16: orange once the workdays are over, red as soon as fees were taken. Returns `None` where the holidays are not known
/// and nothing was taken.
pub fn account_not_filed(
    filing: &Filing,
    workdays: u32,
    calendar: &Calendar,
    today: NaiveDate,
) -> Option<Option<Alarm>> {
    let due = calendar.add_workdays(filing.since_on, workdays);
    let reached = match (filing.first_fee_on.filter(|_| filing.fees_fen > 0), due) {
        (Some(first), _) => Some((Level::Red, first)),
        (None, Some(due)) => due.succ_opt().filter(|over| *over <= today).map(|over| (Level::Orange, over)),
        (None, None) => return None,
    };
    Some(reached.map(|(level, on)| {
        let (value, threshold, unit, formula) = match level {
            Level::Red => (filing.fees_fen, 0, "fen", "fees_fen > 0 without an agreement"),
            _ => {
                let days = days_over(calendar, filing.since_on, today);
                (days, i64::from(workdays), "workdays", "workdays without an agreement > threshold")
            }
        };
        let inputs = [
            ("since_on", filing.since_on.to_string().into()),
            ("due_on", due.map(|due| due.to_string()).into()),
            ("fees_fen", filing.fees_fen.into()),
            ("has_account", filing.has_account.into()),
        ];
        Alarm {
            kind: WarningKind::AccountNotFiled,
            level,
            at: midnight(on),
            evidence: evidence((value, threshold, unit), formula, inputs),
            basis: format!("{} {}", filing.since_on, filing.fees_fen > 0),
        }
    }))
}

/// Workdays after `from` up to `today`.
fn days_over(calendar: &Calendar, from: NaiveDate, today: NaiveDate) -> i64 {
    let days = from.iter_days().skip(1).take_while(|day| *day <= today);
    i64::try_from(days.filter(|day| calendar.is_workday(*day) == Some(true)).count()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{super::tests::day, *};

    fn told(filing: Filing, today: &str) -> Option<Option<Level>> {
        let alarm = account_not_filed(&filing, 10, Calendar::statutory(), day(today))?;
        Some(alarm.map(|alarm| alarm.level))
    }

    #[test]
    fn orange_after_ten_workdays_and_red_once_fees_were_taken() {
        // The tenth workday after Wednesday 18 March is 1 April.
        let filing = Filing { since_on: day("2026-03-18"), fees_fen: 0, first_fee_on: None, has_account: false };
        let paid = Filing { fees_fen: 1, first_fee_on: Some(day("2026-03-20")), ..filing };
        let far = Filing { since_on: day("2026-12-28"), ..filing };
        for (case, filing, today, expected) in [
            ("on the tenth workday", filing, "2026-04-01", Some(None)),
            ("the day after", filing, "2026-04-02", Some(Some(Level::Orange))),
            ("fees within the ten days", paid, "2026-03-20", Some(Some(Level::Red))),
            ("fees afterwards", paid, "2026-05-20", Some(Some(Level::Red))),
            ("a year without a notice", far, "2027-03-01", None),
            ("fees in such a year", Filing { since_on: far.since_on, ..paid }, "2027-03-01", Some(Some(Level::Red))),
        ] {
            assert_eq!(told(filing, today), expected, "{case}");
        }
    }

    #[test]
    fn the_evidence_counts_workdays_and_the_basis_changes_with_the_fees_alone() {
        let filing = Filing { since_on: day("2026-03-18"), fees_fen: 0, first_fee_on: None, has_account: true };
        let alarm = |filing: Filing, today: &str| {
            account_not_filed(&filing, 10, Calendar::statutory(), day(today)).flatten().unwrap()
        };
        let (early, late) = (alarm(filing, "2026-04-02"), alarm(filing, "2026-04-03"));
        assert_eq!((&early.evidence["value"], &late.evidence["value"]), (&11.into(), &12.into()));
        assert_eq!((early.at, &early.basis), (late.at, &late.basis));
        let paid = Filing { fees_fen: 5, first_fee_on: Some(day("2026-04-03")), ..filing };
        assert_ne!(alarm(paid, "2026-04-03").basis, early.basis);
    }
}
