//! Turning an institution red: what an official decides when the rules propose it, and what it does.

use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::store::telling;
use crate::{
    approvals::{Approval, Boxed, Change, Desk, Kind, Objection, Shown, Work},
    db::DbError,
    escrow::{
        EscrowError, commands,
        detector::Level,
        model::{Status, Step},
        store::warnings::{self, Standing},
    },
    web::{Lang, Problem, show},
};

/// The oversight's part in four eyes: the rules propose, an official decides who has none of the warnings in hand.
#[derive(Debug)]
pub struct RedDesk;

/// A warning for which an institution is proposed to be red, as it stood then.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Proposed {
    pub id: i64,
    pub kind: String,
    pub level: String,
}

#[derive(Debug, Deserialize)]
struct Payload {
    warnings: Vec<Proposed>,
}

fn payload(approval: &Approval) -> Vec<Proposed> {
    serde_json::from_value::<Payload>(approval.payload.clone()).map(|payload| payload.warnings).unwrap_or_default()
}

impl Desk for RedDesk {
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::TurnRed]
    }

    fn show(&self, approval: &Approval) -> Shown {
        let Some(institution) = approval.institution.as_ref() else { return Shown::default() };
        let warnings = payload(approval);
        let change = |warning: &Proposed| {
            let word = |lang, level: &str| show::level_word(lang, level).to_owned();
            Change {
                what_zh: show::warning_kind(Lang::Zh, &warning.kind).to_owned(),
                what_en: show::warning_kind(Lang::En, &warning.kind).to_owned(),
                before_zh: word(Lang::Zh, &warning.level),
                before_en: word(Lang::En, &warning.level),
                after_zh: word(Lang::Zh, "red"),
                after_en: word(Lang::En, "red"),
            }
        };
        Shown {
            subject: (institution.name.clone(), institution.name.clone()),
            href: Some(format!("/b/institutions/{}", institution.credit_code)),
            changes: warnings.iter().map(change).collect(),
            findings: Vec::new(),
            confirm: None,
            document: Map::from_iter([("warnings".to_owned(), serde_json::json!(warnings))]),
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
                match turn_red(&mut work, approval).await {
                    Ok(()) => {}
                    Err(Refused::Problem(problem)) => objections.push((approval.id, problem)),
                    Err(Refused::Escrow(EscrowError::Db(error))) => return Err(error),
                    Err(Refused::Escrow(error)) => objections.push((approval.id, error.into())),
                }
            }
            warnings::notify(work.conn).await?;
            Ok(objections)
        })
    }
}

enum Refused {
    Problem(Problem),
    Escrow(EscrowError),
}

impl<E: Into<EscrowError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Refused::Escrow(error.into())
    }
}

async fn turn_red(work: &mut Work<'_>, approval: &Approval) -> Result<(), Refused> {
    let Work { conn, caller, comment } = work;
    let mut open = Vec::new();
    for proposed in payload(approval) {
        if let Some(warning) = warnings::for_update(conn, proposed.id).await? {
            let (status, level) = commands::standing_of(&warning)?;
            if status.is_open() && level == Level::Orange {
                open.push(warning);
            }
        }
    }
    if open.is_empty() {
        return Err(Refused::Problem(Problem::conflict(
            "warnings/no-longer-orange",
            "提议所依据的橙色预警都已办结或已升级，不必再转红",
            "the orange warnings that the proposal rests on are closed or graver by now; there is nothing left to turn red",
        )));
    }
    if open.iter().any(|warning| warning.handler.as_deref() == Some(&caller.actor.display_name)) {
        return Err(Refused::Problem(Problem::conflict(
            "warnings/own-case",
            "其中的预警由您办理，请另一位同事审批",
            "you have one of these warnings in hand; a colleague decides on this",
        )));
    }
    let reason = if comment.is_empty() { approval.reason.as_str() } else { comment };
    for warning in &open {
        let standing = Standing {
            status: Status::Escalated.into(),
            level: Level::Red.into(),
            due_on: Some(caller.today()),
            handler: None,
            resolved_by: None,
        };
        warnings::stand(conn, warning.id, &standing, caller.now).await?;
        warnings::add_action(conn, caller, warning, Step::Escalate.into(), reason).await?;
        commands::record(conn, caller, warning, (Step::Escalate, None, None), (Status::Escalated, Level::Red), reason)
            .await?;
    }
    if let Some(warning) = open.first() {
        tell_officers(work, warning).await?;
    }
    if let Some(institution) = approval.institution.as_ref() {
        commands::propose_suspension(work.conn, work.caller, institution.id).await?;
    }
    Ok(())
}

/// The officers hear that the institution is red, once.
async fn tell_officers(work: &mut Work<'_>, warning: &warnings::Warning) -> Result<(), DbError> {
    let name = &warning.institution_name;
    let subject = format!("【红色预警】{name} / Red: {name}");
    let body = format!(
        "{name}经审批转为红色预警，须当日处置。\n\nBy a colleague's decision {name} is red; act on it today.\n"
    );
    let key = format!("warning:{}:red", warning.id);
    telling::mail_officers(work.conn, &key, (&subject, &body), work.caller.now).await
}
