//! The ingest itself.

use std::{collections::BTreeMap, collections::HashMap, sync::Arc};

use chrono::{Datelike, NaiveDate};
use futures_util::{StreamExt, pin_mut};
use serde_json::json;
use tokio::task::JoinHandle;

use super::{
    IngestError,
    entries::{self, Conflict, Content, NewEntry, TOLD_MAX, midnight},
    judge::{self, Anchor, Replay},
    model::{Delivery, Incoming, PUSH, Received, Target},
    news::Teller,
    reconcile::{self, StoredWarning, Write},
    store::{
        accounts::{self, Account, Outcome, Record},
        entries::{self as rows, Owner},
        warnings,
    },
    transaction::Transaction,
};
use crate::{
    db::{DbError, Scope},
    escrow::{
        detector::{AccountState, DetectorError, Grounds, Warning},
        policy::Policy,
    },
    identity::Caller,
    kernel::Calendar,
    web::AppState,
};

/// What one account gets of a delivery.
#[derive(Debug)]
struct Batch {
    account: i64,
    /// Places of its statements in the delivery.
    places: Vec<usize>,
    /// Shared with the detector, which may run while they are written.
    entries: Arc<Vec<NewEntry>>,
}

/// Takes a delivery in, in the bureau of `caller`.
///
/// Balances, warnings, mails and the record are written together with the entries, or nothing is. The answer has one part
/// for each account, in order of their ids.
pub async fn receive(state: &AppState, caller: &Caller, delivery: Delivery) -> Result<Vec<Received>, IngestError> {
    let scope = Scope::system(caller.actor.tenant);
    let places = find_accounts(state, scope, &delivery).await?;
    let prepared = tokio::task::spawn_blocking(move || prepare(delivery, places)).await;
    let (delivery, batches, repeated) = prepared.map_err(|e| DbError::Pool(e.to_string()))??;
    let months = months(&batches);
    if !months.is_empty() {
        rows::ensure_months(&*state.pools.ingest().get().await.map_err(DbError::from)?, &months).await?;
    }
    let policy = Policy::default();
    let work = Work {
        tx: Transaction::begin(&state.pools, scope).await?,
        caller,
        policy: Arc::new(policy),
        calendar: Arc::clone(&state.calendar),
        delivery: &delivery,
        repeated: &repeated,
    };
    let public_url = state.public_url();
    let teller =
        Teller { caller, calendar: &state.calendar, policy_version: &work.policy.version, public_url: &public_url };
    let mut received = Vec::with_capacity(batches.len());
    for batch in batches {
        received.push(work.take(batch, &teller).await?);
    }
    if received.iter().any(|part| !part.warnings.is_empty()) {
        warnings::notify(&work.tx, caller.actor.tenant).await?;
    }
    work.tx.commit().await?;
    Ok(received)
}

/// The account of each statement, as places by id.
async fn find_accounts(
    state: &AppState,
    scope: Scope,
    delivery: &Delivery,
) -> Result<BTreeMap<i64, Vec<usize>>, IngestError> {
    let tx = Transaction::begin(&state.pools, scope).await?;
    let mut accounts: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (place, statement) in delivery.statements.iter().enumerate() {
        if let Some(currency) = statement.currency.as_deref().filter(|currency| !matches!(*currency, "CNY" | "RMB")) {
            return Err(IngestError::Currency(currency.to_owned()));
        }
        let target = match (&delivery.target, &statement.account) {
            (Some(target), _) => target.clone(),
            (None, Some(number)) => Target::Number(number.clone()),
            (None, None) => return Err(IngestError::NoAccount),
        };
        let id = accounts::find(&tx, scope.tenant(), &target).await?;
        let unknown = || IngestError::UnknownAccount(statement.account.clone());
        accounts.entry(id.ok_or_else(unknown)?).or_default().push(place);
    }
    if accounts.is_empty() {
        let target = delivery.target.as_ref().ok_or(IngestError::NoAccount)?;
        let id = accounts::find(&tx, scope.tenant(), target).await?.ok_or(IngestError::UnknownAccount(None))?;
        accounts.insert(id, Vec::new());
    }
    tx.commit().await?;
    Ok(accounts)
}

type Prepared = (Delivery, Vec<Batch>, Vec<i64>);

/// Orders the entries by account; what the delivery repeats is counted by statement.
fn prepare(mut delivery: Delivery, accounts: BTreeMap<i64, Vec<usize>>) -> Result<Prepared, IngestError> {
    let mut batches = Vec::with_capacity(accounts.len());
    let mut repeated = vec![0; delivery.statements.len()];
    for (account, places) in accounts {
        let (entries, again) = entries::collect(&mut delivery.statements, &places)?;
        places.iter().for_each(|place| repeated[*place] = again[*place]);
        batches.push(Batch { account, places, entries: Arc::new(entries) });
    }
    Ok((delivery, batches, repeated))
}

fn months(batches: &[Batch]) -> Vec<NaiveDate> {
    let mut months: Vec<NaiveDate> = Vec::new();
    // Entries are in order of booking, so a month's entries stand together.
    for day in batches.iter().flat_map(|batch| batch.entries.iter().map(NewEntry::booked_on)) {
        let first = day.with_day(1).unwrap_or(day);
        if months.last() != Some(&first) {
            months.push(first);
        }
    }
    months.sort_unstable();
    months.dedup();
    months
}

/// One delivery under way.
struct Work<'a> {
    tx: Transaction,
    caller: &'a Caller,
    policy: Arc<Policy>,
    calendar: Arc<Calendar>,
    delivery: &'a Delivery,
    /// By statement, how many entries the delivery gave twice.
    repeated: &'a [i64],
}

/// What the detector made of an account.
struct Judged {
    detector: AccountState,
    writes: Vec<Write>,
}

impl Work<'_> {
    fn tenant(&self) -> i32 {
        self.caller.actor.tenant
    }

    fn statements<'s>(&'s self, batch: &'s Batch) -> impl Iterator<Item = (usize, &'s Incoming)> {
        batch.places.iter().filter_map(|place| Some((*place, self.delivery.statements.get(*place)?)))
    }

    async fn take(&self, mut batch: Batch, teller: &Teller<'_>) -> Result<Received, IngestError> {
        let account =
            accounts::lock(&self.tx, self.tenant(), batch.account).await?.ok_or(IngestError::UnknownAccount(None))?;
        for (_, statement) in self.statements(&batch) {
            if let Some(found) = statement.account.as_ref().filter(|found| **found != account.account_no) {
                return Err(IngestError::OtherAccount { found: found.clone(), wanted: account.account_no.clone() });
            }
        }
        let anchor = self.anchor(&account, &batch);
        let duplicates = self.leave_out_known(&account, &mut batch).await?;
        let fresh = by_statement(&batch.entries, self.delivery.statements.len());
        let ids = self.record(&account, &batch, &fresh, &duplicates).await?;
        let owner = Owner {
            tenant: self.tenant(),
            account: account.id,
            institution: account.institution_id,
            statement_ids: &ids,
        };
        let closed_through = self.closed_through(&account, &batch);
        // The first entries of an account are its whole history and need no reading back.
        let first = (account.entry_count == 0).then(|| self.judge_first(&batch.entries, anchor, closed_through));
        let added = rows::add(&self.tx, owner, &batch.entries).await?;
        if added != batch.entries.len() as u64 {
            return Err(DbError::Pool(format!(
                "{added} of {} entries were new to a locked account",
                batch.entries.len()
            ))
            .into());
        }
        let stored = warnings::of_account(&self.tx, self.tenant(), account.id).await?;
        let inserted = i64::try_from(batch.entries.len()).unwrap_or(i64::MAX);
        let duplicates: i64 = duplicates.iter().sum();
        let statement_id = batch.places.first().and_then(|place| ids.get(*place)).copied().filter(|id| *id != 0);
        let mut news = Vec::new();
        if self.changes_anything(&account, &batch, anchor) {
            let last = batch.entries.last().map(|entry| entry.booked_at).max(account.last_booked_at);
            let judged = match first {
                Some(run) => {
                    let (detector, found) = run.await.map_err(|e| DbError::Pool(e.to_string()))??;
                    Judged { detector, writes: reconcile::replace(&stored, found) }
                }
                None => self.judge(&account, &stored, &batch.entries, anchor, closed_through).await?,
            };
            let outcome = Outcome {
                opening_fen: anchor.map(|anchor| anchor.fen),
                opening_on: anchor.map(|anchor| anchor.on),
                balance_fen: judged.detector.balance_fen(),
                entry_count: account.entry_count + inserted,
                last_booked_at: last,
                statement_on: closed_through,
                detector: judged.detector,
            };
            accounts::update(&self.tx, self.tenant(), account.id, &outcome).await?;
            news = teller.tell(&self.tx, &account, &stored, judged.writes).await?;
            let after = json!({"file_name": self.delivery.file_name, "format": self.delivery.format, "inserted": inserted,
                               "duplicates": duplicates, "balance_fen": outcome.balance_fen});
            warnings::audit(
                &self.tx,
                self.caller,
                "escrow.entries_received",
                ("escrow_account", &account.id.to_string()),
                account.institution_id,
                after,
            )
            .await?;
        }
        Ok(Received {
            account_id: account.id,
            institution_name: account.institution_name,
            statement_id,
            inserted,
            duplicates,
            warnings: news,
        })
    }

    /// The account's anchor after this batch.
    fn anchor(&self, account: &Account, batch: &Batch) -> Option<Anchor> {
        let stored = account.opening_fen.zip(account.opening_on).map(|(fen, on)| Anchor { fen, on });
        let named = self.statements(batch).filter_map(|(place, statement)| {
            let first = batch.entries.iter().find(|entry| entry.statement == place).map(NewEntry::booked_on);
            Some(Anchor { fen: statement.opening_fen?, on: statement.opening_day(first)? })
        });
        stored.into_iter().chain(named).reduce(Anchor::earlier)
    }

    /// Takes out what the account has already; by statement, how many entries are no news.
    async fn leave_out_known(&self, account: &Account, batch: &mut Batch) -> Result<Vec<i64>, IngestError> {
        let mut duplicates = self
            .repeated
            .iter()
            .enumerate()
            .map(|(place, n)| if batch.places.contains(&place) { *n } else { 0 })
            .collect::<Vec<_>>();
        if account.entry_count == 0 || batch.entries.is_empty() {
            return Ok(duplicates);
        }
        let refs: Vec<&str> = batch.entries.iter().map(|entry| entry.bank_ref.as_str()).collect();
        let known: HashMap<String, Content> =
            rows::known(&self.tx, self.tenant(), account.id, &refs).await?.into_iter().collect();
        let mut conflicts = Vec::new();
        Arc::make_mut(&mut batch.entries).retain(|entry| {
            let Some(stored) = known.get(&entry.bank_ref) else { return true };
            if *stored == entry.content() {
                duplicates[entry.statement] += 1;
            } else if conflicts.len() < TOLD_MAX {
                conflicts.push(Conflict {
                    bank_ref: entry.bank_ref.clone(),
                    stored: *stored,
                    received: entry.content(),
                });
            }
            false
        });
        if conflicts.is_empty() { Ok(duplicates) } else { Err(IngestError::Conflict(conflicts)) }
    }

    /// Records the batch's statements; ids by place in the delivery, 0 where nothing new came and none was kept before.
    async fn record(
        &self,
        account: &Account,
        batch: &Batch,
        fresh: &[i64],
        duplicates: &[i64],
    ) -> Result<Vec<i64>, IngestError> {
        let mut ids = vec![0; self.delivery.statements.len()];
        for (place, statement) in self.statements(batch) {
            let follows = self.follows(account, batch, place, statement).await?;
            let record = Record {
                account_id: account.id,
                file_name: &self.delivery.file_name,
                sha256: &self.delivery.sha256,
                format: &self.delivery.format,
                statement,
                balanced: match (statement.balanced, follows) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (balanced, follows) => balanced.or(follows),
                },
                inserted: fresh[place],
                duplicates: duplicates[place],
            };
            let before = if fresh[place] == 0 {
                accounts::statement_of_file(&self.tx, self.tenant(), &record).await?
            } else {
                None
            };
            ids[place] = match before {
                Some(id) => id,
                None if fresh[place] == 0 && self.delivery.format == PUSH => 0,
                None => accounts::add_statement(&self.tx, self.caller, &record).await?,
            };
        }
        Ok(ids)
    }

    /// Whether a statement's opening balance is the account's balance before it; `None` where either is unknown.
    async fn follows(
        &self,
        account: &Account,
        batch: &Batch,
        place: usize,
        statement: &Incoming,
    ) -> Result<Option<bool>, IngestError> {
        let first = batch.entries.iter().find(|entry| entry.statement == place).map(NewEntry::booked_on);
        let (Some(opening), Some(on)) = (statement.opening_fen, statement.opening_day(first)) else { return Ok(None) };
        let (Some(anchor_fen), Some(anchor_on)) = (account.opening_fen, account.opening_on) else { return Ok(None) };
        if on < anchor_on {
            return Ok(None);
        }
        let until = midnight(on);
        let stored = if account.last_booked_at.is_none_or(|last| last < until) {
            account.balance_fen
        } else {
            let (effect, _) =
                rows::effect(&self.tx, self.tenant(), account.id, Some(midnight(anchor_on)), until).await?;
            anchor_fen.saturating_add(effect)
        };
        let new = batch
            .entries
            .iter()
            .take_while(|entry| entry.booked_at < until)
            .filter(|entry| entry.booked_on() >= anchor_on);
        let expected = new.fold(stored, |sum, entry| sum.saturating_add(entry.effect_fen()));
        Ok(Some(expected == opening))
    }

    /// The last day that is known to be over.
    fn closed_through(&self, account: &Account, batch: &Batch) -> Option<NaiveDate> {
        self.statements(batch).filter_map(|(_, statement)| statement.closing_on).max().max(account.statement_on)
    }

    fn changes_anything(&self, account: &Account, batch: &Batch, anchor: Option<Anchor>) -> bool {
        !batch.entries.is_empty()
            || anchor.map(|anchor| (anchor.fen, anchor.on)) != account.opening_fen.zip(account.opening_on)
            || self.closed_through(account, batch) != account.statement_on
    }

    /// Runs the detector: onward where the news follow on what is stored, else over the whole history.
    async fn judge(
        &self,
        account: &Account,
        stored: &[StoredWarning],
        entries: &[NewEntry],
        anchor: Option<Anchor>,
        closed_through: Option<NaiveDate>,
    ) -> Result<Judged, IngestError> {
        let moved = anchor.map(|anchor| (anchor.fen, anchor.on)) != account.opening_fen.zip(account.opening_on);
        if !moved
            && self.follow_on(account, entries).await?
            && let Some(mut detector) = account.detector.clone()
        {
            let grounds = Grounds { policy: &self.policy, calendar: &self.calendar, obligations: None };
            let closed = reconcile::closed_kinds(stored);
            match judge::go_on(&mut detector, &grounds, &closed, entries, closed_through) {
                Ok(changes) => return Ok(Judged { detector, writes: reconcile::increment(stored, changes) }),
                Err(DetectorError::Late { .. } | DetectorError::HistoryTooShort { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.replay(account, stored, anchor, closed_through).await
    }

    /// Whether the batch's entries all come after what is stored.
    async fn follow_on(&self, account: &Account, entries: &[NewEntry]) -> Result<bool, IngestError> {
        let (Some(first), Some(last)) = (entries.first(), account.last_booked_at) else { return Ok(true) };
        if first.booked_at != last {
            return Ok(first.booked_at > last);
        }
        let place = rows::last_at(&self.tx, self.tenant(), account.id, last).await?;
        Ok(place.is_none_or(|(seq, bank_ref)| (first.seq, &first.bank_ref) > (seq, &bank_ref)))
    }

    /// Runs the detector over an account's first entries, on a thread apart: a long history takes a while, in which the
    /// database writes the same entries.
    fn judge_first(
        &self,
        entries: &Arc<Vec<NewEntry>>,
        anchor: Option<Anchor>,
        closed_through: Option<NaiveDate>,
    ) -> JoinHandle<Result<(AccountState, Vec<Warning>), IngestError>> {
        let (policy, calendar, entries) = (Arc::clone(&self.policy), Arc::clone(&self.calendar), Arc::clone(entries));
        tokio::task::spawn_blocking(move || {
            let grounds = Grounds { policy: &policy, calendar: &calendar, obligations: None };
            let early = entries.iter().take_while(|entry| anchor.is_some_and(|anchor| entry.booked_on() < anchor.on));
            let (before, count) =
                early.fold((0_i64, 0), |(sum, n), entry| (sum.saturating_add(entry.effect_fen()), n + 1));
            let first = entries.first().map(|entry| (entry.effect_fen(), entry.balance_after_fen));
            let opening = judge::opening(anchor, before, count > 0, first).ok_or(IngestError::TooLarge)?;
            let mut replay = Replay::new(opening, &grounds, Vec::new());
            for entry in entries.iter() {
                replay.take(&entry.for_detector())?;
            }
            Ok(replay.finish(closed_through)?)
        })
    }

    async fn replay(
        &self,
        account: &Account,
        stored: &[StoredWarning],
        anchor: Option<Anchor>,
        closed_through: Option<NaiveDate>,
    ) -> Result<Judged, IngestError> {
        let (before, count) = match anchor {
            Some(anchor) => rows::effect(&self.tx, self.tenant(), account.id, None, midnight(anchor.on)).await?,
            None => (0, 0),
        };
        let history = rows::history(&self.tx, self.tenant(), account.id).await?;
        pin_mut!(history);
        let grounds = Grounds { policy: &self.policy, calendar: &self.calendar, obligations: None };
        let mut replay = None;
        while let Some(row) = history.next().await {
            let past = rows::Past::from(row?);
            let run = match &mut replay {
                Some(run) => run,
                None => {
                    let first = Some((past.effect_fen(), past.balance_after_fen));
                    let opening = judge::opening(anchor, before, count > 0, first).ok_or(IngestError::TooLarge)?;
                    let closures = stored.iter().filter_map(StoredWarning::closure).collect();
                    replay.insert(Replay::new(opening, &grounds, closures))
                }
            };
            run.take(&past.for_detector())?;
        }
        let run = replay.ok_or_else(|| DbError::Pool("an account with entries has none".to_owned()))?;
        let (detector, found) = run.finish(closed_through)?;
        Ok(Judged { detector, writes: reconcile::replace(stored, found) })
    }
}

fn by_statement(entries: &[NewEntry], statements: usize) -> Vec<i64> {
    let mut counts = vec![0; statements];
    entries.iter().for_each(|entry| counts[entry.statement] += 1);
    counts
}
