//! What of the published facts is counted and not read: how many stand where, and how common search terms are. Once for
//! the whole process, because a sample of terms takes some megabytes while it is made.

use std::{
    sync::{Arc, RwLock},
    time::Duration,
};

use deadpool_postgres::ClientWrapper;
use tokio::{sync::Mutex, time::Instant};

use super::breadth::{Breadth, SAMPLE};
use crate::{
    db::{DbError, Pools, Statements},
    public::model::ListStatus,
};

/// How long what was counted may be shown before it is counted again.
const FRESH: Duration = Duration::from_secs(60);
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

#[derive(Debug, Clone)]
struct Taken {
    at: Instant,
    counts: Arc<Counts>,
    breadth: Arc<Breadth>,
}

/// What was counted last.
#[derive(Debug, Default)]
pub struct Census {
    taken: RwLock<Option<Taken>>,
    taking: Mutex<()>,
}

impl Census {
    /// How many institutions stand where, as of a minute ago at most.
    pub async fn counts(&self, pools: &Pools) -> Result<Arc<Counts>, DbError> {
        Ok(self.taken(pools).await?.counts)
    }

    /// How common terms are, as of a minute ago at most.
    pub(super) async fn breadth(&self, pools: &Pools) -> Result<Arc<Breadth>, DbError> {
        Ok(self.taken(pools).await?.breadth)
    }

    fn known(&self) -> Option<Taken> {
        self.taken.read().ok()?.clone()
    }

    async fn taken(&self, pools: &Pools) -> Result<Taken, DbError> {
        let fresh = |taken: &Taken| taken.at.elapsed() < FRESH;
        match self.known() {
            Some(taken) if fresh(&taken) => return Ok(taken),
            // One request counts again; the others go on with what is known.
            Some(taken) if self.taking.try_lock().is_err() => return Ok(taken),
            _ => {}
        }
        let _one_at_a_time = self.taking.lock().await;
        if let Some(taken) = self.known().filter(fresh) {
            return Ok(taken);
        }
        // On a connection apart: counting takes as long as many searches, which would all wait behind it.
        let client = pools.public().get().await?;
        let counts = count(&client).await?;
        let breadth = sample(&client, &counts).await?;
        let taken = Taken { at: Instant::now(), counts: Arc::new(counts), breadth: Arc::new(breadth) };
        if let Ok(mut place) = self.taken.write() {
            *place = Some(taken.clone());
        }
        Ok(taken)
    }
}

async fn count(client: &ClientWrapper) -> Result<Counts, DbError> {
    let rows =
        client.rows("SELECT tenant_id, rank, count(*) FROM public_institutions GROUP BY tenant_id, rank", &[]).await?;
    Ok(Counts { rows: rows.iter().map(|row| (row.get(0), ListStatus::of_rank(row.get(1)), row.get(2))).collect() })
}

async fn sample(client: &ClientWrapper, counts: &Counts) -> Result<Breadth, DbError> {
    let total = counts.rows.iter().map(|(_, _, count)| usize::try_from(*count).unwrap_or(0)).sum::<usize>();
    // In thousandths of a per cent, because the clause takes a number and not a share.
    let share = (SAMPLE * 100_000).div_ceil(total.max(1)).min(100_000);
    let rows = client
        .rows(
            "SELECT tokens FROM public_institutions TABLESAMPLE SYSTEM ($1::int / 1000.0) ORDER BY rank, name, institution_id",
            &[&i32::try_from(share).unwrap_or(100_000)],
        )
        .await?;
    Ok(Breadth::new(rows.iter().map(|row| row.get(0)), total, super::search::PAGE + 1))
}
