//! Outcomes with their signatures, as they are checked.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Binary, Bool, Date, Integer, Text},
};
use diesel_async::RunQueryDsl;

use crate::{
    db::{DbError, ScopedConn, prepared},
    proof::{
        model::{Item, Kind},
        seal::Figures,
    },
};

/// A version of a day's outcome.
#[derive(Debug, Clone, QueryableByName)]
pub struct Kept {
    #[diesel(sql_type = BigInt)]
    pub institution_id: i64,
    #[diesel(sql_type = Date)]
    pub day: NaiveDate,
    #[diesel(sql_type = Integer)]
    pub version: i32,
    #[diesel(sql_type = BigInt)]
    bank_in_fen: i64,
    #[diesel(sql_type = BigInt)]
    bank_out_fen: i64,
    #[diesel(sql_type = BigInt)]
    paid_fen: i64,
    #[diesel(sql_type = BigInt)]
    refunded_fen: i64,
    #[diesel(sql_type = BigInt)]
    released_fen: i64,
    #[diesel(sql_type = BigInt)]
    consumed_fen: i64,
    #[diesel(sql_type = Integer)]
    matched: i32,
    #[diesel(sql_type = Integer)]
    waiting: i32,
    #[diesel(sql_type = Binary)]
    pub digest: Vec<u8>,
    #[diesel(sql_type = Binary)]
    pub signature: Vec<u8>,
    /// No later version took its place: the items of the queue are those that it found.
    #[diesel(sql_type = Bool)]
    pub is_latest: bool,
}

impl Kept {
    /// As they are signed.
    pub fn figures(&self) -> Figures {
        [
            self.bank_in_fen,
            self.bank_out_fen,
            self.paid_fen,
            self.refunded_fen,
            self.released_fen,
            self.consumed_fen,
            i64::from(self.matched),
            i64::from(self.waiting),
        ]
    }
}

/// Outcomes of the bureau in order of institution, day and version, after the given one.
pub async fn after(
    conn: &mut ScopedConn,
    after: Option<(i64, NaiveDate, i32)>,
    limit: i64,
) -> Result<Vec<Kept>, DbError> {
    let (institution, day, version) = after.unwrap_or((0, NaiveDate::default(), 0));
    Ok(prepared(
        "SELECT institution_id, day, version, bank_in_fen, bank_out_fen, paid_fen, refunded_fen, released_fen, consumed_fen, \
         matched, waiting, digest, signature, NOT EXISTS (SELECT FROM proof_days n WHERE n.tenant_id = d.tenant_id \
           AND n.institution_id = d.institution_id AND n.day = d.day AND n.version > d.version) AS is_latest \
         FROM proof_days d WHERE tenant_id = $1 AND (institution_id, day, version) > ($2, $3, $4) \
         ORDER BY institution_id, day, version LIMIT $5",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<Date, _>(day)
    .bind::<Integer, _>(version)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

#[derive(QueryableByName)]
struct ItemRow {
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
    #[diesel(sql_type = Date)]
    day: NaiveDate,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    subject: String,
    #[diesel(sql_type = BigInt)]
    bank_fen: i64,
    #[diesel(sql_type = BigInt)]
    ledger_fen: i64,
}

/// What stands in the queue of the days of these outcomes, by institution and day; settled items are none.
pub async fn items(conn: &mut ScopedConn, of: &[Kept]) -> Result<HashMap<(i64, NaiveDate), Vec<Item>>, DbError> {
    let (institutions, days): (Vec<i64>, Vec<NaiveDate>) = of.iter().map(|one| (one.institution_id, one.day)).unzip();
    let rows: Vec<ItemRow> = prepared(
        "SELECT i.institution_id, i.day, i.kind, i.subject, i.bank_fen, i.ledger_fen FROM proof_items i \
         JOIN (SELECT DISTINCT * FROM unnest($2::bigint[], $3::date[]) AS w (institution_id, day)) w \
           ON w.institution_id = i.institution_id AND w.day = i.day WHERE i.tenant_id = $1 AND i.state <> 'settled'",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(&institutions)
    .bind::<Array<Date>, _>(&days)
    .load(conn.sql())
    .await?;
    let mut found: HashMap<(i64, NaiveDate), Vec<Item>> = HashMap::new();
    for row in rows {
        // A kind that nobody knows was not found by a proof, so the digest will not hold.
        let Ok(kind) = row.kind.parse::<Kind>() else { continue };
        let (subject, bank_fen, ledger_fen) = (row.subject, row.bank_fen, row.ledger_fen);
        found.entry((row.institution_id, row.day)).or_default().push(Item { kind, subject, bank_fen, ledger_fen });
    }
    Ok(found)
}
