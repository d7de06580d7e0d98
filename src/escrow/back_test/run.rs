//! Judges a stream of histories by two policies.

use std::sync::Arc;

use super::outcomes::{About, Found};
use crate::{
    escrow::{
        detector::Warning,
        ingest::{self, Histories, History, IngestError},
        model::Conclusion,
        policy::Policies,
    },
    kernel::Calendar,
};

/// What both policies raise on one account.
#[derive(Debug)]
pub struct Judged {
    pub account_id: i64,
    pub account_no: String,
    pub institution_id: i64,
    pub institution: String,
    pub entries: usize,
    /// By the thresholds as they are, and by the others.
    pub by: [Vec<Warning>; 2],
    /// What people found of the warnings that are stored.
    pub found: Vec<Found>,
}

/// All accounts of a bureau.
#[derive(Debug, Default)]
pub struct Told {
    pub judged: Vec<Judged>,
    /// Accounts whose balances do not fit.
    pub left_out: usize,
}

fn judge(history: &History, policies: &[Policies; 2], calendar: &Calendar) -> Result<Judged, IngestError> {
    let by = |policies| history.judge(policies, calendar).map(|(_, warnings)| warnings);
    let subject = &history.subject;
    let found = subject.stored.iter().filter_map(|stored| {
        let steps = stored.warning.history.iter().map(|step| (step.at, step.bank_ref.clone())).collect();
        let founded = stored.conclusion? == Conclusion::Founded;
        Some(Found { kind: Some(stored.warning.kind), about: About::Steps(steps), founded })
    });
    Ok(Judged {
        account_id: subject.id,
        account_no: subject.account_no.clone(),
        institution_id: subject.institution_id,
        institution: subject.institution_name.clone(),
        entries: history.len(),
        by: [by(&policies[0])?, by(&policies[1])?],
        found: found.collect(),
    })
}

/// Judges all of them; one whose balances do not fit is left out.
pub async fn judge_all(
    histories: Histories,
    policies: [Policies; 2],
    calendar: Arc<Calendar>,
) -> Result<Told, IngestError> {
    let of = move |history: &History| {
        judge(history, &policies, &calendar).inspect_err(
            |error| tracing::warn!(%error, account = history.subject.id, "an account was left out of a back-test"),
        )
    };
    let all = ingest::judge_all(histories, of).await?;
    let count = all.len();
    let judged: Vec<Judged> = all.into_iter().flatten().collect();
    Ok(Told { left_out: count - judged.len(), judged })
}
