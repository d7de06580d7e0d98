//! Where prepaid money goes, what covers it and where it comes from: the thresholds of W4 to W6, W9, W10, W13 and W14.

use super::{AMOUNT, FEN_MAX, RATE_MAX, SHARE, escrow};
use crate::policies::model::{
    Certainty::{S, V},
    Kind, Parameter, Stricter, Word,
};

const PERIODS: &[Word] = &[("month", "按月", "by the month"), ("week", "按周", "by the week")];
const MODES: &[Word] = &[("custody", "银行托管", "custody"), ("risk_deposit", "风险保证金", "a risk deposit")];
const RATE: Kind = Kind::BasisPoints(0, RATE_MAX);
const OF_NEEDED: Kind = Kind::BasisPoints(1, RATE_MAX);
const TIMES: Kind = Kind::BasisPoints(1, 1_000_000);
const SUM: Kind = Kind::Fen(0, FEN_MAX);
const DAYS: Kind = Kind::Days(1, 366);

const STEP: &str = "教监管函〔2021〕2号（与授课进度同步、同比例拨付）；数值为平台缺省值";
const COVER: &str = "教监管函〔2021〕2号（应托管、尽托管；风险保证金）；数值为平台缺省值";
const PAYEE: &str = "教监管函〔2021〕2号（专用账户、自有资金账户）；数值为平台缺省值";
const LOAN: &str = "双减意见（中办发〔2021〕40号）；教监管〔2022〕4号（不得使用培训贷）";

/// All of them, in the order in which they are shown.
pub(super) const FLOWS: [Parameter; 28] = [
    escrow(
        super::ESCROW_MODES,
        ("可采用的监管方式", "modes of supervision that are allowed"),
        Kind::Set(MODES),
        "custody risk_deposit",
    )
    .stricter(Stricter::Subset)
    .by("教监管函〔2021〕2号（银行托管、风险保证金；省级可只采用一种）", S),
    escrow(
        "escrow.unmatched.period",
        ("划拨与消课：结算周期", "releases against lessons: settled"),
        Kind::Choice(PERIODS),
        "month",
    )
    .stricter(Stricter::Local)
    .by(STEP, V),
    escrow(
        "escrow.unmatched.tolerance_fen",
        ("划拨与消课：容差金额", "releases against lessons: sum tolerated"),
        SUM,
        "100",
    )
    .by(STEP, V),
    escrow(
        "escrow.unmatched.tolerance_bp",
        ("划拨与消课：容差比例", "releases against lessons: share tolerated"),
        RATE,
        "50",
    )
    .by(STEP, V),
    escrow(
        "escrow.unmatched.orange_bp",
        ("划拨与消课橙色：超出消课金额的比例高于", "releases against lessons, orange: excess above this share"),
        RATE,
        "500",
    )
    .by(STEP, V),
    escrow(
        "escrow.unmatched.red_bp",
        ("划拨与消课红色：超出消课金额的比例高于", "releases against lessons, red: excess above this share"),
        RATE,
        "2000",
    )
    .by(STEP, V),
    escrow(
        "escrow.unmatched.red_excess_fen",
        ("划拨与消课红色：超出金额起点", "releases against lessons, red: from an excess of"),
        SUM,
        "500000",
    )
    .by(STEP, V),
    escrow(
        "escrow.unmatched.red_single_fen",
        ("划拨与消课红色：单笔无单据金额", "releases against lessons, red: one withdrawal without an order"),
        AMOUNT,
        "5000000",
    )
    .by(STEP, V),
    escrow("escrow.coverage.blue_bp", ("覆盖率蓝色：低于", "coverage, blue: below"), OF_NEEDED, "10000")
        .stricter(Stricter::Higher)
        .by(COVER, V),
    escrow("escrow.coverage.yellow_bp", ("覆盖率黄色：低于", "coverage, yellow: below"), OF_NEEDED, "9500")
        .stricter(Stricter::Higher)
        .by(COVER, V),
    escrow("escrow.coverage.orange_bp", ("覆盖率橙色：低于", "coverage, orange: below"), OF_NEEDED, "8000")
        .stricter(Stricter::Higher)
        .by(COVER, V),
    escrow("escrow.coverage.red_bp", ("覆盖率红色：低于", "coverage, red: below"), OF_NEEDED, "5000")
        .stricter(Stricter::Higher)
        .by(COVER, V),
    escrow(
        "escrow.coverage.order_tolerance_fen",
        ("覆盖率：每份合同的舍入容差", "coverage: what rounding may take of a contract"),
        Kind::Fen(0, 100),
        "1",
    )
    .by(COVER, V),
    escrow("escrow.runoff.yellow_days", ("预计耗尽黄色：剩余天数", "run-off, yellow: days left"), DAYS, "60")
        .stricter(Stricter::Higher),
    escrow("escrow.runoff.orange_days", ("预计耗尽橙色：剩余天数", "run-off, orange: days left"), DAYS, "30")
        .stricter(Stricter::Higher),
    escrow("escrow.runoff.red_days", ("预计耗尽红色：剩余天数", "run-off, red: days left"), DAYS, "14")
        .stricter(Stricter::Higher),
    escrow("escrow.runoff.horizon_days", ("预计耗尽：最多预测天数", "run-off: days looked ahead"), DAYS, "180")
        .stricter(Stricter::Higher),
    escrow(
        "escrow.payee.first_seen_fen",
        ("交易对手：首次收款人的金额", "recipients: one never paid before, from"),
        SUM,
        "1000000",
    )
    .by(PAYEE, V),
    escrow(
        "escrow.payee.new_count",
        ("交易对手：7 日内新增收款人", "recipients: new ones within 7 days"),
        Kind::Number(1, 50, "个", "recipients"),
        "3",
    )
    .by(PAYEE, V),
    escrow(
        "escrow.payee.person_red_fen",
        ("交易对手红色：个人收款金额", "recipients, red: a natural person gets"),
        SUM,
        "5000000",
    )
    .by(PAYEE, V),
    escrow(
        "escrow.payee.person_red_bp",
        ("交易对手红色：个人收款占余额", "recipients, red: share of the balance a natural person gets"),
        SHARE,
        "2000",
    )
    .by(PAYEE, V),
    escrow(
        "escrow.split.band_bp",
        ("化整为零：接近大额标准的比例", "split withdrawals: close to the large amount from"),
        SHARE,
        "8000",
    ),
    escrow(
        "escrow.split.count",
        ("化整为零：24 小时内笔数", "split withdrawals: number within 24 hours"),
        Kind::Number(2, 50, "笔", "withdrawals"),
        "3",
    ),
    escrow(
        "escrow.split.red_bp",
        ("化整为零红色：合计为大额标准的", "split withdrawals, red: in all, of the large amount"),
        TIMES,
        "20000",
    ),
    escrow(
        super::LOAN_RED,
        ("培训贷红色：涉及家庭数", "training loans, red: families"),
        Kind::Number(1, 50, "户", "families"),
        "3",
    )
    .by(LOAN, S),
    escrow(
        "escrow.loan.family_fen",
        ("培训贷：一个家庭一次最多缴费", "training loans: the most that one family pays at once"),
        AMOUNT,
        "500000",
    )
    .by("教监管〔2022〕4号；财务管理暂行办法（一次性收费不超过 5000 元）", S),
    escrow(
        "escrow.surge.times_bp",
        ("异常促销：7 日收入为前 8 周周均的", "enrolment surge: a week's income, of the mean of 8 weeks"),
        TIMES,
        "30000",
    ),
    escrow(
        "escrow.surge.floor_fen",
        ("异常促销：7 日收入起点", "enrolment surge: a week's income from"),
        SUM,
        "5000000",
    ),
];
