//! Pushes of one bureau that wait at the same time, taken in by one transaction.
//!
//! A push is a few entries, and what it costs is asking the database and making the transaction durable. So pushes wait for the
//! one under way and then go in together: what is asked is asked for all of their accounts at once. Here is only what most
//! pushes are, entries that follow on what their account has; anything else goes through [`receive`](super::receive)'s way, by itself.
//! A push that must be refused is refused alone, before anything is written.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use chrono::{DateTime, Days, NaiveDate, Utc};
use futures_util::try_join;
use serde_json::json;

use super::{
    IngestError,
    entries::{self, Extent, NewEntry},
    faults::{before, jumps},
    judge,
    judging::learned_late,
    ledger,
    model::{Delivery, Incoming, PUSH, PUSHED_TO, Received, Target},
    news::{Teller, figures_changed},
    reconcile::{self, StoredWarning, Write},
    refs::{Refs, Standing},
    refunds::tells_of_itself,
    store::{
        accounts::{self, Account},
        entries as rows, faults,
        orders::Known,
        pushes as store, warnings,
    },
    transaction::Transaction,
    work::{self, Batch, Prepared, Work},
};
use crate::{
    audit::Event,
    db::{DbError, Gather, Scope},
    escrow::{
        detector::{AccountState, DetectorError, Grounds, Obligations, Required},
        policy::Policies,
        statement::{Entry, is_synthetic},
    },
    identity::Caller,
    kernel::clock,
    policies,
    web::AppState,
};

/// Pushes that one transaction takes in at most, and transactions of a bureau at the same time: while one waits for the
/// disk, the next one works.
const AT_ONCE: usize = 64;
const TRANSACTIONS: usize = 2;

/// A bank's push, checked as far as it can be by itself.
#[derive(Debug, Clone)]
pub struct Pushed {
    caller: Caller,
    number: String,
    sha256: [u8; 32],
    entries: Arc<Vec<NewEntry>>,
    /// Entries that it gives twice.
    repeated: i64,
}

impl Pushed {
    /// Checks entries for the account `number`.
    pub fn new(caller: Caller, number: String, sha256: [u8; 32], entries: Vec<Entry>) -> Result<Pushed, IngestError> {
        work::admit(caller.actor.role, PUSH)?;
        // A bank's clock may be ahead of ours around midnight; a day further is a mistake.
        let last = caller.today() + Days::new(1);
        let found = entries::collect(&mut [Incoming { entries, ..Incoming::default() }], &[0], last)
            .map_err(|error| error.of(Target::Number(number.clone())))?;
        let repeated = found.repeated.iter().sum();
        Ok(Pushed { caller, number, sha256, entries: Arc::new(found.entries), repeated })
    }

    /// As it goes in by itself.
    fn prepared(&self, account: i64) -> Prepared {
        let statement = Incoming { account: Some(self.number.clone()), ..Incoming::default() };
        Prepared {
            delivery: Delivery::pushed(self.sha256, Target::Id(account), statement),
            batches: vec![Batch { account, places: vec![0], entries: Arc::clone(&self.entries) }],
            repeated: vec![self.repeated],
            extents: HashMap::new(),
        }
    }
}

type Answer = Result<Received, IngestError>;

/// Pushes on their way in, by bureau, and the references that accounts are known to have. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Pushes {
    gather: Gather<i32, Pushed, Answer>,
    refs: Refs,
}

impl Pushes {
    /// The references that accounts are known to have.
    pub(super) fn refs(&self) -> &Refs {
        &self.refs
    }
}

impl Default for Pushes {
    fn default() -> Self {
        Pushes { gather: Gather::new(AT_ONCE, TRANSACTIONS), refs: Refs::default() }
    }
}

/// Takes a push in, in the bureau of its caller. All of it is durable when this answers, or nothing is.
pub async fn push(state: &AppState, pushed: Pushed) -> Answer {
    let tenant = pushed.caller.actor.tenant;
    let own = state.clone();
    let work = move |waiting| {
        let state = own.clone();
        async move { together(&state, tenant, waiting).await }
    };
    state.pushes.gather.ask(tenant, pushed, work).await.map_err(|error| DbError::Pool(error.to_string()))?
}

/// Answers each push in its place.
async fn together(state: &AppState, tenant: i32, waiting: Vec<Pushed>) -> Vec<Answer> {
    // What comes twice for an account goes in one after the other.
    let mut accounts = HashSet::new();
    let first: Vec<Option<&Pushed>> =
        waiting.iter().map(|pushed| Some(pushed).filter(|pushed| accounts.insert(pushed.number.as_str()))).collect();
    let distinct: Vec<&Pushed> = first.iter().flatten().copied().collect();
    let gathered = match take_in(state, tenant, &distinct).await {
        Ok(answers) => answers,
        Err(error) => {
            tracing::warn!(%error, bureau = tenant, "pushes that waited together go in one by one");
            distinct.iter().map(|_| None).collect()
        }
    };
    let mut gathered = gathered.into_iter();
    let mut answers = Vec::with_capacity(waiting.len());
    for (pushed, is_first) in waiting.iter().zip(first) {
        let answer = is_first.and_then(|_| gathered.next()).flatten();
        answers.push(match answer {
            Some(answer) => answer,
            None => alone(state, tenant, pushed).await,
        });
    }
    answers
}

/// Takes a push in by itself, whatever it is.
async fn alone(state: &AppState, tenant: i32, pushed: &Pushed) -> Answer {
    let tx = Transaction::begin_by_key(&state.pools, Scope::system(tenant)).await?;
    let account = accounts::find(&tx, tenant, &Target::Number(pushed.number.clone())).await?;
    tx.commit().await?;
    let account = account.ok_or_else(|| IngestError::UnknownAccount(Some(pushed.number.clone())))?;
    let received = work::take_in(state, &pushed.caller, pushed.prepared(account)).await?;
    received.into_iter().next().ok_or(IngestError::UnknownAccount(None))
}

/// A push with its account.
struct Part<'p> {
    place: usize,
    pushed: &'p Pushed,
    account: Account,
    /// Those that are news.
    entries: Arc<Vec<NewEntry>>,
    duplicates: i64,
    known: Known,
    stored: Vec<StoredWarning>,
    last_claim_at: Option<DateTime<Utc>>,
}

/// What became of a part.
struct Judged {
    detector: AccountState,
    writes: Vec<Write>,
    required: Required,
}

/// Takes pushes for distinct accounts in; `None` in the place of one that has to go in by itself.
async fn take_in(state: &AppState, tenant: i32, pushes: &[&Pushed]) -> Result<Vec<Option<Answer>>, IngestError> {
    let mut answers: Vec<Option<Answer>> = pushes.iter().map(|_| None).collect();
    let months = work::months(pushes.iter().flat_map(|pushed| pushed.entries.iter()));
    work::ensure_months(state, &months).await?;
    let tx = Transaction::begin_by_key(&state.pools, Scope::system(tenant)).await?;
    let numbers: Vec<&str> = pushes.iter().map(|pushed| pushed.number.as_str()).collect();
    let (chain, accounts) = try_join!(async { policies::chain_by(&tx, tenant).await }, async {
        Ok(store::lock(&tx, tenant, &numbers).await?)
    })?;
    let mut parts = parts(&tx, tenant, pushes, accounts, &mut answers).await?;
    sift(state, &tx, tenant, &mut parts, &mut answers).await?;
    follow_on(&tx, tenant, &mut parts).await?;
    let gathering = Gathering { state, tx: &tx, tenant, policies: Arc::new(Policies::of(&chain)) };
    let mut owed = gathering.owed(&parts).await?;
    let mut judged = Vec::with_capacity(parts.len());
    let mut going_in = Vec::with_capacity(parts.len());
    for mut part in parts {
        let before = Arc::clone(&part.entries);
        gathering.settle(&mut part).await?;
        let wrote = !Arc::ptr_eq(&before, &part.entries);
        if wrote && tells_of_itself(&part.entries) {
            return Err(IngestError::TooLarge);
        }
        match gathering.judge(&part, owed.remove(&part.account.institution_id).as_ref()) {
            Ok(Some(found)) => {
                judged.push(found);
                going_in.push(part);
            }
            // What was settled for it is undone with everything else.
            Ok(None) | Err(_) if wrote => return Err(IngestError::TooLarge),
            Ok(None) => {}
            Err(error) => answers[part.place] = Some(Err(error)),
        }
    }
    gathering.write(&going_in, &judged).await?;
    let (mut told, mut later) = (Vec::with_capacity(going_in.len()), Vec::new());
    for (part, found) in going_in.iter().zip(judged) {
        let after = gathering.told(part, &found);
        let in_force = chain.on(part.pushed.caller.today());
        let teller = Teller {
            caller: &part.pushed.caller,
            calendar: &state.calendar,
            in_force: &in_force,
            public_url: state.public_url(),
        };
        let writes = (part.stored.as_slice(), found.writes);
        let warnings = teller.tell_all_but(&mut later, &tx, &part.account, writes).await?;
        tx.record(&part.pushed.caller, after);
        told.push((found.detector.balance_fen(), warnings));
    }
    warnings::update(&tx, tenant, &later).await?;
    // What only joins a warning is told with the figures.
    let warned = told.iter().flat_map(|(_, warnings)| warnings).any(|news| news.turns);
    if warned {
        warnings::notify(&tx, tenant).await?;
    }
    tx.commit().await?;
    if !warned && !going_in.is_empty() {
        figures_changed(state, tenant);
    }
    for (part, (balance_fen, warnings)) in going_in.into_iter().zip(told) {
        let before = Standing::from(&part.account);
        let after = Standing { balance_fen, ..part.after() };
        let refs = part.entries.iter().map(|entry| entry.bank_ref.as_str());
        state.pushes.refs.add((tenant, part.account.id), before, after, refs);
        answers[part.place] = Some(Ok(part.received(warnings)));
    }
    Ok(answers)
}

/// The pushes whose accounts are there and of which nothing speaks against going in together.
async fn parts<'p>(
    tx: &Transaction,
    tenant: i32,
    pushes: &[&'p Pushed],
    accounts: Vec<Account>,
    answers: &mut [Option<Answer>],
) -> Result<Vec<Part<'p>>, IngestError> {
    let ids: Vec<i64> = accounts.iter().map(|account| account.id).collect();
    let institutions: Vec<i64> = accounts.iter().map(|account| account.institution_id).collect();
    let (beside, mut stored, open) = try_join!(
        store::beside(tx, tenant, &ids, &institutions),
        store::warnings(tx, tenant, &ids),
        faults::open(tx, tenant, &ids)
    )?;
    let mut accounts: HashMap<String, Account> =
        accounts.into_iter().map(|account| (account.account_no.clone(), account)).collect();
    let mut parts = Vec::with_capacity(pushes.len());
    for (place, pushed) in pushes.iter().copied().enumerate() {
        let Some(account) = accounts.remove(&pushed.number) else {
            answers[place] = Some(Err(IngestError::UnknownAccount(Some(pushed.number.clone()))));
            continue;
        };
        let Some(beside) = beside.get(&account.id) else { continue };
        // Without a reference of the bank's own an entry may be one of another day.
        let made = pushed.entries.iter().any(|entry| is_synthetic(&entry.bank_ref));
        // Two accounts of one institution are judged beside each other, which takes a look at both.
        let beside_others = !account.other_ids.is_empty();
        // A payment's entry may tell where a refund went that was paid before.
        let may_tell = beside.known.waiting && beside.known.unsure && pushed.entries.iter().any(|entry| entry.credit);
        // It may put right what contradicted the account before.
        let contradicted = open.iter().any(|fault| fault.account == account.id);
        if made
            || may_tell
            || contradicted
            || beside_others
            || account.entry_count == 0
            || account.detector.is_none()
            || learned_late(&account)
        {
            continue;
        }
        parts.push(Part {
            place,
            pushed,
            entries: Arc::clone(&pushed.entries),
            duplicates: pushed.repeated,
            known: beside.known,
            stored: stored.remove(&account.id).unwrap_or_default(),
            last_claim_at: beside.last_claim_at,
            account,
        });
    }
    Ok(parts)
}

/// Takes out what the accounts have already. What contradicts it is refused; a push without news is answered.
async fn sift(
    state: &AppState,
    tx: &Transaction,
    tenant: i32,
    parts: &mut Vec<Part<'_>>,
    answers: &mut [Option<Answer>],
) -> Result<(), IngestError> {
    let mut heard: Vec<(NaiveDate, i64)> = Vec::new();
    let mut news = Vec::with_capacity(parts.len());
    for mut part in parts.drain(..) {
        let of = (tenant, part.account.id);
        let standing = Standing::from(&part.account);
        let refs = || part.entries.iter().map(|entry| entry.bank_ref.as_str());
        let perhaps = match state.pushes.refs.perhaps_known(of, standing, refs()) {
            Some(perhaps) => perhaps,
            None => {
                let rows = store::references(tx, tenant, part.account.id).await?;
                state.pushes.refs.learn(of, standing, rows.iter().map(|row| row.get::<_, &str>(0)));
                state.pushes.refs.perhaps_known(of, standing, refs()).unwrap_or_else(|| refs().collect())
            }
        };
        if !perhaps.is_empty() {
            let known = rows::known(tx, tenant, part.account.id, &perhaps).await?;
            match work::without_known(&mut part.entries, &known) {
                Ok(Some(sifted)) => part.duplicates += sifted,
                Ok(None) => continue,
                Err(error) => {
                    answers[part.place] = Some(Err(error.of(Target::Id(part.account.id))));
                    continue;
                }
            }
        }
        if part.entries.is_empty() && part.account.owed_changed_on.is_none() {
            heard.push((part.pushed.caller.today(), part.account.id));
            answers[part.place] = Some(Ok(part.received(Vec::new())));
        } else if !part.entries.is_empty() {
            news.push(part);
        }
    }
    for (on, account) in heard {
        store::heard(tx, tenant, on, &[account]).await?;
    }
    *parts = news;
    Ok(())
}

/// Leaves out what does not come after all that its account has.
async fn follow_on(tx: &Transaction, tenant: i32, parts: &mut Vec<Part<'_>>) -> Result<(), IngestError> {
    let mut following = Vec::with_capacity(parts.len());
    for part in parts.drain(..) {
        let (Some(first), Some(last)) = (part.entries.first(), part.account.last_booked_at) else { continue };
        let after_claims = part.last_claim_at <= Some(first.booked_at);
        let follows = match first.booked_at.cmp(&last) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Equal => {
                let place = rows::last_at(tx, tenant, part.account.id, last).await?;
                place.is_none_or(|(seq, bank_ref)| (first.seq, &first.bank_ref) > (seq, &bank_ref))
            }
        };
        if after_claims && follows {
            // Where the bank's balances do not follow, that is kept by the way that takes a push in by itself.
            let before = before(tx, tenant, &part.account, &part.entries, &[]).await?;
            if jumps(before, &part.entries).is_empty() {
                following.push(part);
            }
        }
    }
    *parts = following;
    Ok(())
}

impl Part<'_> {
    fn inserted(&self) -> i64 {
        i64::try_from(self.entries.len()).unwrap_or(i64::MAX)
    }

    /// How the account stands after it, but for the balance.
    fn after(&self) -> Standing {
        Standing {
            entry_count: self.account.entry_count + self.inserted(),
            last_booked_at: self.entries.last().map(|entry| entry.booked_at).max(self.account.last_booked_at),
            balance_fen: self.account.balance_fen,
        }
    }

    fn received(&self, warnings: Vec<super::WarningNews>) -> Received {
        Received {
            account_id: self.account.id,
            institution_name: self.account.institution_name.clone(),
            statement_id: None,
            inserted: self.inserted(),
            duplicates: self.duplicates,
            repeats: Vec::new(),
            faults_changed: false,
            gap: None,
            warnings,
        }
    }
}

/// One transaction under way.
struct Gathering<'a> {
    state: &'a AppState,
    tx: &'a Transaction,
    tenant: i32,
    policies: Arc<Policies>,
}

impl Gathering<'_> {
    /// What is owed by the institutions of accounts in use that somebody keeps a ledger of, by institution.
    async fn owed(&self, parts: &[Part<'_>]) -> Result<HashMap<i64, Obligations>, IngestError> {
        let kept = parts.iter().filter(|part| part.known.ledger && part.account.answers());
        let institutions: Vec<i64> = kept.map(|part| part.account.institution_id).collect();
        let days = store::owed_days(self.tx, self.tenant, &institutions).await?;
        Ok(days.into_iter().map(|(institution, days)| (institution, Obligations::from_days(&days))).collect())
    }

    /// Finds the orders and payments that a part carries out or bears out, and settles them.
    async fn settle(&self, part: &mut Part<'_>) -> Result<(), IngestError> {
        if !part.known.waiting {
            return Ok(());
        }
        let (delivery, extents) = (Delivery::default(), HashMap::<usize, Extent>::new());
        let work = Work {
            tx: self.tx,
            caller: &part.pushed.caller,
            policies: Arc::clone(&self.policies),
            calendar: Arc::clone(&self.state.calendar),
            vault: self.state.pools.vault().clone(),
            delivery: &delivery,
            repeated: &[],
            extents: &extents,
            tells_others: Mutex::default(),
        };
        work.settle(&part.account, part.known, &mut part.entries).await
    }

    /// Runs the detector onward; `None` where only the whole history tells.
    fn judge(&self, part: &Part<'_>, owed: Option<&Obligations>) -> Result<Option<Judged>, IngestError> {
        let Some(mut detector) = part.account.detector.clone() else { return Ok(None) };
        let facts = part.account.facts(self.state.pools.vault());
        let obligations = owed.filter(|_| part.account.answers());
        let grounds =
            Grounds { policies: &self.policies, calendar: &self.state.calendar, obligations, account: &facts };
        let closed = reconcile::closed_kinds(&part.stored);
        let through = part.account.statement_on;
        match judge::go_on(&mut detector, &grounds, &closed, &part.entries, through) {
            Ok(changes) => {
                let known_on = through.max(part.after().last_booked_at.map(clock::day));
                let required = ledger::required(&self.policies, &part.account, known_on, obligations);
                Ok(Some(Judged { detector, writes: reconcile::increment(&part.stored, changes), required }))
            }
            Err(DetectorError::Late { .. } | DetectorError::HistoryTooShort { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes records, entries and accounts.
    async fn write(&self, parts: &[Part<'_>], judged: &[Judged]) -> Result<(), IngestError> {
        let Some(first) = parts.first() else { return Ok(()) };
        let count = |n: i64| i32::try_from(n).unwrap_or(i32::MAX);
        let records: Vec<store::Record<'_>> = parts
            .iter()
            .map(|part| store::Record {
                account: part.account.id,
                sha256: &part.pushed.sha256,
                inserted: count(part.inserted()),
                duplicates: count(part.duplicates),
                received_at: part.pushed.caller.now,
                received_by: &part.pushed.caller.actor.display_name,
            })
            .collect();
        let mut outcomes = Vec::with_capacity(parts.len());
        for (part, found) in parts.iter().zip(judged) {
            let Standing { entry_count, last_booked_at, .. } = part.after();
            outcomes.push(store::Outcome {
                account: part.account.id,
                balance_fen: found.detector.balance_fen(),
                entry_count,
                last_booked_at,
                required: found.required,
                outlook: found.detector.outlook(),
                detector: serde_json::to_string(&found.detector).map_err(|e| DbError::Pool(e.to_string()))?,
            });
        }
        let today = first.pushed.caller.today();
        let (statements, _) = try_join!(
            store::add_statements(self.tx, self.tenant, PUSHED_TO, &records),
            store::update(self.tx, self.tenant, today, &outcomes)
        )?;
        let lots: Vec<store::Lot<'_>> = parts
            .iter()
            .map(|part| store::Lot {
                account: part.account.id,
                institution: part.account.institution_id,
                statement: statements.get(&part.account.id).copied().unwrap_or_default(),
                entries: &part.entries,
            })
            .collect();
        let added = store::add_entries(self.tx, self.tenant, &lots).await?;
        let all: usize = parts.iter().map(|part| part.entries.len()).sum();
        if added != all as u64 {
            return Err(DbError::Pool(format!("{added} of {all} entries were new to locked accounts")).into());
        }
        Ok(())
    }

    /// What the trail tells of a part.
    fn told(&self, part: &Part<'_>, found: &Judged) -> Event<'static> {
        Event {
            action: "escrow.entries_received",
            subject_kind: "escrow_account",
            subject_id: part.account.id.to_string(),
            institution: Some(part.account.institution_id),
            before: Some(json!({"balance_fen": part.account.balance_fen})),
            after: Some(json!({"file_name": PUSHED_TO, "format": PUSH, "inserted": part.inserted(),
                               "duplicates": part.duplicates, "balance_fen": found.detector.balance_fen()})),
            reason: None,
        }
    }
}
