//! What an account is shown by at a glance: the figures that were written when it was judged, and what follows from them.
//!
//! Every page, file and answer that shows an account goes by [`Figures`], so that none can say another thing. What is not
//! known is `None`, never zero.

pub mod words;

use chrono::NaiveDate;
use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Date, Nullable},
};

use super::{
    detector::{Obligations, Required},
    policy::Policy,
    store::owed,
};
use crate::{
    db::{DbError, ScopedConn},
    policies,
};

/// The figures of one account.
#[derive(Debug, Clone, Default, PartialEq, Eq, QueryableByName)]
pub struct Figures {
    /// `None` before the bank has said anything.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub held_fen: Option<i64>,
    /// Fees not yet earned; `None` where nobody keeps a ledger.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub unearned_fen: Option<i64>,
    /// What the balance is to cover.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub needed_fen: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub minimum_fen: Option<i64>,
    /// What leaves in a day on balance.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub outflow_fen: Option<i64>,
    #[diesel(sql_type = Nullable<Date>)]
    pub runoff_on: Option<NaiveDate>,
    /// In less out of the last days, the latest last.
    #[diesel(sql_type = Nullable<Array<BigInt>>)]
    pub flow_fen: Option<Vec<i64>>,
    #[diesel(sql_type = Nullable<Date>)]
    pub flow_on: Option<NaiveDate>,
    /// The last day of which the bank has said anything.
    #[diesel(sql_type = Nullable<Date>)]
    pub heard_of_on: Option<NaiveDate>,
}

/// What an institution's other accounts that are not closed hold, with what is on its way between any of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beside {
    pub held_fen: i64,
    /// In less out of the last days of each, the latest last, with the day of the latest.
    pub flows: Vec<(Vec<i64>, NaiveDate)>,
}

/// How long the money lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// Under two weeks of entries nobody can say.
    Unknown,
    /// On balance nothing leaves, or so little that no day can be named.
    Lasts,
    /// So it is, and what is there does not cover what is owed by so much.
    Short { lacking_fen: i64 },
    /// Under a hundredth of what is to be covered is there: so much is not.
    Empty { lacking_fen: i64 },
    /// Until this day.
    Until(NaiveDate),
}

impl Figures {
    /// The share of what is to be covered that is held, in basis points rounded down, as W5 has it; `None` where nothing is
    /// to be covered or one of the two is unknown.
    pub fn coverage_bp(&self) -> Option<i64> {
        share_bp(self.held_fen?.into(), self.needed_fen?.into())
    }

    /// How long the money lasts. The rate is that of ordinary weeks: of an account that was emptied in a night it says nothing.
    pub fn lasting(&self) -> Lasting {
        let needed = self.needed_fen.filter(|needed| *needed > 0);
        let short = needed.zip(self.held_fen).filter(|(needed, held)| held < needed);
        let lacking_fen = short.map(|(needed, held)| needed.saturating_sub(held));
        let empty = short.is_some_and(|(needed, held)| i128::from(held) * 100 < i128::from(needed));
        match (lacking_fen, self.runoff_on, self.outflow_fen) {
            (Some(lacking_fen), ..) if empty => Lasting::Empty { lacking_fen },
            (_, Some(on), _) => Lasting::Until(on),
            (Some(lacking_fen), None, Some(_)) => Lasting::Short { lacking_fen },
            (None, None, Some(_)) => Lasting::Lasts,
            (_, None, None) => Lasting::Unknown,
        }
    }

    /// The same with what the institution's other accounts hold and what is on its way between them.
    pub fn and(mut self, beside: &Beside) -> Figures {
        self.held_fen = self.held_fen.map(|held| held.saturating_add(beside.held_fen));
        if let (Some(own), Some(on)) = (&mut self.flow_fen, self.flow_on) {
            for (flow, other_on) in &beside.flows {
                // Both end on a day; the days are counted back from there.
                let apart = (on - *other_on).num_days();
                for (back, fen) in (0_i64..).zip(flow.iter().rev()) {
                    let place = usize::try_from(back + apart).ok().and_then(|back| own.len().checked_sub(back + 1));
                    if let Some(day) = place.and_then(|place| own.get_mut(place)) {
                        *day = day.saturating_add(*fen);
                    }
                }
            }
        }
        self
    }

    /// Days since the last one of which the bank has said anything.
    pub fn silent_days(&self, today: NaiveDate) -> Option<i64> {
        self.heard_of_on.map(|on| (today - on).num_days().max(0))
    }

    /// The balances at the end of the last days, the present one last; none where fewer than two are known.
    pub fn balances(&self) -> Vec<i64> {
        let (Some(held), Some(flow)) = (self.held_fen, self.flow_fen.as_deref().filter(|flow| !flow.is_empty())) else {
            return Vec::new();
        };
        let mut balance = held;
        let mut balances = vec![balance];
        for moved in flow.iter().rev() {
            balance = balance.saturating_sub(*moved);
            balances.push(balance);
        }
        balances.reverse();
        balances
    }
}

/// `part` of `whole` in basis points rounded down; `None` where there is nothing to take a share of.
pub fn share_bp(part: i128, whole: i128) -> Option<i64> {
    (whole > 0).then(|| i64::try_from((part * 10_000).div_euclid(whole)).ok()).flatten()
}

/// The line of an account's last balances, drawn in a box of this size: `points` of a polyline; empty where there is no line
/// to draw.
pub fn spark(balances: &[i64], (width, height): (i64, i64)) -> String {
    let (Some(least), Some(most)) = (balances.iter().min(), balances.iter().max()) else { return String::new() };
    let least = i128::from(*least.min(&0));
    let range = (i128::from(*most) - least).max(1);
    let last = i64::try_from(balances.len() - 1).unwrap_or(1);
    if last == 0 {
        return String::new();
    }
    let points = (0..).zip(balances).map(|(place, balance)| {
        let up = (i128::from(*balance) - least) * i128::from(height) / range;
        format!("{},{}", place * width / last, i128::from(height) - up)
    });
    points.collect::<Vec<_>>().join(" ")
}

/// Notes that from `day` on another sum is owed by an institution of the own bureau than was known, and writes what its
/// account must hold now.
pub async fn owed_changed(conn: &mut ScopedConn, institution: i64, day: NaiveDate) -> Result<(), DbError> {
    owed::owed_changed(conn, institution, day).await?;
    let Some(account) = owed::in_use(conn, institution).await? else { return Ok(()) };
    let tenant = conn.tenant();
    let days = owed::owed_days(conn, tenant, institution).await?;
    let obligations = Obligations::from_days(&days);
    let Some(on) = account.known_on.max(obligations.last_on()) else { return Ok(()) };
    let policy = Policy::of(&policies::in_force(conn, tenant, on).await?);
    let required = Required::at(&policy, account.mode.parse().ok(), Some(&obligations), on);
    owed::set_required(conn, account.id, &required).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_down_and_unknown_is_not_nothing() {
        let figures = |held_fen, needed_fen| Figures { held_fen, needed_fen, ..Figures::default() };
        for (held, needed, expected) in [
            (Some(38_400_000), Some(43_000_000), Some(8_930)),
            (Some(0), Some(1), Some(0)),
            (Some(-1), Some(3), Some(-3_334)),
            (Some(i64::MAX), Some(1), None),
            (Some(5), Some(0), None),
            (None, Some(5), None),
            (Some(5), None, None),
        ] {
            assert_eq!(figures(held, needed).coverage_bp(), expected, "{held:?} of {needed:?}");
        }
    }

    #[test]
    fn balances_run_back_from_the_present_one() {
        let figures = Figures { held_fen: Some(70), flow_fen: Some(vec![100, -30]), ..Figures::default() };
        assert_eq!(figures.balances(), [0, 100, 70]);
        assert_eq!(spark(&figures.balances(), (120, 28)), "0,28 60,0 120,9");
        assert_eq!(spark(&[5], (120, 28)), "");
        assert_eq!(spark(&[-10, 10], (10, 10)), "0,10 10,0");
        assert_eq!(Figures { flow_fen: None, ..figures.clone() }.balances(), Vec::<i64>::new());
        assert_eq!(Figures { held_fen: None, ..figures }.balances(), Vec::<i64>::new());
    }

    #[test]
    fn the_money_lasts_until_a_day_or_nobody_can_say() {
        let day = NaiveDate::from_ymd_opt(2026, 5, 4);
        let lasting = |outflow_fen, runoff_on| Figures { outflow_fen, runoff_on, ..Figures::default() }.lasting();
        assert_eq!(lasting(Some(5), day), Lasting::Until(day.unwrap()));
        assert_eq!((lasting(Some(-5), None), lasting(None, None)), (Lasting::Lasts, Lasting::Unknown));
    }

    #[test]
    fn an_account_that_cannot_pay_what_is_owed_does_not_last() {
        let (short, empty) =
            (|lacking_fen| Lasting::Short { lacking_fen }, |lacking_fen| Lasting::Empty { lacking_fen });
        let day = NaiveDate::from_ymd_opt(2026, 5, 4);
        for (case, held, needed, runoff_on, expected) in [
            ("all of it", 10_000, Some(10_000), None, Lasting::Lasts),
            ("a fen short", 9_999, Some(10_000), None, short(1)),
            ("a hundredth is left", 100, Some(10_000), None, short(9_900)),
            ("less than that", 99, Some(10_000), None, empty(9_901)),
            ("nothing", 0, Some(10_000), None, empty(10_000)),
            ("overdrawn", -5, Some(10_000), None, empty(10_005)),
            ("nothing, nothing owed", 0, Some(0), None, Lasting::Lasts),
            ("nothing, nobody knows", 0, None, None, Lasting::Lasts),
            ("short, with a day", 9_999, Some(10_000), day, Lasting::Until(day.unwrap())),
            ("emptied, with a day", 99, Some(10_000), day, empty(9_901)),
        ] {
            let figures = Figures {
                held_fen: Some(held),
                needed_fen: needed,
                outflow_fen: Some(-5),
                runoff_on,
                ..Figures::default()
            };
            assert_eq!(figures.lasting(), expected, "{case}");
        }
        let young = Figures { held_fen: Some(9_999), needed_fen: Some(10_000), ..Figures::default() };
        assert_eq!(young.lasting(), Lasting::Unknown, "no rate is known");
        assert_eq!(Figures { held_fen: Some(0), ..young }.lasting(), empty(10_000));
    }

    #[test]
    fn accounts_of_one_institution_count_together_day_by_day() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let own = Figures {
            held_fen: Some(70),
            flow_fen: Some(vec![0, 100, -30]),
            flow_on: Some(day("2026-03-17")),
            ..Figures::default()
        };
        // 100 left the other one on the 16th; it is not heard of for a day.
        let beside = Beside { held_fen: 5, flows: vec![(vec![7, 5, -100], day("2026-03-16"))] };
        let both = own.clone().and(&beside);
        assert_eq!((both.held_fen, both.flow_fen.as_deref()), (Some(75), Some(&[5, 0, -30][..])));
        assert_eq!(both.balances(), [100, 105, 105, 75]);
        let ahead = Beside { held_fen: 0, flows: vec![(vec![1, 2, 4], day("2026-03-18"))] };
        assert_eq!(own.clone().and(&ahead).flow_fen.unwrap(), [0, 101, -28], "its last day lies beyond");
        assert_eq!(own.clone().and(&Beside::default()), own);
        let silent = Figures { held_fen: None, ..own };
        assert_eq!(silent.and(&beside).held_fen, None, "of the one in use nobody has heard");
    }
}
