//! Looks at personal data without its mask, which leave their trace like changes do.

use serde_json::json;

use super::{Event, store};
use crate::{
    db::{DbError, ScopedConn},
    identity::Caller,
};

/// The action of a look in the trail.
pub const UNMASKED: &str = "personal.unmasked";

/// The action of a look at a document that is evidence about a warning.
pub const DOCUMENT_READ: &str = "document.read";

/// Somebody sees personal data without its mask.
#[derive(Debug, Clone)]
pub struct Look<'a> {
    /// The bureau whose record it is: the caller's own, or one below it.
    pub tenant: i32,
    /// Kind and id of the record that holds the data, e.g. `("institution", "52331002MJ0000018U")`.
    pub subject: (&'a str, &'a str),
    /// The institution that it concerns; its users see the look.
    pub institution: Option<i64>,
    /// Names of the fields that are shown, e.g. `phone`; never what stands in them.
    pub fields: &'a [&'a str],
    /// Why, in the words of whoever looks.
    pub reason: &'a str,
}

/// Records a look in the caller's transaction, in the trail of the bureau whose record it is and in that of the
/// caller's own bureau. Whoever shows the data commits first and shows it then.
pub async fn look(conn: &mut ScopedConn, caller: &Caller, look: Look<'_>) -> Result<(), DbError> {
    look_as(conn, caller, UNMASKED, look).await
}

/// The same by another name: of what is read as it is, and counts against nobody's day.
pub async fn look_as(
    conn: &mut ScopedConn,
    caller: &Caller,
    action: &'static str,
    look: Look<'_>,
) -> Result<(), DbError> {
    let event = Event {
        action,
        subject_kind: look.subject.0,
        subject_id: look.subject.1.to_owned(),
        institution: look.institution,
        after: Some(json!({ "fields": look.fields })),
        reason: Some(look.reason),
        ..Event::default()
    };
    conn.record(store::draft(caller, look.tenant, event.clone()));
    if look.tenant != conn.tenant() {
        // The county's numbers of institutions mean nothing in the trail of the bureau above.
        let own = Event { institution: None, ..event };
        conn.record(store::draft(caller, conn.tenant(), own));
    }
    Ok(())
}
