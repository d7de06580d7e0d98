//! Disabling a post, enabling it again, changing its role, handing its work over.

use serde_json::json;

use super::{
    Assignment, Listing, PostError, PostRow, invitations, mail,
    model::REASON_MAX,
    rules,
    store::{self, Colleague, Locked, Mail},
};
use crate::{
    audit::{self, Event},
    db::{Pools, ScopedConn},
    identity::{self, Action, Caller, Department, Role, may, tokens::Tokens},
    kernel::RegionCode,
    lists,
};

/// Posts and open invitations of the caller's own place.
pub async fn list(pools: &Pools, caller: &Caller, listing: &Listing) -> Result<Vec<PostRow>, PostError> {
    if !may(caller.actor.role, Action::ManageUsers) {
        return Err(PostError::Forbidden);
    }
    let mut conn = caller.actor.scope().begin_accounts(pools).await?;
    let rows = store::posts(&mut conn, listing, caller.now).await?;
    conn.commit().await?;
    Ok(rows)
}

/// One post or open invitation, and the colleagues who may take over.
pub async fn show(pools: &Pools, caller: &Caller, id: i64) -> Result<(PostRow, Vec<Colleague>), PostError> {
    if !may(caller.actor.role, Action::ManageUsers) {
        return Err(PostError::Forbidden);
    }
    let mut conn = caller.actor.scope().begin_accounts(pools).await?;
    let row = store::post(&mut conn, id, caller.now).await?.ok_or(PostError::NotFound)?;
    let colleagues = store::colleagues(&mut conn, &row).await?;
    conn.commit().await?;
    Ok((row, colleagues))
}

/// How many of a post's proposals for the lists nobody has decided yet.
pub async fn open_proposals(pools: &Pools, caller: &Caller, id: i64) -> Result<i64, PostError> {
    if caller.actor.institution.is_some() {
        return Ok(0);
    }
    let mut conn = caller.actor.scope().begin(pools).await?;
    let count = lists::open_proposals_of(&mut conn, id, caller.now).await?;
    conn.commit().await?;
    Ok(count)
}

/// Posts that were locked, the caller's own among them.
pub(super) struct Posts(Vec<Locked>);

impl Posts {
    fn find(&self, id: i64) -> Result<&Locked, PostError> {
        self.0.iter().find(|post| post.id == id).ok_or(PostError::NotFound)
    }

    /// Whether a post is the last active administrator of its bureau, or of its institution.
    fn is_last_administrator(&self, post: &Locked) -> bool {
        let administers = |one: &Locked| one.role.parse().is_ok_and(rules::administers) && one.status == "active";
        administers(post)
            && !self
                .0
                .iter()
                .any(|other| other.id != post.id && other.institution_id == post.institution_id && administers(other))
    }
}

/// Locks the caller's own post with others. Of two who change each other at once the second finds their own post changed.
pub(super) async fn lock_own(conn: &mut ScopedConn, caller: &Caller, others: &[i64]) -> Result<Posts, PostError> {
    let ids: Vec<i64> = others.iter().copied().chain([caller.actor.user_id]).collect();
    let posts = Posts(store::lock(conn, &ids).await?);
    let own = posts.find(caller.actor.user_id).map_err(|_| PostError::OwnPostEnded)?;
    if own.status != "active" || own.role != caller.actor.role.to_string() {
        return Err(PostError::OwnPostEnded);
    }
    Ok(posts)
}

async fn begin(pools: &Pools, caller: &Caller, ids: &[i64]) -> Result<(ScopedConn, Posts), PostError> {
    if !may(caller.actor.role, Action::ManageUsers) {
        return Err(PostError::Forbidden);
    }
    let mut conn = caller.actor.scope().begin_accounts(pools).await?;
    let posts = lock_own(&mut conn, caller, ids).await?;
    Ok((conn, posts))
}

/// What is recorded of a change to a post.
struct Change<'a> {
    action: &'static str,
    before: serde_json::Value,
    after: serde_json::Value,
    reason: Option<&'a str>,
}

/// Ends the post's sessions, records the change, commits, and only then refuses the sessions' access tokens.
async fn finish(
    mut conn: ScopedConn,
    tokens: &Tokens,
    caller: &Caller,
    post: &Locked,
    ended_because: &str,
    change: Change<'_>,
) -> Result<(), PostError> {
    let tenant = conn.tenant();
    let ended = identity::end_sessions_of(conn.sql(), tenant, post.id, caller.now, ended_because).await?;
    let mut after = change.after;
    after["sessions_ended"] = json!(ended.len());
    let event = Event {
        action: change.action,
        subject_kind: "user",
        subject_id: post.id.to_string(),
        institution: post.institution_id,
        before: Some(change.before),
        after: Some(after),
        reason: change.reason,
    };
    audit::store::record(&mut conn, caller, event).await?;
    conn.commit().await?;
    for session in &ended {
        tokens.end(session, caller.now);
    }
    Ok(())
}

fn reason(text: &str) -> Result<Option<&str>, PostError> {
    let text = text.trim();
    if text.chars().count() > REASON_MAX {
        return Err(PostError::ReasonTooLong);
    }
    Ok((!text.is_empty()).then_some(text))
}

/// A post that may be given up: active, and not the last administrator.
fn may_end(posts: &Posts, caller: &Caller, post: &Locked) -> Result<(), PostError> {
    if post.status != "active" {
        return Err(PostError::NotActive);
    }
    // The bureau may close an institution's last account; the institution itself may not lock itself out.
    let above = caller.actor.institution.is_none() && post.institution_id.is_some();
    if !above && posts.is_last_administrator(post) {
        return Err(PostError::LastAdministrator);
    }
    Ok(())
}

/// Disables a post: its sessions end at once, and the invitations that it sent are void.
pub async fn disable(pools: &Pools, tokens: &Tokens, caller: &Caller, id: i64, why: &str) -> Result<(), PostError> {
    let why = reason(why)?;
    let (mut conn, posts) = begin(pools, caller, &[id]).await?;
    let post = posts.find(id)?;
    may_end(&posts, caller, post)?;
    store::set_status(&mut conn, id, "disabled", None).await?;
    let withdrawn = store::withdraw_those_of(&mut conn, id, caller.now).await?;
    let change = Change {
        action: "user.disabled",
        before: json!({"status": "active", "display_name": post.display_name}),
        after: json!({"status": "disabled", "display_name": post.display_name, "invitations_withdrawn": withdrawn}),
        reason: why,
    };
    finish(conn, tokens, caller, post, "account disabled", change).await
}

/// Enables a disabled post again.
pub async fn enable(pools: &Pools, caller: &Caller, id: i64) -> Result<(), PostError> {
    if !may(caller.actor.role, Action::ManageUsers) {
        return Err(PostError::Forbidden);
    }
    let mut conn = caller.actor.scope().begin_accounts(pools).await?;
    // The person is locked before the post, as accepting an invitation does.
    let person = store::person_of_post(&mut conn, id).await?.ok_or(PostError::NotFound)?;
    let held = store::held_by(&mut conn, person).await?;
    let posts = lock_own(&mut conn, caller, &[id]).await?;
    let post = posts.find(id)?;
    if post.status != "disabled" {
        return Err(PostError::NotDisabled);
    }
    invitations::no_conflict(&held, post.institution_id)?;
    store::set_status(&mut conn, id, "active", None).await?;
    let event = Event {
        action: "user.enabled",
        subject_kind: "user",
        subject_id: id.to_string(),
        institution: post.institution_id,
        before: Some(json!({"status": "disabled", "display_name": post.display_name})),
        after: Some(json!({"status": "active", "display_name": post.display_name})),
        ..Event::default()
    };
    audit::store::record(&mut conn, caller, event).await?;
    Ok(conn.commit().await?)
}

/// Gives a post another role; its sessions end, so that the new role holds from the next sign-in.
pub async fn set_role(
    pools: &Pools,
    tokens: &Tokens,
    caller: &Caller,
    id: i64,
    (role, department, township): (Role, Option<Department>, Option<RegionCode>),
) -> Result<(), PostError> {
    let assignment = rules::assignment(&caller.actor, role, department, township)?;
    let (mut conn, posts) = begin(pools, caller, &[id]).await?;
    let post = posts.find(id)?;
    if id == caller.actor.user_id {
        return Err(PostError::OwnRole);
    }
    if post.institution_id.is_some() != role.is_institution() {
        return Err(PostError::OtherKind);
    }
    let before =
        json!({"role": post.role, "department": post.department, "township": post.township.map(|t| t.to_string())});
    let after = told(&assignment);
    if before == after {
        return Err(PostError::SameRole);
    }
    store::set_role(&mut conn, id, &assignment).await?;
    if !rules::administers(role) {
        store::withdraw_those_of(&mut conn, id, caller.now).await?;
    }
    let change = Change { action: "user.role_changed", before, after, reason: None };
    finish(conn, tokens, caller, post, "role changed", change).await
}

fn told(assignment: &Assignment) -> serde_json::Value {
    json!({"role": assignment.role, "department": assignment.department, "township": assignment.township})
}

/// Gives a post up to a colleague at the same place: the record says who took over, and the post is disabled.
///
/// What the post proposed stays proposed by it: whoever takes over could otherwise neither be told apart from the first
/// pair of eyes nor be the second.
pub async fn hand_over(
    pools: &Pools,
    tokens: &Tokens,
    caller: &Caller,
    public_url: &str,
    id: i64,
    to: i64,
) -> Result<(), PostError> {
    let open = open_proposals(pools, caller, id).await?;
    let (mut conn, posts) = begin(pools, caller, &[id, to]).await?;
    let post = posts.find(id)?;
    let successor = posts.find(to).map_err(|_| PostError::Successor)?;
    if to == id || successor.status != "active" || successor.institution_id != post.institution_id {
        return Err(PostError::Successor);
    }
    may_end(&posts, caller, post)?;
    store::set_status(&mut conn, id, "disabled", Some(to)).await?;
    if let Some(email) = &successor.email {
        let link = format!("{public_url}{}", if post.institution_id.is_some() { "/org" } else { "/b/approvals" });
        let text = mail::handed_over(&post.display_name, conn.tenant(), open, &link);
        let key = format!("handed-over.{id}.{}", caller.request_id);
        let mail = Mail { recipient: email, subject: &text.subject, body: &text.body, key: &key, confidential: false };
        store::mail(&mut conn, &mail, caller.now).await?;
    }
    let change = Change {
        action: "user.handed_over",
        before: json!({"status": "active", "display_name": post.display_name}),
        after: json!({"status": "disabled", "display_name": post.display_name, "successor": successor.display_name,
            "open_proposals": open}),
        reason: None,
    };
    finish(conn, tokens, caller, post, "handed over", change).await
}
