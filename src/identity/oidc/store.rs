//! SQL of providers, their role mappings and the people that they know, on connections of the sign-in role.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::db::{DbError, prepared};

/// A provider as it is kept.
#[derive(Debug, Clone, QueryableByName)]
pub struct Provider {
    #[diesel(sql_type = Integer)]
    pub tenant_id: i32,
    #[diesel(sql_type = Text)]
    pub id: String,
    /// As people read it on the sign-in page.
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Text)]
    pub issuer: String,
    #[diesel(sql_type = Text)]
    pub client_id: String,
    #[diesel(sql_type = Nullable<Binary>)]
    pub sealed_secret: Option<Vec<u8>>,
    #[diesel(sql_type = Array<Text>)]
    pub hosts: Vec<String>,
}

const PROVIDER: &str = "tenant_id, id, name, issuer, client_id, sealed_secret, hosts";

/// All providers that people may sign in by, in order of their bureaus.
pub async fn providers(conn: &mut AsyncPgConnection) -> Result<Vec<Provider>, DbError> {
    Ok(prepared(format!("SELECT {PROVIDER} FROM identity_providers ORDER BY tenant_id, id")).load(conn).await?)
}

/// One provider.
pub async fn provider(conn: &mut AsyncPgConnection, tenant: i32, id: &str) -> Result<Option<Provider>, DbError> {
    Ok(prepared(format!("SELECT {PROVIDER} FROM identity_providers WHERE tenant_id = $1 AND id = $2"))
        .bind::<Integer, _>(tenant)
        .bind::<Text, _>(id)
        .get_result(conn)
        .await
        .optional()?)
}

/// Adds a provider, or changes all but the issuer of one: the people that it knows are known by issuer and subject.
/// `false` when there is one of this name with another issuer.
pub async fn put(conn: &mut AsyncPgConnection, provider: &Provider, now: DateTime<Utc>) -> Result<bool, DbError> {
    let changed = prepared(
        "INSERT INTO identity_providers (tenant_id, id, name, issuer, client_id, sealed_secret, hosts, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant_id, id) DO UPDATE \
         SET name = excluded.name, client_id = excluded.client_id, sealed_secret = excluded.sealed_secret, hosts = excluded.hosts \
         WHERE identity_providers.issuer = excluded.issuer",
    )
    .bind::<Integer, _>(provider.tenant_id)
    .bind::<Text, _>(&provider.id)
    .bind::<Text, _>(&provider.name)
    .bind::<Text, _>(&provider.issuer)
    .bind::<Text, _>(&provider.client_id)
    .bind::<Nullable<Binary>, _>(provider.sealed_secret.as_deref())
    .bind::<Array<Text>, _>(&provider.hosts)
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await?;
    Ok(changed == 1)
}

/// Removes a provider with its mappings and links; the posts of the people stay.
pub async fn remove(conn: &mut AsyncPgConnection, tenant: i32, id: &str) -> Result<bool, DbError> {
    for table in ["idp_links", "idp_role_mappings"] {
        prepared(format!("DELETE FROM {table} WHERE tenant_id = $1 AND provider = $2"))
            .bind::<Integer, _>(tenant)
            .bind::<Text, _>(id)
            .execute(conn)
            .await?;
    }
    let removed = prepared("DELETE FROM identity_providers WHERE tenant_id = $1 AND id = $2")
        .bind::<Integer, _>(tenant)
        .bind::<Text, _>(id)
        .execute(conn)
        .await?;
    Ok(removed == 1)
}

/// A line of the mapping table as it is kept.
#[derive(Debug, Clone, QueryableByName)]
pub struct MappingRow {
    #[diesel(sql_type = Text)]
    pub claim: String,
    #[diesel(sql_type = Text)]
    pub value: String,
    #[diesel(sql_type = Text)]
    pub role: String,
    #[diesel(sql_type = Integer)]
    pub post_tenant: i32,
}

/// The lines of a provider, in the order in which they count.
pub async fn mappings(conn: &mut AsyncPgConnection, tenant: i32, id: &str) -> Result<Vec<MappingRow>, DbError> {
    Ok(prepared(
        "SELECT claim, value, role, post_tenant FROM idp_role_mappings WHERE tenant_id = $1 AND provider = $2 ORDER BY position",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Text, _>(id)
    .load(conn)
    .await?)
}

/// Adds a line after the others, or changes what a claim's value means where there is a line for it.
pub async fn map(conn: &mut AsyncPgConnection, tenant: i32, id: &str, row: &MappingRow) -> Result<(), DbError> {
    prepared(
        "INSERT INTO idp_role_mappings (tenant_id, provider, claim, value, role, post_tenant, position) \
         SELECT $1, $2, $3, $4, $5, $6, coalesce(max(position), 0) + 1 FROM idp_role_mappings WHERE tenant_id = $1 AND provider = $2 \
         ON CONFLICT (tenant_id, provider, claim, value) DO UPDATE SET role = excluded.role, post_tenant = excluded.post_tenant",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Text, _>(id)
    .bind::<Text, _>(&row.claim)
    .bind::<Text, _>(&row.value)
    .bind::<Text, _>(&row.role)
    .bind::<Integer, _>(row.post_tenant)
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes a line.
pub async fn unmap(
    conn: &mut AsyncPgConnection,
    tenant: i32,
    id: &str,
    claim: &str,
    value: &str,
) -> Result<bool, DbError> {
    let removed =
        prepared("DELETE FROM idp_role_mappings WHERE tenant_id = $1 AND provider = $2 AND claim = $3 AND value = $4")
            .bind::<Integer, _>(tenant)
            .bind::<Text, _>(id)
            .bind::<Text, _>(claim)
            .bind::<Text, _>(value)
            .execute(conn)
            .await?;
    Ok(removed == 1)
}

/// A person that a provider knows, and the post that it gave them.
#[derive(Debug, Clone, QueryableByName)]
pub struct Link {
    #[diesel(sql_type = BigInt)]
    pub person_id: i64,
    #[diesel(sql_type = Bool)]
    pub person_active: bool,
    #[diesel(sql_type = Integer)]
    pub post_tenant: i32,
    #[diesel(sql_type = BigInt)]
    pub post_id: i64,
    #[diesel(sql_type = Text)]
    pub role: String,
    #[diesel(sql_type = Bool)]
    pub post_active: bool,
    /// The provider took the post away, and may give it again.
    #[diesel(sql_type = Bool)]
    pub withdrawn: bool,
}

/// The link of a subject; locked with its person and post, so that two sign-ins at once come one after the other.
pub async fn link(
    conn: &mut AsyncPgConnection,
    tenant: i32,
    provider: &str,
    subject: &str,
) -> Result<Option<Link>, DbError> {
    Ok(prepared(
        "SELECT l.person_id, p.status = 'active' AS person_active, l.post_tenant, l.post_id, u.role, \
           u.status = 'active' AS post_active, l.withdrawn_at IS NOT NULL AS withdrawn \
         FROM idp_links l JOIN people p ON p.id = l.person_id JOIN users u ON u.tenant_id = l.post_tenant AND u.id = l.post_id \
         WHERE l.tenant_id = $1 AND l.provider = $2 AND l.subject = $3 FOR UPDATE OF l, p, u",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Text, _>(provider)
    .bind::<Text, _>(subject)
    .get_result(conn)
    .await
    .optional()?)
}

/// Remembers whom a subject is and which post the provider gave them.
pub async fn set_link(
    conn: &mut AsyncPgConnection,
    (tenant, provider, subject): (i32, &str, &str),
    person: i64,
    (post_tenant, post_id): (i32, i64),
    withdrawn_at: Option<DateTime<Utc>>,
) -> Result<(), DbError> {
    prepared(
        "INSERT INTO idp_links (tenant_id, provider, subject, person_id, post_tenant, post_id, withdrawn_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant_id, provider, subject) DO UPDATE \
         SET post_tenant = excluded.post_tenant, post_id = excluded.post_id, withdrawn_at = excluded.withdrawn_at",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Text, _>(provider)
    .bind::<Text, _>(subject)
    .bind::<BigInt, _>(person)
    .bind::<Integer, _>(post_tenant)
    .bind::<BigInt, _>(post_id)
    .bind::<Nullable<Timestamptz>, _>(withdrawn_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Changes the role and the standing of an official's post.
pub async fn set_post(
    conn: &mut AsyncPgConnection,
    (tenant, id): (i32, i64),
    role: &str,
    status: &str,
) -> Result<(), DbError> {
    prepared(
        "UPDATE users SET role = $3, status = $4, department = NULL, township = NULL WHERE tenant_id = $1 AND id = $2",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(id)
    .bind::<Text, _>(role)
    .bind::<Text, _>(status)
    .execute(conn)
    .await?;
    Ok(())
}

/// A post that somebody holds or held as an official of a bureau.
#[derive(Debug, Clone, QueryableByName)]
pub struct Standing {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub role: String,
    #[diesel(sql_type = Text)]
    pub status: String,
}

/// The post of a person as an official of a bureau, active or not.
pub async fn post_in(conn: &mut AsyncPgConnection, tenant: i32, person: i64) -> Result<Option<Standing>, DbError> {
    Ok(prepared(
        "SELECT id, role, status FROM users WHERE tenant_id = $1 AND person_id = $2 AND institution_id IS NULL FOR UPDATE",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(person)
    .get_result(conn)
    .await
    .optional()?)
}
