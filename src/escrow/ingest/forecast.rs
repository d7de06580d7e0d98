//! The night's forecast: what every account of a bureau comes to by its whole history and by what is known by now.
//!
//! It is made as a back-test is, of one reading of the bureau, and written for many accounts at once. An account of which
//! more changes than its figures is judged anew by itself, under its lock, as after something that was learned late; so what
//! deliveries made of it step by step is checked every night against what they come to as a whole.

use super::{
    IngestError,
    history::{self, Histories, History},
    ledger, reconcile, rejudge,
    store::forecasts::{self, Figures},
    transaction::Transaction,
};
use crate::{
    db::Scope,
    escrow::policy::Policies,
    kernel::{Calendar, clock},
    policies,
    web::AppState,
};

/// Accounts that are written at once.
const AT_ONCE: usize = 500;

/// What a night brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forecast {
    /// Accounts with entries.
    pub accounts: usize,
    /// Those whose figures are others than the day before.
    pub rewritten: u64,
    /// Those that were judged anew by themselves.
    pub rejudged: usize,
}

/// What one account comes to.
enum Told {
    Figures(Box<Figures>),
    /// More than figures changes.
    Anew(i64),
}

/// Forecasts every account of a bureau that has entries. Repeated, it changes nothing.
pub async fn forecast(state: &AppState, tenant: i32) -> Result<Forecast, IngestError> {
    let tx = Transaction::begin(&state.pools, Scope::system(tenant)).await?;
    let wanted = forecasts::accounts(&tx, tenant).await?;
    let policies = Policies::of(&policies::chain_by(&tx, tenant).await?);
    tx.commit().await?;
    if wanted.is_empty() {
        return Ok(Forecast::default());
    }
    let (histories, calendar) = (Histories::of(&state.pools, tenant, &wanted).await?, state.calendar.clone());
    let all = history::judge_all(histories, move |history| told(history, &policies, &calendar)).await?;
    let (mut figures, mut anew) = (Vec::with_capacity(all.len()), Vec::new());
    for told in all {
        match told {
            Told::Figures(one) => figures.push(*one),
            Told::Anew(account) => anew.push(account),
        }
    }
    let mut night = Forecast { accounts: figures.len() + anew.len(), rewritten: 0, rejudged: anew.len() };
    for some in figures.chunks(AT_ONCE) {
        let tx = Transaction::begin(&state.pools, Scope::system(tenant)).await?;
        night.rewritten += forecasts::write(&tx, tenant, some).await?;
        tx.commit().await?;
    }
    anew.sort_unstable();
    for account in anew {
        rejudge::rejudge(state, tenant, account).await?;
    }
    Ok(night)
}

fn told(history: &History, policies: &Policies, calendar: &Calendar) -> Told {
    let (subject, account) = (&history.subject, &history.subject.account);
    // What moves between several accounts of an institution, and what was learned late, is settled under the lock.
    if !account.other_ids.is_empty() || account.owed_changed_on.is_some() {
        return Told::Anew(account.id);
    }
    let Ok((detector, found)) = history.judge(policies, calendar) else { return Told::Anew(account.id) };
    if !reconcile::replace(&subject.stored, found).is_empty() || detector.balance_fen() != account.balance_fen {
        return Told::Anew(account.id);
    }
    let known_on = account.statement_on.max(account.last_booked_at.map(clock::day));
    Told::Figures(Box::new(Figures {
        account: account.id,
        entry_count: account.entry_count,
        last_booked_at: account.last_booked_at,
        statement_on: account.statement_on,
        balance_fen: account.balance_fen,
        required: ledger::required(policies, account, known_on, subject.obligations.as_deref()),
        outlook: detector.outlook(),
    }))
}
