//! The ingest itself.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use serde_json::json;

use super::{
    IngestError,
    chain::{Claim, Run, Sums, Verdict, chain},
    entries::{self, Conflict, Extent, NewEntry, TOLD_MAX},
    model::{Delivery, Incoming, PUSH, Received, Target},
    news::{self, Teller},
    reconcile::{self, Write},
    rejudge::catch_up_others,
    store::{
        accounts::{self, Account, Claimed, Outcome, Record},
        entries::{self as rows, Owner},
        orders, warnings,
    },
    transaction::Transaction,
};
use crate::{
    audit::Event,
    db::{DbError, Scope},
    escrow::{detector::AccountState, policy::Policies},
    identity::{Action, Caller, Role, may},
    kernel::{Calendar, clock},
    policies,
    vault::Vault,
    web::AppState,
};

/// What one account gets of a delivery.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) account: i64,
    /// Places of its statements in the delivery.
    pub(super) places: Vec<usize>,
    /// Shared with the detector, which may run while they are written.
    pub(super) entries: Arc<Vec<NewEntry>>,
}

/// Takes a delivery in, in the bureau of `caller`.
///
/// Balances, warnings, mails and the record are written together with the entries, or nothing is. The answer has one part
/// for each account, in order of their ids.
pub async fn receive(state: &AppState, caller: &Caller, delivery: Delivery) -> Result<Vec<Received>, IngestError> {
    admit(caller.actor.role, &delivery.format)?;
    let scope = Scope::system(caller.actor.tenant);
    let places = find_accounts(state, scope, &delivery).await?;
    // A bank's clock may be ahead of ours around midnight; a day further is a mistake.
    let last = caller.today() + Days::new(1);
    let prepared = tokio::task::spawn_blocking(move || prepare(delivery, places, last)).await;
    take_in(state, caller, prepared.map_err(|e| DbError::Pool(e.to_string()))??).await
}

/// Takes in what is ready for it.
pub(super) async fn take_in(
    state: &AppState,
    caller: &Caller,
    prepared: Prepared,
) -> Result<Vec<Received>, IngestError> {
    let Prepared { delivery, batches, repeated, extents } = prepared;
    ensure_months(state, &months(batches.iter().flat_map(|batch| batch.entries.iter()))).await?;
    let scope = Scope::system(caller.actor.tenant);
    let tx = Transaction::begin(&state.pools, scope).await?;
    let chain = policies::chain_by(&tx, caller.actor.tenant).await?;
    let work = Work {
        tx: &tx,
        caller,
        policies: Arc::new(Policies::of(&chain)),
        calendar: Arc::clone(&state.calendar),
        vault: state.pools.vault().clone(),
        delivery: &delivery,
        repeated: &repeated,
        extents: &extents,
        tells_others: Mutex::new(false),
    };
    let (public_url, in_force) = (state.public_url(), chain.on(caller.today()));
    let teller = Teller { caller, calendar: &state.calendar, in_force: &in_force, public_url };
    let mut received = Vec::with_capacity(batches.len());
    for batch in batches {
        received.push(work.take(batch, &teller).await?);
    }
    let told = received.iter().any(|part| !part.warnings.is_empty());
    if told {
        warnings::notify(&tx, caller.actor.tenant).await?;
    }
    let tells_others = *work.tells_others.lock().unwrap_or_else(PoisonError::into_inner);
    tx.commit().await?;
    if !told && received.iter().any(|part| part.inserted > 0) {
        news::figures_changed(state, caller.actor.tenant);
    }
    if tells_others && let Err(error) = catch_up_others(state, caller.actor.tenant).await {
        // The next sweep makes good.
        tracing::error!(%error, bureau = caller.actor.tenant, "an institution's other accounts could not be judged anew");
    }
    Ok(received)
}

/// Refuses a role that may not take in what comes in this format, whichever way it came here.
pub(super) fn admit(role: Role, format: &str) -> Result<(), IngestError> {
    let action = if format == PUSH { Action::PushEntries } else { Action::UploadStatement };
    if may(role, action) { Ok(()) } else { Err(IngestError::Forbidden) }
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

/// A delivery, ready to be taken in.
pub(super) struct Prepared {
    pub(super) delivery: Delivery,
    pub(super) batches: Vec<Batch>,
    /// By statement, how many entries the delivery gives twice.
    pub(super) repeated: Vec<i64>,
    pub(super) extents: HashMap<usize, Extent>,
}

/// Orders the entries by account; what the delivery repeats is counted by statement. Nothing may be dated after `last`.
fn prepare(
    mut delivery: Delivery,
    accounts: BTreeMap<i64, Vec<usize>>,
    last: NaiveDate,
) -> Result<Prepared, IngestError> {
    let mut batches = Vec::with_capacity(accounts.len());
    let mut repeated = vec![0; delivery.statements.len()];
    let mut extents = HashMap::new();
    for (account, places) in accounts {
        let found =
            entries::collect(&mut delivery.statements, &places, last).map_err(|error| error.of(Target::Id(account)))?;
        places.iter().for_each(|place| repeated[*place] = found.repeated[*place]);
        extents.extend(found.extents);
        batches.push(Batch { account, places, entries: Arc::new(found.entries) });
    }
    Ok(Prepared { delivery, batches, repeated, extents })
}

/// The months that entries lie in.
pub(super) fn months<'e>(entries: impl Iterator<Item = &'e NewEntry>) -> Vec<NaiveDate> {
    let mut months: Vec<NaiveDate> = Vec::new();
    // Entries are in order of booking, so a month's entries stand together.
    for day in entries.map(NewEntry::booked_on) {
        let first = day.with_day(1).unwrap_or(day);
        if months.last() != Some(&first) {
            months.push(first);
        }
    }
    months.sort_unstable();
    months.dedup();
    months
}

/// Makes room for months of entries, outside any transaction.
pub(super) async fn ensure_months(state: &AppState, months: &[NaiveDate]) -> Result<(), IngestError> {
    if !months.is_empty() {
        rows::ensure_months(&*state.pools.ingest().get().await.map_err(DbError::from)?, months).await?;
    }
    Ok(())
}

/// Takes out what an account has already; how many there were. `None` where more is told of one of them now,
/// which is for the way that judges anew what came after it.
pub(super) fn without_known(entries: &mut Arc<Vec<NewEntry>>, known: &[NewEntry]) -> Result<Option<i64>, IngestError> {
    let (mut duplicates, mut bettered) = (0, false);
    sift(entries, known, |entry, stored| {
        duplicates += 1;
        bettered |= stored.clone().or(entry) != *stored;
    })?;
    Ok((!bettered).then_some(duplicates))
}

/// Takes out what an account has already and tells of each with what is stored. What has another content is a conflict.
fn sift(
    entries: &mut Arc<Vec<NewEntry>>,
    known: &[NewEntry],
    mut has: impl FnMut(&NewEntry, &NewEntry),
) -> Result<(), IngestError> {
    if known.is_empty() {
        return Ok(());
    }
    let known: HashMap<&str, &NewEntry> = known.iter().map(|row| (row.bank_ref.as_str(), row)).collect();
    let mut conflicts = Vec::new();
    Arc::make_mut(entries).retain(|entry| {
        let Some(stored) = known.get(entry.bank_ref.as_str()) else { return true };
        if stored.content() == entry.content() {
            has(entry, stored);
        } else if conflicts.len() < TOLD_MAX {
            conflicts.push(Conflict {
                bank_ref: entry.bank_ref.clone(),
                stored: stored.content(),
                received: entry.content(),
            });
        }
        false
    });
    if conflicts.is_empty() { Ok(()) } else { Err(IngestError::Conflict(None, conflicts)) }
}

/// One delivery under way.
pub(super) struct Work<'a> {
    pub(super) tx: &'a Transaction,
    pub(super) caller: &'a Caller,
    pub(super) policies: Arc<Policies>,
    pub(super) calendar: Arc<Calendar>,
    /// Tells whether a number is a filed one.
    pub(super) vault: Vault,
    pub(super) delivery: &'a Delivery,
    /// By statement, how many entries the delivery gave twice.
    pub(super) repeated: &'a [i64],
    /// How far the entries of each statement reach.
    pub(super) extents: &'a HashMap<usize, Extent>,
    /// Whether what was taken in concerns other accounts of the same institution.
    pub(super) tells_others: Mutex<bool>,
}

/// What of a batch the account has already.
struct Sifted {
    /// By statement, how many entries are no news.
    duplicates: Vec<i64>,
    /// The earliest of these entries of each statement, as stored.
    first_at: HashMap<usize, DateTime<Utc>>,
    /// Those of which more is known now.
    bettered: Vec<rows::Bettered>,
}

/// On what the balance rests after a batch.
pub(super) struct Standing {
    /// The account's runs; `None` where they are what they were and were not looked up.
    pub(super) runs: Option<Vec<Run>>,
    /// Whether any run is another than before.
    pub(super) moved: bool,
    /// Whether the batch's entries all come after what is stored.
    pub(super) in_order: bool,
    /// Of the batch's statements that claim a balance, by place.
    pub(super) verdicts: HashMap<usize, Verdict>,
    /// Statements on record that are now worth another.
    pub(super) rejudged: Vec<(Claimed, Verdict)>,
}

/// What the detector made of an account.
pub(super) struct Judged {
    pub(super) detector: AccountState,
    pub(super) writes: Vec<Write>,
}

impl Work<'_> {
    pub(super) fn tenant(&self) -> i32 {
        self.caller.actor.tenant
    }

    fn statements<'s>(&'s self, batch: &'s Batch) -> impl Iterator<Item = (usize, &'s Incoming)> {
        batch.places.iter().filter_map(|place| Some((*place, self.delivery.statements.get(*place)?)))
    }

    async fn take(&self, mut batch: Batch, teller: &Teller<'_>) -> Result<Received, IngestError> {
        let mut account =
            accounts::lock(self.tx, self.tenant(), batch.account).await?.ok_or(IngestError::UnknownAccount(None))?;
        for (_, statement) in self.statements(&batch) {
            if let Some(found) = statement.account.as_ref().filter(|found| **found != account.account_no) {
                return Err(IngestError::OtherAccount { found: found.clone(), wanted: account.account_no.clone() });
            }
        }
        let today = self.caller.today();
        if self.delivery.format == PUSH && account.heard_on < Some(today) {
            accounts::heard(self.tx, self.tenant(), account.id, today).await?;
        }
        let open = self.open_faults(account.id, &batch).await?;
        let sifted = self.leave_out_known(&account, &mut batch).await;
        let mut sifted = sifted.map_err(|error| error.of(Target::Id(account.id)))?;
        let known = orders::known(self.tx, self.tenant(), &account).await?;
        if !sifted.bettered.is_empty() {
            self.better(&account, known, &mut sifted.bettered).await?;
        }
        let mut repeats = self.repeats(&account, &batch).await?;
        self.settle(&account, known, &mut batch.entries).await?;
        let beside = self.beside(&account, &batch.entries).await?;
        account.siblings = beside.siblings;
        account.owed_changed_on = account.owed_changed_on.into_iter().chain(beside.changed_on).min();
        let account = account;
        let mut obligations = self.obligations(&account, known).await?;
        let claims = self.claims(&batch, &sifted);
        let mut standing = self.standing(&account, &batch, &claims, !sifted.bettered.is_empty()).await?;
        let fresh = by_statement(&batch.entries, self.delivery.statements.len());
        let ids = self.record(&account, &batch, &fresh, &sifted.duplicates, (&claims, &standing)).await?;
        let owner = Owner {
            tenant: self.tenant(),
            account: account.id,
            institution: account.institution_id,
            statement_ids: &ids,
        };
        let closed_through = self.closed_through(&account, &batch);
        // The first entries of an account are its whole history and need no reading back.
        let first = (account.entry_count == 0).then(|| {
            self.judge_first(
                &account,
                &batch.entries,
                standing.runs.clone().unwrap_or_default(),
                closed_through,
                obligations.clone(),
            )
        });
        let added = rows::add(self.tx, owner, &batch.entries).await?;
        if added != batch.entries.len() as u64 {
            return Err(DbError::Pool(format!(
                "{added} of {} entries were new to a locked account",
                batch.entries.len()
            ))
            .into());
        }
        repeats.extend(self.batched(&account, &ids, &batch.entries).await?);
        let another = self.refunds_again(&account, known, &sifted.bettered, &batch.entries).await?;
        if another {
            // What was judged rested on it.
            standing.moved = true;
            obligations = self.obligations(&account, known).await?;
        }
        let faults_changed = self.judge_balances(&account, &batch, open, standing.in_order).await?;
        let stored = warnings::of_account(self.tx, self.tenant(), account.id).await?;
        let inserted = i64::try_from(batch.entries.len()).unwrap_or(i64::MAX);
        let duplicates: i64 = sifted.duplicates.iter().sum();
        let statement_id = batch.places.first().and_then(|place| ids.get(*place)).copied().filter(|id| *id != 0);
        let mut news = Vec::new();
        let learned = account.owed_changed_on.is_some() && account.entry_count > 0;
        if !batch.entries.is_empty() || standing.moved || closed_through != account.statement_on || learned {
            let moved = sifted.bettered.iter().map(|one| one.entry.booked_at).max();
            let last = batch.entries.last().map(|entry| entry.booked_at).max(account.last_booked_at).max(moved);
            let judged = match first {
                Some(run) if !another => {
                    let (detector, found) = run.await.map_err(|e| DbError::Pool(e.to_string()))??;
                    Judged { detector, writes: reconcile::replace(&stored, found) }
                }
                _ => {
                    let owed = obligations.as_deref();
                    self.judge(&account, &stored, &batch.entries, &standing, closed_through, owed).await?
                }
            };
            let anchor = match &standing.runs {
                Some(runs) => runs.last().map(|run| (run.opening_fen, run.on)),
                None => account.opening_fen.zip(account.opening_on),
            };
            let known_on = closed_through.max(last.map(clock::day));
            let outcome = Outcome {
                required: self.required(&account, known_on, obligations.as_deref()),
                opening_fen: anchor.map(|(fen, _)| fen),
                opening_on: anchor.map(|(_, on)| on),
                balance_fen: judged.detector.balance_fen(),
                entry_count: account.entry_count + inserted,
                last_booked_at: last,
                statement_on: closed_through,
                detector: judged.detector,
                others_from: beside.others_from,
            };
            accounts::update(self.tx, self.tenant(), &account, &outcome).await?;
            news = teller.tell(self.tx, &account, &stored, judged.writes).await?;
            let after = json!({"file_name": self.delivery.file_name, "format": self.delivery.format, "inserted": inserted,
                               "duplicates": duplicates, "balance_fen": outcome.balance_fen});
            let event = Event {
                action: "escrow.entries_received",
                subject_kind: "escrow_account",
                subject_id: account.id.to_string(),
                institution: Some(account.institution_id),
                before: Some(json!({"balance_fen": account.balance_fen})),
                after: Some(after),
                reason: None,
            };
            self.tx.record(self.caller, event);
        }
        Ok(Received {
            account_id: account.id,
            institution_name: account.institution_name,
            statement_id,
            inserted,
            duplicates,
            repeats,
            faults_changed,
            gap: batch.places.iter().find_map(|place| standing.verdicts.get(place)?.gap),
            warnings: news,
        })
    }

    /// What the batch's statements claim of the balance, by place.
    fn claims(&self, batch: &Batch, sifted: &Sifted) -> Vec<(usize, Claim)> {
        let claim = |(place, statement): (usize, &Incoming)| {
            let extent = self.extents.get(&place).map(|extent| Extent {
                first_at: sifted.first_at.get(&place).map_or(extent.first_at, |stored| extent.first_at.min(*stored)),
                ..*extent
            });
            Some((place, Claim::of(statement, extent.as_ref())?))
        };
        self.statements(batch).filter_map(claim).collect()
    }

    /// Finds out which statements hang together with the batch's own. Where these just go on from the balance, nothing
    /// of the account's history is read.
    async fn standing(
        &self,
        account: &Account,
        batch: &Batch,
        claims: &[(usize, Claim)],
        shifted: bool,
    ) -> Result<Standing, IngestError> {
        let mut in_order = account.entry_count == 0;
        // Where more is known of what was judged, it and what came after it are judged anew.
        if !in_order && !shifted {
            let last_claim = accounts::last_claim_at(self.tx, self.tenant(), account.id).await?;
            let first = batch.entries.first().map(|entry| entry.booked_at);
            in_order = self.follow_on(account, &batch.entries).await? && (first.is_none() || last_claim <= first);
            if in_order && goes_on(account, &batch.entries, claims) {
                let verdicts = claims.iter().map(|(place, _)| (*place, Verdict { linked: true, gap: None })).collect();
                return Ok(Standing { runs: None, moved: false, in_order, verdicts, rejudged: Vec::new() });
            }
        }
        let stored = accounts::claims(self.tx, self.tenant(), account.id).await?;
        let old: Vec<Claim> = stored.iter().map(|claimed| claimed.claim).collect();
        let all: Vec<Claim> = old.iter().copied().chain(claims.iter().map(|(_, claim)| *claim)).collect();
        let sums = self.sums(account, &all, &batch.entries).await?;
        let before = chain(&old, &sums).ok_or(IngestError::TooLarge)?;
        let after = chain(&all, &sums).ok_or(IngestError::TooLarge)?;
        let (kept, new) = after.verdicts.split_at(old.len());
        let changed = |(claimed, verdict): &(Claimed, Verdict)| {
            (verdict.balanced(claimed.adds_up), verdict.gap) != (claimed.balanced, claimed.gap)
        };
        Ok(Standing {
            moved: shifted || before.runs != after.runs,
            runs: Some(after.runs),
            in_order,
            verdicts: claims.iter().map(|(place, _)| *place).zip(new.iter().copied()).collect(),
            rejudged: stored.into_iter().zip(kept.iter().copied()).filter(changed).collect(),
        })
    }

    /// The effect of what is stored and of `more` before each place that the claims ask about.
    pub(super) async fn sums(
        &self,
        account: &Account,
        claims: &[Claim],
        more: &[NewEntry],
    ) -> Result<Sums, IngestError> {
        let instants = Sums::instants(claims);
        let between = if account.entry_count == 0 || instants.is_empty() {
            Vec::new()
        } else {
            rows::effects(self.tx, self.tenant(), account.id, &instants).await?
        };
        Ok(Sums::new(&instants, &between, more))
    }

    /// Takes out what the account has already.
    async fn leave_out_known(&self, account: &Account, batch: &mut Batch) -> Result<Sifted, IngestError> {
        let mut duplicates = self
            .repeated
            .iter()
            .enumerate()
            .map(|(place, n)| if batch.places.contains(&place) { *n } else { 0 })
            .collect::<Vec<_>>();
        let mut first_at = HashMap::new();
        let mut bettered = Vec::new();
        if account.entry_count == 0 || batch.entries.is_empty() {
            return Ok(Sifted { duplicates, first_at, bettered });
        }
        let refs: Vec<&str> = batch.entries.iter().map(|entry| entry.bank_ref.as_str()).collect();
        let known = rows::known(self.tx, self.tenant(), account.id, &refs).await?;
        sift(&mut batch.entries, &known, |entry, stored| {
            duplicates[entry.statement] += 1;
            let better = stored.clone().or(entry);
            let first = first_at.entry(entry.statement).or_insert(better.booked_at);
            *first = better.booked_at.min(*first);
            if better != *stored {
                bettered.push(rows::Bettered { stored: stored.clone(), entry: better });
            }
        })?;
        Ok(Sifted { duplicates, first_at, bettered })
    }

    /// Records the batch's statements; ids by place in the delivery, 0 where nothing new came and none was kept before.
    async fn record(
        &self,
        account: &Account,
        batch: &Batch,
        fresh: &[i64],
        duplicates: &[i64],
        (claims, standing): (&[(usize, Claim)], &Standing),
    ) -> Result<Vec<i64>, IngestError> {
        let mut claims = claims.iter().peekable();
        let mut ids = vec![0; self.delivery.statements.len()];
        for (place, statement) in self.statements(batch) {
            let claim = claims.next_if(|(of, _)| *of == place).map(|(_, claim)| *claim);
            let record = Record {
                account_id: account.id,
                file_name: &self.delivery.file_name,
                sha256: &self.delivery.sha256,
                format: &self.delivery.format,
                statement,
                claim,
                verdict: standing.verdicts.get(&place).copied().unwrap_or_default(),
                inserted: fresh[place],
                duplicates: duplicates[place],
            };
            let before = if fresh[place] == 0 {
                accounts::statement_of_file(self.tx, self.tenant(), &record).await?
            } else {
                None
            };
            ids[place] = match before {
                Some(id) => id,
                None if fresh[place] == 0 && self.delivery.format == PUSH => 0,
                None => {
                    let id = accounts::add_statement(self.tx, self.caller, &record, None).await?;
                    if fresh[place] == 0 {
                        self.tx.record(self.caller, news::kept(&record, id, account));
                    }
                    id
                }
            };
        }
        for (claimed, verdict) in &standing.rejudged {
            let balanced = verdict.balanced(claimed.adds_up);
            accounts::set_verdict(self.tx, self.tenant(), claimed.id, balanced, verdict.gap).await?;
        }
        Ok(ids)
    }

    /// The last day that is known to be over.
    fn closed_through(&self, account: &Account, batch: &Batch) -> Option<NaiveDate> {
        self.statements(batch).filter_map(|(_, statement)| statement.closing_on).max().max(account.statement_on)
    }
}

/// Whether what the batch's statements claim is the account's balance at their places, all of which come after what is
/// stored or at the end of it.
fn goes_on(account: &Account, entries: &[NewEntry], claims: &[(usize, Claim)]) -> bool {
    let now = i128::from(account.balance_fen);
    if claims.is_empty() {
        return true;
    }
    if account.opening_fen.is_none() {
        return false;
    }
    // A further statement of the account's last day, all of it news: its place is that of its first entry.
    if let ([(place, claim)], Some(first)) = (claims, entries.first())
        && (first.statement, first.booked_at) == (*place, claim.at)
        && account.last_booked_at.is_some_and(|last| on(claim.at) == on(last))
    {
        return i128::from(claim.opening_fen) == now;
    }
    let own: Vec<Claim> = claims.iter().map(|(_, claim)| *claim).collect();
    let sums = Sums::new(&Sums::instants(&own), &[], entries);
    own.iter().all(|claim| account.last_booked_at < Some(claim.at) && sums.base(claim) == now)
}

fn on(at: DateTime<Utc>) -> NaiveDate {
    clock::day(at)
}

fn by_statement(entries: &[NewEntry], statements: usize) -> Vec<i64> {
    let mut counts = vec![0; statements];
    entries.iter().for_each(|entry| counts[entry.statement] += 1);
    counts
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;
    use crate::identity::Actor;

    #[test]
    fn files_come_from_those_who_may_upload_and_pushes_from_banks() {
        for role in Role::iter() {
            let uploads = matches!(role, Role::BureauAdmin | Role::FinanceOfficer);
            assert_eq!(admit(role, "camt.053").is_ok(), uploads, "{role}");
            assert_eq!(admit(role, PUSH).is_ok(), role == Role::Bank, "{role}");
        }
        assert!(admit(Actor::system(331_002).role, "mt940").is_ok());
    }
}
