//! Buckets in the database, so that they outlive the process and hold for several of them.

use chrono::{DateTime, Duration, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, Binary, Integer, Timestamptz},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};

use super::{Bucket, Lanes};
use crate::db::{DbError, prepared};

/// Buckets that nobody touched for this long count nothing any more.
const KEPT: Duration = Duration::days(7);

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Binary)]
    bucket: Vec<u8>,
    #[diesel(sql_type = Integer)]
    failures: i32,
    #[diesel(sql_type = Timestamptz)]
    forgiven_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    blocked_until: DateTime<Utc>,
}

/// Counts an attempt in every lane, or refuses it in all and says how long to wait.
pub async fn attempt(
    conn: &mut AsyncPgConnection,
    lanes: &Lanes,
    now: DateTime<Utc>,
) -> Result<Result<(), Duration>, DbError> {
    change(conn, lanes, now, |lane, bucket| bucket.attempt(&lane.limit, now)).await
}

/// The attempt was right: it is taken off again, and where that clears the lane, with all before it.
pub async fn succeeded(conn: &mut AsyncPgConnection, lanes: &Lanes, now: DateTime<Utc>) -> Result<(), DbError> {
    let taken_off = change(conn, lanes, now, |lane, bucket| {
        Ok(if lane.cleared_by_success { Bucket::empty(now) } else { bucket.taken_off(&lane.limit) })
    });
    taken_off.await.map(drop)
}

/// Nothing was tried after all: the attempt is taken off, and whatever was before stands.
pub async fn taken_off(conn: &mut AsyncPgConnection, lanes: &Lanes, now: DateTime<Utc>) -> Result<(), DbError> {
    change(conn, lanes, now, |lane, bucket| Ok(bucket.taken_off(&lane.limit))).await.map(drop)
}

async fn change(
    conn: &mut AsyncPgConnection,
    lanes: &Lanes,
    now: DateTime<Utc>,
    step: impl Fn(&super::Lane, Bucket) -> Result<Bucket, Duration> + Send + Sync,
) -> Result<Result<(), Duration>, DbError> {
    let mut keys: Vec<&[u8]> = lanes.0.iter().map(|lane| lane.key.as_slice()).collect();
    // All processes lock rows in the same order, so that none waits for another in a circle.
    keys.sort_unstable();
    let empty = Bucket::empty(now);
    AsyncPgConnection::transaction(conn, async |conn: &mut AsyncPgConnection| -> Result<Result<(), Duration>, DbError> {
        prepared(
            "INSERT INTO attempts (bucket, failures, forgiven_at, blocked_until) SELECT b, 0, $2, $3 FROM unnest($1) b \
             ORDER BY b ON CONFLICT DO NOTHING",
        )
        .bind::<Array<Binary>, _>(&keys)
        .bind::<Timestamptz, _>(empty.forgiven_at)
        .bind::<Timestamptz, _>(empty.blocked_until)
        .execute(conn)
        .await?;
        let rows: Vec<Row> = prepared(
            "SELECT bucket, failures, forgiven_at, blocked_until FROM attempts WHERE bucket = ANY ($1) ORDER BY bucket FOR UPDATE",
        )
        .bind::<Array<Binary>, _>(&keys)
        .load(conn)
        .await?;
        let mut next = Vec::new();
        for row in rows {
            let Some(lane) = lanes.0.iter().find(|lane| lane.key.as_slice() == row.bucket) else { continue };
            let bucket =
                Bucket { failures: row.failures, forgiven_at: row.forgiven_at, blocked_until: row.blocked_until };
            next.push((row.bucket, step(lane, bucket)));
        }
        if let Some(wait) = next.iter().filter_map(|(_, outcome)| outcome.err()).max() {
            return Ok(Err(wait));
        }
        let (keys, buckets): (Vec<_>, Vec<_>) =
            next.into_iter().filter_map(|(key, outcome)| Some((key, outcome.ok()?))).unzip();
        prepared(
            "UPDATE attempts a SET failures = n.failures, forgiven_at = n.forgiven_at, blocked_until = n.blocked_until \
             FROM unnest($1, $2, $3, $4) AS n (bucket, failures, forgiven_at, blocked_until) WHERE a.bucket = n.bucket",
        )
        .bind::<Array<Binary>, _>(keys)
        .bind::<Array<Integer>, _>(buckets.iter().map(|bucket| bucket.failures).collect::<Vec<_>>())
        .bind::<Array<Timestamptz>, _>(buckets.iter().map(|bucket| bucket.forgiven_at).collect::<Vec<_>>())
        .bind::<Array<Timestamptz>, _>(buckets.iter().map(|bucket| bucket.blocked_until).collect::<Vec<_>>())
        .execute(conn)
        .await?;
        Ok(Ok(()))
    })
    .await
}

/// Forgets what counts nothing any more.
pub async fn sweep(conn: &mut AsyncPgConnection, now: DateTime<Utc>) -> Result<(), DbError> {
    prepared("DELETE FROM attempts WHERE forgiven_at < $1 AND blocked_until < $1")
        .bind::<Timestamptz, _>(now - KEPT)
        .execute(conn)
        .await?;
    Ok(())
}
