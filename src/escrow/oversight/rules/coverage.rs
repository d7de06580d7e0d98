//! What parents read of coverage. Not a warning: a share and its day, where the bureau publishes it.

use chrono::NaiveDate;

use crate::escrow::model::Mode;

/// A share with the day that it holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    pub mode: Mode,
    pub share_bp: i32,
    pub held_on: NaiveDate,
}

/// An account as its statements have it at the end of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    pub mode: Mode,
    /// Of all the institution's accounts, while one takes the place of another.
    pub balance_fen: i64,
    /// What it is to cover at the end of that day: in custody what is owed in lessons, of a deposit the fees of the three months
    /// up to it.
    pub needed_fen: i64,
    pub on: NaiveDate,
    /// The statements of the account fit together.
    pub whole: bool,
}

/// What is published of an account from now on, `before` being what is: nothing where there is nothing to cover; what was known
/// last of the same mode while statements are missing. More than all of it is all of it; a part of a basis point is not there.
pub fn published(held: Held, before: Option<Published>) -> Option<Published> {
    if !held.whole {
        return before.filter(|before| before.mode == held.mode);
    }
    if held.needed_fen <= 0 {
        return None;
    }
    let share = i128::from(held.balance_fen.max(0)) * 10_000 / i128::from(held.needed_fen);
    let share_bp = i32::try_from(share.min(10_000)).unwrap_or(10_000);
    Some(Published { mode: held.mode, share_bp, held_on: held.on })
}

#[cfg(test)]
mod tests {
    use super::{super::tests::day, *};

    #[test]
    fn the_share_is_rounded_down_and_never_more_than_all() {
        let on = day("2026-03-17");
        let held = |balance_fen, needed_fen| Held { mode: Mode::Custody, balance_fen, needed_fen, on, whole: true };
        for (case, held, expected) in [
            ("F8: 384,000 of 430,000", held(38_400_000, 43_000_000), Some(8_930)),
            ("all", held(100, 100), Some(10_000)),
            ("a fen short", held(9_999_999, 10_000_000), Some(9_999)),
            ("more than all", held(300, 100), Some(10_000)),
            ("nothing there", held(0, 100), Some(0)),
            ("overdrawn", held(-5, 100), Some(0)),
            ("F23: nothing owed", held(0, 0), None),
            ("10^15 of 10^15", held(1_000_000_000_000_000, 1_000_000_000_000_000), Some(10_000)),
        ] {
            assert_eq!(published(held, None).map(|published| published.share_bp), expected, "{case}");
        }
    }

    #[test]
    fn while_statements_are_missing_the_last_known_share_stays_with_its_day() {
        let mode = Mode::RiskDeposit;
        let before = Some(Published { mode, share_bp: 9_500, held_on: day("2026-03-16") });
        let broken = Held { mode, balance_fen: 1, needed_fen: 100, on: day("2026-03-17"), whole: false };
        assert_eq!(published(broken, before), before);
        assert_eq!(published(broken, None), None);
        assert_eq!(published(Held { mode: Mode::Custody, ..broken }, before), None, "it was another share");
        let mended = Held { whole: true, ..broken };
        assert_eq!(published(mended, before), Some(Published { mode, share_bp: 100, held_on: day("2026-03-17") }));
    }
}
