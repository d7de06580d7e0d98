//! Inviting somebody to a post, and accepting.

use serde_json::json;

use super::{
    Assignment, InviteToken, PostError, PostRow,
    mail::{self, Text},
    model::{INVITATION_LIFE, NAME_MAX},
    rules,
    store::{self, Mail, NewInvitation, Open},
};
use crate::{
    audit::{self, Event},
    db::{DbError, Pools, Scope, ScopedConn},
    identity::{self, Action, Actor, Caller, Department, Role, commands::is_username, may, password},
    kernel::{RegionCode, credit_code},
    web::show,
};

/// Who is invited to what.
#[derive(Debug, Clone)]
pub struct Invite<'a> {
    pub email: &'a str,
    pub name: &'a str,
    pub role: Role,
    pub department: Option<Department>,
    pub township: Option<RegionCode>,
    /// Of the institution, where a bureau invites its people; empty otherwise.
    pub credit_code: &'a str,
}

/// A name of a person, trimmed.
fn name(text: &str) -> Result<&str, PostError> {
    let text = text.trim();
    let fits = (1..=NAME_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits { Ok(text) } else { Err(PostError::Name) }
}

/// Invites somebody by mail to a post of the caller's own bureau or institution. Returns the invitation.
pub async fn invite(
    pools: &Pools,
    caller: &Caller,
    public_url: &str,
    invite: &Invite<'_>,
) -> Result<PostRow, PostError> {
    if !may(caller.actor.role, Action::ManageUsers) {
        return Err(PostError::Forbidden);
    }
    let email = invite.email.trim().to_lowercase();
    // A name without a dot in its domain is none that mail is sent to from elsewhere.
    if email.parse::<lettre::Address>().ok().is_none_or(|address| !address.domain().contains('.')) {
        return Err(PostError::Email);
    }
    let display_name = name(invite.name)?;
    let assignment = rules::assignment(&caller.actor, invite.role, invite.department, invite.township)?;
    let mut conn = caller.actor.scope().begin_accounts(pools).await?;
    super::commands::lock_own(&mut conn, caller, &[]).await?;
    let institution = institution_of(&mut conn, caller, assignment, invite.credit_code).await?;
    if store::is_here(&mut conn, &email, institution).await? {
        return Err(PostError::AlreadyHere);
    }
    let token = InviteToken::issue(caller.actor.tenant);
    let new = NewInvitation {
        token_hash: token.hash(),
        email: &email,
        display_name,
        assignment,
        institution,
        by: caller.actor.user_id,
        at: caller.now,
        expires_at: caller.now + INVITATION_LIFE,
    };
    let id = store::add_invitation(&mut conn, &new).await?.ok_or(PostError::AlreadyInvited)?;
    let open = store::lock_invitation(&mut conn, id).await?.ok_or(PostError::NotFound)?;
    send(&mut conn, caller, public_url, &open, &token, 1).await?;
    let event = Event {
        action: "user.invited",
        subject_kind: "user",
        subject_id: id.to_string(),
        institution,
        after: Some(json!({"display_name": display_name, "role": assignment.role, "department": assignment.department,
            "township": assignment.township})),
        ..Event::default()
    };
    audit::store::record(&mut conn, caller, event).await?;
    let row = store::post(&mut conn, id, caller.now).await?.ok_or(PostError::NotFound)?;
    conn.commit().await?;
    Ok(row)
}

/// The institution that an invitation is for: the administrator's own, or the one that the bureau names.
async fn institution_of(
    conn: &mut ScopedConn,
    caller: &Caller,
    assignment: Assignment,
    code: &str,
) -> Result<Option<i64>, PostError> {
    let code = credit_code::normalise(code);
    match (caller.actor.institution, assignment.role.is_institution()) {
        (Some(own), _) if code.is_empty() => Ok(Some(own)),
        // Naming the own institution says nothing new; another is not reachable from here.
        (Some(own), _) if store::institution(conn, &code).await? == Some(own) => Ok(Some(own)),
        (None, true) => Ok(Some(store::institution(conn, &code).await?.ok_or(PostError::Institution)?)),
        (None, false) if code.is_empty() => Ok(None),
        _ => Err(PostError::Institution),
    }
}

async fn send(
    conn: &mut ScopedConn,
    caller: &Caller,
    public_url: &str,
    open: &Open,
    token: &InviteToken,
    sending: i32,
) -> Result<(), DbError> {
    let place = open.institution_name.clone().unwrap_or_else(|| show::bureau(caller.actor.tenant));
    let link = format!("{public_url}/invite/{}", token.text());
    let Text { subject, body } =
        mail::invitation(&open.display_name, &caller.actor.display_name, &place, &open.role, &link);
    let key = format!("invitation.{}.{sending}", open.id);
    let mail = Mail { recipient: &open.email, subject: &subject, body: &body, key: &key, confidential: true };
    store::mail(conn, &mail, caller.now).await
}

/// Sends an invitation again with a new link; the old one is void from now on.
pub async fn resend(pools: &Pools, caller: &Caller, public_url: &str, id: i64) -> Result<(), PostError> {
    let (mut conn, open) = open_invitation(pools, caller, id).await?;
    let token = InviteToken::issue(caller.actor.tenant);
    store::renew(&mut conn, id, &token.hash(), caller.now + INVITATION_LIFE).await?;
    send(&mut conn, caller, public_url, &open, &token, open.sendings + 1).await?;
    about(&mut conn, caller, &open, "user.invitation_resent").await?;
    Ok(conn.commit().await?)
}

/// Withdraws an invitation: its link is void from now on.
pub async fn withdraw(pools: &Pools, caller: &Caller, id: i64) -> Result<(), PostError> {
    let (mut conn, open) = open_invitation(pools, caller, id).await?;
    store::withdraw(&mut conn, id, caller.now).await?;
    about(&mut conn, caller, &open, "user.invitation_withdrawn").await?;
    Ok(conn.commit().await?)
}

async fn open_invitation(pools: &Pools, caller: &Caller, id: i64) -> Result<(ScopedConn, Open), PostError> {
    if !may(caller.actor.role, Action::ManageUsers) {
        return Err(PostError::Forbidden);
    }
    let mut conn = caller.actor.scope().begin_accounts(pools).await?;
    super::commands::lock_own(&mut conn, caller, &[]).await?;
    let open = store::lock_invitation(&mut conn, id).await?.ok_or(PostError::NotFound)?;
    Ok((conn, open))
}

async fn about(conn: &mut ScopedConn, caller: &Caller, open: &Open, action: &'static str) -> Result<(), DbError> {
    let event = Event {
        action,
        subject_kind: "user",
        subject_id: open.id.to_string(),
        institution: open.institution_id,
        after: Some(json!({"display_name": open.display_name, "role": open.role})),
        ..Event::default()
    };
    audit::store::record(conn, caller, event).await
}

/// What the holder of a link is invited to; the same error whatever is wrong with the link.
pub async fn look_up(
    pools: &Pools,
    token: &str,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(InviteToken, Open), PostError> {
    let token = InviteToken::parse(token).ok_or(PostError::DeadLink)?;
    let mut conn = Scope::system(token.tenant).begin_accounts(pools).await?;
    let open = store::lock_by_token(&mut conn, &token.hash(), now).await?.ok_or(PostError::DeadLink)?;
    conn.commit().await?;
    Ok((token, open))
}

/// What somebody without an account types to accept.
#[derive(Debug, Clone)]
pub struct NewPerson<'a> {
    pub name: &'a str,
    pub username: &'a str,
    pub password: &'a str,
}

/// Accepts as somebody who has no account yet.
pub async fn accept_new(
    pools: &Pools,
    token: &str,
    new: &NewPerson<'_>,
    request_id: &str,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), PostError> {
    // Looked up before anything costly is done for a stranger.
    let (token, _) = look_up(pools, token, now).await?;
    let display_name = name(new.name)?;
    if !is_username(new.username) {
        return Err(PostError::Username);
    }
    let hash = password::hash(new.password.to_owned()).await?;
    let mut conn = Scope::system(token.tenant).begin_accounts(pools).await?;
    let open = store::lock_by_token(&mut conn, &token.hash(), now).await?.ok_or(PostError::DeadLink)?;
    let open = Open { display_name: display_name.to_owned(), ..open };
    let person = identity::add_person(conn.sql(), new.username, Some(&hash), false, now).await.map_err(taken)?;
    store::add_post(&mut conn, &open, person, now).await?;
    joined(conn, &open, open.id, token.tenant, request_id, now).await
}

/// A sign-in name that somebody has is the one thing about other people that an invited stranger must be told.
fn taken(error: DbError) -> PostError {
    use diesel::result::{DatabaseErrorKind::UniqueViolation, Error::DatabaseError};
    match error {
        DbError::Diesel(DatabaseError(UniqueViolation, _)) => PostError::Taken,
        other => other.into(),
    }
}

/// Accepts as the one signed in, who gets a further post.
pub async fn accept_signed_in(pools: &Pools, caller: &Caller, token: &str) -> Result<(), PostError> {
    let token = InviteToken::parse(token).ok_or(PostError::DeadLink)?;
    let person = {
        let mut conn = pools.auth().get().await.map_err(DbError::from)?;
        store::person_of(&mut conn, caller.actor.tenant, caller.actor.user_id).await?.ok_or(PostError::OwnPostEnded)?
    };
    let mut conn = Scope::system(token.tenant).begin_accounts(pools).await?;
    let open = store::lock_by_token(&mut conn, &token.hash(), caller.now).await?.ok_or(PostError::DeadLink)?;
    let held = store::held_by(&mut conn, person).await?;
    if no_conflict(&held, open.institution_id).is_err() {
        return Err(PostError::ConflictOfInterest);
    }
    let post = match held.iter().find(|post| post.institution_id == open.institution_id) {
        Some(post) if post.status == "active" => return Err(PostError::AlreadyHere),
        Some(post) => {
            store::revive(&mut conn, post.id, &open).await?;
            post.id
        }
        None => {
            store::add_post(&mut conn, &open, person, caller.now).await?;
            open.id
        }
    };
    joined(conn, &open, post, token.tenant, &caller.request_id, caller.now).await
}

/// Nobody supervises an institution that they act for.
pub(super) fn no_conflict(held: &[store::Held], institution: Option<i64>) -> Result<(), PostError> {
    let other_side =
        |post: &&store::Held| post.status == "active" && post.institution_id.is_some() != institution.is_some();
    if held.iter().any(|post| other_side(&post)) { Err(PostError::ConflictOfInterest) } else { Ok(()) }
}

/// Marks the invitation used, on record in the name of the new post.
async fn joined(
    mut conn: ScopedConn,
    open: &Open,
    post: i64,
    tenant: i32,
    request_id: &str,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), PostError> {
    store::accepted(&mut conn, open.id, post, now).await?;
    let actor = Actor {
        user_id: post,
        display_name: open.display_name.clone(),
        role: open.role.parse().map_err(|_| PostError::DeadLink)?,
        institution: open.institution_id,
        ..Actor::system(tenant)
    };
    let caller = Caller { actor, request_id: request_id.to_owned(), now };
    let event = Event {
        action: "user.joined",
        subject_kind: "user",
        subject_id: post.to_string(),
        institution: open.institution_id,
        after: Some(json!({"display_name": open.display_name, "role": open.role})),
        ..Event::default()
    };
    audit::store::record(&mut conn, &caller, event).await?;
    Ok(conn.commit().await?)
}
