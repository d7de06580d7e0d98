//! The rules of domain-rules §5.1 that concern contracts and payments alone; the others stand with the courses.

use crate::courses::rules::Rule;

pub const EARLIEST_RENEWAL: Rule = Rule {
    id: "PREPAY-EARLIEST-RENEWAL",
    title_zh: "最早续费时间",
    title_en: "the earliest renewal",
    legal_basis: "教监管函〔2021〕2号及地方预收费规定",
    fix_zh: "推迟收费。",
    fix_en: "Collect the fee later.",
};
pub const LOAN: Rule = Rule {
    id: "PREPAY-LOAN",
    title_zh: "培训贷",
    title_en: "loans for training",
    legal_basis: "双减意见（中办发〔2021〕40号）；教监管函〔2021〕2号；教监管〔2022〕4号",
    fix_zh: "解除贷款，退还家长，改由家长直接支付到监管账户。",
    fix_en: "Cancel the loan, refund the family, and let it pay into the escrow account itself.",
};
pub const BEFORE_LICENCE: Rule = Rule {
    id: "PREPAY-BEFORE-LICENCE",
    title_zh: "收费资格",
    title_en: "whether fees may be taken",
    legal_basis: "民办教育促进法",
    fix_zh: "退还已收费用；取得许可、恢复招生后再收费。",
    fix_en: "Refund what was taken; collect fees once the licence is in force and enrolment is allowed.",
};
pub const CHANNEL: Rule = Rule {
    id: "PREPAY-CHANNEL",
    title_zh: "收费渠道",
    title_en: "the way of payment",
    legal_basis: "教监管函〔2021〕2号",
    fix_zh: "把这笔费用全额存入监管账户。",
    fix_en: "Transfer the whole fee into the escrow account.",
};
pub const INVOICE: Rule = Rule {
    id: "PREPAY-INVOICE",
    title_zh: "收费票据",
    title_en: "the receipt of a fee",
    legal_basis: "税收征收管理法；发票管理办法",
    fix_zh: "向家长开具票据或电子发票，登记票据号。",
    fix_en: "Give the family a receipt or an e-invoice and enter its number.",
};
