//! One look over a bureau: facts to the rules, changes to the database, each in a short transaction of its own.
//!
//! Safe to repeat, because a change that is written is no change the next time, and to break off between any two steps, because
//! none rests on another. Two processes do not look over the same bureau at once.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use deadpool_postgres::Object;

use super::{
    judge::{self, Grounds, Judged},
    life,
    limits::Limits,
    model::Subject,
    publish, rules,
    store::{telling, warnings},
    tell,
};
use crate::{
    db::{DbError, Pools, Scope, ScopedConn},
    escrow::{
        detector::WarningKind,
        filing,
        ingest::{self, Forecast, Forged, IngestError, Received},
        store::regions,
    },
    identity::{Actor, Caller, machine::Recognised},
    kernel::clock,
    ledger, policies,
    web::AppState,
};

/// How often each bureau is looked over.
pub const SWEEP_EVERY: TimeDelta = TimeDelta::hours(1);
/// Institutions that are read at once.
const INSTITUTIONS_AT_ONCE: i64 = 500;

/// Looks over every bureau whose turn it is; how many were. One that fails is logged, and its turn comes again.
pub async fn sweep(state: &AppState, now: DateTime<Utc>) -> Result<usize, DbError> {
    let due = telling::bureaus_due(&*state.pools.worker().get().await?, now - SWEEP_EVERY).await?;
    let mut done = 0;
    for tenant in due {
        match sweep_bureau(state, tenant, now).await {
            Ok(swept) => done += usize::from(swept),
            Err(error) => tracing::error!(%error, bureau = tenant, "a bureau could not be looked over"),
        }
    }
    Ok(done)
}

/// Forecasts the accounts of one bureau, or of all.
pub async fn forecast(state: &AppState, tenant: Option<i32>) -> Result<Forecast, IngestError> {
    let tenants = match tenant {
        Some(tenant) => vec![tenant],
        None => {
            telling::bureaus_due(&*state.pools.worker().get().await.map_err(DbError::from)?, state.clock.now()).await?
        }
    };
    let mut all = Forecast::default();
    for tenant in tenants {
        let Forecast { accounts, rewritten, rejudged } = ingest::forecast(state, tenant).await?;
        all.accounts += accounts;
        all.rewritten += rewritten;
        all.rejudged += rejudged;
    }
    Ok(all)
}

/// When the bureau was looked over that has waited the longest; `None` while one never was.
pub async fn oldest(pools: &Pools) -> Result<Option<DateTime<Utc>>, DbError> {
    telling::oldest_sweep(&*pools.worker().get().await?).await
}

/// The lock of a bureau's sweep, which ends with its connection whatever happens.
struct Lock(Option<Object>, i32);

impl Lock {
    async fn take(pools: &Pools, tenant: i32) -> Result<Option<Lock>, DbError> {
        let client = pools.worker().get().await?;
        let held = telling::lock(&client, tenant).await?;
        Ok(held.then(|| Lock(Some(client), tenant)))
    }

    async fn give_back(mut self) -> Result<(), DbError> {
        match self.0.take() {
            Some(client) => telling::unlock(&client, self.1).await,
            None => Ok(()),
        }
    }
}

impl Drop for Lock {
    /// A connection that still holds the lock may not go back to the pool.
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            drop(Object::take(client));
        }
    }
}

/// Looks over one bureau; `false` when another process is at it.
pub async fn sweep_bureau(state: &AppState, tenant: i32, now: DateTime<Utc>) -> Result<bool, DbError> {
    let Some(lock) = Lock::take(&state.pools, tenant).await? else { return Ok(false) };
    filing::pass_time(state, tenant, now).await?;
    let round = Round::of(state, tenant, now).await?;
    round.forecast().await?;
    catch_up(state, tenant, now).await;
    round.judge_all().await?;
    life::reopened(&round).await?;
    life::overdue(&round).await?;
    life::proposals(&round).await?;
    tell::digest(&round).await?;
    publish::coverage(&round).await?;
    let mut conn = round.begin().await?;
    regions::keep(&mut conn, now).await?;
    telling::swept(&mut conn, now).await?;
    conn.commit().await?;
    lock.give_back().await?;
    Ok(true)
}

/// What the ledger knows by now: lessons that silence confirms, and accounts of which it was learned late what is owed.
/// Whatever goes wrong here the next sweep makes good.
async fn catch_up(state: &AppState, tenant: i32, now: DateTime<Utc>) {
    if let Err(error) = ledger::confirm_overdue(&state.pools, tenant, now).await {
        tracing::error!(%error, bureau = tenant, "lessons could not be confirmed by silence");
    }
    if let Err(error) = ledger::index_pupils(&state.pools, tenant).await {
        tracing::error!(%error, bureau = tenant, "contracts could not be made to be found by their pupils");
    }
    let done = async {
        for account in ingest::changed_accounts(state, tenant).await? {
            ingest::rejudge(state, tenant, account).await?;
        }
        ingest::catch_up_others(state, tenant).await?;
        Ok::<_, IngestError>(())
    };
    if let Err(error) = done.await {
        tracing::error!(%error, bureau = tenant, "accounts could not be judged by what is owed now");
    }
}

/// What one delivery changes beside the entries: a chain of statements that breaks or closes, a feed that is heard of again, and
/// the life of the warnings that it raised. Whatever goes wrong here the next sweep makes good.
pub async fn after_delivery(state: &AppState, tenant: i32, received: &[Received], now: DateTime<Utc>) {
    let accounts = received.iter().map(|part| part.account_id).collect();
    let told = received.iter().any(Received::turns);
    look_again(state, tenant, Look { accounts, told, now }).await;
}

/// What a refused delivery changes: that it contradicts itself or what was kept is kept and told, and nothing else of it.
pub async fn after_refusal(state: &AppState, caller: &Caller, refusal: &IngestError, file_name: Option<&str>) {
    if !matches!(refusal, IngestError::Conflict(..) | IngestError::Unbalanced(_)) {
        return;
    }
    match ingest::keep_refused(state, caller, refusal, file_name).await {
        Ok(accounts) if accounts.is_empty() => {}
        Ok(accounts) => look_again(state, caller.actor.tenant, Look { accounts, told: true, now: caller.now }).await,
        Err(error) => {
            tracing::error!(%error, bureau = caller.actor.tenant, "what a refused delivery contradicts could not be kept");
        }
    }
}

/// What a push for an account under a valid key with another signature changes.
pub async fn after_forgery(state: &AppState, by: &Recognised, account: &str, now: DateTime<Utc>) {
    let forged = Forged { tenant: by.tenant(), key: by.key(), name: by.name(), account };
    match ingest::keep_forged(state, forged, now).await {
        Ok(false) => {}
        Ok(true) => look_again(state, by.tenant(), Look { accounts: Vec::new(), told: true, now }).await,
        Err(error) => tracing::error!(%error, bureau = by.tenant(), "a forged push could not be kept"),
    }
}

/// What a delivery asks to be looked at.
#[derive(Debug, Clone)]
pub struct Look {
    accounts: Vec<i64>,
    /// Whether a warning was raised, became graver or is over.
    told: bool,
    now: DateTime<Utc>,
}

/// Looks over the feeds of some accounts and of the banks.
async fn look_again(state: &AppState, tenant: i32, look: Look) {
    let (own, now) = (state.clone(), look.now);
    let work = move |waiting: Vec<Look>| {
        let state = own.clone();
        async move {
            let now = waiting.iter().map(|look| look.now).max().unwrap_or(now);
            let told = waiting.iter().any(|look| look.told);
            let accounts = waiting.iter().flat_map(|look| &look.accounts).copied().collect();
            after_deliveries(&state, tenant, accounts, told, now).await;
            vec![(); waiting.len()]
        }
    };
    // A bureau is looked over once for all deliveries that wait for it: one look after the other, each of all that came.
    if let Err(error) = state.deliveries.ask(tenant, look, work).await {
        tracing::error!(%error, bureau = tenant, "what a delivery changes beside its entries could not be written");
    }
}

async fn after_deliveries(state: &AppState, tenant: i32, accounts: BTreeSet<i64>, told: bool, now: DateTime<Utc>) {
    let done = async {
        let round = Round::of(state, tenant, now).await?;
        let mut conn = round.begin().await?;
        let judged = judge::only_of(judge::of_feeds(&mut conn, round.grounds(), Some(&accounts)).await?, &accounts);
        conn.commit().await?;
        let told = told || judged.0.values().any(Option::is_some);
        round.apply(judged).await?;
        // Where nothing is told nothing begins to live, which is nearly always.
        if told {
            life::reopened(&round).await?;
            life::proposals(&round).await?;
        }
        Ok::<_, DbError>(())
    };
    if let Err(error) = done.await {
        tracing::error!(%error, bureau = tenant, "what a delivery changes beside its entries could not be written");
    }
}

/// What a filing changes beside itself: the account is judged by what is on file now, and the warning that nothing was closes.
/// Whatever goes wrong here the next sweep makes good.
pub async fn after_filing(state: &AppState, tenant: i32, institution: i64, account: i64, now: DateTime<Utc>) {
    let done = async {
        ingest::rejudge(state, tenant, account).await?;
        let round = Round::of(state, tenant, now).await?;
        let mut conn = round.begin().await?;
        let (mut judged, _) = judge::of_institutions(&mut conn, round.grounds(), institution - 1, 1).await?;
        conn.commit().await?;
        judged.0.retain(|(subject, kind), _| {
            *kind == WarningKind::AccountNotFiled && *subject == Subject::Institution(institution)
        });
        round.apply(judged).await?;
        life::reopened(&round).await?;
        Ok::<_, IngestError>(())
    };
    if let Err(error) = done.await {
        tracing::error!(%error, bureau = tenant, "what a filing changes beside itself could not be written");
    }
}

/// One look over one bureau.
pub(super) struct Round<'a> {
    pub state: &'a AppState,
    /// The system itself, at work in the bureau.
    pub caller: Caller,
    pub limits: Limits,
    pub in_force: policies::InForce,
}

impl Round<'_> {
    async fn of(state: &AppState, tenant: i32, now: DateTime<Utc>) -> Result<Round<'_>, DbError> {
        let caller = Caller { actor: Actor::system(tenant), request_id: "background".to_owned(), now };
        let mut conn = Scope::system(tenant).begin(&state.pools).await?;
        let in_force = policies::in_force(&mut conn, tenant, caller.today()).await?;
        conn.commit().await?;
        Ok(Round { state, caller, limits: Limits::of(&in_force), in_force })
    }

    pub async fn begin(&self) -> Result<ScopedConn, DbError> {
        Scope::system(self.caller.actor.tenant).begin(&self.state.pools).await
    }

    fn grounds(&self) -> Grounds<'_> {
        Grounds { limits: &self.limits, calendar: &self.state.calendar, now: self.caller.now }
    }

    /// The first look of a day forecasts every account. Whatever goes wrong here the next day makes good.
    async fn forecast(&self) -> Result<(), DbError> {
        let mut conn = self.begin().await?;
        let last = telling::swept_at(&mut conn).await?;
        conn.commit().await?;
        if last.map(clock::day) == Some(self.caller.today()) {
            return Ok(());
        }
        let tenant = self.caller.actor.tenant;
        match ingest::forecast(self.state, tenant).await {
            Ok(Forecast { accounts, rewritten, rejudged }) => {
                tracing::info!(bureau = tenant, accounts, rewritten, rejudged, "accounts were forecast");
            }
            Err(error) => tracing::error!(%error, bureau = tenant, "accounts could not be forecast"),
        }
        Ok(())
    }

    async fn judge_all(&self) -> Result<(), DbError> {
        let mut conn = self.begin().await?;
        let judged = judge::of_feeds(&mut conn, self.grounds(), None).await?;
        conn.commit().await?;
        self.apply(judged).await?;
        let mut after = Some(0);
        while let Some(from) = after {
            let mut conn = self.begin().await?;
            let (judged, last) = judge::of_institutions(&mut conn, self.grounds(), from, INSTITUTIONS_AT_ONCE).await?;
            conn.commit().await?;
            self.apply(judged).await?;
            after = last;
        }
        Ok(())
    }

    /// Writes what is another than what is stored.
    async fn apply(&self, judged: Judged) -> Result<(), DbError> {
        let mut conn = self.begin().await?;
        let open = warnings::open(&mut conn).await?;
        conn.commit().await?;
        for ((subject, kind), alarm) in judged.0 {
            let name = <&str>::from(kind);
            let stored = open.iter().find(|stored| stored.kind == name && stored.subject() == subject);
            if stored.is_none() && alarm.is_none() {
                continue;
            }
            self.settle(&subject, kind, stored, alarm.as_ref()).await?;
        }
        Ok(())
    }

    async fn settle(
        &self,
        subject: &Subject,
        kind: WarningKind,
        stored: Option<&warnings::Stored>,
        alarm: Option<&super::model::Alarm>,
    ) -> Result<(), DbError> {
        let mut conn = self.begin().await?;
        let closed = match stored {
            Some(_) => None,
            None => warnings::closed(&mut conn, subject, kind.into()).await?,
        };
        let steps = stored.map(warnings::Stored::steps).unwrap_or_default();
        let found = steps.iter().map(|step| step.level).max().zip(steps.iter().map(|step| step.at).max());
        let open = stored.zip(found).map(|(stored, (found, last_at))| rules::Open {
            found,
            last_at: last_at.to_utc(),
            basis: &stored.basis,
            mended: stored.mended,
        });
        let known = closed
            .as_ref()
            .and_then(|closed| Some(rules::Closed { level: closed.level.parse().ok()?, basis: &closed.basis }));
        let change = rules::change(kind, open, known, alarm);
        if let Some(change) = change {
            tell::write(self, &mut conn, subject, change, (stored, alarm)).await?;
        }
        conn.commit().await
    }
}
