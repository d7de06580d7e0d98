//! What an account is shown by at a glance, reckoned as its warnings are: what it must hold, what leaves it, how long that lasts.

use chrono::{Days, NaiveDate};

use super::{account::AccountState, below_min::Minimum, coverage::Cover, days, obligations::Obligations};
use crate::escrow::{model::Mode, policy::Policy};

/// A forecast further ahead says nothing; the money lasts.
const FORECAST_DAYS_MAX: i128 = 3_650;

/// What an account must hold at the end of a day, in fen. What nobody has written down is unknown, which is not nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Required {
    /// Fees not yet earned.
    pub unearned_fen: Option<i64>,
    /// What the balance is to cover: in custody the fees not yet earned, of a deposit the fees of three months.
    pub needed_fen: Option<i64>,
    /// The minimum balance; known where it does not depend on what is owed, or that is known.
    pub minimum_fen: Option<i64>,
}

impl Required {
    /// By the policy of the day.
    pub fn at(policy: &Policy, mode: Option<Mode>, owed: Option<&Obligations>, day: NaiveDate) -> Required {
        let number = days::number(day);
        let owed = owed.filter(|owed| owed.is_known_at(days::last_micro(number)));
        let cover = owed.map(|owed| Cover::of(&policy.coverage, mode, owed, number));
        let unearned_fen = cover.map(|cover| cover.unearned_fen);
        let rule = &policy.minimum_balance;
        let known = unearned_fen.is_some() || rule.fixed_fen > 0 || rule.unearned_bp == 0;
        Required {
            unearned_fen,
            needed_fen: cover.map(|cover| cover.needed_fen),
            minimum_fen: known.then(|| Minimum::of(rule, unearned_fen).least_fen(10_000)),
        }
    }
}

/// What moved lately, and how long the money lasts if it goes on like that.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outlook {
    /// In less out of nine weeks' days at most, the latest last.
    pub flow_fen: Vec<i64>,
    /// The day of the last of them.
    pub flow_on: Option<NaiveDate>,
    /// What leaves in a day on balance, by the robust mean of W6; `None` under two weeks of entries.
    pub outflow_fen: Option<i64>,
    /// The day on which the balance is gone at that rate; `None` where it lasts, or the rate is unknown.
    pub runoff_on: Option<NaiveDate>,
}

impl AccountState {
    /// As of the latest entry or closed day.
    pub fn outlook(&self) -> Outlook {
        let closed_on = self.first_open_day().and_then(|day| day.pred_opt());
        let entered_on = self.last_at.map(days::day_of).and_then(days::date);
        let on = closed_on.max(entered_on);
        let outflow = self.daily.outflow();
        let lasts = outflow.filter(|outflow| outflow.sum_fen > 0).and_then(|outflow| {
            let days = i128::from(self.balance_fen.max(0)) * i128::from(outflow.days) / outflow.sum_fen;
            (days <= FORECAST_DAYS_MAX).then(|| u64::try_from(days).ok()).flatten()
        });
        Outlook {
            flow_fen: self.daily.flow(entered_on > closed_on),
            flow_on: on,
            outflow_fen: outflow
                .map(|outflow| i64::try_from(outflow.sum_fen / i128::from(outflow.days)).unwrap_or(i64::MAX)),
            runoff_on: on.zip(lasts).and_then(|(on, days)| on.checked_add_days(Days::new(days))),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;
    use crate::{
        escrow::{
            detector::{AccountFacts, Entry, Grounds, Kind, Opening, OwedDay},
            policy::{MinimumBalance, Policies},
        },
        kernel::Calendar,
    };

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn owed(on: &str, contracted_fen: i64, consumed_fen: i64) -> OwedDay {
        OwedDay { day: day(on), contracted_fen, consumed_fen, refunded_fen: 0, contracts: 0, until_on: None }
    }

    #[test]
    fn what_is_required_is_unknown_until_somebody_writes_it_down() {
        let policy =
            Policy { minimum_balance: MinimumBalance { fixed_fen: 0, unearned_bp: 2_000 }, ..Policy::default() };
        let owed = Obligations::from_days(&[owed("2026-03-02", 1_001, 0), owed("2026-03-04", 0, 400)]);
        let at = |on| Required::at(&policy, None, Some(&owed), day(on));
        assert_eq!(at("2026-03-01"), Required::default(), "the day before the ledger begins");
        let first = Required { unearned_fen: Some(1_001), needed_fen: Some(1_001), minimum_fen: Some(201) };
        assert_eq!(at("2026-03-02"), first, "a fraction of a fen is a fen more");
        assert_eq!(at("2026-03-04").unearned_fen, Some(601));
        assert_eq!(Required::at(&policy, None, None, day("2026-03-04")), Required::default());
        let fixed = Policy { minimum_balance: MinimumBalance { fixed_fen: 500, unearned_bp: 2_000 }, ..policy };
        assert_eq!(
            Required::at(&fixed, None, None, day("2026-03-04")).minimum_fen,
            Some(500),
            "the fixed sum is known"
        );
    }

    #[test]
    fn a_deposit_stands_against_the_fees_of_three_months() {
        let owed = Obligations::from_days(&[owed("2025-12-18", 700, 0), owed("2025-12-19", 300, 0)]);
        let at = |on| Required::at(&Policy::default(), Some(Mode::RiskDeposit), Some(&owed), day(on));
        assert_eq!((at("2026-03-18").needed_fen, at("2026-03-18").unearned_fen), (Some(300), Some(1_000)));
        assert_eq!(at("2026-03-19").needed_fen, Some(0));
    }

    /// The state after one movement a day, from 1 March on.
    fn after(opening_fen: i64, flow: &[i64], open_day: Option<i64>) -> AccountState {
        let (policies, calendar) = (Policies::from(Policy::default()), Calendar::default());
        let grounds =
            Grounds { policies: &policies, calendar: &calendar, obligations: None, account: AccountFacts::unknown() };
        let first = day("2026-03-01");
        let mut state = AccountState::new(Opening { balance_fen: opening_fen, on: Some(first) });
        let mut push = |number: usize, fen: i64| {
            let at: DateTime<Utc> = crate::kernel::clock::midnight(first + Days::new(number as u64));
            let entry = Entry {
                booked_at: at,
                credit: fen > 0,
                amount_fen: fen.abs(),
                bank_ref: "x",
                kind: Kind::Other,
                order_ref: None,
                counterparty_name: None,
                counterparty_account: None,
                remittance: None,
            };
            state.push(&grounds, &entry, &mut Vec::new()).unwrap();
        };
        flow.iter().enumerate().for_each(|(number, fen)| push(number, *fen));
        if let Some(fen) = open_day {
            push(flow.len(), fen);
        } else {
            let last = crate::kernel::clock::midnight(first + Days::new(flow.len() as u64));
            state.close_days_until(&grounds, last, &mut Vec::new()).unwrap();
        }
        state
    }

    #[test]
    fn the_money_lasts_as_long_as_the_rate_of_the_last_weeks_says() {
        for (case, opening, flow, expected) in [
            ("thirteen days say nothing", 5_000, vec![-100; 13], (None, None)),
            ("fourteen do", 5_000, vec![-100; 14], (Some(100), Some("2026-04-19"))),
            ("a day's outflow less a fen", 1_400 + 99, vec![-100; 14], (Some(100), Some("2026-03-14"))),
            ("a day's outflow", 1_400 + 100, vec![-100; 14], (Some(100), Some("2026-03-15"))),
            ("overdrawn", 1_000, vec![-100; 14], (Some(100), Some("2026-03-14"))),
            ("nothing leaves on balance", 5_000, vec![100; 14], (Some(-100), None)),
            ("3,650 days ahead", 1_400 + 365_000, vec![-100; 14], (Some(100), Some("2036-03-11"))),
            ("further ahead it lasts", 1_400 + 365_100, vec![-100; 14], (Some(100), None)),
        ] {
            let outlook = after(opening, &flow, None).outlook();
            let (outflow, on) = expected;
            assert_eq!((outlook.outflow_fen, outlook.runoff_on), (outflow, on.map(day)), "{case}");
        }
    }

    #[test]
    fn nine_weeks_of_days_are_shown_and_the_one_under_way() {
        let closed = after(100_000, &(1..=70).map(|n| -n).collect::<Vec<_>>(), None).outlook();
        assert_eq!((closed.flow_fen.len(), closed.flow_fen[0], closed.flow_fen[62]), (63, -8, -70));
        assert_eq!(closed.flow_on, Some(day("2026-05-09")));
        let open = after(100_000, &[-1, -2], Some(-7)).outlook();
        assert_eq!((open.flow_fen, open.flow_on), (vec![-1, -2, -7], Some(day("2026-03-03"))));
        assert_eq!(AccountState::new(Opening::default()).outlook(), Outlook::default());
    }
}
