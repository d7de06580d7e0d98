//! A refund's sum, line by line, as the family reads it.

use super::{Facts, Step};
use crate::kernel::Fen;

pub(super) fn step(zh: impl Into<String>, en: impl Into<String>, amount_fen: Option<i64>) -> Step {
    Step { zh: zh.into(), en: en.into(), amount_fen }
}

/// From what was paid to what is left.
pub(super) fn sum(facts: &Facts, charged: Option<u32>, paid: Fen, left: Fen) -> Vec<Step> {
    let (units, terms) = (facts.units, &facts.terms);
    let (each, last, all) = (terms.unit_price(), terms.amount(terms.units()), terms.units());
    let less = |fen: Fen| Some(-fen.0);
    let (last_zh, last_en) = if each == last {
        (String::new(), String::new())
    } else {
        (format!("，最后一课时 {}", last.yuan()), format!("; the last one costs {}", last.yuan()))
    };
    let materials = terms.materials != Fen::ZERO;
    let net =
        if materials { format!("({} − {})", terms.price.yuan(), terms.materials.yuan()) } else { terms.price.yuan() };
    let mut steps = vec![
        step(
            format!("已缴，共 {} 笔", facts.payments.len()),
            format!("Paid, in {} payments", facts.payments.len()),
            Some(paid.0),
        ),
        step(
            format!("每课时 {}：{net} ÷ {all} 课时（含赠送）{last_zh}", each.yuan()),
            format!("{} a unit: {net} ÷ {all} units, gifted ones among them{last_en}", each.yuan()),
            None,
        ),
    ];
    steps.extend(match charged {
        Some(charged) => vec![step(
            format!("减：核定收取 {charged} 课时（已上 {} 课时）", units.given()),
            format!("less {charged} units that are charged, as it was decided, of {} given", units.given()),
            less(terms.earned(1..=charged)),
        )],
        None => given(facts),
    });
    if facts.refunded.0 > 0 {
        steps.push(step("减：此前已退或已申请", "less given back or asked for before", less(facts.refunded)));
    }
    steps.push(step("剩余未消费", "Left unconsumed", Some(left.0)));
    steps
}

/// What is held back for the units that were given.
fn given(facts: &Facts) -> Vec<Step> {
    let (units, terms) = (facts.units, &facts.terms);
    let less = |fen: Fen| Some(-fen.0);
    let materials = terms.materials != Fen::ZERO;
    let (with_zh, with_en) = if materials && units.consumed > 0 {
        (
            format!("，含资料费 {}", terms.materials.yuan()),
            format!(", materials of {} among it", terms.materials.yuan()),
        )
    } else {
        (String::new(), String::new())
    };
    let mut steps = vec![step(
        format!("减：已消 {} 课时{with_zh}", units.consumed),
        format!("less {} units consumed{with_en}", units.consumed),
        less(facts.consumed),
    )];
    if units.awaiting > 0 {
        steps.push(step(
            format!("减：{} 课时已上、待确认；不确认的另行退还", units.awaiting),
            format!(
                "less {} units given and not confirmed yet; what is not confirmed is given back later",
                units.awaiting
            ),
            less(facts.awaiting),
        ));
    }
    if units.disputed > 0 {
        steps.push(step(
            format!("减：{} 课时有异议、冻结；查明后另行退还", units.disputed),
            format!("less {} units disputed and frozen; given back later as it is settled", units.disputed),
            less(facts.disputed),
        ));
    }
    steps
}

/// Where the money goes back to: the payments, the latest first (REFUND-ROUTE).
pub(super) fn route(facts: &Facts, amount: Fen, elsewhere: bool) -> Vec<Step> {
    if elsewhere {
        return vec![step(
            "退到监护人书面指定的账户",
            "to the account that the guardian named in writing",
            Some(amount.0),
        )];
    }
    let mut left = amount.0;
    let mut payments = facts.payments.clone();
    payments.sort_by_key(|payment| std::cmp::Reverse(payment.on));
    let mut steps = Vec::new();
    for payment in payments {
        let back = payment.amount.0.min(left);
        if back == 0 {
            break;
        }
        left -= back;
        let (zh, en) = (payment.channel.zh(), payment.channel.en());
        steps.push(step(
            format!("原路退回：{} {zh}付款的账户", payment.on),
            format!("back to where it came from: {en} of {}", payment.on),
            Some(back),
        ));
    }
    steps
}
