//! A large statement that is taken in while it is read, so that its entries are never held all at once and the database
//! writes what was read already.
//!
//! One thread reads, checks and judges; what it gives is written in the transaction that everything else of the delivery
//! belongs to, and which is given up when at last it turns out that the file must not enter the books. Only what most large
//! files are goes this way: a plain statement whose entries stand in order and are all news. For anything else this says
//! [`None`] before or after the fact, nothing of it stays, and the file is read as a whole: what becomes of a file does not
//! depend on its size.

use std::{
    cmp::Ordering,
    fs::File,
    io::{self, Read, Seek},
    sync::Arc,
};

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, Utc};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tokio_postgres::error::SqlState;

use super::{
    IngestError,
    chain::{Claim, Run, Sums, Verdict, chain},
    entries::{Extent, NewEntry, checked},
    judge::{self, Replay},
    judging::learned_late,
    ledger,
    model::{Delivery, Incoming, Received, Target},
    news::{Teller, figures_changed},
    reconcile::{self, StoredWarning, Write},
    refs::Standing,
    store::{
        accounts::{self, Account, Outcome, Record},
        entries::{self as rows, Owner},
        faults, orders, pushes, warnings,
    },
    transaction::Transaction,
    work::{self, Work},
};
use crate::{
    audit::Event,
    db::{DbError, Scope},
    escrow::{
        detector::{AccountFacts, AccountState, Change, DetectorError, Grounds, Obligations, WarningKind},
        policy::Policies,
        statement::{
            self, Document, Flow, Flowing, Format, Layout, Limits, NotPlain, Statement, TableFlow, is_synthetic,
            looks_like_xml,
        },
    },
    identity::Caller,
    kernel::{Calendar, clock},
    policies,
    web::AppState,
};

/// Bytes of a piece: large enough to be written in one go, small enough to be held a few times.
const PIECE: usize = 8 << 20;
/// Bytes by which the format is told.
const SNIFFED: u64 = 512;
/// Months that room is made for at most; a file that covers more is read as a whole.
const MONTHS_MAX: usize = 60;

/// A file that lies on the disk.
#[derive(Debug)]
pub struct LargeFile {
    pub name: String,
    pub file: File,
    /// `None`: found out from the file.
    pub format: Option<Format>,
    /// The account that all of it must be for; `None`: the statement names its own.
    pub target: Option<Target>,
    /// What its columns mean, if it is a table.
    pub layouts: Vec<Layout>,
    /// Somebody decided that a file whose arithmetic does not hold enters the books all the same.
    pub accept_unbalanced: bool,
}

/// Bytes on their way, of which the digest is taken.
struct Hashed<R> {
    source: R,
    digest: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.digest.update(&buffer[..read]);
        Ok(read)
    }
}

/// What the reading thread tells.
enum News {
    /// What is known of the statement before its entries, and the day of the first of them where that is.
    Begins(Box<Statement>, Option<NaiveDate>),
    Entries(Vec<NewEntry>),
}

/// What it is told, once the account is known and locked.
struct Start {
    policies: Arc<Policies>,
    calendar: Arc<Calendar>,
    obligations: Option<Arc<Obligations>>,
    facts: AccountFacts,
    /// The state to go on from, and the kinds of which people closed the last warning; `None` before the first entry.
    onward: Option<(AccountState, Vec<WarningKind>)>,
    stored: Vec<StoredWarning>,
    statement_on: Option<NaiveDate>,
    /// The months that there is room for.
    months: (NaiveDate, NaiveDate),
}

/// What it gives at last.
struct Ended {
    document: Document,
    sha256: [u8; 32],
    extent: Extent,
    last_at: DateTime<Utc>,
    detector: AccountState,
    writes: Vec<Write>,
    stored: Vec<StoredWarning>,
    obligations: Option<Arc<Obligations>>,
}

/// Why it goes no further.
#[derive(Debug)]
enum Stop {
    /// The file is to be read as a whole.
    NotPlain,
    Refused(IngestError),
}

impl From<NotPlain> for Stop {
    fn from(_: NotPlain) -> Stop {
        Stop::NotPlain
    }
}

impl From<IngestError> for Stop {
    fn from(error: IngestError) -> Stop {
        Stop::Refused(error)
    }
}

impl From<DbError> for Stop {
    fn from(error: DbError) -> Stop {
        Stop::Refused(error.into())
    }
}

impl From<tokio_postgres::Error> for Stop {
    fn from(error: tokio_postgres::Error) -> Stop {
        Stop::Refused(error.into())
    }
}

impl From<DetectorError> for Stop {
    fn from(error: DetectorError) -> Stop {
        Stop::Refused(error.into())
    }
}

/// Takes a large file in as far as it can be while it is read; `None` for one that has to be read as a whole.
pub async fn flow(
    state: &AppState,
    caller: &Caller,
    limits: &Limits,
    large: &LargeFile,
) -> Result<Option<Vec<Received>>, IngestError> {
    work::admit(caller.actor.role, "camt.053")?;
    match take_in(state, caller, limits, large).await {
        Ok(received) => Ok(Some(received)),
        Err(Stop::NotPlain) => Ok(None),
        Err(Stop::Refused(error)) => Err(error),
    }
}

async fn take_in(state: &AppState, caller: &Caller, limits: &Limits, large: &LargeFile) -> Result<Vec<Received>, Stop> {
    let file = large.file.try_clone().map_err(|_| Stop::NotPlain)?;
    let (news_to, mut news) = mpsc::channel(1);
    let (start_to, start) = oneshot::channel();
    let last = caller.today() + Days::new(1);
    let told = Told {
        name: large.name.clone(),
        format: large.format,
        layouts: large.layouts.clone(),
        limits: limits.clone(),
        last,
    };
    let reading = tokio::task::spawn_blocking(move || read(file, &told, &news_to, start));
    let Some(News::Begins(statement, first_on)) = news.recv().await else { return Err(Stop::NotPlain) };
    let incoming = Incoming::from(*statement);
    let months = months(&incoming, first_on, last).ok_or(Stop::NotPlain)?;
    let account = account_of(state, caller, large, &incoming).await?;
    work::ensure_months(state, &months).await?;
    let tx = Transaction::begin(&state.pools, Scope::system(caller.actor.tenant)).await?;
    let chain = policies::chain_by(&tx, caller.actor.tenant).await?;
    let entering = Entering { state, caller, tx: &tx, name: &large.name, policies: Arc::new(Policies::of(&chain)) };
    let account = entering.lock(account, &incoming).await?;
    let begins = entering.start(&account, &incoming, &months).await?;
    start_to.send(begins).map_err(|_| Stop::NotPlain)?;
    let statement_id = accounts::next_statement(&tx).await?;
    let written = entering.write(&account, statement_id, &mut news).await?;
    let ended = ended(reading).await?;
    if ended.document.is_unbalanced() && !large.accept_unbalanced {
        return Err(IngestError::Unbalanced(Vec::new()).into());
    }
    let in_force = chain.on(caller.today());
    let teller = Teller { caller, calendar: &state.calendar, in_force: &in_force, public_url: state.public_url() };
    let received = entering.finish(&account, ended, (statement_id, written), &teller).await?;
    let warned = !received.warnings.is_empty();
    if warned {
        warnings::notify(&tx, caller.actor.tenant).await?;
    }
    tx.commit().await?;
    if !warned {
        figures_changed(state, caller.actor.tenant);
    }
    Ok(vec![received])
}

async fn ended(reading: JoinHandle<Result<Ended, Stop>>) -> Result<Ended, Stop> {
    reading.await.map_err(|e| DbError::Pool(e.to_string()))?
}

/// The months from that of the opening, or of the first entry where none is told, to that of the closing, or of the last day
/// there may be; `None` where it begins on no known day, or for too many.
fn months(statement: &Incoming, first_on: Option<NaiveDate>, last: NaiveDate) -> Option<Vec<NaiveDate>> {
    let opening = statement.opening_on.into_iter().chain(first_on).min()?;
    let closing = match statement.closing_on {
        Some(closing) => closing,
        None => first_on.map(|_| last)?,
    };
    if closing > last || opening > closing || opening.year() < 1990 {
        return None;
    }
    let first = opening.with_day(1)?;
    let months: Vec<NaiveDate> = (0..)
        .map_while(|n| first.checked_add_months(Months::new(n)))
        .take_while(|month| *month <= closing)
        .take(MONTHS_MAX + 1)
        .collect();
    (months.len() <= MONTHS_MAX).then_some(months)
}

/// The account that the statement is for, as a statement file finds it.
async fn account_of(state: &AppState, caller: &Caller, large: &LargeFile, statement: &Incoming) -> Result<i64, Stop> {
    let in_yuan = statement.currency.as_deref().is_none_or(|currency| matches!(currency, "CNY" | "RMB"));
    let own = || statement.account.clone().map(Target::Number);
    let Some(target) = large.target.clone().or_else(own).filter(|_| in_yuan) else { return Err(Stop::NotPlain) };
    let tenant = caller.actor.tenant;
    let tx = Transaction::begin(&state.pools, Scope::system(tenant)).await?;
    let found = accounts::find(&tx, tenant, &target).await?;
    tx.commit().await?;
    found.ok_or(Stop::NotPlain)
}

/// What the reading thread has to know from the beginning.
struct Told {
    name: String,
    format: Option<Format>,
    layouts: Vec<Layout>,
    limits: Limits,
    /// The last day that an entry may have.
    last: NaiveDate,
}

/// Reads the file; breaks off as soon as nobody takes what it tells.
fn read(
    mut file: File,
    told: &Told,
    news: &mpsc::Sender<News>,
    start: oneshot::Receiver<Start>,
) -> Result<Ended, Stop> {
    let mut beginning = Vec::new();
    file.rewind().and_then(|()| (&file).take(SNIFFED).read_to_end(&mut beginning)).map_err(|_| Stop::NotPlain)?;
    file.rewind().map_err(|_| Stop::NotPlain)?;
    let source = Hashed { source: file, digest: Sha256::new() };
    if looks_like_xml(&beginning) {
        let (head, pieces) = statement::open(source, PIECE, &told.limits)?;
        read_through(Flow::new(&head, pieces, &told.limits)?, told, news, start)
    } else {
        let flow = TableFlow::open(source, PIECE, &told.name, &told.layouts, &told.limits)?;
        read_through(flow, told, news, start)
    }
}

fn read_through(
    mut flow: impl Flowing<Source = Hashed<File>>,
    told: &Told,
    news: &mpsc::Sender<News>,
    start: oneshot::Receiver<Start>,
) -> Result<Ended, Stop> {
    let begins = News::Begins(Box::new(flow.begins().clone()), flow.first_on());
    news.blocking_send(begins).map_err(|_| Stop::NotPlain)?;
    let opening_fen = flow.begins().opening_fen;
    let start = start.blocking_recv().map_err(|_| Stop::NotPlain)?;
    let grounds = Grounds {
        policies: &start.policies,
        calendar: &start.calendar,
        obligations: start.obligations.as_deref(),
        account: &start.facts,
    };
    let mut judging = Judging::of(start.onward.as_ref(), opening_fen, &grounds);
    let mut order = Order { before: None, extent: None, months: start.months };
    while let Some(entries) = flow.read_on()? {
        let mut checked_entries = Vec::with_capacity(entries.len());
        for entry in entries {
            // What is wrong with it is told by the way that reads the file as a whole.
            let entry = checked(entry, 0, told.last).map_err(|_| Stop::NotPlain)?;
            order.take(&entry)?;
            judging.take(&entry)?;
            checked_entries.push(entry);
        }
        news.blocking_send(News::Entries(checked_entries)).map_err(|_| Stop::NotPlain)?;
    }
    let (document, Hashed { digest, .. }) = flow.end()?;
    if told.format.is_some_and(|wanted| wanted != document.format) {
        return Err(Stop::NotPlain);
    }
    let (Some(extent), Some((last_at, ..))) = (order.extent, order.before) else { return Err(Stop::NotPlain) };
    let closing_on = document.statements.first().and_then(|statement| statement.closing_on);
    let (detector, writes) = judging.finish(closing_on.max(start.statement_on), &start.stored)?;
    let sha256 = digest.finalize().into();
    let Start { stored, obligations, .. } = start;
    Ok(Ended { document, sha256, extent, last_at, detector, writes, stored, obligations })
}

/// What is known of the entries so far.
struct Order {
    before: Option<(DateTime<Utc>, i32, String)>,
    extent: Option<Extent>,
    months: (NaiveDate, NaiveDate),
}

impl Order {
    /// Refuses an entry that does not come after the one before, or for which there is no room.
    fn take(&mut self, entry: &NewEntry) -> Result<(), Stop> {
        let on = entry.booked_on();
        let follows = self.before.as_ref().is_none_or(|(at, seq, bank_ref)| {
            (*at, *seq, bank_ref.as_str()).cmp(&(entry.booked_at, entry.seq, &entry.bank_ref)) == Ordering::Less
        });
        // Such a reference may be made of what the line says, and then the line may be one of another day.
        let made = is_synthetic(&entry.bank_ref);
        if made || !follows || on < self.months.0 || on >= self.months.1 {
            return Err(Stop::NotPlain);
        }
        let own = Extent::of(entry);
        self.extent = Some(self.extent.map_or(own, |extent| extent.and(own)));
        match &mut self.before {
            Some((at, seq, bank_ref)) => {
                (*at, *seq) = (entry.booked_at, entry.seq);
                bank_ref.clone_from(&entry.bank_ref);
            }
            before => *before = Some((entry.booked_at, entry.seq, entry.bank_ref.clone())),
        }
        Ok(())
    }
}

/// The detector over entries as they come.
enum Judging<'a> {
    /// An account's first entries, of which the first tells where the history begins.
    First {
        opening_fen: Option<i64>,
        grounds: &'a Grounds<'a>,
        replay: Option<Box<Replay<'a>>>,
    },
    Onward {
        detector: Box<AccountState>,
        grounds: &'a Grounds<'a>,
        changes: Vec<Change>,
    },
}

impl<'a> Judging<'a> {
    fn of(
        onward: Option<&(AccountState, Vec<WarningKind>)>,
        opening_fen: Option<i64>,
        grounds: &'a Grounds<'a>,
    ) -> Judging<'a> {
        match onward {
            None => Judging::First { opening_fen, grounds, replay: None },
            Some((detector, closed)) => {
                let mut detector = Box::new(detector.clone());
                closed.iter().for_each(|kind| detector.resolve(*kind));
                Judging::Onward { detector, grounds, changes: Vec::new() }
            }
        }
    }

    fn take(&mut self, entry: &NewEntry) -> Result<(), Stop> {
        match self {
            Judging::Onward { detector, grounds, changes } => {
                // Late, or beyond what the state remembers: the whole history tells.
                detector.push(grounds, &entry.for_detector(), changes).map_err(|_| Stop::NotPlain)
            }
            Judging::First { opening_fen, grounds, replay } => {
                let replay = match replay {
                    Some(replay) => replay,
                    None => {
                        let on = entry.booked_on();
                        let run = opening_fen.map(|opening_fen| Run { on, opening_fen, until: on });
                        let first = Some((entry.effect_fen(), entry.balance_after_fen));
                        let opening = judge::opening(run.as_ref(), 0, false, first).ok_or(Stop::NotPlain)?;
                        let runs: Vec<Run> = run.into_iter().collect();
                        replay.insert(Box::new(Replay::new(opening, grounds, Vec::new(), &runs)))
                    }
                };
                replay.take(&entry.for_detector()).map_err(|_| Stop::NotPlain)
            }
        }
    }

    fn finish(self, through: Option<NaiveDate>, stored: &[StoredWarning]) -> Result<(AccountState, Vec<Write>), Stop> {
        match self {
            Judging::First { replay, .. } => {
                let (detector, found) = replay.ok_or(Stop::NotPlain)?.finish(through)?;
                Ok((detector, reconcile::replace(stored, found)))
            }
            Judging::Onward { mut detector, grounds, mut changes } => {
                judge::close(&mut detector, grounds, through, &mut changes).map_err(|_| Stop::NotPlain)?;
                Ok((*detector, reconcile::increment(stored, changes)))
            }
        }
    }
}

/// A delivery under way.
struct Entering<'a> {
    state: &'a AppState,
    caller: &'a Caller,
    tx: &'a Transaction,
    name: &'a str,
    policies: Arc<Policies>,
}

impl Entering<'_> {
    fn tenant(&self) -> i32 {
        self.caller.actor.tenant
    }

    async fn lock(&self, id: i64, statement: &Incoming) -> Result<Account, Stop> {
        let account = accounts::lock(self.tx, self.tenant(), id).await?.ok_or(Stop::NotPlain)?;
        let other = statement.account.as_ref().is_some_and(|found| *found != account.account_no);
        // Two accounts of one institution are judged beside each other, which takes a look at both.
        if other || !account.other_ids.is_empty() { Err(Stop::NotPlain) } else { Ok(account) }
    }

    /// What the reading thread has to know, if the account is one whose statement can be taken in as it comes.
    async fn start(&self, account: &Account, statement: &Incoming, months: &[NaiveDate]) -> Result<Start, Stop> {
        let (first, last) = (months.first(), months.last().and_then(|month| month.checked_add_months(Months::new(1))));
        let (Some(first), Some(last)) = (first.copied(), last) else { return Err(Stop::NotPlain) };
        let known = orders::known(self.tx, self.tenant(), account).await?;
        // It may put right what contradicted the account before.
        if known.waiting || !faults::open(self.tx, self.tenant(), &[account.id]).await?.is_empty() {
            return Err(Stop::NotPlain);
        }
        let stored = warnings::of_account(self.tx, self.tenant(), account.id).await?;
        let onward = if account.entry_count == 0 {
            if !accounts::claims(self.tx, self.tenant(), account.id).await?.is_empty() {
                return Err(Stop::NotPlain);
            }
            None
        } else {
            self.goes_on(account, statement, first).await?;
            let detector = account.detector.clone().ok_or(Stop::NotPlain)?;
            Some((detector, reconcile::closed_kinds(&stored)))
        };
        let delivery = Delivery::default();
        let work = Work {
            tx: self.tx,
            caller: self.caller,
            policies: Arc::clone(&self.policies),
            calendar: Arc::clone(&self.state.calendar),
            vault: self.state.pools.vault().clone(),
            delivery: &delivery,
            repeated: &[],
            extents: &Default::default(),
            tells_others: Default::default(),
        };
        Ok(Start {
            policies: Arc::clone(&self.policies),
            calendar: Arc::clone(&self.state.calendar),
            obligations: work.obligations(account, known).await?,
            facts: account.facts(self.state.pools.vault()),
            onward,
            stored,
            statement_on: account.statement_on,
            months: (first, last),
        })
    }

    /// Whether a statement that begins in the month of `first` goes on from the account's balance, all of it after what the
    /// account has.
    async fn goes_on(&self, account: &Account, statement: &Incoming, first: NaiveDate) -> Result<(), Stop> {
        let anchored = account.opening_fen.is_some() && statement.opening_fen == Some(account.balance_fen);
        if !anchored || learned_late(account) {
            return Err(Stop::NotPlain);
        }
        // Everything of a month that is wholly later is later; within a month only the file as a whole tells.
        let last = account.last_booked_at.map(clock::day).max(account.statement_on);
        let claimed = accounts::last_claim_at(self.tx, self.tenant(), account.id).await?.map(clock::day);
        if last.max(claimed).is_some_and(|last| first <= last) {
            return Err(Stop::NotPlain);
        }
        let of = (self.tenant(), account.id);
        let rows = pushes::references(self.tx, self.tenant(), account.id).await?;
        self.state.pushes.refs().learn(of, Standing::from(account), rows.iter().map(|row| row.get::<_, &str>(0)));
        Ok(())
    }

    /// Writes what comes; how many entries came.
    async fn write(&self, account: &Account, statement_id: i64, news: &mut mpsc::Receiver<News>) -> Result<i64, Stop> {
        let ids = [statement_id];
        let (tenant, institution) = (self.tenant(), account.institution_id);
        let owner = Owner { tenant, account: account.id, institution, statement_ids: &ids };
        let (of, standing) = ((tenant, account.id), Standing::from(account));
        let mut written = 0;
        while let Some(News::Entries(entries)) = news.recv().await {
            if account.entry_count > 0 {
                let refs = entries.iter().map(|entry| entry.bank_ref.as_str());
                let known = self.state.pushes.refs().perhaps_known(of, standing, refs);
                if known.is_none_or(|known| !known.is_empty()) {
                    return Err(Stop::NotPlain);
                }
            }
            let added = rows::add(self.tx, owner, &entries).await.map_err(|error| match error.code() {
                // The file gives a line twice; which of them counts, its balances tell.
                Some(&SqlState::UNIQUE_VIOLATION) => Stop::NotPlain,
                _ => error.into(),
            })?;
            if added != entries.len() as u64 {
                return Err(Stop::NotPlain);
            }
            written += i64::try_from(added).unwrap_or(i64::MAX);
        }
        Ok(written)
    }

    /// Writes what follows from all of it.
    async fn finish(
        &self,
        account: &Account,
        ended: Ended,
        (statement_id, inserted): (i64, i64),
        teller: &Teller<'_>,
    ) -> Result<Received, Stop> {
        let format = ended.document.format.to_string();
        let statement = ended.document.statements.into_iter().next().ok_or(Stop::NotPlain)?;
        let incoming = Incoming::from(statement);
        let claim = Claim::of(&incoming, Some(&ended.extent));
        let (verdict, anchor) = if account.entry_count == 0 {
            let claims: Vec<Claim> = claim.into_iter().collect();
            let found = chain(&claims, &Sums::default()).ok_or(IngestError::TooLarge)?;
            let anchor = found.runs.last().map(|run| (run.opening_fen, run.on));
            (found.verdicts.first().copied().unwrap_or_default(), anchor)
        } else {
            (Verdict { linked: true, gap: None }, account.opening_fen.zip(account.opening_on))
        };
        let record = Record {
            account_id: account.id,
            file_name: self.name,
            sha256: &ended.sha256,
            format: &format,
            statement: &incoming,
            claim,
            verdict,
            inserted,
            duplicates: 0,
        };
        accounts::add_statement(self.tx, self.caller, &record, Some(statement_id)).await?;
        let last_booked_at = account.last_booked_at.max(Some(ended.last_at));
        let statement_on = incoming.closing_on.max(account.statement_on);
        let known_on = statement_on.max(last_booked_at.map(clock::day));
        let outcome = Outcome {
            required: ledger::required(&self.policies, account, known_on, ended.obligations.as_deref()),
            others_from: None,
            opening_fen: anchor.map(|(fen, _)| fen),
            opening_on: anchor.map(|(_, on)| on),
            balance_fen: ended.detector.balance_fen(),
            entry_count: account.entry_count + inserted,
            last_booked_at,
            statement_on,
            detector: ended.detector,
        };
        accounts::update(self.tx, self.tenant(), account, &outcome).await?;
        let warnings = teller.tell(self.tx, account, &ended.stored, ended.writes).await?;
        let event = Event {
            action: "escrow.entries_received",
            subject_kind: "escrow_account",
            subject_id: account.id.to_string(),
            institution: Some(account.institution_id),
            before: Some(json!({"balance_fen": account.balance_fen})),
            after: Some(json!({"file_name": self.name, "format": format, "inserted": inserted, "duplicates": 0,
                               "balance_fen": outcome.balance_fen})),
            reason: None,
        };
        self.tx.record(self.caller, event);
        Ok(Received {
            account_id: account.id,
            institution_name: account.institution_name.clone(),
            statement_id: Some(statement_id),
            inserted,
            duplicates: 0,
            repeats: Vec::new(),
            faults_changed: false,
            gap: verdict.gap,
            warnings,
        })
    }
}
