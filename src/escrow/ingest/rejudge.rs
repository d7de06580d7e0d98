//! An account judged anew over its whole history, without a delivery: after something was learned late.

use std::{collections::HashMap, sync::Arc};

use super::{
    IngestError,
    entries::Extent,
    model::{Delivery, PUSH, WarningNews},
    news::Teller,
    reconcile::StoredWarning,
    store::{
        accounts::{self, Account, Outcome},
        orders, warnings,
    },
    transaction::Transaction,
    work::{Judged, Work},
};
use crate::{
    db::Scope,
    escrow::policy::Policies,
    identity::{Actor, Caller},
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
        tx: Transaction,
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
        }
    }
}

impl Work<'_> {
    /// What is stored of an account's warnings, and what its whole history comes to by what is known now.
    pub(super) async fn judge_anew(&self, account: &Account) -> Result<(Vec<StoredWarning>, Judged), IngestError> {
        let stored = warnings::of_account(&self.tx, self.tenant(), account.id).await?;
        let runs = self.runs(account).await?;
        let known = orders::known(&self.tx, self.tenant(), account).await?;
        let obligations = self.obligations(account, known).await?;
        let judged = self.replay(account, &stored, &runs, account.statement_on, obligations.as_deref()).await?;
        Ok((stored, judged))
    }
}

/// The accounts of a bureau of which it was learned anew what is owed on days that are judged already.
pub async fn changed_accounts(state: &AppState, tenant: i32) -> Result<Vec<i64>, IngestError> {
    let tx = Transaction::begin(&state.pools, Scope::system(tenant)).await?;
    let accounts = orders::changed(&tx, tenant).await?;
    tx.commit().await?;
    Ok(accounts)
}

/// Replays an account by what is known now, and tells of the warnings that changed. Repeated, it changes nothing.
pub async fn rejudge(state: &AppState, tenant: i32, account: i64) -> Result<Vec<WarningNews>, IngestError> {
    let caller = Caller { actor: Actor::system(tenant), request_id: "rejudge".to_owned(), now: state.clock.now() };
    let tx = Transaction::begin(&state.pools, Scope::system(tenant)).await?;
    let chain = policies::chain_by(&tx, tenant).await?;
    let nothing = Nothing::default();
    let work = nothing.work(state, tx, &caller, Arc::new(Policies::of(&chain)));
    let (public_url, in_force) = (state.public_url(), chain.on(caller.today()));
    let teller = Teller { caller: &caller, calendar: &state.calendar, in_force: &in_force, public_url };
    let account = accounts::lock(&work.tx, tenant, account).await?.ok_or(IngestError::UnknownAccount(None))?;
    let mut news = Vec::new();
    if account.entry_count == 0 {
        orders::forget_change(&work.tx, tenant, account.id).await?;
    } else {
        let (stored, judged) = work.judge_anew(&account).await?;
        let outcome = Outcome {
            opening_fen: account.opening_fen,
            opening_on: account.opening_on,
            balance_fen: judged.detector.balance_fen(),
            entry_count: account.entry_count,
            last_booked_at: account.last_booked_at,
            statement_on: account.statement_on,
            detector: judged.detector,
        };
        accounts::update(&work.tx, tenant, &account, &outcome).await?;
        news = teller.tell(&work.tx, &account, &stored, judged.writes).await?;
    }
    if !news.is_empty() {
        warnings::notify(&work.tx, tenant).await?;
    }
    work.tx.commit().await?;
    Ok(news)
}
