//! SQL of entries as they are read.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Bool, Date, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;

use crate::{
    db::{DbError, ScopedConn, prepared},
    escrow::{bank_fees::Fees, batches::Line},
    kernel::{clock::BEIJING, mask},
};

/// An entry as stored.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct Entry {
    #[diesel(sql_type = Timestamptz)]
    pub booked_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    pub bank_ref: String,
    #[diesel(sql_type = Integer)]
    pub seq: i32,
    #[diesel(sql_type = Nullable<Date>)]
    pub value_on: Option<NaiveDate>,
    #[diesel(sql_type = Bool)]
    pub credit: bool,
    #[diesel(sql_type = Bool)]
    pub reversal: bool,
    #[diesel(sql_type = BigInt)]
    pub amount_fen: i64,
    #[diesel(sql_type = Text)]
    pub kind: String,
    #[diesel(sql_type = BigInt)]
    pub statement_id: i64,
    #[diesel(sql_type = Nullable<Text>)]
    pub counterparty_name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub counterparty_account: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub remittance: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub balance_after_fen: Option<i64>,
    /// The approved release or refund order that it settles.
    #[diesel(sql_type = Nullable<Text>)]
    pub order_ref: Option<String>,
}

impl Entry {
    /// The signed effect on the balance.
    pub fn effect_fen(&self) -> i64 {
        if self.credit { self.amount_fen } else { -self.amount_fen }
    }

    /// The entry as officials see it. Of a natural person the first character of the name and the end of the account stay;
    /// what a person wrote who pays in is left out, for parents write their children's names there. Organisations are shown.
    pub fn masked(self) -> Entry {
        let person = self.is_with_person();
        let masked =
            |text: Option<String>, mask: fn(&str) -> String| text.map(|text| if person { mask(&text) } else { text });
        let remark: fn(&str) -> String = if person && self.credit { |_| WITHHELD.to_owned() } else { mask::numbers };
        Entry {
            counterparty_name: masked(self.counterparty_name, mask::name),
            counterparty_account: masked(self.counterparty_account, mask::account),
            remittance: self.remittance.map(|text| remark(&text)),
            ..self
        }
    }

    /// Whether the other side is a natural person, or nobody knows what it is.
    pub fn is_with_person(&self) -> bool {
        let known = self.counterparty_name.is_some() || self.counterparty_account.is_some();
        self.counterparty_name.as_deref().map_or(known, mask::is_person)
    }

    /// Whether the bank gave a time of day: one that stands at midnight in Beijing has none.
    pub fn has_time(&self) -> bool {
        self.booked_at.with_timezone(&BEIJING).time() != NaiveTime::MIN
    }
}

/// Stands for a remark that is left out.
pub const WITHHELD: &str = "***";

const ENTRY: &str = "SELECT booked_at, bank_ref, seq, value_on, credit, reversal, amount_fen, kind, statement_id, counterparty_name, \
     counterparty_account, remittance, balance_after_fen, order_ref FROM entries WHERE tenant_id = $1 AND account_id = $2";

/// Where a page of entries goes on: the last entry of the page before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub booked_at: DateTime<Utc>,
    pub seq: i32,
    pub bank_ref: String,
}

/// Entries of an account, the latest first, from before `place` on.
pub async fn latest(
    conn: &mut ScopedConn,
    tenant: i32,
    account: i64,
    place: Option<&Place>,
    limit: i64,
) -> Result<Vec<Entry>, DbError> {
    let (at, seq, bank_ref) =
        place.map_or((None, 0, ""), |place| (Some(place.booked_at), place.seq, place.bank_ref.as_str()));
    Ok(prepared(format!(
        "{ENTRY} AND booked_at <= coalesce($3, 'infinity') \
         AND ($3 IS NULL OR (booked_at, seq, bank_ref) < ($3, $4, $5)) ORDER BY booked_at DESC, seq DESC, bank_ref DESC LIMIT $6"
    ))
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(account)
    .bind::<Nullable<Timestamptz>, _>(at)
    .bind::<Integer, _>(seq)
    .bind::<Text, _>(bank_ref)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

/// The entries behind warnings, by their references and the instants between which they were booked.
pub async fn by_refs(
    conn: &mut ScopedConn,
    tenant: i32,
    account: i64,
    refs: &[&str],
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Entry>, DbError> {
    Ok(prepared(format!("{ENTRY} AND booked_at BETWEEN $3 AND $4 AND bank_ref = ANY($5) ORDER BY booked_at DESC, seq DESC, bank_ref DESC"))
        .bind::<Integer, _>(tenant)
        .bind::<BigInt, _>(account)
        .bind::<Timestamptz, _>(from)
        .bind::<Timestamptz, _>(until)
        .bind::<Array<Text>, _>(refs)
        .load(conn.sql())
        .await?)
}

/// Reversals since an instant, the latest first.
pub async fn reversals(
    conn: &mut ScopedConn,
    tenant: i32,
    account: i64,
    from: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Entry>, DbError> {
    Ok(prepared(format!(
        "{ENTRY} AND booked_at >= $3 AND reversal ORDER BY booked_at DESC, seq DESC, bank_ref DESC LIMIT $4"
    ))
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(account)
    .bind::<Timestamptz, _>(from)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

#[derive(QueryableByName)]
struct FeesRow {
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = BigInt)]
    fen: i64,
    #[diesel(sql_type = Nullable<Date>)]
    first_on: Option<NaiveDate>,
    #[diesel(sql_type = Nullable<Date>)]
    last_on: Option<NaiveDate>,
}

/// What the bank calls its fees since an instant, less what it gave back; `None` where it took none.
pub async fn bank_fees(
    conn: &mut ScopedConn,
    tenant: i32,
    account: i64,
    from: DateTime<Utc>,
) -> Result<Option<Fees>, DbError> {
    let row: FeesRow = prepared(
        "SELECT count(*) FILTER (WHERE NOT f.credit) AS count, \
           coalesce(sum(CASE WHEN f.credit THEN -f.amount_fen ELSE f.amount_fen END), 0)::bigint AS fen, \
           min((f.booked_at AT TIME ZONE interval '8 hours')::date) FILTER (WHERE NOT f.credit) AS first_on, \
           max((f.booked_at AT TIME ZONE interval '8 hours')::date) FILTER (WHERE NOT f.credit) AS last_on FROM entries f \
         WHERE f.tenant_id = $1 AND f.account_id = $2 AND f.booked_at >= $3 AND f.kind = 'bank_fee' AND NOT EXISTS (SELECT FROM entries r \
           WHERE r.tenant_id = f.tenant_id AND r.account_id = f.account_id AND r.booked_at >= f.booked_at AND r.reversal \
             AND r.credit <> f.credit AND r.amount_fen = f.amount_fen)",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(account)
    .bind::<Timestamptz, _>(from)
    .get_result(conn.sql())
    .await?;
    let FeesRow { count, fen, first_on, last_on } = row;
    Ok(first_on.zip(last_on).map(|(first_on, last_on)| Fees { count, fen, first_on, last_on }))
}

/// Entries since an instant that are no reversals, of one of these amounts.
pub async fn of_amounts(
    conn: &mut ScopedConn,
    tenant: i32,
    account: i64,
    from: DateTime<Utc>,
    amounts: &[i64],
) -> Result<Vec<Entry>, DbError> {
    Ok(prepared(format!(
        "{ENTRY} AND booked_at >= $3 AND NOT reversal AND amount_fen = ANY($4) ORDER BY booked_at DESC, seq DESC, bank_ref DESC LIMIT 2000"
    ))
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(account)
    .bind::<Timestamptz, _>(from)
    .bind::<Array<BigInt>, _>(amounts)
    .load(conn.sql())
    .await?)
}

/// All lines of the days of statements that end on a day or later and say another difference between opening and closing than
/// the books have for their days; of too many the first. A statement of more than forty days tells of no day.
pub(in crate::escrow) const LINES: &str = "WITH told AS (SELECT (first_at AT TIME ZONE interval '8 hours')::date AS from_on, closing_on AS to_on, \
       closing_fen - opening_fen AS fen FROM statements WHERE tenant_id = $1 AND account_id = $2 AND opening_fen IS NOT NULL \
       AND closing_fen IS NOT NULL AND first_at IS NOT NULL AND closing_on >= $3), \
     days AS (SELECT DISTINCT d::date AS day FROM told t, generate_series(t.from_on, t.to_on, interval '1 day') d \
       WHERE t.to_on - t.from_on <= 40 AND t.fen <> (SELECT coalesce(sum(CASE WHEN e.credit THEN e.amount_fen ELSE -e.amount_fen END), 0) \
         FROM entries e WHERE e.tenant_id = $1 AND e.account_id = $2 AND e.booked_at >= t.from_on::timestamp AT TIME ZONE interval '8 hours' \
         AND e.booked_at < (t.to_on + 1)::timestamp AT TIME ZONE interval '8 hours')) \
     SELECT d.day AS on_day, e.bank_ref, e.credit, e.amount_fen, e.statement_id FROM days d JOIN entries e ON e.tenant_id = $1 AND e.account_id = $2 \
       AND e.booked_at >= d.day::timestamp AT TIME ZONE interval '8 hours' AND e.booked_at < (d.day + 1)::timestamp AT TIME ZONE interval '8 hours' \
     ORDER BY e.booked_at, e.seq, e.bank_ref LIMIT 5000";

#[derive(QueryableByName)]
struct LineRow {
    #[diesel(sql_type = Date)]
    on_day: NaiveDate,
    #[diesel(sql_type = Text)]
    bank_ref: String,
    #[diesel(sql_type = Bool)]
    credit: bool,
    #[diesel(sql_type = BigInt)]
    amount_fen: i64,
    #[diesel(sql_type = BigInt)]
    statement_id: i64,
}

/// The lines of the days on which statements since a day contradict the books.
pub async fn contradicted(
    conn: &mut ScopedConn,
    (tenant, account): (i32, i64),
    since: NaiveDate,
) -> Result<Vec<Line>, DbError> {
    let rows: Vec<LineRow> = prepared(LINES)
        .bind::<Integer, _>(tenant)
        .bind::<BigInt, _>(account)
        .bind::<Date, _>(since)
        .load(conn.sql())
        .await?;
    let line = |row: LineRow| Line {
        on: row.on_day,
        bank_ref: row.bank_ref,
        credit: row.credit,
        amount_fen: row.amount_fen,
        statement: row.statement_id,
    };
    Ok(rows.into_iter().map(line).collect())
}

/// An entry without a reference of the bank's own, and the latest one of an earlier day that says the same.
#[derive(Debug, Clone, QueryableByName)]
pub struct Repeated {
    #[diesel(embed)]
    pub entry: Entry,
    #[diesel(sql_type = Text)]
    pub like_ref: String,
    #[diesel(sql_type = Timestamptz)]
    pub like_at: DateTime<Utc>,
}

/// Entries since an instant that say the same as one at most `days` earlier, or as one of the same day of which more is
/// told (a time, a value date), the latest first.
pub async fn repeated(
    conn: &mut ScopedConn,
    tenant: i32,
    account: i64,
    from: DateTime<Utc>,
    days: i32,
    limit: i64,
) -> Result<Vec<Repeated>, DbError> {
    Ok(prepared(
        "SELECT * FROM (SELECT e.*, coalesce(last_value(bank_ref) OVER before, CASE WHEN first_value(detail) OVER same > detail THEN first_value(bank_ref) OVER same END) AS like_ref, \
             coalesce(last_value(booked_at) OVER before, CASE WHEN first_value(detail) OVER same > detail THEN first_value(booked_at) OVER same END) AS like_at \
         FROM (SELECT booked_at, bank_ref, seq, value_on, credit, reversal, amount_fen, kind, statement_id, counterparty_name, \
                 counterparty_account, remittance, balance_after_fen, order_ref, (booked_at AT TIME ZONE interval '8 hours')::date AS day, \
                 ((booked_at AT TIME ZONE interval '8 hours')::time <> '00:00')::int + (value_on IS NOT NULL)::int AS detail \
             FROM entries WHERE tenant_id = $1 AND account_id = $2 AND booked_at >= $3 \
             AND bank_ref >= 'syn-' COLLATE \"C\" AND bank_ref < 'syn.' COLLATE \"C\" \
             AND coalesce(counterparty_name, counterparty_account, remittance) IS NOT NULL) e \
         WINDOW saying AS (PARTITION BY credit, amount_fen, coalesce(counterparty_name, ''), coalesce(counterparty_account, ''), coalesce(remittance, '')), \
             before AS (saying ORDER BY day RANGE BETWEEN make_interval(days => $4) PRECEDING AND interval '1 day' PRECEDING), \
             same AS (PARTITION BY credit, amount_fen, coalesce(counterparty_name, ''), coalesce(counterparty_account, ''), coalesce(remittance, ''), day \
                 ORDER BY detail DESC, bank_ref)) r \
         WHERE like_at IS NOT NULL ORDER BY booked_at DESC, seq DESC, bank_ref DESC LIMIT $5",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(account)
    .bind::<Timestamptz, _>(from)
    .bind::<Integer, _>(days)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

/// Entries of an account from one instant until before another, the latest first.
pub async fn between(
    conn: &mut ScopedConn,
    (tenant, account): (i32, i64),
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Entry>, DbError> {
    Ok(prepared(format!(
        "{ENTRY} AND booked_at >= $3 AND booked_at < $4 ORDER BY booked_at DESC, seq DESC, bank_ref DESC LIMIT $5"
    ))
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(account)
    .bind::<Timestamptz, _>(from)
    .bind::<Timestamptz, _>(until)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

/// The local days nearest before and after one on which something moved.
pub async fn neighbours(
    conn: &mut ScopedConn,
    (tenant, account): (i32, i64),
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<(Option<DateTime<Utc>>, Option<DateTime<Utc>>), DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Nullable<Timestamptz>)]
        before: Option<DateTime<Utc>>,
        #[diesel(sql_type = Nullable<Timestamptz>)]
        after: Option<DateTime<Utc>>,
    }
    let row: Row = prepared(
        "SELECT (SELECT booked_at FROM entries WHERE tenant_id = $1 AND account_id = $2 AND booked_at < $3 \
           ORDER BY booked_at DESC LIMIT 1) AS before, \
         (SELECT booked_at FROM entries WHERE tenant_id = $1 AND account_id = $2 AND booked_at >= $4 \
           ORDER BY booked_at LIMIT 1) AS after",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(account)
    .bind::<Timestamptz, _>(from)
    .bind::<Timestamptz, _>(until)
    .get_result(conn.sql())
    .await?;
    Ok((row.before, row.after))
}

/// What moved on one local day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Day {
    #[diesel(sql_type = Date)]
    pub day: NaiveDate,
    #[diesel(sql_type = BigInt)]
    pub credit_fen: i64,
    #[diesel(sql_type = BigInt)]
    pub debit_fen: i64,
}

/// Movements by local day from an instant on, the latest day first; days without any are absent.
pub async fn days(conn: &mut ScopedConn, tenant: i32, account: i64, from: DateTime<Utc>) -> Result<Vec<Day>, DbError> {
    Ok(prepared(
        "SELECT (booked_at AT TIME ZONE interval '8 hours')::date AS day, \
         coalesce(sum(amount_fen) FILTER (WHERE credit), 0)::bigint AS credit_fen, \
         coalesce(sum(amount_fen) FILTER (WHERE NOT credit), 0)::bigint AS debit_fen FROM entries \
         WHERE tenant_id = $1 AND account_id = $2 AND booked_at >= $3 GROUP BY 1 ORDER BY 1 DESC",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(account)
    .bind::<Timestamptz, _>(from)
    .load(conn.sql())
    .await?)
}

/// Whom the account paid.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct Counterparty {
    #[diesel(sql_type = Nullable<Text>)]
    pub name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub account: Option<String>,
    #[diesel(sql_type = BigInt)]
    pub payments: i64,
    #[diesel(sql_type = BigInt)]
    pub paid_fen: i64,
}

impl Counterparty {
    /// As officials see it: a natural person by the first character of the name, or the end of the account.
    pub fn masked(self) -> Counterparty {
        let person = self.name.as_deref().is_none_or(mask::is_person);
        if !person {
            return self;
        }
        Counterparty {
            name: self.name.as_deref().map(mask::name),
            account: self.account.as_deref().map(mask::account),
            ..self
        }
    }
}

/// The recipients of the most money since an instant.
pub async fn counterparties(
    conn: &mut ScopedConn,
    tenant: i32,
    account: i64,
    from: DateTime<Utc>,
) -> Result<Vec<Counterparty>, DbError> {
    Ok(prepared(
        "SELECT counterparty_name AS name, counterparty_account AS account, count(*) AS payments, sum(amount_fen)::bigint AS paid_fen \
         FROM entries WHERE tenant_id = $1 AND account_id = $2 AND booked_at >= $3 AND NOT credit GROUP BY 1, 2 ORDER BY 4 DESC LIMIT 8",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(account)
    .bind::<Timestamptz, _>(from)
    .load(conn.sql())
    .await?)
}
