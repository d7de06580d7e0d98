//! What a family bought and paid ahead, and what became of it: the words of the ledger, and what a contract says of money.

use serde::{Deserialize, Serialize};

use crate::kernel::{Fen, training::words};

words! {
    /// What was sold; all of it is prepayment alike (PREPAY-VARIANTS).
    Product {
        Course: "课程", "course";
        Recharge: "充值", "recharge";
        Card: "次卡", "punch card";
        Membership: "会员卡", "membership";
        Deposit: "定金或押金", "deposit";
        Voucher: "团购券", "voucher";
    }
}

words! {
    /// By what the fee is charged; where both are stated both limits bind (PREPAY-BOTH-MODES).
    Basis {
        Units: "按课时", "by units";
        Period: "按时间", "by period";
        Both: "课时和时间都约定", "by units and period";
    }
}

impl Basis {
    /// Whether a number of units is stated.
    pub fn by_units(self) -> bool {
        self != Basis::Period
    }

    /// Whether a period is stated.
    pub fn by_period(self) -> bool {
        self != Basis::Units
    }
}

words! {
    /// How a family paid.
    Channel {
        BankTransfer: "银行转账", "bank transfer";
        Wechat: "微信", "WeChat";
        Alipay: "支付宝", "Alipay";
        Pos: "刷卡", "card";
        Cash: "现金", "cash";
        Loan: "贷款或分期", "loan";
        Other: "其他", "other";
    }
}

words! {
    /// Where a contract stands.
    ContractStatus {
        Open: "履行中", "open";
        Finished: "已履行完", "finished";
        Cancelled: "已解除", "cancelled";
    }
}

words! {
    /// Where a lesson stands. What is disputed stays so until an official settles it.
    LessonState {
        Awaiting: "待确认", "awaiting";
        Confirmed: "已确认", "confirmed";
        Disputed: "有异议", "disputed";
        Void: "已作废", "void";
    }
}

words! {
    /// Who or what confirmed a lesson.
    ConfirmedBy {
        Parent: "家长", "parent";
        Silence: "到期未提异议", "silence";
        Official: "教育局", "official";
    }
}

/// What a contract costs and for how many units: the price of each unit follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// All that the contract costs.
    pub price: Fen,
    /// Of it materials that are billed apart; no unit's price holds any of it.
    pub materials: Fen,
    pub units_bought: u32,
    pub units_gifted: u32,
}

impl Terms {
    /// All units, gifted ones included.
    pub fn units(&self) -> u32 {
        self.units_bought.saturating_add(self.units_gifted)
    }
}
