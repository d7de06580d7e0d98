//! Judges a stream of histories on every core.

use std::{
    num::NonZero,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use tokio::sync::mpsc;

use super::outcomes::{About, Found};
use crate::{
    db::DbError,
    escrow::{
        detector::Warning,
        ingest::{Histories, History, IngestError},
        model::Conclusion,
        policy::Policies,
    },
    kernel::Calendar,
};

/// Accounts that wait to be judged: a few, so that reading and judging go on side by side and memory stays small.
const WAITING: usize = 8;

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

/// Judges all of them; a long history takes a moment, in which a worker would answer nobody else.
pub async fn judge_all(
    mut histories: Histories,
    policies: [Policies; 2],
    calendar: Arc<Calendar>,
) -> Result<Told, IngestError> {
    let (send, receive) = mpsc::channel::<History>(WAITING);
    let (receive, policies) = (Arc::new(Mutex::new(receive)), Arc::new(policies));
    let cores = thread::available_parallelism().map_or(2, NonZero::get);
    let workers: Vec<_> = (0..cores)
        .map(|_| {
            let (receive, policies, calendar) = (Arc::clone(&receive), Arc::clone(&policies), Arc::clone(&calendar));
            tokio::task::spawn_blocking(move || {
                let mut told = Told::default();
                loop {
                    let next = receive.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
                    let Some(history) = next else { return told };
                    match judge(&history, &policies, &calendar) {
                        Ok(judged) => told.judged.push(judged),
                        Err(error) => {
                            tracing::warn!(%error, account = history.subject.id, "an account was left out of a back-test");
                            told.left_out += 1;
                        }
                    }
                }
            })
        })
        .collect();
    let mut read = Ok(());
    loop {
        match histories.next().await {
            Ok(Some(history)) => {
                // All workers are gone only where they panicked, of which it is told below.
                if send.send(history).await.is_err() {
                    break;
                }
            }
            Ok(None) => break,
            Err(error) => {
                read = Err(error);
                break;
            }
        }
    }
    drop(send);
    let mut told = Told::default();
    for worker in workers {
        let part = worker.await.map_err(|error| DbError::Pool(format!("a back-test broke off: {error}")))?;
        told.judged.extend(part.judged);
        told.left_out += part.left_out;
    }
    read.map(|()| told)
}
