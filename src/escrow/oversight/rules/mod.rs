//! Pure rules of the oversight (domain-rules §5.4): facts in, alarms out; then what becomes of a warning over time.

mod contradictions;
mod coverage;
mod covered;
mod feed;
mod filing;
mod life;
mod orders;
mod outside;
mod refunds;
mod statements;
mod telling;

pub use contradictions::{Contradiction, Contradicts, Forgery, Version, contradicted, forged};
pub use coverage::{Held, Published, published};
pub use covered::{Skipped, Span, due, skipped, uncovered};
pub use feed::{Feed, feed_silent};
pub use filing::{Filing, account_not_filed};
pub use life::{Change, Closed, Open, Orange, change, is_to_be_mended, overdue, red_proposal, reopens};
pub use orders::{OverCap, Payment, excess_fen, over_cap, split_orders};
pub use outside::{Complained, Dues, Elsewhere, Loan, Loans, Outside, Unpaid, outside_escrow, training_loan};
pub use refunds::{Refunds, refund_backlog};
pub use statements::{Break, Lacking, Undetermined, broken_chain, undetermined};
pub use telling::{digest_is_due, sms_at, tell_at};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use crate::kernel::clock::BEIJING;

/// A local time of a day.
pub(super) fn instant(day: NaiveDate, time: NaiveTime) -> DateTime<Utc> {
    day.and_time(time).and_local_timezone(BEIJING).single().unwrap_or_default().to_utc()
}

/// The start of a local day.
pub fn midnight(day: NaiveDate) -> DateTime<Utc> {
    instant(day, NaiveTime::MIN)
}

/// The local day of an instant.
pub fn day_of(at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&BEIJING).date_naive()
}

/// Basis points of a whole, rounded down; `None` of nothing.
fn share_bp(part: i64, whole: i64) -> Option<i64> {
    let bp = i128::from(part) * 10_000 / i128::from((whole > 0).then_some(whole)?);
    Some(i64::try_from(bp).unwrap_or(i64::MAX))
}

/// Whether `part` is at least `bp` of `whole`, exactly; of nothing it is not.
fn reaches(part: i64, bp: i64, whole: i64) -> bool {
    whole > 0 && i128::from(part) * 10_000 >= i128::from(bp) * i128::from(whole)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    pub fn at(text: &str) -> DateTime<Utc> {
        format!("{text}:00+08:00").parse::<DateTime<chrono::FixedOffset>>().unwrap().to_utc()
    }

    #[test]
    fn a_share_is_exact_at_its_boundary() {
        for (part, whole, reached) in [(1, 20, true), (1, 21, false), (0, 0, false), (5, 0, false), (50, 1000, true)] {
            assert_eq!(reaches(part, 500, whole), reached, "{part} of {whole}");
        }
        assert_eq!((share_bp(1, 3), share_bp(1, 0)), (Some(3_333), None));
    }
}
