//! People by what signing in knows of them, and mails to them.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::db::{DbError, prepared};

/// A person who is known.
#[derive(Debug, Clone, QueryableByName)]
pub struct Known {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub username: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub password_hash: Option<String>,
    #[diesel(sql_type = Bool)]
    pub second_factor_off: bool,
}

/// An active person by id.
pub async fn by_id(conn: &mut AsyncPgConnection, person: i64) -> Result<Option<Known>, DbError> {
    Ok(prepared(
        "SELECT id, username, password_hash, second_factor_off FROM people WHERE id = $1 AND status = 'active'",
    )
    .bind::<BigInt, _>(person)
    .get_result(conn)
    .await
    .optional()?)
}

/// An active person by sign-in name.
pub async fn by_name(conn: &mut AsyncPgConnection, username: &str) -> Result<Option<Known>, DbError> {
    Ok(prepared(
        "SELECT id, username, password_hash, second_factor_off FROM people WHERE username = $1 AND status = 'active'",
    )
    .bind::<Text, _>(username)
    .get_result(conn)
    .await
    .optional()?)
}

/// The active person of a session that has not ended, and when it began.
#[derive(Debug, Clone, QueryableByName)]
pub struct OfSession {
    #[diesel(sql_type = BigInt)]
    pub person_id: i64,
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
}

/// Whose session it is.
pub async fn of_session(
    conn: &mut AsyncPgConnection,
    tenant: i32,
    session: &str,
) -> Result<Option<OfSession>, DbError> {
    Ok(prepared(
        "SELECT u.person_id, s.created_at FROM sessions s JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id \
         WHERE s.tenant_id = $1 AND s.id = $2 AND s.ended_at IS NULL",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Text, _>(session)
    .get_result(conn)
    .await
    .optional()?)
}

/// A mail address of a person in one bureau.
#[derive(Debug, Clone, QueryableByName)]
pub struct Address {
    #[diesel(sql_type = BigInt)]
    pub person_id: i64,
    #[diesel(sql_type = Integer)]
    pub tenant_id: i32,
    #[diesel(sql_type = Text)]
    pub email: String,
}

/// Where mails about their account reach a person: each address once, by the bureau that knows it longest.
pub async fn addresses(conn: &mut AsyncPgConnection, person: i64) -> Result<Vec<Address>, DbError> {
    Ok(prepared(
        "SELECT DISTINCT ON (lower(email)) person_id, tenant_id, email FROM users \
         WHERE person_id = $1 AND status = 'active' AND email LIKE '%@%' ORDER BY lower(email), created_at",
    )
    .bind::<BigInt, _>(person)
    .load(conn)
    .await?)
}

/// Where a mail for a new password goes: all addresses of the person of a sign-in name, or those who have this address.
pub async fn addresses_asked_for(conn: &mut AsyncPgConnection, asked: &str) -> Result<Vec<Address>, DbError> {
    Ok(prepared(
        "SELECT DISTINCT ON (u.person_id, lower(u.email)) u.person_id, u.tenant_id, u.email \
         FROM users u JOIN people p ON p.id = u.person_id \
         WHERE p.status = 'active' AND u.status = 'active' AND u.email LIKE '%@%' \
         AND (p.username = $1 OR lower(u.email) = lower($1)) ORDER BY u.person_id, lower(u.email), u.created_at LIMIT 10",
    )
    .bind::<Text, _>(asked)
    .load(conn)
    .await?)
}

/// Sets a person's password.
pub async fn set_password(conn: &mut AsyncPgConnection, person: i64, hash: &str) -> Result<(), DbError> {
    prepared("UPDATE people SET password_hash = $2 WHERE id = $1")
        .bind::<BigInt, _>(person)
        .bind::<Text, _>(hash)
        .execute(conn)
        .await?;
    Ok(())
}

/// A mail about somebody's account.
#[derive(Debug, Clone, Copy)]
pub struct Mail<'a> {
    pub to: &'a Address,
    pub subject: &'a str,
    pub body: &'a str,
    pub key: &'a str,
    /// Holds a secret, so that it is emptied once it was sent.
    pub confidential: bool,
}

/// Puts a mail into the outbox, in the transaction of what it tells.
pub async fn mail(conn: &mut AsyncPgConnection, mail: &Mail<'_>, now: DateTime<Utc>) -> Result<(), DbError> {
    prepared(
        "INSERT INTO outbox (tenant_id, kind, recipient, subject, body, idempotency_key, confidential, due_at, created_at) \
         VALUES ($1, 'mail', $2, $3, $4, $5, $6, $7, $7)",
    )
    .bind::<Integer, _>(mail.to.tenant_id)
    .bind::<Text, _>(&mail.to.email)
    .bind::<Text, _>(mail.subject)
    .bind::<Text, _>(mail.body)
    .bind::<Text, _>(mail.key)
    .bind::<Bool, _>(mail.confidential)
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await?;
    Ok(())
}
