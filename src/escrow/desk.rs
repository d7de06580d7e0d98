//! Closing a warning that takes two officials: what the second one decides, and what it does.

use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::{
    EscrowError, brief, commands,
    model::{self, Conclusion, Status, Step},
    store::warnings::{self, Standing, Warning},
};
use crate::{
    approvals::{Approval, Boxed, Change, Desk, Kind, Objection, Shown, Work},
    db::DbError,
    web::{Lang, Problem, show},
};

/// Escrow's part in four eyes.
#[derive(Debug)]
pub struct WarningDesk;

/// What a proposal to close a warning keeps: the warning as its proposer saw it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Closing {
    /// `None` for one about an institution as a whole, or about a bank.
    pub account: Option<i64>,
    /// Of the institution or the bank.
    #[serde(default)]
    pub about: String,
    pub kind: String,
    pub level: String,
    pub status: String,
    /// How many steps the detector had taken: one more is news that nobody has looked at.
    pub steps: usize,
    /// What its proposer found.
    #[serde(default)]
    pub conclusion: Option<Conclusion>,
}

/// How many steps the detector has taken about a warning.
pub fn steps_of(warning: &Warning) -> usize {
    warning.history.as_array().map_or(0, Vec::len)
}

/// How it would stand, with what its proposer found.
fn found(lang: Lang, closing: &Closing, stands: String) -> String {
    match closing.conclusion {
        Some(conclusion) => format!("{stands}{}{}", lang.t("，", ", "), brief::conclusion_word(lang, conclusion)),
        None => stands,
    }
}

impl Desk for WarningDesk {
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::CloseWarning]
    }

    fn show(&self, approval: &Approval) -> Shown {
        let closing = serde_json::from_value::<Closing>(approval.payload.clone());
        let Ok(closing) = closing else { return Shown::default() };
        let name = approval.institution.as_ref().map_or(&closing.about, |institution| &institution.name);
        let what =
            |lang| format!("{} {}", show::level_word(lang, &closing.level), show::warning_kind(lang, &closing.kind));
        let status = |lang, status: &str| brief::status_word(lang, status).to_owned();
        let mut document = Map::new();
        document.insert("warning".to_owned(), json!({
            "id": approval.subject.parse::<i64>().ok(), "account_id": closing.account, "kind": closing.kind, "level": closing.level,
        }));
        Shown {
            subject: (name.clone(), name.clone()),
            href: Some(match closing.account {
                Some(account) => format!("/b/escrow/{account}#w{}", approval.subject),
                None => format!("/b/escrow/warnings/{}", approval.subject),
            }),
            changes: vec![Change {
                what_zh: what(Lang::Zh),
                what_en: what(Lang::En),
                before_zh: status(Lang::Zh, &closing.status),
                before_en: status(Lang::En, &closing.status),
                after_zh: found(Lang::Zh, &closing, status(Lang::Zh, Status::Resolved.into())),
                after_en: found(Lang::En, &closing, status(Lang::En, Status::Resolved.into())),
            }],
            confirm: None,
            findings: Vec::new(),
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
                match close(&mut work, approval).await {
                    Ok(()) => {}
                    Err(EscrowError::Db(error)) => return Err(error),
                    Err(EscrowError::Changed) => objections.push((approval.id, news())),
                    Err(error) => objections.push((approval.id, error.into())),
                }
            }
            if objections.len() < approvals.len() {
                warnings::notify(work.conn).await?;
            }
            Ok(objections)
        })
    }
}

fn news() -> Problem {
    Problem::conflict(
        "warnings/changed",
        "提议办结之后这条预警又有新情况，请先看过；须重新提议办结",
        "the warning has had news since it was proposed to close it; look at them, and have it proposed again",
    )
}

async fn close(work: &mut Work<'_>, approval: &Approval) -> Result<(), EscrowError> {
    let Work { conn, caller, comment } = work;
    let id: i64 = approval.subject.parse().map_err(|_| EscrowError::NotFound)?;
    let closing: Closing = serde_json::from_value(approval.payload.clone()).map_err(|_| EscrowError::NotFound)?;
    let warning = warnings::for_update(conn, id).await?.ok_or(EscrowError::NotFound)?;
    let before = commands::standing_of(&warning)?;
    let (status, level) = model::after(before.0, before.1, Step::Resolve).map_err(EscrowError::Refused)?;
    if closing.steps != steps_of(&warning) || closing.level != warning.level {
        return Err(EscrowError::Changed);
    }
    let by = &caller.actor.display_name;
    let standing = Standing {
        status: status.into(),
        level: level.into(),
        due_on: warning.due_on,
        handler: None,
        resolved_by: Some(by),
    };
    warnings::stand(conn, id, &standing, caller.now).await?;
    warnings::conclude(conn, id, closing.conclusion.map(Into::into)).await?;
    let both = both_named(approval, comment);
    warnings::add_action(conn, caller, &warning, Step::Resolve.into(), &both).await?;
    commands::record(conn, caller, &warning, (Step::Resolve, None, closing.conclusion), (status, level), &both).await?;
    Ok(())
}

/// The reason with the one who gave it, and what the second official adds.
fn both_named(approval: &Approval, comment: &str) -> String {
    let first = format!("{}提议：{}", approval.proposed_by_name, approval.reason);
    if comment.is_empty() { first } else { format!("{first}；复核意见：{comment}") }
}
