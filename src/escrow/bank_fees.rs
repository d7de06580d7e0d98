//! FUND-BANK-NO-FEE: what a bank takes for keeping an escrow account (托管不得额外收费). Pure.
//!
//! It is the bank's doing and not a withdrawal of the institution's, so the detector does not hold it against the latter (W4).
//! What counts is what the bank itself calls a fee; a remark could be written by whoever pays.

use chrono::NaiveDate;
use serde_json::{Map, json};

use crate::kernel::{Fen, Finding, Severity};

/// Fees that a bank took from one account over some time, less those that it gave back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fees {
    pub count: i64,
    pub fen: i64,
    pub first_on: NaiveDate,
    pub last_on: NaiveDate,
}

/// FUND-BANK-NO-FEE: any fee is referred to an official, who asks the bank to pay it back.
pub fn no_fee(fees: Option<Fees>) -> Option<Finding> {
    let Fees { count, fen, first_on, last_on } = fees.filter(|fees| fees.fen > 0)?;
    let sum = Fen(fen).yuan();
    Some(Finding {
        rule: "FUND-BANK-NO-FEE".into(),
        severity: Severity::Refer,
        path: "entries".to_owned(),
        message_zh: format!("银行自 {first_on} 至 {last_on} 从监管账户扣收费用 {count} 笔，共 {sum}"),
        message_en: format!(
            "The bank took {count} fees from the escrow account between {first_on} and {last_on}, {sum} in all"
        ),
        evidence: Map::from_iter([
            ("measured_fen".to_owned(), json!(fen)),
            ("limit_fen".to_owned(), json!(0)),
            ("count".to_owned(), json!(count)),
            ("first_on".to_owned(), json!(first_on)),
            ("last_on".to_owned(), json!(last_on)),
        ]),
        legal_basis: "教监管函〔2021〕2号（托管不得额外收费）".into(),
        fix_zh: "请银行退回所收费用，并按协议停止收取".to_owned(),
        fix_en: "Have the bank pay the fees back and charge none from now on".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_is_referred_and_one_that_was_given_back_is_none() {
        let day = |text: &str| text.parse().unwrap();
        let fees = |fen| Fees { count: 2, fen, first_on: day("2026-03-02"), last_on: day("2026-03-16") };
        assert_eq!(no_fee(None), None);
        assert_eq!(no_fee(Some(fees(0))), None, "all of it came back");
        let found = no_fee(Some(fees(1))).unwrap();
        assert_eq!((found.rule.as_ref(), found.severity), ("FUND-BANK-NO-FEE", Severity::Refer));
        assert_eq!(found.evidence["measured_fen"], 1);
    }
}
