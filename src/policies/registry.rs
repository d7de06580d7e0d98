//! Every parameter that a bureau may set.

mod flows;
pub mod oversight;

use super::model::{
    Certainty::{L, S, V},
    Group, Kind, Parameter, Standing, Stricter, Word,
};

/// How many days a proposal waits for the second official.
pub const APPROVAL_DAYS: &str = "approvals.days";
/// What needs two officials.
pub const FOUR_EYES: &str = "approvals.four_eyes";
/// Whether officials need a second factor to sign in.
pub const SECOND_FACTOR: &str = "sign_in.second_factor";
/// How long the audit trail is kept.
pub const AUDIT_DAYS: &str = "audit.days";
/// How many persons' data one official may unmask in a day.
pub const UNMASK_PER_DAY: &str = "personal.unmask_per_day";
/// Workdays in which somebody must act on a warning of a level.
pub const DUE_YELLOW: &str = "warnings.due.yellow";
pub const DUE_ORANGE: &str = "warnings.due.orange";
/// Most that one payment may be, and that one pupil may have prepaid at one institution.
pub const PAYMENT_MAX: &str = "ledger.payment_max_fen";
/// Most units of one payment.
pub const UNITS_MAX: &str = "ledger.units_max";
/// Calendar months that one payment may cover.
pub const SPAN_MONTHS: &str = "ledger.span_months";
/// Calendar months before the first lesson from which a course may be paid for.
pub const EARLIEST_MONTHS: &str = "ledger.earliest_months";
/// Most units that may be left of a course when it is renewed.
pub const RENEWAL_UNITS: &str = "ledger.renewal_units";
/// Workdays in which cash and the like must be in the escrow account.
pub const CASH_WORKDAYS: &str = "ledger.cash_workdays";
/// Workdays in which a risk deposit that is short must be filled up.
pub const TOP_UP_WORKDAYS: &str = "ledger.top_up_workdays";
/// Hours of silence after which a lesson is confirmed.
pub const SILENCE_HOURS: &str = "ledger.silence_hours";

const MAKEUP: &[Word] = &[
    ("allow", "允许", "allowed"),
    ("refer", "由工作人员决定", "an official decides"),
    ("deny", "不允许", "not allowed"),
];
const RELEASE_BY: &[Word] =
    &[("rule", "按规则自动批准", "approved by rule"), ("official", "由工作人员批准", "an official approves")];
const FIRST_RELEASE: &[Word] = &[
    ("at_once", "课时确认后即可", "once its lessons are confirmed"),
    ("after_cooling_off", "首笔付款的冷静期届满后", "once the cooling-off of its first payment has run"),
];
const SWITCH: &[Word] = &[("off", "不要求", "not required"), ("on", "要求", "required")];
const TWO_OFFICIALS: &[Word] = &[
    ("licence_issue", "发放办学许可", "issuing a licence"),
    ("licence_revoke", "撤销办学许可", "revoking a licence"),
    ("list_entry", "列入名单", "entry on a list"),
    ("list_exit", "移出名单", "exit from a list"),
    ("policy_change", "调整政策", "changing a policy"),
    ("warning_close_red", "办结红色预警", "closing a red warning"),
    ("warning_close_orange", "办结橙色预警", "closing an orange warning"),
    ("personal_data_access", "查阅个人信息", "looking at personal data"),
];

const PLATFORM: &str = "平台缺省值；国家规定只写“大额异动”和“最低余额”（教监管函〔2021〕2号）";
const FUNDS: &str = "教监管函〔2021〕2号；预警处置期限为平台缺省值";
const RATE_MAX: i64 = 100_000;
const FEN_MAX: i64 = 10_000_000_000;

const fn parameter(
    id: &'static str,
    group: Group,
    title: (&'static str, &'static str),
    kind: Kind,
    default: &'static str,
) -> Parameter {
    Parameter {
        id,
        group,
        title_zh: title.0,
        title_en: title.1,
        kind,
        optional: false,
        default,
        standing: Standing::Fallback,
        stricter: Stricter::Lower,
        legal_basis: PLATFORM,
        certainty: V,
    }
}

impl Parameter {
    const fn bound(mut self) -> Parameter {
        self.standing = Standing::Bound;
        self
    }

    const fn stricter(mut self, stricter: Stricter) -> Parameter {
        self.stricter = stricter;
        self
    }

    const fn by(mut self, legal_basis: &'static str, certainty: super::model::Certainty) -> Parameter {
        self.legal_basis = legal_basis;
        self.certainty = certainty;
        self
    }

    const fn optional(mut self) -> Parameter {
        self.optional = true;
        self
    }
}

const fn escrow(id: &'static str, title: (&'static str, &'static str), kind: Kind, default: &'static str) -> Parameter {
    parameter(id, Group::Escrow, title, kind, default)
}

const fn prepaid(
    id: &'static str,
    title: (&'static str, &'static str),
    kind: Kind,
    default: &'static str,
) -> Parameter {
    parameter(id, Group::Prepaid, title, kind, default)
}

const SHARE: Kind = Kind::BasisPoints(1, 10_000);
const AMOUNT: Kind = Kind::Fen(1, FEN_MAX);
const OF_MINIMUM: Kind = Kind::BasisPoints(1, RATE_MAX);

/// Of courses, and of withdrawals and the minimum balance.
const FIRST: [Parameter; 32] = [
    parameter(
        "course.offline_end",
        Group::Courses,
        ("线下培训最晚下课", "latest end of an offline lesson"),
        Kind::TimeOfDay(12 * 60, 24 * 60 - 1),
        "20:30",
    )
    .bound()
    .by("国办发〔2018〕80号；教监管〔2022〕4号", S),
    parameter(
        "course.online_end",
        Group::Courses,
        ("线上培训最晚下课", "latest end of an online lesson"),
        Kind::TimeOfDay(12 * 60, 24 * 60 - 1),
        "21:00",
    )
    .bound()
    .by("双减意见（中办发〔2021〕40号）；教监管〔2022〕4号", S),
    parameter(
        "course.makeup_day",
        Group::Courses,
        ("调休上班日开展学科类培训", "academic lessons on make-up workdays"),
        Kind::Choice(MAKEUP),
        "refer",
    )
    .stricter(Stricter::Higher)
    .by("双减意见的解释；县级政策", V),
    parameter(
        "course.float_bp",
        Group::Courses,
        ("学科类收费上浮上限", "how far an academic fee may lie above the benchmark"),
        Kind::BasisPoints(0, 10_000),
        "1000",
    )
    .bound()
    .by("发改价格〔2021〕1279号", S),
    prepaid(
        PAYMENT_MAX,
        ("一次性收费和在途预收费上限", "most of one payment, and of what a pupil has prepaid"),
        Kind::Fen(1, 500_000),
        "500000",
    )
    .bound()
    .by("教监管〔2022〕4号；校外培训机构财务管理暂行办法（2023）", S),
    prepaid(
        UNITS_MAX,
        ("一次性收费的课时上限（含赠送）", "most units of one payment, gifts included"),
        Kind::Number(1, 60, "课时", "units"),
        "60",
    )
    .bound()
    .by("教监管函〔2021〕2号", S),
    prepaid(
        SPAN_MONTHS,
        ("一次性收费的时间跨度上限", "longest period of one payment"),
        Kind::Number(1, 3, "个月", "months"),
        "3",
    )
    .bound()
    .by("教监管函〔2021〕2号；国办发〔2018〕80号", S),
    prepaid(
        EARLIEST_MONTHS,
        ("新课最早在开课前多久收费", "how long before its first lesson a course may be paid for"),
        Kind::Number(0, 12, "个月", "months"),
        "1",
    )
    .by("教监管函〔2021〕2号及地方预收费规定", L),
    prepaid(
        RENEWAL_UNITS,
        ("续费时剩余课时上限", "most units left when a course is renewed"),
        Kind::Number(0, 60, "课时", "units"),
        "20",
    )
    .by("北京、江苏等地预收费规定", L),
    prepaid(
        CASH_WORKDAYS,
        ("现金等收费存入监管账户的期限", "time until cash and the like is in the escrow account"),
        Kind::Workdays(0, 30),
        "1",
    )
    .by("教监管函〔2021〕2号（应托管、尽托管）；期限为平台缺省值", V),
    prepaid(
        TOP_UP_WORKDAYS,
        ("风险保证金不足时的补足期限", "time to fill up a risk deposit that is short"),
        Kind::Workdays(1, 30),
        "5",
    )
    .by("教监管函〔2021〕2号（风险保证金动态调整）；期限为平台缺省值", V),
    prepaid(
        SILENCE_HOURS,
        ("家长未提出异议时自动确认消课", "a lesson is confirmed by silence after"),
        Kind::Number(1, 720, "小时", "hours"),
        "72",
    )
    .stricter(Stricter::Higher)
    .by("一课一消；时限由当地确定，平台缺省值", V),
    escrow(
        "escrow.minimum.fixed_fen",
        ("最低存款余额：固定金额", "minimum balance: fixed sum"),
        Kind::Fen(0, FEN_MAX),
        "0",
    )
    .stricter(Stricter::Local)
    .by("教监管函〔2021〕2号（最低余额由当地确定）", L),
    escrow(
        "escrow.minimum.unearned_bp",
        ("最低存款余额：占未消课金额", "minimum balance: share of unearned fees"),
        Kind::BasisPoints(0, RATE_MAX),
        "2000",
    )
    .stricter(Stricter::Local)
    .by("教监管函〔2021〕2号（最低余额由当地确定）", L),
    escrow(
        "escrow.large.share_floor_fen",
        ("单笔大额：按占比触发的起点金额", "large withdrawal: a share counts from"),
        Kind::Fen(0, FEN_MAX),
        "500000",
    ),
    escrow(
        "escrow.large.yellow.share_bp",
        ("单笔大额黄色：占余额", "large withdrawal, yellow: share of the balance"),
        SHARE,
        "2000",
    )
    .optional(),
    escrow(
        "escrow.large.yellow.amount_fen",
        ("单笔大额黄色：金额", "large withdrawal, yellow: amount"),
        AMOUNT,
        "5000000",
    )
    .optional(),
    escrow(
        "escrow.large.orange.share_bp",
        ("单笔大额橙色：占余额", "large withdrawal, orange: share of the balance"),
        SHARE,
        "3500",
    )
    .optional(),
    escrow(
        "escrow.large.orange.amount_fen",
        ("单笔大额橙色：金额", "large withdrawal, orange: amount"),
        AMOUNT,
        "20000000",
    )
    .optional(),
    escrow(
        "escrow.large.red.share_bp",
        ("单笔大额红色：占余额", "large withdrawal, red: share of the balance"),
        SHARE,
        "5000",
    )
    .optional(),
    escrow("escrow.large.red.amount_fen", ("单笔大额红色：金额", "large withdrawal, red: amount"), AMOUNT, "")
        .optional(),
    escrow(
        "escrow.large.red.share_floor_fen",
        ("单笔大额红色：按占比触发的起点金额", "large withdrawal, red: a share counts from"),
        Kind::Fen(0, FEN_MAX),
        "5000000",
    ),
    escrow(
        "escrow.rolling.7.yellow_bp",
        ("7 日累计支出黄色：占可用资金", "withdrawals in 7 days, yellow: share of the money at hand"),
        SHARE,
        "3000",
    ),
    escrow(
        "escrow.rolling.7.orange_bp",
        ("7 日累计支出橙色：占可用资金", "withdrawals in 7 days, orange: share of the money at hand"),
        SHARE,
        "5000",
    ),
    escrow(
        "escrow.rolling.7.red_bp",
        ("7 日累计支出红色：占可用资金", "withdrawals in 7 days, red: share of the money at hand"),
        SHARE,
        "7000",
    ),
    escrow(
        "escrow.rolling.30.yellow_bp",
        ("30 日累计支出黄色：占可用资金", "withdrawals in 30 days, yellow: share of the money at hand"),
        SHARE,
        "6000",
    ),
    escrow(
        "escrow.rolling.30.orange_bp",
        ("30 日累计支出橙色：占可用资金", "withdrawals in 30 days, orange: share of the money at hand"),
        SHARE,
        "8000",
    ),
    escrow(
        "escrow.rolling.30.red_bp",
        ("30 日累计支出红色：占可用资金", "withdrawals in 30 days, red: share of the money at hand"),
        SHARE,
        "9000",
    ),
    escrow(
        "escrow.below.yellow_bp",
        ("低于最低余额黄色：不足最低余额的", "below the minimum, yellow: less than this share of it"),
        OF_MINIMUM,
        "10000",
    )
    .stricter(Stricter::Higher),
    escrow(
        "escrow.below.orange_bp",
        ("低于最低余额橙色：不足最低余额的", "below the minimum, orange: less than this share of it"),
        OF_MINIMUM,
        "8000",
    )
    .stricter(Stricter::Higher),
    escrow(
        "escrow.below.red_bp",
        ("低于最低余额红色：不足最低余额的", "below the minimum, red: less than this share of it"),
        OF_MINIMUM,
        "5000",
    )
    .stricter(Stricter::Higher),
    escrow(
        "escrow.below.red_after_days",
        ("连续低于最低余额转红：银行工作日", "below the minimum, red after bank days in a row"),
        Kind::Days(1, 366),
        "3",
    ),
];

/// Of refunds and releases.
const REFUNDS: [Parameter; 10] = [
    prepaid("refund.cooling_off_days", ("退费冷静期", "cooling-off after a payment"), Kind::Days(1, 90), "7")
        .stricter(Stricter::Higher)
        .by("法释〔2025〕4号；中小学生校外培训服务合同（GF-2021-2604）", L),
    prepaid(
        "refund.before_start_days",
        ("开课前退费期限", "time to refund, asked for before the first lesson"),
        Kind::Days(1, 30),
        "5",
    )
    .by("北京 2021-05 预收费规定；各地类似", L),
    prepaid(
        "refund.after_start_days",
        ("开课后退费期限", "time to refund, asked for after the first lesson"),
        Kind::Days(1, 60),
        "15",
    )
    .by("北京 2021-05 预收费规定；中小学生校外培训服务合同（GF-2021-2604）", L),
    prepaid(
        "refund.fee_max_bp",
        ("退费手续费、违约金上限：占退费金额", "most that may be kept of a refund: share of it"),
        Kind::BasisPoints(0, 3_000),
        "0",
    )
    .stricter(Stricter::Local)
    .by("民法典第四百九十六条、第四百九十七条", L),
    prepaid(
        "refund.overdue.yellow_days",
        ("退费逾期黄色：超过期限", "refund overdue, yellow: days past its limit"),
        Kind::Days(1, 366),
        "1",
    )
    .by("平台缺省值", V),
    prepaid(
        "refund.overdue.orange_days",
        ("退费逾期橙色：超过期限", "refund overdue, orange: days past its limit"),
        Kind::Days(1, 366),
        "5",
    )
    .by("平台缺省值", V),
    prepaid(
        "refund.overdue.red_days",
        ("退费逾期红色：超过期限", "refund overdue, red: days past its limit"),
        Kind::Days(1, 366),
        "15",
    )
    .by("平台缺省值", V),
    prepaid(
        "refund.overdue.red_families",
        ("退费逾期红色：涉及家庭", "refund overdue, red: families that wait"),
        Kind::Times(1, 1_000),
        "5",
    )
    .by("平台缺省值", V),
    prepaid("release.approval", ("划拨指令的批准", "approval of release orders"), Kind::Choice(RELEASE_BY), "official")
        .stricter(Stricter::Higher)
        .by("教监管函〔2021〕2号（与授课进度同步、同比例）；平台缺省值", V),
    prepaid("release.first", ("合同的首次划拨", "first release of a contract"), Kind::Choice(FIRST_RELEASE), "at_once")
        .stricter(Stricter::Higher)
        .by("教监管函〔2021〕2号；法释〔2025〕4号（冷静期）；平台缺省值", V),
];

/// Of feeds, and of institutions rather than their entries.
const FEEDS: [Parameter; 23] = [
    oversight::FEED_CUTOFF,
    oversight::FEED_BLUE,
    oversight::FEED_YELLOW,
    oversight::FEED_ORANGE,
    oversight::FEED_RED,
    oversight::FEED_BANK,
    oversight::OVER_CAP_ORANGE_ORDERS,
    oversight::OVER_CAP_ORANGE_SHARE,
    oversight::OVER_CAP_RED_SHARE,
    oversight::OUTSIDE_SHARE,
    oversight::OUTSIDE_FLOOR,
    oversight::OUTSIDE_SETTLED,
    oversight::OUTSIDE_UNPAID,
    oversight::OUTSIDE_ORANGE_PUPILS,
    oversight::OUTSIDE_ORANGE_FEN,
    oversight::OUTSIDE_RED_PUPILS,
    oversight::OUTSIDE_RED_PERSONAL,
    oversight::LOAN_RED,
    oversight::BACKLOG_YELLOW,
    oversight::BACKLOG_ORANGE,
    oversight::BACKLOG_RED,
    oversight::BACKLOG_SHARE,
    oversight::FILING_WORKDAYS,
];

/// Of procedure and security.
const LAST: [Parameter; 14] = [
    parameter(
        DUE_YELLOW,
        Group::Procedure,
        ("黄色预警处置期限", "time to act on a yellow warning"),
        Kind::Workdays(0, 30),
        "3",
    )
    .by(FUNDS, V),
    parameter(
        DUE_ORANGE,
        Group::Procedure,
        ("橙色预警处置期限", "time to act on an orange warning"),
        Kind::Workdays(0, 30),
        "2",
    )
    .by(FUNDS, V),
    oversight::REOPEN_DAYS,
    oversight::QUIET_FROM,
    oversight::QUIET_UNTIL,
    oversight::DIGEST_LEVELS,
    oversight::DIGEST_AT,
    oversight::SMS_FROM,
    oversight::PUBLISH_COVERAGE,
    parameter(
        APPROVAL_DAYS,
        Group::Procedure,
        ("双人复核提议的有效期", "how long a proposal waits for a second official"),
        Kind::Days(1, 30),
        "7",
    )
    .by("平台缺省值", V),
    parameter(
        FOUR_EYES,
        Group::Procedure,
        ("须两人办理的事项", "what needs two officials"),
        Kind::Set(TWO_OFFICIALS),
        "licence_issue licence_revoke list_entry list_exit policy_change warning_close_red",
    )
    .bound()
    .stricter(Stricter::Superset)
    .by("平台规则：重大事项双人复核", V),
    parameter(
        SECOND_FACTOR,
        Group::Security,
        ("工作人员登录的第二重验证", "a second factor for officials"),
        Kind::Choice(SWITCH),
        "on",
    )
    .stricter(Stricter::Higher)
    .by("网络安全法第二十一条；平台缺省值", V),
    parameter(
        AUDIT_DAYS,
        Group::Security,
        ("操作留痕保存期限", "how long the audit trail is kept"),
        Kind::Days(180, 36_500),
        "3650",
    )
    .stricter(Stricter::Higher)
    .by("网络安全法第二十一条（不少于六个月）；平台缺省值", S),
    parameter(
        UNMASK_PER_DAY,
        Group::Security,
        ("每人每天可查看完整个人信息", "persons whose data one official may unmask in a day"),
        Kind::Times(0, 1_000),
        "20",
    )
    .by("个人信息保护法第六条（最小必要）；平台缺省值", V),
];

const COUNT: usize = FIRST.len() + flows::FLOWS.len() + FEEDS.len() + REFUNDS.len() + LAST.len();

const ALL: [Parameter; COUNT] = {
    let mut all = [FIRST[0]; COUNT];
    let (parts, mut place, mut part) = ([&FIRST as &[Parameter], &flows::FLOWS, &FEEDS, &REFUNDS, &LAST], 0, 0);
    while part < parts.len() {
        let mut index = 0;
        while index < parts[part].len() {
            all[place] = parts[part][index];
            (place, index) = (place + 1, index + 1);
        }
        part += 1;
    }
    all
};

/// All of them, in the order in which they are shown.
pub const PARAMETERS: &[Parameter] = &ALL;

/// The parameter of an id.
pub fn parameter_of(id: &str) -> Option<&'static Parameter> {
    PARAMETERS.iter().find(|parameter| parameter.id == id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::policies::model::Value;

    #[test]
    fn every_default_reads_back_and_every_id_is_one() {
        let ids: BTreeSet<_> = PARAMETERS.iter().map(|parameter| parameter.id).collect();
        assert_eq!(ids.len(), PARAMETERS.len());
        for parameter in PARAMETERS {
            let value = parameter.default_value();
            assert_eq!(parameter.read(&parameter.write(&value)), Ok(value.clone()), "{}", parameter.id);
            assert_eq!(value == Value::Never, parameter.default.is_empty(), "{}", parameter.id);
            assert!(!parameter.legal_basis.is_empty() && !parameter.title_zh.is_empty());
            let typed = parameter.typed(&value);
            let typed: Vec<&str> =
                if matches!(value, Value::Set(_)) { typed.split(' ').collect() } else { vec![&typed] };
            assert_eq!(parameter.read_typed(&typed), Ok(value), "{}", parameter.id);
        }
    }

    #[test]
    fn values_are_said_in_words() {
        let say = |id: &str| {
            let parameter = parameter_of(id).unwrap();
            let value = parameter.default_value();
            (parameter.say_zh(&value), parameter.say_en(&value))
        };
        assert_eq!(say("course.float_bp"), ("10%".to_owned(), "10%".to_owned()));
        assert_eq!(say("course.offline_end").0, "20:30");
        assert_eq!(say("escrow.large.yellow.amount_fen").0, "¥50,000.00");
        assert_eq!(say("escrow.large.red.amount_fen").1, "not by this");
        assert_eq!(say(APPROVAL_DAYS), ("7 天".to_owned(), "7 days".to_owned()));
        assert_eq!(say("course.makeup_day").0, "由工作人员决定");
    }

    #[test]
    fn what_is_typed_wrong_says_what_is_meant() {
        for (id, typed) in [
            ("course.offline_end", "25:00"),
            ("course.offline_end", "8 点半"),
            ("course.offline_end", "08:30"),
            ("course.float_bp", "ten"),
            ("course.float_bp", "-1"),
            ("course.float_bp", ""),
            ("escrow.large.yellow.amount_fen", "0"),
            ("escrow.large.yellow.amount_fen", "1.234"),
            ("course.makeup_day", "maybe"),
            (APPROVAL_DAYS, "31"),
            (FOUR_EYES, "everything"),
        ] {
            let found = parameter_of(id).unwrap().read_typed(&[typed]);
            assert!(found.is_err_and(|error| !error.zh.is_empty() && !error.en.is_empty()), "{id} {typed}");
        }
    }
}
