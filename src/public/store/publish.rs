//! Writing what is published.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Bool, Date, Integer, Jsonb, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};

use crate::{
    db::{DbError, ScopedConn, prepared},
    institutions::search_keys,
    public::{
        facts,
        model::{Card, Detail},
    },
};

/// Rows written by one statement.
const BATCH: usize = 500;

/// Any number, the same for every publication; with the tenant it names the county's lock.
const PUBLISH_LOCK: i32 = 0x7075;
/// Institutions that are locked one by one; for more the whole county is, because the database's table of locks is finite.
const LOCKS_MAX: usize = 64;

/// Publishes what is now known of an institution: register, lists, approved courses, escrow account.
///
/// Call it inside the transaction that changed any of these, as an official of the bureau or as the institution itself.
/// An institution out of the caller's scope is left as it is.
pub async fn publish(conn: &mut ScopedConn, institution: i64, now: DateTime<Utc>) -> Result<(), DbError> {
    publish_all(conn, &[institution], now).await
}

/// The same for many institutions at once, e.g. after an import. Once a transaction, as its last step before the commit.
pub async fn publish_all(conn: &mut ScopedConn, institutions: &[i64], now: DateTime<Utc>) -> Result<(), DbError> {
    lock(conn, institutions).await?;
    for batch in institutions.chunks(BATCH) {
        let rows: Vec<Value> = gather(conn, batch).await?.into_iter().map(row).collect::<Result<_, _>>()?;
        write(conn, Value::Array(rows), now).await?;
    }
    Ok(())
}

/// Waits until nobody else publishes one of these institutions; held until the transaction ends. Whoever gathers next
/// then sees what was committed before, so that of two facts that change at once neither is lost.
///
/// The county's lock comes first, shared by those that publish a few institutions, and theirs follow in one order for
/// all: nobody waits in a circle.
async fn lock(conn: &mut ScopedConn, institutions: &[i64]) -> Result<(), DbError> {
    let few = institutions.len() <= LOCKS_MAX;
    let county = if few { "pg_advisory_xact_lock_shared" } else { "pg_advisory_xact_lock" };
    prepared(format!("SELECT {county}($1, $2)"))
        .bind::<Integer, _>(PUBLISH_LOCK)
        .bind::<Integer, _>(conn.tenant())
        .execute(conn.sql())
        .await?;
    if few {
        prepared(
            "SELECT pg_advisory_xact_lock(own.key) FROM (SELECT DISTINCT hashtextextended(concat('publish/', $1, '/', id), 0) AS key \
             FROM unnest($2) AS id ORDER BY key) own",
        )
        .bind::<Integer, _>(conn.tenant())
        .bind::<Array<BigInt>, _>(institutions)
        .execute(conn.sql())
        .await?;
    }
    Ok(())
}

/// An institution with everything that may be published of it.
#[derive(Debug, Clone, QueryableByName)]
pub(in crate::public) struct Facts {
    #[diesel(sql_type = Integer)]
    pub tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub credit_code: String,
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Text)]
    pub org_kind: String,
    #[diesel(sql_type = Text)]
    pub address: String,
    #[diesel(sql_type = Text)]
    pub category: String,
    #[diesel(sql_type = Array<Text>)]
    pub stages: Vec<String>,
    #[diesel(sql_type = Array<Text>)]
    pub delivery: Vec<String>,
    #[diesel(sql_type = Bool)]
    pub for_profit: bool,
    #[diesel(sql_type = Text)]
    pub courses_text: String,
    #[diesel(sql_type = Text)]
    pub licence_no: String,
    #[diesel(sql_type = Text)]
    pub licence_authority: String,
    #[diesel(sql_type = Nullable<Date>)]
    pub licence_from: Option<NaiveDate>,
    #[diesel(sql_type = Nullable<Date>)]
    pub licence_to: Option<NaiveDate>,
    #[diesel(sql_type = Text)]
    pub legal_person: String,
    #[diesel(sql_type = Text)]
    pub status: String,
    /// `[{"status","ground","effective_on"}]`, newest first.
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub decisions: Option<Value>,
    /// The filings of approved courses, newest first.
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub filings: Option<Value>,
    /// `{"bank","account_no","account_name","mode","branches","coverage"?}` of the active account.
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub account: Option<Value>,
    /// The same of the account that waits for its day, with `from`.
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub next_account: Option<Value>,
    #[diesel(sql_type = Nullable<Date>)]
    pub statement_on: Option<NaiveDate>,
}

pub(super) async fn gather(conn: &mut ScopedConn, institutions: &[i64]) -> Result<Vec<Facts>, DbError> {
    Ok(prepared(
        "SELECT i.tenant_id, i.id, i.credit_code, i.name, i.org_kind, i.address, i.category, i.stages, i.delivery, i.for_profit, \
                i.courses_text, i.licence_no, i.licence_authority, i.licence_from, i.licence_to, i.legal_person, i.status, \
                (SELECT jsonb_agg(jsonb_build_object('status', d.status, 'ground', d.ground, 'effective_on', d.effective_on) \
                                  ORDER BY d.id DESC) \
                   FROM list_decisions d WHERE d.tenant_id = i.tenant_id AND d.institution_id = i.id) AS decisions, \
                (SELECT jsonb_agg(c.filing ORDER BY c.id DESC) FROM courses c \
                  WHERE c.tenant_id = i.tenant_id AND c.institution_id = i.id AND c.status = 'approved') AS filings, \
                CASE WHEN a.id IS NOT NULL THEN jsonb_build_object('bank', a.bank, 'account_no', a.account_no, \
                     'account_name', a.account_name, 'mode', a.mode, 'branches', a.branches) \
                     || CASE WHEN v.held_on IS NULL THEN '{}' ELSE jsonb_build_object('coverage', jsonb_build_object('share_bp', v.share_bp, \
                          'on', v.held_on, 'of', CASE v.mode WHEN 'risk_deposit' THEN 'fees_of_3_months' END)) END END AS account, \
                (SELECT jsonb_build_object('from', n.in_use_from, 'bank', n.bank, 'account_no', n.account_no, \
                     'account_name', n.account_name, 'mode', n.mode, 'branches', n.branches) FROM escrow_accounts n \
                  WHERE n.tenant_id = i.tenant_id AND n.institution_id = i.id AND n.status = 'upcoming') AS next_account, \
                coalesce(a.statement_on, (SELECT o.statement_on FROM escrow_accounts o \
                  WHERE o.tenant_id = a.tenant_id AND o.id = a.succeeds)) AS statement_on \
           FROM institutions i \
           LEFT JOIN escrow_accounts a ON a.tenant_id = i.tenant_id AND a.id = \
                (SELECT max(e.id) FROM escrow_accounts e \
                  WHERE e.tenant_id = i.tenant_id AND e.institution_id = i.id AND e.status = 'active') \
           LEFT JOIN published_coverage v ON v.tenant_id = i.tenant_id AND v.institution_id = i.id AND v.mode = a.mode \
          WHERE i.tenant_id = $1 AND i.id = ANY($2)",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(institutions)
    .load(conn.sql())
    .await?)
}

/// The row as the statement of [`write`] reads it.
pub(super) fn row(facts: Facts) -> Result<Value, DbError> {
    let unreadable =
        |error: serde_json::Error| DbError::Diesel(diesel::result::Error::DeserializationError(Box::new(error)));
    let detail: Detail = facts::detail(&facts).map_err(unreadable)?;
    let card: Card = facts::card(&detail);
    Ok(json!({
        "tenant_id": facts.tenant_id,
        "institution_id": facts.id,
        "credit_code": facts.credit_code,
        "name": facts.name,
        "category": facts.category,
        "rank": detail.list.status.rank(),
        "latin": search_keys::latin(&facts.name),
        "tokens": search_keys::tokens(&facts.name, &facts.address, &facts.credit_code),
        "card": serde_json::to_string(&card).map_err(unreadable)?,
        "detail": serde_json::to_value(&detail).map_err(unreadable)?,
        "statement_on": facts.statement_on,
    }))
}

async fn write(conn: &mut ScopedConn, rows: Value, now: DateTime<Utc>) -> Result<(), DbError> {
    prepared(
        "INSERT INTO public_institutions (tenant_id, institution_id, credit_code, name, category, rank, latin, tokens, card, \
                detail, statement_on, published_at) \
         SELECT r.tenant_id, r.institution_id, r.credit_code, r.name, r.category, r.rank, r.latin, r.tokens, r.card, \
                r.detail, r.statement_on, $2 \
           FROM jsonb_to_recordset($1) AS r(tenant_id int, institution_id bigint, credit_code text, name text, category text, \
                rank smallint, latin text, tokens text[], card text, detail jsonb, statement_on date) \
         ON CONFLICT (tenant_id, institution_id) DO UPDATE SET credit_code = excluded.credit_code, name = excluded.name, \
                category = excluded.category, rank = excluded.rank, latin = excluded.latin, tokens = excluded.tokens, \
                card = excluded.card, detail = excluded.detail, statement_on = excluded.statement_on, \
                published_at = excluded.published_at",
    )
    .bind::<Jsonb, _>(rows)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}
