//! Connections of the public role, a few for each worker thread, and what a worker remembers between requests.
//!
//! A connection lives on its worker's own thread and takes many searches at once, one after another in one stream, so that
//! an answer crosses no thread and waits for no free connection.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use deadpool_postgres::{ClientWrapper, Object};
use tokio::{sync::Mutex, time::Instant};

use super::breadth::{Breadth, SAMPLE};
use crate::{
    db::{DbError, Pools},
    public::model::ListStatus,
};

/// Connections of one worker. More than one, so that a slow search does not hold up every other.
const LANES: usize = 2;
/// How long what was counted may be shown before it is counted again.
const FRESH: Duration = Duration::from_secs(60);
/// Plans are made once and for any value: see [`Breadth`] for who chooses among them.
const SESSION: &str = "SET plan_cache_mode = force_generic_plan; SET statement_timeout = '5s'; SET jit = off";

/// How many institutions stand where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// By county, then by list status.
    pub rows: Vec<(i32, ListStatus, i64)>,
}

impl Counts {
    /// How many have this status.
    pub fn of(&self, status: ListStatus) -> i64 {
        self.rows.iter().filter(|(_, s, _)| *s == status).map(|(_, _, count)| count).sum()
    }

    /// The counties that have published anything, in order.
    pub fn counties(&self) -> Vec<i32> {
        let mut counties: Vec<i32> = self.rows.iter().map(|(county, _, _)| *county).collect();
        counties.sort_unstable();
        counties.dedup();
        counties
    }
}

#[derive(Debug, Default)]
struct Memory {
    counts: Rc<Counts>,
    breadth: Rc<Breadth>,
}

/// What a worker thread reads published facts with.
#[derive(Default)]
pub struct Reader {
    lanes: [Mutex<Option<Rc<ClientWrapper>>>; LANES],
    next: Cell<usize>,
    memory: RefCell<Option<(Instant, Rc<Memory>)>>,
    refreshing: Mutex<()>,
}

impl Reader {
    /// A connection, made when first needed and again when the server has gone.
    pub(super) async fn client(&self, pools: &Pools) -> Result<Rc<ClientWrapper>, DbError> {
        let turn = self.next.get();
        self.next.set((turn + 1) % LANES);
        let mut lane = self.lanes[turn].lock().await;
        if let Some(client) = lane.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Rc::clone(client));
        }
        let client = Object::take(pools.public().get().await?);
        client.batch_execute(SESSION).await?;
        let client = Rc::new(client);
        *lane = Some(Rc::clone(&client));
        Ok(client)
    }

    /// How many institutions stand where, as of a minute ago at most.
    pub async fn counts(&self, pools: &Pools) -> Result<Rc<Counts>, DbError> {
        Ok(Rc::clone(&self.remembered(pools).await?.counts))
    }

    /// How common terms are, as of a minute ago at most.
    pub(super) async fn breadth(&self, pools: &Pools) -> Result<Rc<Breadth>, DbError> {
        Ok(Rc::clone(&self.remembered(pools).await?.breadth))
    }

    async fn remembered(&self, pools: &Pools) -> Result<Rc<Memory>, DbError> {
        let known = || self.memory.borrow().as_ref().map(|(at, memory)| (at.elapsed() < FRESH, Rc::clone(memory)));
        match known() {
            Some((true, memory)) => return Ok(memory),
            // One request counts again; the others go on with what is known.
            Some((false, memory)) if self.refreshing.try_lock().is_err() => return Ok(memory),
            _ => {}
        }
        let _one_at_a_time = self.refreshing.lock().await;
        if let Some((true, memory)) = known() {
            return Ok(memory);
        }
        // On a connection apart: counting takes as long as many searches, which would all wait behind it.
        let client = pools.public().get().await?;
        let counts = count(&client).await?;
        let breadth = sample(&client, &counts).await?;
        let memory = Rc::new(Memory { counts: Rc::new(counts), breadth: Rc::new(breadth) });
        *self.memory.borrow_mut() = Some((Instant::now(), Rc::clone(&memory)));
        Ok(memory)
    }
}

async fn count(client: &ClientWrapper) -> Result<Counts, DbError> {
    let statement = client
        .prepare_cached("SELECT tenant_id, rank, count(*) FROM public_institutions GROUP BY tenant_id, rank")
        .await?;
    let rows = client.query(&statement, &[]).await?;
    Ok(Counts { rows: rows.iter().map(|row| (row.get(0), ListStatus::of_rank(row.get(1)), row.get(2))).collect() })
}

async fn sample(client: &ClientWrapper, counts: &Counts) -> Result<Breadth, DbError> {
    let total = counts.rows.iter().map(|(_, _, count)| usize::try_from(*count).unwrap_or(0)).sum::<usize>();
    // In thousandths of a per cent, because the clause takes a number and not a share.
    let share = (SAMPLE * 100_000).div_ceil(total.max(1)).min(100_000);
    let statement = client
        .prepare_cached(
            "SELECT tokens FROM public_institutions TABLESAMPLE SYSTEM ($1::int / 1000.0) ORDER BY rank, name, institution_id",
        )
        .await?;
    let rows = client.query(&statement, &[&i32::try_from(share).unwrap_or(100_000)]).await?;
    Ok(Breadth::new(rows.iter().map(|row| row.get(0)), total, super::search::PAGE + 1))
}
