//! SQL of what banks delivered that contradicts itself or what was kept, and of pushes that somebody else signed.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    QueryableByName,
    sql_types::{BigInt, Date, Integer, Jsonb, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use crate::{
    db::{DbError, ScopedConn, prepared},
    escrow::oversight::rules::{Contradiction, Contradicts, Forgery, Version},
};

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    account_id: i64,
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
    #[diesel(sql_type = Text)]
    bank: String,
    #[diesel(sql_type = Text)]
    account_no: String,
    #[diesel(sql_type = Text)]
    sort: String,
    #[diesel(sql_type = Text)]
    about: String,
    #[diesel(sql_type = Date)]
    day: NaiveDate,
    #[diesel(sql_type = Text)]
    file_name: String,
    #[diesel(sql_type = Nullable<Text>)]
    place: Option<String>,
    #[diesel(sql_type = Jsonb)]
    details: Value,
    #[diesel(sql_type = Timestamptz)]
    last_at: DateTime<Utc>,
}

/// What is open of the caller's own bureau: contradictions by account and institution, and forged pushes.
#[derive(Debug, Default)]
pub struct Faults {
    pub contradictions: Vec<((i64, i64), Contradiction)>,
    pub forgeries: Vec<Forgery>,
}

fn version(told: &Value) -> Option<Version> {
    Some(Version {
        on: told["on"].as_str()?.parse().ok()?,
        credit: told["credit"].as_bool()?,
        fen: told["fen"].as_i64()?,
    })
}

fn contradicts(row: &Row) -> Option<Contradicts> {
    let details = &row.details;
    Some(match row.sort.as_str() {
        "balance" => Contradicts::Balance {
            expected_fen: details["expected_fen"].as_i64()?,
            written_fen: details["written_fen"].as_i64()?,
        },
        _ => Contradicts::Kept { stored: version(&details["stored"])?, received: version(&details["received"])? },
    })
}

/// Reads what is open. A key that has signed rightly since, or that is revoked or expired, is put right first.
pub async fn open(conn: &mut ScopedConn, now: DateTime<Utc>) -> Result<Faults, DbError> {
    prepared(
        "UPDATE statement_faults f SET mended_at = $2 FROM machine_keys k WHERE f.tenant_id = $1 AND f.sort = 'signature' \
         AND f.mended_at IS NULL AND k.tenant_id = f.tenant_id AND k.key_id = f.about \
         AND (k.last_used_at > f.last_at OR k.revoked_at IS NOT NULL OR k.expires_at <= $2)",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    let rows: Vec<Row> = prepared(
        "SELECT f.account_id, a.institution_id, btrim(a.bank) AS bank, a.account_no, f.sort, f.about, f.day, f.file_name, f.place, \
           f.details, f.last_at FROM statement_faults f \
         JOIN escrow_accounts a ON a.tenant_id = f.tenant_id AND a.id = f.account_id \
         WHERE f.tenant_id = $1 AND f.mended_at IS NULL ORDER BY f.id",
    )
    .bind::<Integer, _>(conn.tenant())
    .load(conn.sql())
    .await?;
    let mut faults = Faults::default();
    for row in rows {
        if row.sort == "signature" {
            faults.forgeries.push(Forgery {
                bank: row.bank,
                key: row.about,
                key_name: row.details["name"].as_str().unwrap_or_default().to_owned(),
                account_no: row.account_no,
                last_at: row.last_at,
                on: row.day,
            });
        } else if let Some(what) = contradicts(&row) {
            let Row { account_id, institution_id, about, day, file_name, place, last_at, .. } = row;
            let one = Contradiction { bank_ref: about, on: day, file_name, place, found_at: last_at, what };
            faults.contradictions.push(((account_id, institution_id), one));
        }
    }
    Ok(faults)
}
