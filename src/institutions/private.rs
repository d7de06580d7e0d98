//! What the register keeps sealed about a person, for somebody who may see it.

use super::store::register;
use crate::{
    db::{DbError, ScopedConn},
    kernel::{credit_code, private::Held},
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
