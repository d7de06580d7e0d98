//! What the register keeps sealed about a person, for somebody who may see it.

use super::store::{register, sponsors};
use crate::{
    db::{DbError, ScopedConn},
    kernel::{
        credit_code,
        private::{Held, Kind as _, PersonName},
    },
};

/// What stands in one field (`phone`, `legal_person_id`) of the institution of a credit code in the caller's range.
pub async fn private_value(conn: &mut ScopedConn, code: &str, field: &str) -> Result<Option<Held>, DbError> {
    let Some(row) = register::by_code(conn, &credit_code::normalise(code)).await? else { return Ok(None) };
    let vault = conn.vault();
    let (value, masked) = match field {
        "phone" => {
            let phone = row.phone(vault)?;
            (phone.expose().to_owned(), phone.masked())
        }
        "legal_person_id" => {
            let id = row.legal_person_id(vault)?;
            (id.expose().to_owned(), id.masked())
        }
        _ => return Ok(None),
    };
    Ok((!value.is_empty()).then(|| Held {
        tenant: row.tenant_id,
        institution: row.id,
        label: row.name,
        back: format!("/b/institutions/{}", row.credit_code),
        value,
        masked,
    }))
}

/// What stands in the `name` of a sponsor in the caller's range.
pub async fn private_sponsor(conn: &mut ScopedConn, id: &str, field: &str) -> Result<Option<Held>, DbError> {
    let Some(id) = id.parse().ok().filter(|_| field == "sponsor_name") else { return Ok(None) };
    Ok(sponsors::one(conn, id).await?.map(|kept| Held {
        tenant: kept.tenant,
        institution: kept.institution,
        label: kept.institution_name,
        back: format!("/b/institutions/{}", kept.credit_code),
        value: kept.sponsor.name.expose().to_owned(),
        masked: kept.sponsor.shown(),
    }))
}

/// The sponsors of an institution of the own bureau that bear a name: a name alone finds nobody, it is the same person where
/// the institution is known by a number of theirs.
pub async fn sponsors_named(conn: &mut ScopedConn, institution: i64, name: &str) -> Result<Vec<String>, DbError> {
    let (tenant, normal) = (conn.tenant(), PersonName::normal(name));
    let kept = sponsors::of(conn, tenant, &[institution]).await?.into_iter().map(|kept| kept.sponsor.name);
    let same = kept.filter(|kept| !normal.is_empty() && PersonName::normal(kept.expose()) == normal);
    Ok(same.map(|kept| kept.expose().to_owned()).collect())
}
