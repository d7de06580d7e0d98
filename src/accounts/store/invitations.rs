//! SQL of invitations.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{BigInt, Binary, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;

use super::Id;
use crate::{
    accounts::Assignment,
    db::{DbError, ScopedConn, prepared},
    kernel::RegionCode,
};

/// An invitation as it is made.
#[derive(Debug, Clone)]
pub struct NewInvitation<'a> {
    pub token_hash: Vec<u8>,
    pub email: &'a str,
    pub display_name: &'a str,
    pub assignment: Assignment,
    pub institution: Option<i64>,
    pub by: i64,
    pub at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// Adds an invitation; its number will be that of the post. `None` where the address has an open one at the same place.
pub async fn add_invitation(conn: &mut ScopedConn, new: &NewInvitation<'_>) -> Result<Option<i64>, DbError> {
    let row: Option<Id> = prepared(
        "INSERT INTO invitations (tenant_id, id, token_hash, email, display_name, role, department, township, institution_id, \
         invited_by, created_at, expires_at) \
         VALUES ($1, nextval('users_id_seq'), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING RETURNING id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Binary, _>(&new.token_hash)
    .bind::<Text, _>(new.email)
    .bind::<Text, _>(new.display_name)
    .bind::<Text, _>(new.assignment.role.to_string())
    .bind::<Nullable<Text>, _>(new.assignment.department.map(|department| department.to_string()))
    .bind::<Nullable<Integer>, _>(new.assignment.township.and_then(RegionCode::as_i32))
    .bind::<Nullable<BigInt>, _>(new.institution)
    .bind::<BigInt, _>(new.by)
    .bind::<Timestamptz, _>(new.at)
    .bind::<Timestamptz, _>(new.expires_at)
    .get_result(conn.sql())
    .await
    .optional()?;
    Ok(row.map(|row| row.id))
}

/// An invitation that is open: neither accepted nor withdrawn.
#[derive(Debug, Clone, QueryableByName)]
pub struct Open {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub email: String,
    #[diesel(sql_type = Text)]
    pub display_name: String,
    #[diesel(sql_type = Text)]
    pub role: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub department: Option<String>,
    #[diesel(sql_type = Nullable<Integer>)]
    pub township: Option<i32>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub institution_id: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    pub institution_name: Option<String>,
    #[diesel(sql_type = Text)]
    pub invited_by: String,
    #[diesel(sql_type = Integer)]
    pub sendings: i32,
}

const OPEN: &str = "SELECT v.id, v.email, v.display_name, v.role, v.department, v.township, v.institution_id, \
     i.name AS institution_name, b.display_name AS invited_by, v.sendings \
     FROM invitations v JOIN users b ON b.tenant_id = v.tenant_id AND b.id = v.invited_by \
     LEFT JOIN institutions i ON i.tenant_id = v.tenant_id AND i.id = v.institution_id \
     WHERE v.tenant_id = $1 AND v.accepted_at IS NULL AND v.withdrawn_at IS NULL";

/// An open invitation by its number, whether it ran out or not, locked until the transaction ends.
pub async fn lock_invitation(conn: &mut ScopedConn, id: i64) -> Result<Option<Open>, DbError> {
    Ok(prepared(format!("{OPEN} AND v.id = $2 FOR UPDATE OF v"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// The open invitation of a link that has not run out, locked until the transaction ends.
pub async fn lock_by_token(conn: &mut ScopedConn, hash: &[u8], now: DateTime<Utc>) -> Result<Option<Open>, DbError> {
    Ok(prepared(format!("{OPEN} AND v.token_hash = $2 AND v.expires_at > $3 FOR UPDATE OF v"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<Binary, _>(hash)
        .bind::<Timestamptz, _>(now)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// Gives an invitation a new link, which makes the old one void.
pub async fn renew(conn: &mut ScopedConn, id: i64, hash: &[u8], expires_at: DateTime<Utc>) -> Result<(), DbError> {
    prepared(
        "UPDATE invitations SET token_hash = $3, expires_at = $4, sendings = sendings + 1 WHERE tenant_id = $1 AND id = $2",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(id)
    .bind::<Binary, _>(hash)
    .bind::<Timestamptz, _>(expires_at)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// Withdraws an invitation.
pub async fn withdraw(conn: &mut ScopedConn, id: i64, now: DateTime<Utc>) -> Result<(), DbError> {
    prepared("UPDATE invitations SET withdrawn_at = $3 WHERE tenant_id = $1 AND id = $2")
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .bind::<Timestamptz, _>(now)
        .execute(conn.sql())
        .await?;
    Ok(())
}

/// Withdraws the open invitations that a post sent; returns how many there were.
pub async fn withdraw_those_of(conn: &mut ScopedConn, by: i64, now: DateTime<Utc>) -> Result<usize, DbError> {
    Ok(prepared(
        "UPDATE invitations SET withdrawn_at = $3 \
         WHERE tenant_id = $1 AND invited_by = $2 AND accepted_at IS NULL AND withdrawn_at IS NULL",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(by)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?)
}

/// Marks an invitation used by a post.
pub async fn accepted(conn: &mut ScopedConn, id: i64, post: i64, now: DateTime<Utc>) -> Result<(), DbError> {
    prepared("UPDATE invitations SET accepted_at = $4, user_id = $3 WHERE tenant_id = $1 AND id = $2")
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .bind::<BigInt, _>(post)
        .bind::<Timestamptz, _>(now)
        .execute(conn.sql())
        .await?;
    Ok(())
}

/// Makes the post that an invitation promised, for a person.
pub async fn add_post(conn: &mut ScopedConn, open: &Open, person: i64, now: DateTime<Utc>) -> Result<(), DbError> {
    prepared(
        "INSERT INTO users (tenant_id, id, person_id, display_name, role, institution_id, department, township, email, status, \
         created_at) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'active', $10)",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(open.id)
    .bind::<BigInt, _>(person)
    .bind::<Text, _>(&open.display_name)
    .bind::<Text, _>(&open.role)
    .bind::<Nullable<BigInt>, _>(open.institution_id)
    .bind::<Nullable<Text>, _>(&open.department)
    .bind::<Nullable<Integer>, _>(open.township)
    .bind::<Text, _>(&open.email)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}
