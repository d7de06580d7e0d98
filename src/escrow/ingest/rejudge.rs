//! An account judged anew over its whole history, without a delivery: after something was learned late.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use chrono::TimeDelta;

use super::{
    IngestError,
    entries::Extent,
    model::{Delivery, PUSH, WarningNews},
    news::Teller,
    reconcile::StoredWarning,
    store::{
        accounts::{self, Account, Outcome},
        orders, siblings, warnings,
    },
    transaction::Transaction,
    work::{Judged, Work},
};
use crate::{
    db::Scope,
    escrow::{detector::Obligations, policy::Policies},
    identity::{Actor, Caller},
    kernel::clock,
    policies,
    web::AppState,
};

/// What stands for a delivery where there is none.
pub(super) struct Nothing {
    delivery: Delivery,
    extents: HashMap<usize, Extent>,
}

impl Default for Nothing {
    fn default() -> Nothing {
        let delivery = Delivery {
            file_name: String::new(),
            format: PUSH.to_owned(),
            sha256: [0; 32],
            target: None,
            statements: Vec::new(),
        };
        Nothing { delivery, extents: HashMap::new() }
    }
}

impl Nothing {
    /// Work on accounts without a delivery.
    pub(super) fn work<'a>(
        &'a self,
        state: &AppState,
        tx: &'a Transaction,
        caller: &'a Caller,
        policies: Arc<Policies>,
    ) -> Work<'a> {
        Work {
            tx,
            caller,
            policies,
            calendar: Arc::clone(&state.calendar),
            vault: state.pools.vault().clone(),
            delivery: &self.delivery,
            repeated: &[],
            extents: &self.extents,
            tells_others: Mutex::new(false),
        }
    }
}

impl Work<'_> {
    /// As [`Work::judge_anew`], owing what is on record.
    pub(super) async fn judge_on_record(&self, account: &Account) -> Result<(Vec<StoredWarning>, Judged), IngestError> {
        let known = orders::known(self.tx, self.tenant(), account).await?;
        let obligations = self.obligations(account, known).await?;
        self.judge_anew(account, obligations.as_deref()).await
    }

    /// What is stored of an account's warnings, and what its whole history comes to by what is known now.
    pub(super) async fn judge_anew(
        &self,
        account: &Account,
        owed: Option<&Obligations>,
    ) -> Result<(Vec<StoredWarning>, Judged), IngestError> {
        let stored = warnings::of_account(self.tx, self.tenant(), account.id).await?;
        let runs = self.runs(account).await?;
        let judged = self.replay(account, &stored, &runs, account.statement_on, owed).await?;
        Ok((stored, judged))
    }
}

/// The accounts of a bureau of which it was learned anew what is owed on days that are judged already, and those whose
/// figures were never written.
pub async fn changed_accounts(state: &AppState, tenant: i32) -> Result<Vec<i64>, IngestError> {
    let tx = Transaction::begin(&state.pools, Scope::system(tenant)).await?;
    let accounts = orders::changed(&tx, tenant).await?;
    tx.commit().await?;
    Ok(accounts)
}

/// How many rounds of judging anew follow one another at most: what moves between accounts is settled after two.
const ROUNDS_MAX: usize = 4;
/// From when on money that is on its way between accounts is looked after.
const LATE_AFTER: TimeDelta = TimeDelta::days(3);

/// Judges anew what entries of one account changed about the institution's others, and money on its way that may be late.
pub async fn catch_up_others(state: &AppState, tenant: i32) -> Result<(), IngestError> {
    let tx = Transaction::begin(&state.pools, Scope::system(tenant)).await?;
    let late = siblings::late(&tx, tenant, state.clock.now() - LATE_AFTER).await?;
    tx.commit().await?;
    for account in late {
        rejudge(state, tenant, account).await?;
    }
    for _ in 0..ROUNDS_MAX {
        let tx = Transaction::begin(&state.pools, Scope::system(tenant)).await?;
        siblings::spread(&tx, tenant).await?;
        let changed = orders::changed_beside(&tx, tenant).await?;
        tx.commit().await?;
        if changed.is_empty() {
            break;
        }
        for account in changed {
            rejudge(state, tenant, account).await?;
        }
    }
    Ok(())
}

/// Replays an account by what is known now, and tells of the warnings that changed. Repeated, it changes nothing.
pub async fn rejudge(state: &AppState, tenant: i32, account: i64) -> Result<Vec<WarningNews>, IngestError> {
    let caller = Caller { actor: Actor::system(tenant), request_id: "rejudge".to_owned(), now: state.clock.now() };
    let tx = Transaction::begin(&state.pools, Scope::system(tenant)).await?;
    let chain = policies::chain_by(&tx, tenant).await?;
    let nothing = Nothing::default();
    let work = nothing.work(state, &tx, &caller, Arc::new(Policies::of(&chain)));
    let (public_url, in_force) = (state.public_url(), chain.on(caller.today()));
    let teller = Teller { caller: &caller, calendar: &state.calendar, in_force: &in_force, public_url };
    let mut account = accounts::lock(&tx, tenant, account).await?.ok_or(IngestError::UnknownAccount(None))?;
    let mut news = Vec::new();
    let known = orders::known(&tx, tenant, &account).await?;
    let beside = work.beside(&account, &[]).await?;
    account.siblings = beside.siblings;
    let obligations = work.obligations(&account, known).await?;
    let known_on = account.statement_on.max(account.last_booked_at.map(clock::day));
    let required = work.required(&account, known_on, obligations.as_deref());
    if account.entry_count == 0 {
        accounts::set_required(&tx, tenant, account.id, &required).await?;
    } else {
        let (stored, judged) = work.judge_anew(&account, obligations.as_deref()).await?;
        let outcome = Outcome {
            opening_fen: account.opening_fen,
            opening_on: account.opening_on,
            balance_fen: judged.detector.balance_fen(),
            entry_count: account.entry_count,
            last_booked_at: account.last_booked_at,
            statement_on: account.statement_on,
            detector: judged.detector,
            others_from: beside.others_from,
            required,
        };
        accounts::update(&tx, tenant, &account, &outcome).await?;
        news = teller.tell(&tx, &account, &stored, judged.writes).await?;
    }
    if !news.is_empty() {
        warnings::notify(&tx, tenant).await?;
    }
    tx.commit().await?;
    Ok(news)
}
