//! Where a bureau keeps something about one person.

use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text},
};
use diesel_async::RunQueryDsl;

use crate::{
    db::{DbError, ScopedConn, prepared},
    institutions,
    kernel::private::{CitizenNumber, Phone},
    vault::Sealed,
};

/// An institution whose telephone or legal representative it is.
#[derive(Debug, QueryableByName)]
pub struct InstitutionPlace {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub credit_code: String,
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Text)]
    pub legal_person: String,
    #[diesel(sql_type = Nullable<Binary>)]
    pub phone_sealed: Option<Sealed<Phone>>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub legal_person_id_sealed: Option<Sealed<CitizenNumber>>,
    #[diesel(sql_type = Bool)]
    pub by_phone: bool,
    #[diesel(sql_type = Bool)]
    pub by_id: bool,
}

/// Institutions of the own bureau that hold one of these keyed hashes.
pub async fn institutions(conn: &mut ScopedConn, digests: &[Vec<u8>]) -> Result<Vec<InstitutionPlace>, DbError> {
    Ok(prepared(
        "SELECT id, credit_code, name, legal_person, phone_sealed, legal_person_id_sealed, phone_index && $2 AS by_phone, \
         coalesce(legal_person_id_index = ANY($2), false) AS by_id FROM institutions \
         WHERE tenant_id = $1 AND (phone_index && $2 OR legal_person_id_index = ANY($2)) ORDER BY id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<Binary>, _>(digests)
    .load(conn.sql())
    .await?)
}

/// An escrow account that pays out to it.
#[derive(Debug, QueryableByName)]
pub struct PayeePlace {
    #[diesel(sql_type = Text)]
    pub account_no: String,
    #[diesel(sql_type = Text)]
    pub institution: String,
}

/// Escrow accounts of the own bureau that pay out to an account with one of these keyed hashes.
pub async fn payees(conn: &mut ScopedConn, digests: &[Vec<u8>]) -> Result<Vec<PayeePlace>, DbError> {
    Ok(prepared(
        "SELECT a.account_no, i.name AS institution FROM escrow_accounts a \
         JOIN institutions i ON i.tenant_id = a.tenant_id AND i.id = a.institution_id \
         WHERE a.tenant_id = $1 AND a.payee_index = ANY($2) ORDER BY a.id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<Binary>, _>(digests)
    .load(conn.sql())
    .await?)
}

/// Entries of one escrow account that were paid by or to an account.
#[derive(Debug, QueryableByName)]
pub struct EntriesPlace {
    #[diesel(sql_type = Text)]
    pub institution: String,
    #[diesel(sql_type = BigInt)]
    pub entries: i64,
}

/// Entries of the own bureau whose other side has this account number.
pub async fn entries(conn: &mut ScopedConn, account: &str) -> Result<Vec<EntriesPlace>, DbError> {
    Ok(prepared(
        "SELECT i.name AS institution, count(*) AS entries FROM entries e \
         JOIN institutions i ON i.tenant_id = e.tenant_id AND i.id = e.institution_id \
         WHERE e.tenant_id = $1 AND e.counterparty_account = $2 GROUP BY i.name, e.account_id ORDER BY e.account_id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Text, _>(account)
    .load(conn.sql())
    .await?)
}

/// An account of the service with this e-mail address.
#[derive(Debug, QueryableByName)]
pub struct UserPlace {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub display_name: String,
    #[diesel(sql_type = Text)]
    pub email: String,
    #[diesel(sql_type = Text)]
    pub status: String,
}

/// Accounts of the own bureau with this e-mail address.
pub async fn users(conn: &mut ScopedConn, email: &str) -> Result<Vec<UserPlace>, DbError> {
    Ok(prepared(
        "SELECT id, display_name, email, status FROM users WHERE tenant_id = $1 AND lower(email) = lower($2) ORDER BY id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Text, _>(email)
    .load(conn.sql())
    .await?)
}

/// Numbers of the imports whose files are still kept.
pub async fn imports(conn: &mut ScopedConn) -> Result<Vec<i64>, DbError> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let rows: Vec<Id> = prepared("SELECT id FROM imports WHERE tenant_id = $1 ORDER BY id")
        .bind::<Integer, _>(conn.tenant())
        .load(conn.sql())
        .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Writes what is left of an institution's telephones; nothing when `phone` is empty.
pub async fn set_phone(conn: &mut ScopedConn, institution: i64, code: &str, phone: &str) -> Result<(), DbError> {
    let (vault, tenant) = (conn.vault().clone(), conn.tenant());
    let place = institutions::places::phone(tenant, code);
    let sealed = if phone.is_empty() { None } else { Some(vault.seal(&place, phone.as_bytes())?) };
    prepared(
        "UPDATE institutions SET phone_sealed = $3, phone_index = $4, version = version + 1 WHERE tenant_id = $1 AND id = $2",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(institution)
    .bind::<Nullable<Binary>, _>(sealed)
    .bind::<Array<Binary>, _>(vault.digests::<Phone>(phone))
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// Blanks the e-mail address of an account that is disabled.
pub async fn blank_email(conn: &mut ScopedConn, user: i64) -> Result<(), DbError> {
    prepared("UPDATE users SET email = NULL WHERE tenant_id = $1 AND id = $2 AND status = 'disabled'")
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(user)
        .execute(conn.sql())
        .await?;
    Ok(())
}

impl InstitutionPlace {
    /// The telephone as it is kept.
    pub fn phone(&self, conn: &ScopedConn) -> Result<String, DbError> {
        let place = institutions::places::phone(conn.tenant(), &self.credit_code);
        let phone = self.phone_sealed.as_ref().map(|sealed| sealed.open(conn.vault(), &place)).transpose()?;
        Ok(phone.map(|phone| phone.expose().to_owned()).unwrap_or_default())
    }

    /// The identity number as it is kept.
    pub fn legal_person_id(&self, conn: &ScopedConn) -> Result<String, DbError> {
        let place = institutions::places::legal_person_id(conn.tenant(), &self.credit_code);
        let id = self.legal_person_id_sealed.as_ref().map(|sealed| sealed.open(conn.vault(), &place)).transpose()?;
        Ok(id.map(|id| id.expose().to_owned()).unwrap_or_default())
    }
}
