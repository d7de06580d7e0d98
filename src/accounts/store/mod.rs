//! SQL of posts, on connections of the sign-in role inside a scope.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

pub mod departments;
mod invitations;
pub mod regions;

pub use invitations::*;

use super::{Assignment, Listing, PostRow};
use crate::{
    db::{DbError, ScopedConn, prepared},
    kernel::RegionCode,
};

/// Posts and open invitations alike; `$1` is the bureau and `$2` the present.
const ROWS: &str = "SELECT x.*, i.name AS institution_name, i.credit_code, n.display_name AS successor FROM ( \
       SELECT u.id, p.username, u.display_name, u.email, u.role, u.department, u.township, u.institution_id, u.status, \
         p.second_factor_off, u.created_at, NULL::timestamptz AS expires_at, u.successor_id, \
         (SELECT max(s.created_at) FROM sessions s WHERE s.tenant_id = u.tenant_id AND s.user_id = u.id) AS last_sign_in \
       FROM users u JOIN people p ON p.id = u.person_id WHERE u.tenant_id = $1 \
       UNION ALL \
       SELECT v.id, NULL, v.display_name, v.email, v.role, v.department, v.township, v.institution_id, \
         CASE WHEN v.expires_at <= $2 THEN 'expired' ELSE 'invited' END, false, v.created_at, v.expires_at, NULL, NULL \
       FROM invitations v WHERE v.tenant_id = $1 AND v.accepted_at IS NULL AND v.withdrawn_at IS NULL) x \
     LEFT JOIN institutions i ON i.tenant_id = $1 AND i.id = x.institution_id \
     LEFT JOIN users n ON n.tenant_id = $1 AND n.id = x.successor_id";

/// Posts and invitations of the own place, newest first.
pub async fn posts(conn: &mut ScopedConn, listing: &Listing, now: DateTime<Utc>) -> Result<Vec<PostRow>, DbError> {
    Ok(prepared(format!(
        "{ROWS} WHERE ($3 = '' OR x.role = $3) AND ($4 = '' OR x.status = $4 OR ($4 = 'invited' AND x.status = 'expired')) \
         AND ($5 = '' OR position(lower($5) in lower(concat_ws(' ', x.display_name, x.username, x.email, i.name))) > 0) \
         AND ($6 = 'all' OR ($6 = 'institutions') = (x.institution_id IS NOT NULL)) AND ($7 = 0 OR x.id < $7) \
         ORDER BY x.id DESC LIMIT $8"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<Timestamptz, _>(now)
    .bind::<Text, _>(&listing.role)
    .bind::<Text, _>(&listing.status)
    .bind::<Text, _>(&listing.text)
    .bind::<Text, _>(listing.of.to_string())
    .bind::<BigInt, _>(listing.before)
    .bind::<BigInt, _>(listing.limit)
    .load(conn.sql())
    .await?)
}

/// One post or open invitation.
pub async fn post(conn: &mut ScopedConn, id: i64, now: DateTime<Utc>) -> Result<Option<PostRow>, DbError> {
    Ok(prepared(format!("{ROWS} WHERE x.id = $3"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<Timestamptz, _>(now)
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// A colleague who may take over.
#[derive(Debug, Clone, QueryableByName)]
pub struct Colleague {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub display_name: String,
    #[diesel(sql_type = Text)]
    pub role: String,
}

/// Active posts at the same place as a post, in order of name.
pub async fn colleagues(conn: &mut ScopedConn, of: &PostRow) -> Result<Vec<Colleague>, DbError> {
    Ok(prepared(
        "SELECT id, display_name, role FROM users WHERE tenant_id = $1 AND id <> $2 AND status = 'active' \
         AND institution_id IS NOT DISTINCT FROM $3 ORDER BY display_name, id LIMIT 200",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(of.id)
    .bind::<Nullable<BigInt>, _>(of.institution_id)
    .load(conn.sql())
    .await?)
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// The institution of a credit code in the own bureau.
pub async fn institution(conn: &mut ScopedConn, credit_code: &str) -> Result<Option<i64>, DbError> {
    let row: Option<Id> = prepared("SELECT id FROM institutions WHERE tenant_id = $1 AND credit_code = $2")
        .bind::<Integer, _>(conn.tenant())
        .bind::<Text, _>(credit_code)
        .get_result(conn.sql())
        .await
        .optional()?;
    Ok(row.map(|row| row.id))
}

/// A post, locked until the transaction ends.
#[derive(Debug, Clone, QueryableByName)]
pub struct Locked {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub display_name: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub email: Option<String>,
    #[diesel(sql_type = Text)]
    pub role: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub department: Option<String>,
    #[diesel(sql_type = Nullable<Integer>)]
    pub township: Option<i32>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub institution_id: Option<i64>,
    #[diesel(sql_type = Text)]
    pub status: String,
}

/// Locks posts and every active administrator of the bureau and of the institutions that the posts belong to, in order of
/// id, so that of two administrators at work at once one comes second and sees what the first did.
pub async fn lock(conn: &mut ScopedConn, ids: &[i64]) -> Result<Vec<Locked>, DbError> {
    Ok(prepared(
        "SELECT id, display_name, email, role, department, township, institution_id, status FROM users \
         WHERE tenant_id = $1 AND (id = ANY($2) OR (status = 'active' AND (role = 'bureau_admin' OR (role = 'institution_admin' \
           AND institution_id IN (SELECT o.institution_id FROM users o WHERE o.tenant_id = $1 AND o.id = ANY($2)))))) \
         ORDER BY id FOR UPDATE",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(ids)
    .load(conn.sql())
    .await?)
}

/// Disables or enables a post; who takes over is said in the first case only.
pub async fn set_status(conn: &mut ScopedConn, id: i64, status: &str, successor: Option<i64>) -> Result<(), DbError> {
    prepared("UPDATE users SET status = $3, successor_id = $4 WHERE tenant_id = $1 AND id = $2")
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .bind::<Text, _>(status)
        .bind::<Nullable<BigInt>, _>(successor)
        .execute(conn.sql())
        .await?;
    Ok(())
}

/// Gives a post another role.
pub async fn set_role(conn: &mut ScopedConn, id: i64, assignment: &Assignment) -> Result<(), DbError> {
    prepared("UPDATE users SET role = $3, department = $4, township = $5 WHERE tenant_id = $1 AND id = $2")
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .bind::<Text, _>(assignment.role.to_string())
        .bind::<Nullable<Text>, _>(assignment.department.map(|department| department.to_string()))
        .bind::<Nullable<Integer>, _>(assignment.township.and_then(RegionCode::as_i32))
        .execute(conn.sql())
        .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Bool)]
    found: bool,
}

/// Whether an address belongs to an active post at the same place.
pub async fn is_here(conn: &mut ScopedConn, email: &str, institution: Option<i64>) -> Result<bool, DbError> {
    let row: Found = prepared(
        "SELECT EXISTS (SELECT FROM users WHERE tenant_id = $1 AND lower(email) = lower($2) AND status = 'active' \
         AND institution_id IS NOT DISTINCT FROM $3) AS found",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Text, _>(email)
    .bind::<Nullable<BigInt>, _>(institution)
    .get_result(conn.sql())
    .await?;
    Ok(row.found)
}

/// Gives a disabled post back to its person, as an invitation promised.
pub async fn revive(conn: &mut ScopedConn, post: i64, open: &Open) -> Result<(), DbError> {
    prepared(
        "UPDATE users SET status = 'active', successor_id = NULL, display_name = $3, role = $4, department = $5, township = $6, \
         email = $7 WHERE tenant_id = $1 AND id = $2",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(post)
    .bind::<Text, _>(&open.display_name)
    .bind::<Text, _>(&open.role)
    .bind::<Nullable<Text>, _>(&open.department)
    .bind::<Nullable<Integer>, _>(open.township)
    .bind::<Text, _>(&open.email)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// A post of a person in the own bureau.
#[derive(Debug, Clone, QueryableByName)]
pub struct Held {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub institution_id: Option<i64>,
    #[diesel(sql_type = Text)]
    pub status: String,
}

/// Locks a person, so that two of their posts are never given at once, and says what they hold in the own bureau.
pub async fn held_by(conn: &mut ScopedConn, person: i64) -> Result<Vec<Held>, DbError> {
    prepared("SELECT id FROM people WHERE id = $1 FOR UPDATE").bind::<BigInt, _>(person).execute(conn.sql()).await?;
    Ok(prepared("SELECT id, institution_id, status FROM users WHERE tenant_id = $1 AND person_id = $2 ORDER BY id")
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(person)
        .load(conn.sql())
        .await?)
}

/// The person of a post, outside any scope: the caller's own, whichever bureau it is in.
pub async fn person_of(conn: &mut AsyncPgConnection, tenant: i32, user: i64) -> Result<Option<i64>, DbError> {
    let row: Option<Id> = prepared(
        "SELECT p.id FROM users u JOIN people p ON p.id = u.person_id \
         WHERE u.tenant_id = $1 AND u.id = $2 AND u.status = 'active' AND p.status = 'active'",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(user)
    .get_result(conn)
    .await
    .optional()?;
    Ok(row.map(|row| row.id))
}

/// The person of a post in the own bureau.
pub async fn person_of_post(conn: &mut ScopedConn, id: i64) -> Result<Option<i64>, DbError> {
    let row: Option<Id> = prepared("SELECT person_id AS id FROM users WHERE tenant_id = $1 AND id = $2")
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?;
    Ok(row.map(|row| row.id))
}

/// A mail to be delivered.
#[derive(Debug)]
pub struct Mail<'a> {
    pub recipient: &'a str,
    pub subject: &'a str,
    pub body: &'a str,
    /// Tells this mail from any other of the bureau.
    pub key: &'a str,
    /// The body is emptied once the mail was sent.
    pub confidential: bool,
}

/// Puts a mail into the outbox.
pub async fn mail(conn: &mut ScopedConn, mail: &Mail<'_>, now: DateTime<Utc>) -> Result<(), DbError> {
    prepared(
        "INSERT INTO outbox (tenant_id, kind, recipient, subject, body, idempotency_key, confidential, due_at, created_at) \
         VALUES ($1, 'mail', $2, $3, $4, $5, $6, $7, $7)",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Text, _>(mail.recipient)
    .bind::<Text, _>(mail.subject)
    .bind::<Text, _>(mail.body)
    .bind::<Text, _>(mail.key)
    .bind::<Bool, _>(mail.confidential)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}
