//! Parameters of what is judged of an institution and of the feed, and of the life of warnings over time (domain-rules §5.4).

use super::super::model::{Certainty::V, Group, Kind, Parameter, Stricter, Word};
use super::{FEN_MAX, escrow, parameter};

/// Levels that a bureau's officials read of once a day, in one mail.
const DIGESTED: &[Word] = &[("blue", "蓝色", "blue"), ("yellow", "黄色", "yellow")];

/// From which level on officers on duty get a short message; red is always told so.
const SMS_LEVELS: &[Word] = &[
    ("yellow", "黄色以上", "yellow and graver"),
    ("orange", "橙色和红色", "orange and red"),
    ("red", "只有红色", "red alone"),
];
const PUBLISHED: &[Word] = &[("off", "不公布", "not published"), ("on", "公布", "published")];

const DAYS: Kind = Kind::Days(1, 366);
const TIMES: Kind = Kind::Times(1, 10_000);
const SHARE: Kind = Kind::BasisPoints(1, 10_000);
const CLOCK: Kind = Kind::TimeOfDay(0, 24 * 60 - 1);

const fn procedure(
    id: &'static str,
    title: (&'static str, &'static str),
    kind: Kind,
    default: &'static str,
) -> Parameter {
    parameter(id, Group::Procedure, title, kind, default).stricter(Stricter::Local)
}

pub const FEED_CUTOFF: Parameter = escrow(
    "oversight.feed.cutoff",
    ("银行报送截止（次一银行工作日）", "the bank's data are due by (next bank day)"),
    CLOCK,
    "10:00",
);
pub const FEED_BLUE: Parameter = escrow(
    "oversight.feed.blue_days",
    ("银行报送中断蓝色：缺报的银行工作日", "silent feed, blue: missing bank days"),
    DAYS,
    "1",
);
pub const FEED_YELLOW: Parameter = escrow(
    "oversight.feed.yellow_days",
    ("银行报送中断黄色：缺报的银行工作日", "silent feed, yellow: missing bank days"),
    DAYS,
    "2",
);
pub const FEED_ORANGE: Parameter = escrow(
    "oversight.feed.orange_days",
    ("银行报送中断橙色：缺报的银行工作日", "silent feed, orange: missing bank days"),
    DAYS,
    "3",
);
pub const FEED_RED: Parameter = escrow(
    "oversight.feed.red_days",
    ("银行报送中断红色：缺报的银行工作日", "silent feed, red: missing bank days"),
    DAYS,
    "5",
);
pub const FEED_BANK: Parameter = escrow(
    "oversight.feed.bank_accounts",
    ("按整家银行报一次中断：该行账户至少", "a whole bank's outage is told once when it has at least so many accounts"),
    TIMES,
    "2",
)
.stricter(Stricter::Local);
pub const OVER_CAP_ORANGE_ORDERS: Parameter = escrow(
    "oversight.over_cap.orange_orders",
    ("超限预收橙色：30 日内单数", "prepaid beyond the limits, orange: orders in 30 days"),
    TIMES,
    "10",
);
pub const OVER_CAP_ORANGE_SHARE: Parameter = escrow(
    "oversight.over_cap.orange_share_bp",
    ("超限预收橙色：占在读学员", "prepaid beyond the limits, orange: share of the pupils"),
    SHARE,
    "500",
);
pub const OVER_CAP_RED_SHARE: Parameter = escrow(
    "oversight.over_cap.red_share_bp",
    ("超限预收红色：占在读学员", "prepaid beyond the limits, red: share of the pupils"),
    SHARE,
    "2000",
);
pub const OUTSIDE_SHARE: Parameter = escrow(
    "oversight.outside.tolerance_bp",
    ("账外收费：应收未入账的容差比例", "fees outside escrow: tolerated share of what is due"),
    Kind::BasisPoints(0, 10_000),
    "100",
);
pub const OUTSIDE_FLOOR: Parameter = escrow(
    "oversight.outside.tolerance_fen",
    ("账外收费：应收未入账的容差金额", "fees outside escrow: tolerated amount"),
    Kind::Fen(0, FEN_MAX),
    "100000",
);
pub const OUTSIDE_SETTLED: Parameter = escrow(
    "oversight.outside.settled_workdays",
    ("账外收费：应在几个工作日内入账", "fees outside escrow: workdays until money must be in"),
    Kind::Workdays(0, 30),
    "2",
);
pub const OUTSIDE_UNPAID: Parameter = escrow(
    "oversight.outside.unpaid_days",
    ("账外收费：消课而无缴费超过", "fees outside escrow: lessons without a payment for more than"),
    Kind::Days(0, 366),
    "3",
);
pub const OUTSIDE_ORANGE_PUPILS: Parameter = escrow(
    "oversight.outside.orange_pupils",
    ("账外收费橙色：学员数", "fees outside escrow, orange: pupils"),
    TIMES,
    "3",
);
pub const OUTSIDE_ORANGE_FEN: Parameter = escrow(
    "oversight.outside.orange_fen",
    ("账外收费橙色：金额", "fees outside escrow, orange: amount"),
    Kind::Fen(1, FEN_MAX),
    "1000000",
);
pub const OUTSIDE_RED_PUPILS: Parameter =
    escrow("oversight.outside.red_pupils", ("账外收费红色：学员数", "fees outside escrow, red: pupils"), TIMES, "10");
pub const OUTSIDE_RED_PERSONAL: Parameter = escrow(
    "oversight.outside.red_personal_pupils",
    ("账外收费红色：付到个人账户的学员数", "fees outside escrow, red: pupils who paid a person's account"),
    TIMES,
    "3",
);
pub const BACKLOG_YELLOW: Parameter = escrow(
    "oversight.refunds.yellow_overdue",
    ("退费积压黄色：逾期单数", "refund backlog, yellow: overdue refunds"),
    TIMES,
    "3",
);
pub const BACKLOG_ORANGE: Parameter = escrow(
    "oversight.refunds.orange_overdue",
    ("退费积压橙色：逾期单数", "refund backlog, orange: overdue refunds"),
    TIMES,
    "5",
);
pub const BACKLOG_RED: Parameter = escrow(
    "oversight.refunds.red_overdue",
    ("退费积压红色：逾期单数", "refund backlog, red: overdue refunds"),
    TIMES,
    "10",
);
pub const BACKLOG_SHARE: Parameter = escrow(
    "oversight.refunds.asked_share_bp",
    ("退费积压黄色：7 日内申请退费占在读学员", "refund backlog, yellow: pupils who asked for a refund in 7 days"),
    SHARE,
    "1000",
);
pub const FILING_WORKDAYS: Parameter = escrow(
    "oversight.filing.orange_workdays",
    ("未备案账户橙色：超过几个工作日", "no account on file, orange: after so many workdays"),
    Kind::Workdays(0, 60),
    "10",
);
pub const REOPEN_DAYS: Parameter = procedure(
    "warnings.reopen_days",
    ("同类预警再次出现升一级的期限", "the same warning again within so long starts one level higher"),
    Kind::Days(0, 366),
    "30",
)
.stricter(Stricter::Higher);
pub const QUIET_FROM: Parameter = procedure(
    "warnings.quiet.from",
    ("蓝色预警夜间不发信：从", "no mails of blue warnings at night: from"),
    CLOCK,
    "22:00",
);
pub const QUIET_UNTIL: Parameter = procedure(
    "warnings.quiet.until",
    ("蓝色预警夜间不发信：到", "no mails of blue warnings at night: until"),
    CLOCK,
    "07:00",
);
pub const DIGEST_LEVELS: Parameter = procedure(
    "warnings.digest.levels",
    ("对工作人员每日合并一封信的预警", "warnings that officials read of in one mail a day"),
    Kind::Set(DIGESTED),
    "blue yellow",
);
pub const DIGEST_AT: Parameter =
    procedure("warnings.digest.at", ("每日合并信的发信时间", "when the daily mail goes out"), CLOCK, "08:30");
pub const SMS_FROM: Parameter = procedure(
    "warnings.sms.from",
    ("给值班人员发短信的预警", "warnings told to officers on duty by short message"),
    Kind::Choice(SMS_LEVELS),
    "red",
);
pub const PUBLISH_COVERAGE: Parameter = procedure(
    "public.coverage",
    ("向家长公布预缴学费在监管账户里的比例", "parents read which share of their prepaid money is in escrow"),
    Kind::Choice(PUBLISHED),
    "off",
)
.by("教监管函〔2021〕2号（应托管、尽托管）；是否公布由当地决定，公布后不足的比例家长也看得到", V);
