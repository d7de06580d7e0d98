//! The histories of all accounts of a bureau, one after the other, for whoever judges them by other thresholds.
//!
//! Everything but the entries is read for the whole bureau at once; the entries come as one stream in order of account, so
//! that memory holds a few accounts however many there are. What a history gives is what the ingest finds in it: runs,
//! openings and what people closed are taken alike.

use std::{
    collections::HashMap,
    num::NonZero,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use chrono::{DateTime, NaiveDate, Utc};
use futures_util::{StreamExt, stream::Fuse};
use tokio::sync::mpsc;
use tokio_postgres::binary_copy::BinaryCopyOutStream;

use super::{
    IngestError,
    chain::{Claim, Sums, chain},
    judge::{self, Replay},
    reconcile::{Closure, StoredWarning},
    siblings,
    store::{
        accounts::Account,
        histories::{self, Packed},
    },
    transaction::Transaction,
};
use crate::{
    db::{DbError, Pools, Scope},
    escrow::{
        detector::{AccountFacts, AccountState, Entry, Grounds, Kind, Obligations, Warning},
        policy::Policies,
    },
    kernel::{Calendar, clock},
};

/// An account with all that is on record of it but its entries.
#[derive(Debug)]
pub struct Subject {
    pub id: i64,
    pub account_no: String,
    pub institution_id: i64,
    pub institution_name: String,
    pub facts: AccountFacts,
    pub obligations: Option<Arc<Obligations>>,
    /// What the detector found and what people did about it.
    pub stored: Vec<StoredWarning>,
    /// As it was read.
    pub(super) account: Account,
    claims: Vec<Claim>,
}

/// Where the parts of an entry lie in the text of its history.
#[derive(Debug, Clone, Copy)]
struct Row {
    booked_at: DateTime<Utc>,
    amount_fen: i64,
    balance_after_fen: Option<i64>,
    /// Reference, order, counterparty's name and account, remark; the end of each, and whether it is there.
    parts: [(u32, bool); 5],
    begin: u32,
    kind: Kind,
    credit: bool,
}

/// An account with its entries in the detector's order.
#[derive(Debug)]
pub struct History {
    pub subject: Subject,
    text: String,
    rows: Vec<Row>,
}

impl History {
    fn new(subject: Subject) -> History {
        History { subject, text: String::new(), rows: Vec::new() }
    }

    fn push(&mut self, packed: &Packed<'_>) -> Result<(), IngestError> {
        let place = |text: &String| u32::try_from(text.len()).map_err(|_| IngestError::TooLarge);
        let begin = place(&self.text)?;
        let mut parts = [(0, false); 5];
        for (part, text) in parts.iter_mut().zip(packed.texts) {
            self.text.push_str(text.unwrap_or_default());
            *part = (place(&self.text)?, text.is_some());
        }
        self.rows.push(Row {
            booked_at: packed.booked_at,
            amount_fen: packed.amount_fen,
            balance_after_fen: packed.balance_after_fen,
            parts,
            begin,
            kind: packed.kind,
            credit: packed.credit,
        });
        Ok(())
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The day of its last entry.
    pub fn last_on(&self) -> Option<NaiveDate> {
        self.rows.last().map(|row| clock::day(row.booked_at))
    }

    fn entry(&self, row: &Row) -> Entry<'_> {
        let part = |at: usize| {
            let begin = if at == 0 { row.begin } else { row.parts[at - 1].0 };
            let (end, is_there) = row.parts[at];
            self.text.get(begin as usize..end as usize).filter(|_| is_there)
        };
        Entry {
            booked_at: row.booked_at,
            credit: row.credit,
            amount_fen: row.amount_fen,
            bank_ref: part(0).unwrap_or_default(),
            kind: row.kind,
            order_ref: part(1),
            counterparty_name: part(2),
            counterparty_account: part(3),
            remittance: part(4),
        }
    }

    /// All warnings that these thresholds raise on it, people's closings taken as they were.
    pub fn judge(&self, policies: &Policies, calendar: &Calendar) -> Result<(AccountState, Vec<Warning>), IngestError> {
        let subject = &self.subject;
        let grounds =
            Grounds { policies, calendar, obligations: subject.obligations.as_deref(), account: &subject.facts };
        let effect = |row: &Row| if row.credit { row.amount_fen } else { -row.amount_fen };
        let sums = || {
            let instants = Sums::instants(&subject.claims);
            Sums::of(&instants, &[], self.rows.iter().map(|row| (row.booked_at, effect(row))))
        };
        let runs = chain(&subject.claims, &sums()).ok_or(IngestError::TooLarge)?.runs;
        let begins = runs.first();
        let early = self.rows.iter().take_while(|row| begins.is_some_and(|run| clock::day(row.booked_at) < run.on));
        let (before, count) = early.fold((0_i64, 0), |(sum, n), row| (sum.saturating_add(effect(row)), n + 1));
        let first = self.rows.first().map(|row| (effect(row), row.balance_after_fen));
        let opening = judge::opening(begins, before, count > 0, first).ok_or(IngestError::TooLarge)?;
        let closures: Vec<Closure> = subject.stored.iter().filter_map(StoredWarning::closure).collect();
        let mut replay = Replay::new(opening, &grounds, closures, &runs);
        for row in &self.rows {
            replay.take(&self.entry(row))?;
        }
        Ok(replay.finish(subject.account.statement_on)?)
    }
}

/// The histories of a bureau, to be taken one after the other.
pub struct Histories {
    subjects: HashMap<i64, Subject>,
    /// Asked for no more after its end, where it would say that it broke off.
    entries: Pin<Box<Fuse<BinaryCopyOutStream>>>,
    /// The account under way.
    next: Option<History>,
    /// The transaction that all of it is read in; closed with its connection.
    _transaction: Transaction,
}

impl Histories {
    /// Of the accounts of a bureau that `wanted` names; whoever asks has found them in a scope of their own.
    pub async fn of(pools: &Pools, tenant: i32, wanted: &[i64]) -> Result<Histories, DbError> {
        let transaction = Transaction::begin(pools, Scope::system(tenant)).await?;
        // One instant for all of it.
        transaction.batch_execute(histories::SNAPSHOT).await?;
        let vault = pools.vault().clone();
        let mut claims = histories::claims(&transaction, tenant).await?;
        let mut stored = histories::warnings(&transaction, tenant).await?;
        let owed = histories::owed(&transaction, tenant).await?;
        let mut subjects = HashMap::new();
        for mut account in histories::accounts(&transaction, tenant, wanted).await? {
            account.siblings = siblings::on_record(&transaction, tenant, &account).await?;
            let spent = account.siblings.spent();
            let beside = |owed: &Arc<Obligations>| {
                if spent.is_empty() { Arc::clone(owed) } else { Arc::new(Obligations::clone(owed).beside(spent)) }
            };
            let obligations = owed.get(&account.institution_id).filter(|_| account.answers()).map(beside);
            let subject = Subject {
                facts: account.facts(&vault),
                obligations,
                stored: stored.remove(&account.id).unwrap_or_default(),
                claims: claims.remove(&account.id).unwrap_or_default(),
                id: account.id,
                account_no: account.account_no.clone(),
                institution_id: account.institution_id,
                institution_name: account.institution_name.clone(),
                account,
            };
            subjects.insert(subject.id, subject);
        }
        let entries = Box::pin(histories::entries(&transaction, tenant).await?.fuse());
        Ok(Histories { subjects, entries, next: None, _transaction: transaction })
    }

    /// How many accounts are left.
    pub fn left(&self) -> usize {
        self.subjects.len()
    }

    /// The next account that has entries; `None` after the last one.
    pub async fn next(&mut self) -> Result<Option<History>, IngestError> {
        while let Some(row) = self.entries.next().await {
            let row = row?;
            let packed = histories::packed(&row)?;
            let mut done = None;
            if self.next.as_ref().is_none_or(|history| history.subject.id != packed.account) {
                let Some(subject) = self.subjects.remove(&packed.account) else { continue };
                done = self.next.replace(History::new(subject));
            }
            if let Some(history) = &mut self.next {
                history.push(&packed)?;
            }
            if done.is_some() {
                return Ok(done);
            }
        }
        Ok(self.next.take())
    }
}

impl std::fmt::Debug for Histories {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Histories").field("left", &self.subjects.len()).finish_non_exhaustive()
    }
}

/// Accounts that wait to be judged: a few, so that reading and judging go on side by side and memory stays small.
const WAITING: usize = 8;

/// Judges all of them on every core, because a long history takes a moment in which a worker would answer nobody else. What
/// it comes to stands in no order.
pub async fn judge_all<T: Send + 'static>(
    mut histories: Histories,
    judge: impl Fn(&History) -> T + Send + Sync + 'static,
) -> Result<Vec<T>, IngestError> {
    let (send, receive) = mpsc::channel::<History>(WAITING);
    let (receive, judge) = (Arc::new(Mutex::new(receive)), Arc::new(judge));
    let cores = thread::available_parallelism().map_or(2, NonZero::get);
    let workers: Vec<_> = (0..cores)
        .map(|_| {
            let (receive, judge) = (Arc::clone(&receive), Arc::clone(&judge));
            tokio::task::spawn_blocking(move || {
                let mut judged = Vec::new();
                loop {
                    let next = receive.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
                    let Some(history) = next else { return judged };
                    judged.push(judge(&history));
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
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.map_err(|error| DbError::Pool(format!("judging histories broke off: {error}")))?);
    }
    read.map(|()| all)
}

/// The account's obligations are read for the whole bureau and shared by its accounts.
pub(super) type Owed = HashMap<i64, Arc<Obligations>>;
