//! W10 `FUND-STRUCTURING` (化整为零): several withdrawals within 24 hours that stay under the line of a large one.
//!
//! The line L1 is the least amount that `FUND-LARGE-SINGLE` warns of; without one nothing is kept under it. Entries without
//! a time of day stand at the beginning of their day, so 24 hours hold the same booking day. Source: 教监管函〔2021〕2号
//! (大额异动); thresholds by policy.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    counterparty::ById,
    days::DAY,
    model::{Entry, Level, fields},
};
use crate::escrow::policy::Structuring;

/// Withdrawals that are held at once; with more in 24 hours the oldest leave early.
const RECENT_MAX: usize = 4_096;

/// A withdrawal under the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(i64, i64, u64, bool, bool)", into = "(i64, i64, u64, bool, bool)")]
struct Part {
    at: i64,
    amount: i64,
    /// 0 where the bank does not say whom it went to.
    payee: u64,
    /// To a recipient that was first paid less than 24 hours before.
    is_new: bool,
    matched: bool,
}

impl From<(i64, i64, u64, bool, bool)> for Part {
    fn from((at, amount, payee, is_new, matched): (i64, i64, u64, bool, bool)) -> Part {
        Part { at, amount, payee, is_new, matched }
    }
}

impl From<Part> for (i64, i64, u64, bool, bool) {
    fn from(part: Part) -> (i64, i64, u64, bool, bool) {
        (part.at, part.amount, part.payee, part.is_new, part.matched)
    }
}

/// What some withdrawals come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Sum {
    count: u32,
    fen: i128,
    /// How many settle approved orders.
    matched: u32,
}

impl Sum {
    fn add(&mut self, part: &Part) {
        self.count += 1;
        self.fen += i128::from(part.amount);
        self.matched += u32::from(part.matched);
    }

    fn take(&mut self, part: &Part) {
        self.count -= 1;
        self.fen -= i128::from(part.amount);
        self.matched -= u32::from(part.matched);
    }
}

/// Withdrawals under the line in the last 24 hours.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Burst {
    recent: VecDeque<Part>,
    /// A cache of sums over `recent`; rebuilt after reading and after a change of the line.
    #[serde(skip)]
    sums: Option<Sums>,
}

#[derive(Debug, Clone)]
struct Sums {
    line: Line,
    close: Sum,
    new: Sum,
    by_payee: ById<Sum>,
}

/// The line and what is close under it, in fen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line {
    fen: i64,
    band_bp: i64,
}

impl Line {
    fn is_close(&self, amount_fen: i64) -> bool {
        amount_fen < self.fen && i128::from(amount_fen) * 10_000 >= i128::from(self.band_bp) * i128::from(self.fen)
    }
}

impl Sums {
    fn new(line: Line) -> Sums {
        Sums { line, close: Sum::default(), new: Sum::default(), by_payee: ById::default() }
    }

    fn add(&mut self, part: &Part) {
        if part.amount >= self.line.fen {
            return;
        }
        if self.line.is_close(part.amount) {
            self.close.add(part);
        }
        if part.is_new {
            self.new.add(part);
        }
        if part.payee != 0 {
            self.by_payee.entry(part.payee).or_default().add(part);
        }
    }

    fn take(&mut self, part: &Part) {
        if part.amount >= self.line.fen {
            return;
        }
        if self.line.is_close(part.amount) {
            self.close.take(part);
        }
        if part.is_new {
            self.new.take(part);
        }
        if let Some(sum) = self.by_payee.get_mut(&part.payee) {
            sum.take(part);
            if sum.count == 0 {
                self.by_payee.remove(&part.payee);
            }
        }
    }
}

/// How withdrawals belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Close,
    SamePayee,
    New,
}

/// A withdrawal that, with others, goes around the line.
pub(super) struct Finding {
    how: How,
    sum: Sum,
    line: Line,
    pub level: Level,
    reached_level: Level,
}

impl Burst {
    /// Takes in a withdrawal and judges it with those of the 24 hours that it ends; `line_fen` is L1.
    pub(super) fn judge(
        &mut self,
        policy: &Structuring,
        line_fen: i64,
        entry: &Entry,
        payee: Option<u64>,
        is_new: bool,
    ) -> Option<Finding> {
        let line = Line { fen: line_fen, band_bp: policy.band_bp };
        let at = entry.booked_at.timestamp_micros();
        let sums = match &mut self.sums {
            Some(sums) if sums.line == line => sums,
            sums => {
                let mut fresh = Sums::new(line);
                self.recent.iter().for_each(|part| fresh.add(part));
                sums.insert(fresh)
            }
        };
        let start = at.saturating_sub(DAY);
        let left = |part: &Part, held: usize| part.at <= start || held >= RECENT_MAX;
        while let Some(part) = self.recent.front().copied().filter(|part| left(part, self.recent.len())) {
            self.recent.pop_front();
            sums.take(&part);
        }
        let matched = entry.order_ref.is_some();
        let part = Part { at, amount: entry.amount_fen, payee: payee.unwrap_or(0), is_new, matched };
        // What is over the line is W1's; it stays here in case the line is raised within the day.
        self.recent.push_back(part);
        sums.add(&part);
        if part.amount >= line.fen {
            return None;
        }
        let same_payee = sums.by_payee.get(&part.payee).copied().unwrap_or_default();
        let candidates = [
            (How::Close, sums.close, line.is_close(part.amount)),
            (How::SamePayee, same_payee, same_payee.fen >= i128::from(line.fen)),
            (How::New, sums.new, is_new && sums.new.fen >= i128::from(line.fen)),
        ];
        let hits = candidates.into_iter().filter(|(_, sum, holds)| *holds && sum.count >= policy.count);
        let judged = hits.map(|(how, sum, _)| {
            let is_red = sum.fen * 10_000 >= i128::from(policy.red_bp) * i128::from(line.fen);
            let reached_level = if is_red { Level::Red } else { Level::Orange };
            // Withdrawals that all settle approved orders are a note only.
            let level = if sum.matched == sum.count { reached_level.min(Level::Blue) } else { reached_level };
            Finding { how, sum, line, level, reached_level }
        });
        // The first of the gravest.
        judged.reduce(|best, next| if next.level > best.level { next } else { best })
    }
}

impl Finding {
    /// What an officer needs to check the warning by hand.
    pub(super) fn evidence(&self, policy: &Structuring, entry: &Entry) -> Map<String, Value> {
        let formula = match self.how {
            How::Close => "withdrawals of band_from_fen or more and under line_fen within 24 hours >= threshold",
            How::SamePayee => {
                "withdrawals under line_fen to one recipient within 24 hours >= threshold, and sum_fen >= line_fen"
            }
            How::New => {
                "withdrawals under line_fen to recipients first paid within 24 hours >= threshold, and sum_fen >= line_fen"
            }
        };
        let band = i128::from(self.line.fen) * i128::from(self.line.band_bp);
        let band_from = i64::try_from((band + 9_999).div_euclid(10_000)).unwrap_or(i64::MAX);
        fields([
            ("value", self.sum.count.into()),
            ("threshold", policy.count.into()),
            ("unit", "withdrawals".into()),
            ("formula", formula.into()),
            ("amount_fen", entry.amount_fen.into()),
            ("sum_fen", i64::try_from(self.sum.fen).unwrap_or(i64::MAX).into()),
            ("line_fen", self.line.fen.into()),
            ("band_from_fen", band_from.into()),
            ("red_from_bp", policy.red_bp.into()),
            ("matched_count", self.sum.matched.into()),
            ("reached_level", <&str>::from(self.reached_level).into()),
            ("capped", (self.level != self.reached_level).into()),
        ])
    }
}
