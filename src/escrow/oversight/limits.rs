//! The numbers that the rules go by, as they are in force for a bureau on a day.

use chrono::NaiveTime;

use crate::{
    escrow::{detector::Level, policy::Policy},
    ledger::rules::refund,
    policies::{
        InForce,
        registry::{PAYMENT_MAX, oversight as parameters},
    },
};

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    pub feed: FeedLimits,
    pub prepay: PrepayLimits,
    pub outside: OutsideLimits,
    /// Families with a loan at which it is red.
    pub loan_red_families: i64,
    pub refunds: RefundLimits,
    /// Workdays in which an institution must have its account on file.
    pub filing_workdays: u32,
    pub telling: TellingLimits,
    /// The policy that they are of, as it is kept with each warning.
    pub version: String,
}

/// FEED-SILENT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedLimits {
    pub cutoff: NaiveTime,
    /// Missing bank days from which each level counts.
    pub tiers: [(Level, i64); 4],
    /// Accounts that a bank must have for its outage to be told once.
    pub bank_accounts: usize,
}

/// PREPAY-OVER-CAP, and the orders' side of FUND-STRUCTURING.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrepayLimits {
    /// Most that one payment may be, and one pupil's payments of a day together (PREPAY-CAP-5000).
    pub payment_max_fen: i64,
    pub orange_orders: i64,
    pub orange_share_bp: i64,
    pub red_share_bp: i64,
}

/// FUND-OUTSIDE-ESCROW.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutsideLimits {
    pub tolerance_bp: i64,
    pub tolerance_fen: i64,
    /// Workdays until money that is due must be in.
    pub settled_workdays: u32,
    /// Days after a lesson within which a payment must be there.
    pub unpaid_days: u32,
    pub orange_pupils: i64,
    pub orange_fen: i64,
    pub red_pupils: i64,
    pub red_personal_pupils: i64,
}

/// REFUND-BACKLOG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundLimits {
    /// Overdue refunds from which each level counts.
    pub tiers: [(Level, i64); 3],
    pub asked_share_bp: i64,
    /// REFUND-OVERDUE: of one refund by itself.
    pub one: refund::Limits,
}

/// When and how people are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TellingLimits {
    pub reopen_days: u32,
    pub quiet_from: NaiveTime,
    pub quiet_until: NaiveTime,
    pub digest_at: NaiveTime,
    /// The least level that is told by short message.
    pub sms_from: Level,
    pub(super) digest_blue: bool,
    pub(super) digest_yellow: bool,
}

impl TellingLimits {
    /// As they are in force.
    pub fn of(in_force: &InForce) -> TellingLimits {
        TellingLimits {
            reopen_days: whole(in_force, parameters::REOPEN_DAYS.id),
            quiet_from: clock(in_force, parameters::QUIET_FROM.id),
            quiet_until: clock(in_force, parameters::QUIET_UNTIL.id),
            digest_at: clock(in_force, parameters::DIGEST_AT.id),
            sms_from: in_force.word(parameters::SMS_FROM.id).parse().unwrap_or(Level::Red),
            digest_blue: in_force.holds(parameters::DIGEST_LEVELS.id, "blue"),
            digest_yellow: in_force.holds(parameters::DIGEST_LEVELS.id, "yellow"),
        }
    }

    /// Whether officials read of warnings of this level in the daily mail, and not one by one.
    pub fn digests(&self, level: Level) -> bool {
        match level {
            Level::Blue => self.digest_blue,
            Level::Yellow => self.digest_yellow,
            Level::Orange | Level::Red => false,
        }
    }
}

fn whole(in_force: &InForce, id: &str) -> u32 {
    u32::try_from(in_force.number(id)).unwrap_or_default()
}

/// A time of day is kept as minutes from midnight.
fn clock(in_force: &InForce, id: &str) -> NaiveTime {
    NaiveTime::from_num_seconds_from_midnight_opt(whole(in_force, id).saturating_mul(60), 0).unwrap_or_default()
}

impl Limits {
    /// As they are in force.
    pub fn of(in_force: &InForce) -> Limits {
        let number = |id: &str| in_force.number(id);
        Limits {
            feed: FeedLimits {
                cutoff: clock(in_force, parameters::FEED_CUTOFF.id),
                tiers: [
                    (Level::Blue, number(parameters::FEED_BLUE.id)),
                    (Level::Yellow, number(parameters::FEED_YELLOW.id)),
                    (Level::Orange, number(parameters::FEED_ORANGE.id)),
                    (Level::Red, number(parameters::FEED_RED.id)),
                ],
                bank_accounts: usize::try_from(number(parameters::FEED_BANK.id)).unwrap_or(usize::MAX),
            },
            prepay: PrepayLimits {
                payment_max_fen: number(PAYMENT_MAX),
                orange_orders: number(parameters::OVER_CAP_ORANGE_ORDERS.id),
                orange_share_bp: number(parameters::OVER_CAP_ORANGE_SHARE.id),
                red_share_bp: number(parameters::OVER_CAP_RED_SHARE.id),
            },
            outside: OutsideLimits {
                tolerance_bp: number(parameters::OUTSIDE_SHARE.id),
                tolerance_fen: number(parameters::OUTSIDE_FLOOR.id),
                settled_workdays: whole(in_force, parameters::OUTSIDE_SETTLED.id),
                unpaid_days: whole(in_force, parameters::OUTSIDE_UNPAID.id),
                orange_pupils: number(parameters::OUTSIDE_ORANGE_PUPILS.id),
                orange_fen: number(parameters::OUTSIDE_ORANGE_FEN.id),
                red_pupils: number(parameters::OUTSIDE_RED_PUPILS.id),
                red_personal_pupils: number(parameters::OUTSIDE_RED_PERSONAL.id),
            },
            loan_red_families: number(parameters::LOAN_RED.id),
            refunds: RefundLimits {
                tiers: [
                    (Level::Yellow, number(parameters::BACKLOG_YELLOW.id)),
                    (Level::Orange, number(parameters::BACKLOG_ORANGE.id)),
                    (Level::Red, number(parameters::BACKLOG_RED.id)),
                ],
                asked_share_bp: number(parameters::BACKLOG_SHARE.id),
                one: refund::Limits::of(in_force),
            },
            filing_workdays: whole(in_force, parameters::FILING_WORKDAYS.id),
            telling: TellingLimits::of(in_force),
            version: in_force.version(&Policy::default().version, |id| {
                id.starts_with("oversight.") || id.starts_with("refund.overdue.") || id == PAYMENT_MAX
            }),
        }
    }
}

/// As they are where no level has set anything.
#[cfg(test)]
impl Default for Limits {
    fn default() -> Limits {
        Limits::of(&crate::policies::Chain::default().on(chrono::NaiveDate::MIN))
    }
}
