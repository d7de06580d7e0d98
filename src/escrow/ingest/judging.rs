//! The detector over what a delivery brought: onward from the stored state, or over the account's whole history.

use std::sync::Arc;

use chrono::NaiveDate;
use futures_util::{StreamExt, pin_mut};
use tokio::task::JoinHandle;

use super::{
    IngestError,
    chain::{Claim, Run, chain},
    entries::NewEntry,
    judge::{self, Replay},
    reconcile::{self, StoredWarning},
    store::{
        accounts::{self, Account},
        entries as rows,
    },
    work::{Judged, Standing, Work},
};
use crate::{
    db::DbError,
    escrow::detector::{AccountState, DetectorError, Grounds, Obligations, Warning},
    kernel::clock,
};

impl Work<'_> {
    /// Runs the detector: onward where the news follow on what is stored, else over the whole history.
    pub(super) async fn judge(
        &self,
        account: &Account,
        stored: &[StoredWarning],
        entries: &[NewEntry],
        standing: &Standing,
        closed_through: Option<NaiveDate>,
        obligations: Option<&Obligations>,
    ) -> Result<Judged, IngestError> {
        if !standing.moved
            && standing.in_order
            && !learned_late(account)
            && let Some(mut detector) = account.detector.clone()
        {
            let facts = account.facts(&self.vault);
            let grounds = Grounds { policies: &self.policies, calendar: &self.calendar, obligations, account: &facts };
            let closed = reconcile::closed_kinds(stored);
            match judge::go_on(&mut detector, &grounds, &closed, entries, closed_through) {
                Ok(changes) => return Ok(Judged { detector, writes: reconcile::increment(stored, changes) }),
                Err(DetectorError::Late { .. } | DetectorError::HistoryTooShort { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match &standing.runs {
            Some(runs) => self.replay(account, stored, runs, closed_through, obligations).await,
            None => {
                let runs = self.runs(account).await?;
                self.replay(account, stored, &runs, closed_through, obligations).await
            }
        }
    }

    /// The account's runs, its new entries and statements among them.
    pub(super) async fn runs(&self, account: &Account) -> Result<Vec<Run>, IngestError> {
        let stored = accounts::claims(self.tx, self.tenant(), account.id).await?;
        let claims: Vec<Claim> = stored.iter().map(|claimed| claimed.claim).collect();
        let sums = self.sums(account, &claims, &[]).await?;
        Ok(chain(&claims, &sums).ok_or(IngestError::TooLarge)?.runs)
    }

    /// Whether the batch's entries all come after what is stored.
    pub(super) async fn follow_on(&self, account: &Account, entries: &[NewEntry]) -> Result<bool, IngestError> {
        let (Some(first), Some(last)) = (entries.first(), account.last_booked_at) else { return Ok(true) };
        if first.booked_at != last {
            return Ok(first.booked_at > last);
        }
        let place = rows::last_at(self.tx, self.tenant(), account.id, last).await?;
        Ok(place.is_none_or(|(seq, bank_ref)| (first.seq, &first.bank_ref) > (seq, &bank_ref)))
    }

    /// Runs the detector over an account's first entries, on a thread apart: a long history takes a while, in which the
    /// database writes the same entries.
    pub(super) fn judge_first(
        &self,
        account: &Account,
        entries: &Arc<Vec<NewEntry>>,
        runs: Vec<Run>,
        closed_through: Option<NaiveDate>,
        obligations: Option<Arc<Obligations>>,
    ) -> JoinHandle<Result<(AccountState, Vec<Warning>), IngestError>> {
        let (policies, calendar, entries) =
            (Arc::clone(&self.policies), Arc::clone(&self.calendar), Arc::clone(entries));
        let facts = account.facts(&self.vault);
        tokio::task::spawn_blocking(move || {
            let grounds = Grounds {
                policies: &policies,
                calendar: &calendar,
                obligations: obligations.as_deref(),
                account: &facts,
            };
            let begins = runs.first();
            let early = entries.iter().take_while(|entry| begins.is_some_and(|run| entry.booked_on() < run.on));
            let (before, count) =
                early.fold((0_i64, 0), |(sum, n), entry| (sum.saturating_add(entry.effect_fen()), n + 1));
            let first = entries.first().map(|entry| (entry.effect_fen(), entry.balance_after_fen));
            let opening = judge::opening(begins, before, count > 0, first).ok_or(IngestError::TooLarge)?;
            let mut replay = Replay::new(opening, &grounds, Vec::new(), &runs);
            for entry in entries.iter() {
                replay.take(&entry.for_detector())?;
            }
            Ok(replay.finish(closed_through)?)
        })
    }

    /// Runs the detector over the account's whole history.
    pub(super) async fn replay(
        &self,
        account: &Account,
        stored: &[StoredWarning],
        runs: &[Run],
        closed_through: Option<NaiveDate>,
        obligations: Option<&Obligations>,
    ) -> Result<Judged, IngestError> {
        let begins = runs.first();
        let (before, count) = match begins {
            Some(run) => rows::effect(self.tx, self.tenant(), account.id, clock::midnight(run.on)).await?,
            None => (0, 0),
        };
        let history = rows::history(self.tx, self.tenant(), account.id).await?;
        pin_mut!(history);
        let facts = account.facts(&self.vault);
        let grounds = Grounds { policies: &self.policies, calendar: &self.calendar, obligations, account: &facts };
        let mut replay = None;
        while let Some(row) = history.next().await {
            let past = rows::Past::from(row?);
            let run = match &mut replay {
                Some(run) => run,
                None => {
                    let first = Some((past.effect_fen(), past.balance_after_fen));
                    let opening = judge::opening(begins, before, count > 0, first).ok_or(IngestError::TooLarge)?;
                    let closures = stored.iter().filter_map(StoredWarning::closure).collect();
                    replay.insert(Replay::new(opening, &grounds, closures, runs))
                }
            };
            run.take(&past.for_detector())?;
        }
        let run = replay.ok_or_else(|| DbError::Pool("an account with entries has none".to_owned()))?;
        let (detector, found) = run.finish(closed_through)?;
        Ok(Judged { detector, writes: reconcile::replace(stored, found) })
    }
}

/// Whether it was learned anew what is owed on a day that is judged already: one that is closed, or whose entries were
/// judged by what was owed on it.
pub(super) fn learned_late(account: &Account) -> bool {
    let open = account.detector.as_ref().and_then(AccountState::first_open_day);
    let last = account.last_booked_at.map(clock::day);
    account
        .owed_changed_on
        .is_some_and(|day| open.is_none_or(|open| day < open) || last.is_some_and(|last| day <= last))
}
