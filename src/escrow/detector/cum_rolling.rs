//! W2 `FUND-CUM-ROLLING` (滚动累计支出): what was spent in a window against the money at hand in it.
//!
//! The money at hand is the balance at `t − days` plus the credits in `(t − days, t]`; that equals the balance at `t`
//! plus every debit of the window, so one running total per window is exact and an entry costs O(1) amortised.
//! Source: 教监管函〔2021〕2号 (大额异动); thresholds by policy.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{days::DAY, model::Level};
use crate::escrow::policy::{CumRolling, RollingWindow};

/// What an entry does to the window sums, in fen. Entries of one instant enter and leave a window together and are
/// kept as one; stored as five numbers in a row because accounts with much traffic hold many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "[i64; 5]", into = "[i64; 5]")]
pub struct Movement {
    /// Microseconds since 1970.
    pub at: i64,
    pub credits: i64,
    /// Spending: debits that are neither refunds nor reversals.
    pub debits: i64,
    /// The part of `debits` that settles approved orders.
    pub matched: i64,
    /// Refunds and reversals.
    pub exempt: i64,
}

impl From<[i64; 5]> for Movement {
    fn from([at, credits, debits, matched, exempt]: [i64; 5]) -> Movement {
        Movement { at, credits, debits, matched, exempt }
    }
}

impl From<Movement> for [i64; 5] {
    fn from(movement: Movement) -> [i64; 5] {
        [movement.at, movement.credits, movement.debits, movement.matched, movement.exempt]
    }
}

impl Movement {
    /// The two as one, when they are of one instant and their sums fit.
    fn joined(&self, other: &Movement) -> Option<Movement> {
        if self.at != other.at {
            return None;
        }
        Some(Movement {
            at: self.at,
            credits: self.credits.checked_add(other.credits)?,
            debits: self.debits.checked_add(other.debits)?,
            matched: self.matched.checked_add(other.matched)?,
            exempt: self.exempt.checked_add(other.exempt)?,
        })
    }
}

/// The running totals of one window.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Totals {
    days: u32,
    /// Index of the first movement inside the window.
    first: usize,
    credits: i128,
    debits: i128,
    matched: i128,
    exempt: i128,
}

impl Totals {
    fn add(&mut self, movement: &Movement) {
        self.credits += i128::from(movement.credits);
        self.debits += i128::from(movement.debits);
        self.matched += i128::from(movement.matched);
        self.exempt += i128::from(movement.exempt);
    }

    fn drop_first(&mut self, movement: &Movement) {
        self.first += 1;
        self.credits -= i128::from(movement.credits);
        self.debits -= i128::from(movement.debits);
        self.matched -= i128::from(movement.matched);
        self.exempt -= i128::from(movement.exempt);
    }

    fn base(&self, balance_fen: i64) -> i128 {
        i128::from(balance_fen) + self.debits + self.exempt
    }
}

/// Movements as far back as the longest window reaches, and the totals of each window.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Rolling {
    movements: VecDeque<Movement>,
    /// The latest movement that was let go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dropped_at: Option<i64>,
    /// A cache of sums over `movements`; rebuilt after reading and after a change of policy.
    #[serde(skip)]
    totals: Vec<Totals>,
}

/// A window of these days cannot be summed: movements inside it were let go under a policy with shorter windows.
pub struct TooShort(pub u32);

impl Rolling {
    /// Makes the totals those of the policy's windows; costs two comparisons when they are.
    pub fn fit(&mut self, policy: &CumRolling, at: i64) -> Result<(), TooShort> {
        let windows = &policy.windows;
        if self.totals.len() == windows.len() && self.totals.iter().zip(windows).all(|(t, w)| t.days == w.days) {
            return Ok(());
        }
        let inside = |window: &&RollingWindow| self.dropped_at.is_some_and(|dropped| dropped > start(at, window.days));
        if let Some(window) = windows.iter().find(inside) {
            return Err(TooShort(window.days));
        }
        let fresh = |window: &RollingWindow| {
            let mut totals = Totals { days: window.days, first: 0, credits: 0, debits: 0, matched: 0, exempt: 0 };
            self.movements.iter().for_each(|movement| totals.add(movement));
            totals
        };
        self.totals = windows.iter().map(fresh).collect();
        Ok(())
    }

    /// Moves every window on to end at `at`, which never goes back, and lets go what the longest one left behind.
    pub fn advance(&mut self, at: i64) {
        let mut unused = self.movements.len();
        for totals in &mut self.totals {
            let start = start(at, totals.days);
            while let Some(movement) = self.movements.get(totals.first).filter(|movement| movement.at <= start) {
                totals.drop_first(movement);
            }
            unused = unused.min(totals.first);
        }
        if let Some(last) = self.movements.drain(..unused).next_back() {
            self.dropped_at = Some(last.at);
            self.totals.iter_mut().for_each(|totals| totals.first -= unused);
        }
    }

    /// Takes in a movement at the instant that the windows were advanced to.
    pub fn add(&mut self, movement: Movement) {
        match self.movements.back_mut().and_then(|last| Some((last.joined(&movement)?, last))) {
            Some((joined, last)) => *last = joined,
            None => self.movements.push_back(movement),
        }
        self.totals.iter_mut().for_each(|totals| totals.add(&movement));
    }

    /// Judges all windows; `balance_fen` is the balance at their end.
    pub fn judge<'a>(&'a self, policy: &'a CumRolling, balance_fen: i64) -> Verdict<'a> {
        let mut verdict = Verdict { gravest: None, without_base: false, all_below: true };
        for (window, totals) in policy.windows.iter().zip(&self.totals) {
            let base = totals.base(balance_fen);
            if base <= 0 {
                verdict.without_base = true;
                verdict.all_below = false;
                continue;
            }
            let reached = |bp: i64| totals.debits * 10_000 >= i128::from(bp) * base;
            verdict.all_below &= !reached(window.lowest_share_bp());
            let tiers = window.tiers.iter().filter(|tier| reached(tier.share_bp));
            let Some(tier) = tiers.max_by_key(|tier| tier.level) else { continue };
            let capped = totals.matched * MATCHED_PARTS >= totals.debits * MATCHED_OF;
            let level = if capped { tier.level.min(Level::Blue) } else { tier.level };
            if verdict.gravest.as_ref().is_none_or(|gravest| level > gravest.level) {
                let reached_level = tier.level;
                let share = Share { totals, base, balance_fen, level, reached_level, threshold_bp: tier.share_bp };
                verdict.gravest = Some(share);
            }
        }
        verdict
    }
}

/// At least nine parts in ten matched to approved orders make the warning a note only.
const MATCHED_OF: i128 = 9;
const MATCHED_PARTS: i128 = 10;

fn start(at: i64, days: u32) -> i64 {
    at.saturating_sub(i64::from(days).saturating_mul(DAY))
}

/// What the windows say at one instant.
pub struct Verdict<'a> {
    /// The window with the gravest level, the first of equals.
    pub gravest: Option<Share<'a>>,
    /// A window had no money at hand, so that it has no share.
    pub without_base: bool,
    /// Every window has a share, and it is below its lowest tier.
    pub all_below: bool,
}

/// A window that reached a tier.
pub struct Share<'a> {
    totals: &'a Totals,
    base: i128,
    balance_fen: i64,
    /// With the cap for matched spending.
    pub level: Level,
    reached_level: Level,
    threshold_bp: i64,
}

impl Share<'_> {
    /// What an officer needs to check the warning by hand.
    pub fn evidence(&self) -> Map<String, Value> {
        let totals = self.totals;
        let share = clamp(totals.debits * 10_000 / self.base);
        let matched_bp = if totals.debits == 0 { 0 } else { clamp(totals.matched * 10_000 / totals.debits) };
        [
            ("value", share.into()),
            ("threshold", self.threshold_bp.into()),
            ("unit", "bp".into()),
            ("formula", "debits_fen * 10000 / (balance_at_start_fen + credits_fen) >= threshold".into()),
            ("window_days", totals.days.into()),
            ("debits_fen", clamp(totals.debits).into()),
            ("balance_at_start_fen", clamp(self.base - totals.credits).into()),
            ("credits_fen", clamp(totals.credits).into()),
            ("base_fen", clamp(self.base).into()),
            ("exempt_fen", clamp(totals.exempt).into()),
            ("balance_fen", self.balance_fen.into()),
            ("share_bp", share.into()),
            ("matched_fen", clamp(totals.matched).into()),
            ("matched_bp", matched_bp.into()),
            ("reached_level", <&str>::from(self.reached_level).into()),
            ("capped", (self.level != self.reached_level).into()),
        ]
        .map(|(name, value): (&str, Value)| (name.to_owned(), value))
        .into_iter()
        .collect()
    }
}

/// JSON has no 128-bit integers; a sum beyond 64 bits is shown as the greatest one.
fn clamp(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}
