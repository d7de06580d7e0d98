//! Seeing one value in the clear, and deciding whether a bureau above may.

use serde_json::json;

use super::{
    PersonalError,
    model::{Kind, PERMISSION_LIFE, Purpose, REASON, REQUEST_LIFE, Request, Standing, Subject},
    store::requests,
};
use crate::{
    audit::{self, Event, Look},
    courses,
    db::{DbError, ScopedConn},
    escrow,
    identity::{Action, Caller, may},
    institutions,
    kernel::{clock, private::Held},
    ledger,
    policies::{self, InForce},
    web::AppState,
};

/// What came of asking to see a value.
#[derive(Debug)]
pub enum Seen {
    /// The look is on record, and here it is.
    Shown(Held),
    /// Somebody must agree, and has been asked.
    Asked(Held),
}

/// A wish to see one value.
#[derive(Debug, Clone)]
pub struct Wish<'a> {
    pub subject: &'a Subject,
    pub purpose: Option<Purpose>,
    pub reason: &'a str,
}

/// What stands in a field of a record of the caller's range.
pub(super) async fn held(conn: &mut ScopedConn, subject: &Subject) -> Result<Option<Held>, DbError> {
    let (id, field) = (subject.id.as_str(), subject.field.as_str());
    match subject.kind {
        Kind::Institution => institutions::private_value(conn, id, field).await,
        Kind::EscrowAccount => escrow::private_account(conn, id, field).await,
        Kind::Entry => escrow::private_entry(conn, id, field).await,
        Kind::Course => courses::private_value(conn, id, field).await,
        Kind::Sponsor => institutions::private_sponsor(conn, id, field).await,
        Kind::Contract => ledger::private_contract(conn, id, field).await,
        Kind::Payment => ledger::private_payment(conn, id, field).await,
    }
}

fn reason(given: &str, missing: PersonalError) -> Result<&str, PersonalError> {
    let given = given.trim();
    if REASON.contains(&given.chars().count()) { Ok(given) } else { Err(missing) }
}

/// Shows one value in the clear and puts the look on record in the same transaction. What needs somebody's
/// permission is shown while that holds; otherwise it is asked for.
pub async fn see(state: &AppState, caller: &Caller, wish: &Wish<'_>) -> Result<Seen, PersonalError> {
    let subject = wish.subject;
    if !may(caller.actor.role, Action::UnmaskPersonal) || !subject.kind.open_to(caller.actor.role) {
        return Err(PersonalError::Forbidden);
    }
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let held = held(&mut conn, subject).await?.ok_or(PersonalError::NotFound)?;
    let purpose = wish.purpose.ok_or(PersonalError::Purpose)?;
    let reason = reason(wish.reason, PersonalError::Reason)?;
    let in_force = policies::in_force(&mut conn, caller.actor.tenant, caller.today()).await?;
    if needs_permission(&in_force, &held, caller) {
        let latest = requests::latest_of(&mut conn, caller, held.tenant, subject).await?;
        if latest.map(|request| request.standing(caller.now)) != Some(Standing::Open) {
            if requests::waits(&mut conn, caller, held.tenant, subject).await? {
                return Err(PersonalError::AlreadyAsked);
            }
            ask(&mut conn, caller, &held, subject, purpose, reason).await?;
            conn.commit().await?;
            return Ok(Seen::Asked(held));
        }
    }
    let limit = in_force.number(policies::UNMASK_PER_DAY);
    let seen = requests::looks_since(&mut conn, caller, clock::midnight(caller.today())).await?;
    if seen >= limit {
        tracing::warn!(
            user = caller.actor.user_id,
            tenant = caller.actor.tenant,
            limit,
            "the day's limit of looks at personal data is reached"
        );
        return Err(PersonalError::TooMany(limit));
    }
    let told = format!("{}：{reason}", purpose.words().0);
    let look = Look {
        tenant: held.tenant,
        subject: (subject.kind.into(), &subject.id),
        institution: Some(held.institution),
        fields: &[&subject.field],
        reason: &told,
    };
    audit::look(&mut conn, caller, look).await?;
    conn.commit().await?;
    Ok(Seen::Shown(held))
}

/// Whether somebody else must agree first: the bureau whose record it is, or a colleague where the bureau's policy says so.
pub(super) fn needs_permission(in_force: &InForce, held: &Held, caller: &Caller) -> bool {
    held.tenant != caller.actor.tenant || in_force.holds(policies::FOUR_EYES, "personal_data_access")
}

async fn ask(
    conn: &mut ScopedConn,
    caller: &Caller,
    held: &Held,
    subject: &Subject,
    purpose: Purpose,
    reason: &str,
) -> Result<(), PersonalError> {
    let id = requests::ask(conn, caller, held, subject, purpose, reason, caller.now + REQUEST_LIFE).await?;
    let event = Event {
        action: "personal.access_asked",
        subject_kind: "access_request",
        subject_id: id.to_string(),
        after: Some(
            json!({"kind": subject.kind, "subject": subject.id, "field": subject.field, "region": held.tenant.to_string(), "purpose": purpose}),
        ),
        reason: Some(reason),
        ..Event::default()
    };
    Ok(audit::store::record(conn, caller, event).await?)
}

/// Decides whether the bureau above may see the value; a permission holds for a day.
pub async fn decide(
    state: &AppState,
    caller: &Caller,
    id: i64,
    approve: bool,
    comment: &str,
) -> Result<Request, PersonalError> {
    if !may(caller.actor.role, Action::DecideAccess) {
        return Err(PersonalError::Forbidden);
    }
    let comment = match (reason(comment, PersonalError::Comment), approve) {
        (Err(_), true) => "",
        (checked, _) => checked?,
    };
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let request = requests::lock(&mut conn, id).await?.ok_or(PersonalError::NotFound)?;
    if request.own {
        return Err(PersonalError::OwnRequest);
    }
    if request.standing(caller.now) != Standing::Waiting {
        return Err(PersonalError::Settled);
    }
    let subject = parsed(&request).ok_or(PersonalError::NotFound)?;
    let held = held(&mut conn, &subject).await?.ok_or(PersonalError::NotFound)?;
    let (word, expires_at) =
        if approve { ("approved", caller.now + PERMISSION_LIFE) } else { ("rejected", request.expires_at) };
    requests::settle(&mut conn, caller, id, word, comment, expires_at).await?;
    let event = Event {
        action: if approve { "personal.access_given" } else { "personal.access_refused" },
        subject_kind: "access_request",
        subject_id: id.to_string(),
        institution: Some(held.institution),
        before: Some(json!({"state": "pending"})),
        after: Some(json!({"state": word, "kind": subject.kind, "subject": subject.id, "field": subject.field,
                           "asked_by": request.asked_by_name, "expires_at": expires_at})),
        reason: Some(if comment.is_empty() { &request.reason } else { comment }),
    };
    audit::store::record(&mut conn, caller, event).await?;
    conn.commit().await?;
    Ok(request)
}

/// What a request is about.
pub(super) fn parsed(request: &Request) -> Option<Subject> {
    let kind = request.kind.parse().ok()?;
    Some(Subject { kind, id: request.subject.clone(), field: request.field.clone() })
}
