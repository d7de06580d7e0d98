//! SQL of the lists: who stands how, and what was decided.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Bool, Date, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;

use super::{ListEntry, ListStatus, rules::Standing};
use crate::{
    db::{DbError, ScopedConn, prepared},
    kernel::CreditCode,
};

/// An institution about which something is proposed or decided.
#[derive(Debug, Clone)]
pub struct Subject {
    pub id: i64,
    pub name: String,
    pub standing: Standing,
}

#[derive(QueryableByName)]
struct SubjectRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    credit_code: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    category: String,
    #[diesel(sql_type = Array<Text>)]
    stages: Vec<String>,
    #[diesel(sql_type = Text)]
    licence_no: String,
    #[diesel(sql_type = Nullable<Date>)]
    licence_from: Option<NaiveDate>,
    #[diesel(sql_type = Nullable<Date>)]
    licence_to: Option<NaiveDate>,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Bool)]
    escrow_filed: bool,
    #[diesel(sql_type = Text)]
    list_status: String,
}

/// A word of the database that the code no longer knows: migrations and enums have come apart.
fn unreadable(what: &str, word: &str) -> DbError {
    DbError::Diesel(diesel::result::Error::DeserializationError(format!("unknown {what} {word}").into()))
}

fn word<T: std::str::FromStr>(what: &str, text: &str) -> Result<T, DbError> {
    text.parse().map_err(|_| unreadable(what, text))
}

impl TryFrom<SubjectRow> for Subject {
    type Error = DbError;

    fn try_from(row: SubjectRow) -> Result<Subject, DbError> {
        let standing = Standing {
            credit_code: CreditCode::new(&row.credit_code).map_err(|_| unreadable("credit code", &row.credit_code))?,
            category: word("category", &row.category)?,
            stages: row.stages.iter().map(|stage| word("stage", stage)).collect::<Result<_, _>>()?,
            licence_no: row.licence_no,
            licence_from: row.licence_from,
            licence_to: row.licence_to,
            status: word("status", &row.status)?,
            escrow_filed: row.escrow_filed,
            list: word("list status", &row.list_status)?,
        };
        Ok(Subject { id: row.id, name: row.name, standing })
    }
}

/// The institutions `ids` of the caller's own bureau, locked until the transaction ends, in order of id.
///
/// Locked first and read afterwards, so that what a transaction before this one decided is seen.
pub async fn lock_subjects(conn: &mut ScopedConn, ids: &[i64]) -> Result<Vec<Subject>, DbError> {
    let tenant = conn.tenant();
    prepared("SELECT id FROM institutions WHERE tenant_id = $1 AND id = ANY($2) ORDER BY id FOR UPDATE")
        .bind::<Integer, _>(tenant)
        .bind::<Array<BigInt>, _>(ids)
        .execute(conn.sql())
        .await?;
    subjects(conn, ids).await
}

/// The same without locking, for showing which steps are open.
pub async fn subjects(conn: &mut ScopedConn, ids: &[i64]) -> Result<Vec<Subject>, DbError> {
    let tenant = conn.tenant();
    let rows: Vec<SubjectRow> = prepared(
        "SELECT i.id, i.credit_code, i.name, i.category, i.stages, i.licence_no, i.licence_from, i.licence_to, i.status, \
         EXISTS (SELECT FROM escrow_accounts a WHERE a.tenant_id = i.tenant_id AND a.institution_id = i.id AND a.status = 'active') \
             AS escrow_filed, \
         coalesce((SELECT d.status FROM list_decisions d WHERE d.tenant_id = i.tenant_id AND d.institution_id = i.id \
             ORDER BY d.id DESC LIMIT 1), 'none') AS list_status \
         FROM institutions i WHERE i.tenant_id = $1 AND i.id = ANY($2) ORDER BY i.id",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Array<BigInt>, _>(ids)
    .load(conn.sql())
    .await?;
    rows.into_iter().map(Subject::try_from).collect()
}

/// One new line of the history.
#[derive(Debug, Clone)]
pub struct NewDecision {
    pub institution: i64,
    pub status: ListStatus,
    pub ground: String,
    pub approval: i64,
}

/// Appends to the history.
pub async fn add_decisions(
    conn: &mut ScopedConn,
    decisions: &[NewDecision],
    on: NaiveDate,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let institutions: Vec<i64> = decisions.iter().map(|decision| decision.institution).collect();
    let statuses: Vec<&str> = decisions.iter().map(|decision| decision.status.into()).collect();
    let grounds: Vec<&str> = decisions.iter().map(|decision| decision.ground.as_str()).collect();
    let approvals: Vec<i64> = decisions.iter().map(|decision| decision.approval).collect();
    prepared(
        "INSERT INTO list_decisions (tenant_id, institution_id, status, ground, effective_on, approval_id, decided_at) \
         SELECT $1, t.institution, t.status, t.ground, $6, t.approval, $7 \
         FROM unnest($2, $3, $4, $5) AS t (institution, status, ground, approval)",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(institutions)
    .bind::<Array<Text>, _>(statuses)
    .bind::<Array<Text>, _>(grounds)
    .bind::<Array<BigInt>, _>(approvals)
    .bind::<Date, _>(on)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct EntryRow {
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Text)]
    ground: String,
    #[diesel(sql_type = Date)]
    effective_on: NaiveDate,
    #[diesel(sql_type = Timestamptz)]
    decided_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    proposed_by: String,
    #[diesel(sql_type = Text)]
    decided_by: String,
}

/// The history of one institution, newest first. Officials' names are empty for an institution's own users.
pub async fn history(conn: &mut ScopedConn, tenant: i32, institution: i64) -> Result<Vec<ListEntry>, DbError> {
    let rows: Vec<EntryRow> = prepared(
        "SELECT l.status, l.ground, l.effective_on, l.decided_at, coalesce(p.display_name, '') AS proposed_by, \
         coalesce(d.display_name, '') AS decided_by FROM list_decisions l \
         LEFT JOIN approvals a ON a.tenant_id = l.tenant_id AND a.id = l.approval_id \
         LEFT JOIN users p ON p.tenant_id = a.tenant_id AND p.id = a.proposed_by \
         LEFT JOIN users d ON d.tenant_id = a.tenant_id AND d.id = a.decided_by \
         WHERE l.tenant_id = $1 AND l.institution_id = $2 ORDER BY l.id DESC LIMIT 200",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(institution)
    .load(conn.sql())
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ListEntry {
                status: word("list status", &row.status)?,
                ground: row.ground,
                effective_on: row.effective_on,
                decided_at: row.decided_at,
                proposed_by: row.proposed_by,
                decided_by: row.decided_by,
            })
        })
        .collect()
}
