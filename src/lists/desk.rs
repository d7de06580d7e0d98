//! What approving a step on the lists does: the history gets a row and parents read it, in one transaction.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::{Map, json};

use super::{
    Ground, ListError, ListMove, ListStatus, rules,
    store::{self, NewDecision, Subject},
};
use crate::{
    approvals::{Approval, Boxed, Change, Desk, Kind, Objection, Shown, State, Work},
    audit::{self, Event},
    db::DbError,
    kernel::{Finding, finding::Decision},
    web::{Lang, show},
};

/// The lists' part in four eyes.
#[derive(Debug)]
pub struct ListDesk;

/// What a proposal's payload holds.
#[derive(Default, Deserialize)]
struct Payload {
    ground: Option<Ground>,
    findings: Vec<Finding>,
    /// Where the institution stood when it was proposed.
    list_status: ListStatus,
}

fn payload(approval: &Approval) -> Payload {
    serde_json::from_value(approval.payload.clone()).unwrap_or_default()
}

impl Desk for ListDesk {
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::WhiteList, Kind::Suspend, Kind::Remove, Kind::Blacklist, Kind::ClearBlacklist]
    }

    fn show(&self, approval: &Approval) -> Shown {
        let Some((step, institution)) = ListMove::of(approval.kind).zip(approval.institution.as_ref()) else {
            return Shown::default();
        };
        let Payload { ground, findings, list_status } = payload(approval);
        let word = |lang, status: ListStatus| show::list_word(lang, status.into()).to_owned();
        let mut changes = vec![Change {
            what_zh: "名单状态（家长可见）".to_owned(),
            what_en: "On the lists (parents see it)".to_owned(),
            before_zh: word(Lang::Zh, list_status),
            before_en: word(Lang::En, list_status),
            after_zh: word(Lang::Zh, step.leads_to()),
            after_en: word(Lang::En, step.leads_to()),
        }];
        changes.extend(ground.map(|ground| Change {
            what_zh: "法定情形".to_owned(),
            what_en: "Ground".to_owned(),
            before_zh: "—".to_owned(),
            before_en: "—".to_owned(),
            after_zh: ground.words().0.to_owned(),
            after_en: ground.words().1.to_owned(),
        }));
        let mut document = Map::new();
        document.insert("step".to_owned(), json!(step));
        document.insert("ground".to_owned(), json!(ground));
        if approval.state == State::Approved {
            document.insert("list_status".to_owned(), json!(step.leads_to()));
        }
        Shown {
            subject: (institution.name.clone(), institution.name.clone()),
            href: Some(format!("/b/institutions/{}", institution.credit_code)),
            changes,
            findings,
            confirm: (step == ListMove::Blacklist).then_some((
                "已核对决定文书；同意后立即公布",
                "I have looked at the decision; approval announces it at once",
            )),
            document,
        }
    }

    fn carry_out<'a>(
        &'a self,
        work: Work<'a>,
        approvals: &'a [Approval],
    ) -> Boxed<'a, Result<Vec<Objection>, DbError>> {
        Box::pin(carry_out(work, approvals))
    }
}

/// An approval is judged by the rules as they stand now.
async fn carry_out(work: Work<'_>, approvals: &[Approval]) -> Result<Vec<Objection>, DbError> {
    let Work { conn, caller, comment } = work;
    let institutions: Vec<i64> =
        approvals.iter().filter_map(|approval| approval.institution.as_ref()).map(|one| one.id).collect();
    let subjects = store::lock_subjects(conn, &institutions).await?;
    let subjects: HashMap<i64, Subject> = subjects.into_iter().map(|subject| (subject.id, subject)).collect();
    let mut objections = Vec::new();
    let mut settled: Vec<(&Approval, ListMove, &Subject)> = Vec::new();
    // Two proposals about one institution in one go: the second is judged by a status that the first has changed.
    let mut moved = HashSet::new();
    for approval in approvals {
        let subject = approval.institution.as_ref().and_then(|one| subjects.get(&one.id));
        let Some((step, subject)) = ListMove::of(approval.kind).zip(subject) else {
            objections.push((approval.id, ListError::NotFound.into()));
            continue;
        };
        let findings = rules::findings(step, &subject.standing, payload(approval).ground, caller.today());
        if Decision::of(&findings) == Decision::Block {
            objections.push((approval.id, ListError::Blocked(findings).into()));
        } else if moved.insert(subject.id) {
            settled.push((approval, step, subject));
        } else {
            objections.push((approval.id, ListError::OneAtATime.into()));
        }
    }
    let events = settled
        .iter()
        .map(|(approval, step, subject)| Event {
            action: "list.changed",
            subject_kind: "institution",
            subject_id: subject.standing.credit_code.to_string(),
            institution: Some(subject.id),
            before: Some(json!({ "list_status": subject.standing.list })),
            after: Some(json!({ "list_status": step.leads_to(), "step": step, "approval": approval.id })),
            reason: (!comment.is_empty()).then_some(comment),
        })
        .collect();
    audit::store::record_all(conn, caller, events).await?;
    let decisions: Vec<NewDecision> = settled
        .iter()
        .map(|(approval, step, subject)| NewDecision {
            institution: subject.id,
            status: step.leads_to(),
            ground: public_ground(approval),
            approval: approval.id,
        })
        .collect();
    store::add_decisions(conn, &decisions, caller.today(), caller.now).await?;
    let institutions: Vec<i64> = settled.iter().map(|(_, _, subject)| subject.id).collect();
    crate::public::publish_all(conn, &institutions, caller.now).await?;
    Ok(objections)
}

/// The ground as parents read it: the legal ground before the reason.
fn public_ground(approval: &Approval) -> String {
    match payload(approval).ground {
        Some(ground) => format!("{}：{}", ground.words().0, approval.reason),
        None => approval.reason.clone(),
    }
}
