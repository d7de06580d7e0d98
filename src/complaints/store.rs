//! SQL of complaints.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Array, BigInt, Binary, Bool, Date, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;

use super::model::{Complaint, Kind, State};
use crate::{
    db::{DbError, ScopedConn, prepared},
    kernel::{
        Private,
        private::{Kind as _, Phone},
    },
    vault::{Place, Sealed, VaultError},
};

/// Where a family's telephone is kept, by the complaint's number.
pub fn phone_place(tenant: i32, id: &str) -> Place<'_> {
    Place { table: "complaints", column: "phone", tenant, row: id }
}

/// Where what was said is kept.
pub fn note_place(tenant: i32, id: &str) -> Place<'_> {
    Place { table: "complaints", column: "note", tenant, row: id }
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// The institution of a credit code on the own bureau's register.
pub async fn institution(conn: &mut ScopedConn, code: &str) -> Result<Option<i64>, DbError> {
    let row: Option<Id> = prepared("SELECT id FROM institutions WHERE tenant_id = $1 AND credit_code = $2")
        .bind::<Integer, _>(conn.tenant())
        .bind::<Text, _>(code)
        .get_result(conn.sql())
        .await
        .optional()?;
    Ok(row.map(|row| row.id))
}

/// A complaint to be recorded.
#[derive(Debug)]
pub struct NewComplaint<'a> {
    pub institution: i64,
    pub kind: Kind,
    pub received_on: NaiveDate,
    pub amount_fen: Option<i64>,
    pub personal_payee: bool,
    pub phone: Option<&'a Private<Phone>>,
    pub note: &'a str,
}

/// Adds it; its number.
pub async fn add(conn: &mut ScopedConn, new: &NewComplaint<'_>, by: &str, now: DateTime<Utc>) -> Result<i64, DbError> {
    let number: Id = prepared("SELECT nextval('complaints_id_seq') AS id").get_result(conn.sql()).await?;
    let (vault, tenant, row) = (conn.vault().clone(), conn.tenant(), number.id.to_string());
    let phone = new.phone.map(|phone| Sealed::seal(&vault, &phone_place(tenant, &row), phone)).transpose()?;
    let index = new.phone.map(|phone| vault.digest::<Phone>(&Phone::normal(phone.expose()).concat()));
    let note = Some(new.note).filter(|note| !note.is_empty());
    let note = note.map(|note| vault.seal(&note_place(tenant, &row), note.as_bytes())).transpose()?;
    prepared(
        "INSERT INTO complaints (tenant_id, id, institution_id, kind, received_on, amount_fen, personal_payee, phone_sealed, \
         phone_index, note_sealed, recorded_by, recorded_at) OVERRIDING SYSTEM VALUE \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(number.id)
    .bind::<BigInt, _>(new.institution)
    .bind::<Text, _>(<&str>::from(new.kind))
    .bind::<Date, _>(new.received_on)
    .bind::<Nullable<BigInt>, _>(new.amount_fen)
    .bind::<Bool, _>(new.personal_payee)
    .bind::<Nullable<Binary>, _>(phone.as_ref().map(|phone| phone.bytes()))
    .bind::<Nullable<Binary>, _>(index)
    .bind::<Nullable<Binary>, _>(note)
    .bind::<Text, _>(by)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(number.id)
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    institution: String,
    #[diesel(sql_type = Text)]
    credit_code: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Date)]
    received_on: NaiveDate,
    #[diesel(sql_type = Nullable<BigInt>)]
    amount_fen: Option<i64>,
    #[diesel(sql_type = Bool)]
    personal_payee: bool,
    #[diesel(sql_type = Nullable<Binary>)]
    phone_sealed: Option<Sealed<Phone>>,
    #[diesel(sql_type = Nullable<Binary>)]
    note_sealed: Option<Vec<u8>>,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Text>)]
    settled_reason: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    settled_by: Option<String>,
    #[diesel(sql_type = Text)]
    recorded_by: String,
    #[diesel(sql_type = Timestamptz)]
    recorded_at: DateTime<Utc>,
}

impl Row {
    fn open(self, conn: &ScopedConn) -> Result<Complaint, DbError> {
        let row = self.id.to_string();
        let vault = conn.vault();
        let place = phone_place(self.tenant_id, &row);
        let phone = self.phone_sealed.as_ref().map(|sealed| sealed.open(vault, &place)).transpose()?;
        let place = note_place(self.tenant_id, &row);
        let note = self.note_sealed.as_deref().map(|sealed| vault.open_sealed(&place, sealed)).transpose()?;
        let note = note.map(|note| String::from_utf8(note).map_err(|_| VaultError::Damaged)).transpose()?;
        let unknown = |_| DbError::Pool("a complaint is stored with an unknown kind or state".to_owned());
        Ok(Complaint {
            id: self.id,
            institution: self.institution,
            credit_code: self.credit_code,
            kind: self.kind.parse().map_err(unknown)?,
            received_on: self.received_on,
            amount_fen: self.amount_fen,
            personal_payee: self.personal_payee,
            phone,
            note,
            state: self.state.parse().map_err(unknown)?,
            settled_reason: self.settled_reason,
            settled_by: self.settled_by,
            recorded_by: self.recorded_by,
            recorded_at: self.recorded_at,
        })
    }
}

const COMPLAINT: &str = "SELECT k.tenant_id, k.id, i.name AS institution, i.credit_code, k.kind, k.received_on, k.amount_fen, \
     k.personal_payee, k.phone_sealed, k.note_sealed, k.state, k.settled_reason, k.settled_by, k.recorded_by, k.recorded_at \
     FROM complaints k JOIN institutions i ON i.tenant_id = k.tenant_id AND i.id = k.institution_id WHERE k.tenant_id = $1";

/// The latest complaints of the own bureau, those to be verified first.
pub async fn latest(conn: &mut ScopedConn, limit: i64) -> Result<Vec<Complaint>, DbError> {
    let rows: Vec<Row> = prepared(format!("{COMPLAINT} ORDER BY k.state = 'received' DESC, k.id DESC LIMIT $2"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(limit)
        .load(conn.sql())
        .await?;
    rows.into_iter().map(|row| row.open(conn)).collect()
}

/// Which complaints a list holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    pub credit_code: Option<&'a str>,
    pub kind: Option<Kind>,
    pub state: Option<State>,
}

/// Complaints of the own bureau, the newest first, older than the one with the number `before` (0: from the newest).
pub async fn list(
    conn: &mut ScopedConn,
    filter: &Filter<'_>,
    before: i64,
    limit: i64,
) -> Result<Vec<Complaint>, DbError> {
    let rows: Vec<Row> = prepared(format!(
        "{COMPLAINT} AND ($2::text IS NULL OR i.credit_code = $2) AND ($3::text IS NULL OR k.kind = $3) \
         AND ($4::text IS NULL OR k.state = $4) AND ($5 = 0 OR k.id < $5) ORDER BY k.id DESC LIMIT $6"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<Nullable<Text>, _>(filter.credit_code)
    .bind::<Nullable<Text>, _>(filter.kind.map(<&str>::from))
    .bind::<Nullable<Text>, _>(filter.state.map(<&str>::from))
    .bind::<BigInt, _>(before)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?;
    rows.into_iter().map(|row| row.open(conn)).collect()
}

/// One complaint of the own bureau.
pub async fn complaint(conn: &mut ScopedConn, id: i64) -> Result<Option<Complaint>, DbError> {
    let rows: Vec<Row> = prepared(format!("{COMPLAINT} AND k.id = $2"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .load(conn.sql())
        .await?;
    rows.into_iter().next().map(|row| row.open(conn)).transpose()
}

/// Locks a complaint of the own bureau; where it stands.
pub async fn lock(conn: &mut ScopedConn, id: i64) -> Result<Option<State>, DbError> {
    #[derive(QueryableByName)]
    struct Standing {
        #[diesel(sql_type = Text)]
        state: String,
    }
    let row: Option<Standing> = prepared("SELECT state FROM complaints WHERE tenant_id = $1 AND id = $2 FOR UPDATE")
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?;
    Ok(row.and_then(|row| row.state.parse().ok()))
}

/// Writes where it stands.
pub async fn settle(
    conn: &mut ScopedConn,
    id: i64,
    (state, reason): (State, &str),
    by: &str,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    prepared(
        "UPDATE complaints SET state = $3, settled_reason = $4, settled_by = $5, settled_at = $6 WHERE tenant_id = $1 AND id = $2",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(id)
    .bind::<Text, _>(<&str>::from(state))
    .bind::<Text, _>(reason)
    .bind::<Text, _>(by)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// The complaints of the own bureau under a telephone with one of these keyed hashes, as they are called.
pub async fn kept_about(conn: &mut ScopedConn, digests: &[Vec<u8>]) -> Result<Vec<String>, DbError> {
    #[derive(QueryableByName)]
    struct Named {
        #[diesel(sql_type = Text)]
        record: String,
    }
    let rows: Vec<Named> = prepared(
        "SELECT i.name || ' #' || k.id AS record FROM complaints k \
         JOIN institutions i ON i.tenant_id = k.tenant_id AND i.id = k.institution_id \
         WHERE k.tenant_id = $1 AND k.phone_index = ANY($2) ORDER BY k.id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<Binary>, _>(digests)
    .load(conn.sql())
    .await?;
    Ok(rows.into_iter().map(|row| row.record).collect())
}
