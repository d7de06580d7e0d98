//! Escrow's part in four eyes about where releases go: what the second official decides, and what it does.

use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::{commands, model::State, store};
use crate::{
    approvals::{self, Approval, Boxed, Desk, Kind, Objection, Shown, Work},
    db::DbError,
    escrow::error::EscrowError,
};

/// Decides on other accounts that releases are to go to.
#[derive(Debug)]
pub struct PayeeDesk;

/// A change as its proposer saw it; numbers by their masks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Change {
    pub account: i64,
    pub account_no: String,
    pub credit_code: String,
    pub payee_before: String,
    pub payee: String,
    pub agreement_before: String,
    pub agreement_no: Option<String>,
    /// Why the institution wants it.
    pub reason: String,
}

impl Desk for PayeeDesk {
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::ChangePayee]
    }

    fn show(&self, approval: &Approval) -> Shown {
        let Ok(change) = serde_json::from_value::<Change>(approval.payload.clone()) else { return Shown::default() };
        let name = approval.institution.as_ref().map(|institution| institution.name.clone()).unwrap_or_default();
        let line = |(zh, en): (&str, &str), before: &str, after: &str| approvals::Change {
            what_zh: zh.to_owned(),
            what_en: en.to_owned(),
            before_zh: before.to_owned(),
            before_en: before.to_owned(),
            after_zh: after.to_owned(),
            after_en: after.to_owned(),
        };
        let mut changes = vec![line(("划拨收款账户", "Releases go to"), &change.payee_before, &change.payee)];
        if let Some(number) = &change.agreement_no {
            changes.push(line(("协议编号", "Agreement"), &change.agreement_before, number));
        }
        let mut document = Map::new();
        document.insert(
            "amendment".to_owned(),
            json!({"id": approval.subject.parse::<i64>().ok(), "account_id": change.account, "reason": change.reason}),
        );
        Shown {
            subject: (name.clone(), name),
            href: Some(format!("/b/escrow/accounts/{}", change.credit_code)),
            changes,
            findings: Vec::new(),
            confirm: Some((
                "已向机构和银行分别核实新账户为机构自有账户；次日起划拨款进入该账户",
                "The institution and the bank were both asked: the new account is the institution's own. From tomorrow releases go there",
            )),
            document,
        }
    }

    fn carry_out<'a>(
        &'a self,
        mut work: Work<'a>,
        approvals: &'a [Approval],
    ) -> Boxed<'a, Result<Vec<Objection>, DbError>> {
        Box::pin(async move {
            let mut objections = Vec::new();
            for approval in approvals {
                match decide(&mut work, approval).await {
                    Ok(()) => {}
                    Err(EscrowError::Db(error)) => return Err(error),
                    Err(error) => objections.push((approval.id, error.into())),
                }
            }
            Ok(objections)
        })
    }
}

async fn decide(work: &mut Work<'_>, approval: &Approval) -> Result<(), EscrowError> {
    let Work { conn, caller, comment } = work;
    let id: i64 = approval.subject.parse().map_err(|_| EscrowError::NotFound)?;
    let change = store::lock(conn, id).await?.ok_or(EscrowError::NotFound)?;
    if change.state != State::Filed {
        return Err(EscrowError::AmendmentSettled);
    }
    // Whoever filed it as the institution's user confirms it in no other post.
    if change.own {
        return Err(EscrowError::OwnAmendment);
    }
    let first = format!("{}提议：{}", approval.proposed_by_name, approval.reason);
    let both = if comment.is_empty() { first } else { format!("{first}；复核意见：{comment}") };
    commands::apply(conn, caller, &change, &both).await
}
