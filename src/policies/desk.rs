//! What approving a change of a policy does: the values are there for good, from their first day on.

use serde_json::{Map, json};

use super::{
    PolicyError,
    commands::{self, Payload},
    parameter_of,
};
use crate::{
    approvals::{Approval, Boxed, Change, Desk, Kind, Objection, Shown, Work},
    db::DbError,
};

/// The policies' part in four eyes.
#[derive(Debug)]
pub struct PolicyDesk;

impl Desk for PolicyDesk {
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::ChangePolicy]
    }

    fn show(&self, approval: &Approval) -> Shown {
        let Ok(payload) = serde_json::from_value::<Payload>(approval.payload.clone()) else { return Shown::default() };
        let mut changes: Vec<Change> = payload
            .values
            .iter()
            .filter_map(|one| {
                let parameter = parameter_of(&one.parameter)?;
                let (before, after) = (parameter.read(&one.before).ok()?, parameter.read(&one.value).ok()?);
                Some(Change {
                    what_zh: parameter.title_zh.to_owned(),
                    what_en: capital(parameter.title_en),
                    before_zh: parameter.say_zh(&before),
                    before_en: parameter.say_en(&before),
                    after_zh: parameter.say_zh(&after),
                    after_en: parameter.say_en(&after),
                })
            })
            .collect();
        let day = payload.effective_from.to_string();
        changes.push(Change {
            what_zh: "生效日".to_owned(),
            what_en: "First day".to_owned(),
            before_zh: "—".to_owned(),
            before_en: "—".to_owned(),
            after_zh: day.clone(),
            after_en: day,
        });
        let subject = match parameter_of(&approval.subject) {
            Some(parameter) => (parameter.title_zh.to_owned(), capital(parameter.title_en)),
            None => ("资金预警阈值".to_owned(), "Escrow thresholds".to_owned()),
        };
        let mut document = Map::new();
        document.insert("effective_from".to_owned(), json!(payload.effective_from));
        document.insert("values".to_owned(), json!(payload.values));
        let href = parameter_of(&approval.subject).map(|parameter| format!("/b/policies/{}", parameter.id));
        Shown {
            subject,
            href: Some(href.unwrap_or_else(|| "/b/policies".to_owned())),
            changes,
            document,
            ..Shown::default()
        }
    }

    fn carry_out<'a>(
        &'a self,
        work: Work<'a>,
        approvals: &'a [Approval],
    ) -> Boxed<'a, Result<Vec<Objection>, DbError>> {
        Box::pin(async move {
            let mut objections = Vec::new();
            for approval in approvals {
                match commands::adopt(work.conn, work.caller, approval).await {
                    Ok(()) => {}
                    Err(PolicyError::Db(error)) => return Err(error),
                    Err(error) => objections.push((approval.id, error.problem(approval.tenant))),
                }
            }
            Ok(objections)
        })
    }
}

/// A title at the beginning of a line.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
