//! Signing in somebody whom a provider knows: linking, the post by the mapping, and what changed since the last time.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    flow::Identity,
    mapping::{self, Mapping},
    store::{self, Link, Provider},
};
use crate::{
    audit::{self, Event},
    db::{AuthConn, DbError, Pools},
    identity::{
        Actor, Caller,
        commands::{self, SignInError, SignedIn},
        sessions,
        sign_in::Visitor,
        store::{self as people, NewPost},
        tokens::{SESSION_LIFE, Tokens},
    },
};

/// Longest display name that is taken from a provider, in characters.
const NAME_MAX: usize = 64;

/// Why somebody whom the provider knows did not get in.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    #[error("no line of the mapping table is fulfilled")]
    Unmapped,
    #[error("the person or the post is disabled here")]
    Disabled,
    #[error(transparent)]
    SignIn(#[from] SignInError),
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Who a subject is, in one transaction: what it knows of the request.
struct Entry<'a> {
    provider: &'a Provider,
    identity: &'a Identity,
    request_id: &'a str,
    now: DateTime<Utc>,
}

impl Entry<'_> {
    fn key(&self) -> (i32, &str, &str) {
        (self.provider.tenant_id, &self.provider.id, &self.identity.subject)
    }

    fn display_name(&self) -> String {
        let name = self.identity.text("name").or_else(|| self.identity.text("preferred_username"));
        name.unwrap_or(&self.identity.subject).chars().filter(|c| !c.is_control()).take(NAME_MAX).collect()
    }

    /// A sign-in name that nobody types: the person has no password here.
    fn username(&self) -> String {
        let digest = Sha256::digest(format!("{}\n{}", self.provider.issuer, self.identity.subject));
        format!("{}.{}.{}", self.provider.tenant_id, self.provider.id, hex::encode(&digest[..10]))
    }

    /// An address that the provider has not said to be unverified.
    fn email(&self) -> Option<&str> {
        let unverified = self.identity.claims.get("email_verified") == Some(&Value::Bool(false));
        self.identity.text("email").filter(|email| !unverified && email.contains('@') && email.len() <= 254)
    }

    /// Writes an event into the trail of the post's bureau, on behalf of the provider.
    fn record(
        &self,
        conn: &mut AuthConn,
        action: &str,
        (tenant, post): (i32, i64),
        before: Option<Value>,
        after: Value,
    ) {
        let actor = Actor { display_name: self.provider.name.clone(), ..Actor::system(tenant) };
        let caller = Caller { actor, request_id: self.request_id.to_owned(), now: self.now };
        let event = Event {
            action,
            subject_kind: "user",
            subject_id: post.to_string(),
            before,
            after: Some(after),
            reason: Some("identity provider"),
            ..Event::default()
        };
        audit::store::record_own(conn, &caller, event);
    }
}

/// What became of the posts of a subject.
#[derive(Default)]
struct Settled {
    /// Bureau and post to begin a session in.
    post: Option<(i32, i64)>,
    /// Sessions that ended because a role changed or a post was withdrawn.
    ended: Vec<String>,
}

/// Begins a session for somebody whom the provider knows. The post follows the mapping table at each sign-in.
pub async fn sign_in(
    pools: &Pools,
    tokens: &Tokens,
    provider: &Provider,
    identity: &Identity,
    visitor: Visitor,
) -> Result<SignedIn, AdmitError> {
    let Visitor { on: device, ref request_id, now, .. } = visitor;
    let entry = Entry { provider, identity, request_id, now };
    // Committed in any case: a post that is withdrawn is withdrawn although nobody gets in.
    let settled = AuthConn::transaction(pools, async |conn: &mut AuthConn| -> Result<Settled, AdmitError> {
        settle(conn, &entry).await
    })
    .await?;
    tokens.ended().add(settled.ended.iter().map(String::as_str), now);
    let (tenant, post) = settled.post.ok_or(AdmitError::Unmapped)?;
    let (actor, refresh) = AuthConn::transaction(pools, async |conn: &mut AuthConn| -> Result<_, AdmitError> {
        let link = store::link(conn.sql(), provider.tenant_id, &provider.id, &identity.subject).await?;
        let posts = people::posts_of(conn.sql(), link.ok_or(AdmitError::Disabled)?.person_id).await?;
        let own = posts.iter().find(|one| (one.tenant_id, one.id) == (tenant, post)).ok_or(AdmitError::Disabled)?;
        Ok(commands::begin(conn, own, &device, request_id, now, now + SESSION_LIFE).await?)
    })
    .await?;
    let access = tokens.access(&actor, now).map_err(SignInError::from)?;
    Ok(SignedIn { access, refresh: Some(refresh.text()), mark: device.mark, actor })
}

async fn settle(conn: &mut AuthConn, entry: &Entry<'_>) -> Result<Settled, AdmitError> {
    let (tenant, id, subject) = entry.key();
    let table = read_table(store::mappings(conn.sql(), tenant, id).await?);
    let wanted = mapping::choose(&table, &entry.identity.claims);
    let link = store::link(conn.sql(), tenant, id, subject).await?;
    match (wanted, link) {
        (None, None) => Ok(Settled::default()),
        (None, Some(link)) => withdraw(conn, entry, &link).await,
        (Some(wanted), None) => welcome(conn, entry, wanted).await,
        (Some(wanted), Some(link)) => follow(conn, entry, wanted, &link).await,
    }
}

/// Lines with a role that no longer exists or may not be given mean nothing.
pub(super) fn read_table(rows: Vec<store::MappingRow>) -> Vec<Mapping> {
    let line = |row: store::MappingRow| {
        let role = row.role.parse().ok().filter(|role| mapping::may_be_given(*role))?;
        Some(Mapping { claim: row.claim, value: row.value, role, tenant: row.post_tenant })
    };
    rows.into_iter().filter_map(line).collect()
}

/// The provider no longer says that this person belongs here: the post is withdrawn, at once.
async fn withdraw(conn: &mut AuthConn, entry: &Entry<'_>, link: &Link) -> Result<Settled, AdmitError> {
    let post = (link.post_tenant, link.post_id);
    if !link.post_active {
        return Ok(Settled::default());
    }
    store::set_post(conn.sql(), post, &link.role, "disabled").await?;
    store::set_link(conn.sql(), entry.key(), link.person_id, post, Some(entry.now)).await?;
    let before = Some(json!({"status": "active", "role": link.role}));
    entry.record(conn, "user.disabled", post, before, json!({"status": "disabled"}));
    let ended =
        sessions::end_of_post(conn.sql(), post.0, post.1, entry.now, "withdrawn by the identity provider").await?;
    Ok(Settled { post: None, ended })
}

/// Somebody comes for the first time.
async fn welcome(conn: &mut AuthConn, entry: &Entry<'_>, wanted: &Mapping) -> Result<Settled, AdmitError> {
    let person = people::add_person(conn.sql(), &entry.username(), None, false, entry.now).await?;
    let post = add_post(conn, entry, wanted, person).await?;
    store::set_link(conn.sql(), entry.key(), person, post, None).await?;
    Ok(Settled { post: Some(post), ended: Vec::new() })
}

async fn add_post(
    conn: &mut AuthConn,
    entry: &Entry<'_>,
    wanted: &Mapping,
    person: i64,
) -> Result<(i32, i64), AdmitError> {
    let new = NewPost {
        tenant: wanted.tenant,
        person,
        display_name: &entry.display_name(),
        role: wanted.role,
        institution: None,
        department: None,
        township: None,
        email: entry.email(),
    };
    let post = (wanted.tenant, people::add_post(conn.sql(), &new, entry.now).await?);
    let after = json!({"username": entry.username(), "role": wanted.role, "name": entry.display_name()});
    entry.record(conn, "user.added", post, None, after);
    Ok(post)
}

/// Somebody comes again: the post follows what the table says now.
async fn follow(conn: &mut AuthConn, entry: &Entry<'_>, wanted: &Mapping, link: &Link) -> Result<Settled, AdmitError> {
    // Whom an administrator here has disabled no provider brings back.
    if !link.person_active || (!link.post_active && !link.withdrawn) {
        return Err(AdmitError::Disabled);
    }
    let mut ended = Vec::new();
    let role = wanted.role.to_string();
    if link.post_tenant == wanted.tenant {
        let post = (link.post_tenant, link.post_id);
        if link.role != role || !link.post_active {
            ended = change(conn, entry, post, (&link.role, link.post_active), &role).await?;
            store::set_link(conn.sql(), entry.key(), link.person_id, post, None).await?;
        }
        return Ok(Settled { post: Some(post), ended });
    }
    // Another bureau: the old post ends, and there may be one from before in the new.
    ended.extend(withdraw(conn, entry, link).await?.ended);
    let post = match store::post_in(conn.sql(), wanted.tenant, link.person_id).await? {
        None => add_post(conn, entry, wanted, link.person_id).await?,
        Some(old) => {
            let post = (wanted.tenant, old.id);
            ended.extend(change(conn, entry, post, (&old.role, old.status == "active"), &role).await?);
            post
        }
    };
    store::set_link(conn.sql(), entry.key(), link.person_id, post, None).await?;
    Ok(Settled { post: Some(post), ended })
}

/// Gives a post the role that the table says; sessions under the old one end.
async fn change(
    conn: &mut AuthConn,
    entry: &Entry<'_>,
    post: (i32, i64),
    (role_before, was_active): (&str, bool),
    role: &str,
) -> Result<Vec<String>, AdmitError> {
    store::set_post(conn.sql(), post, role, "active").await?;
    let before = json!({"role": role_before, "status": if was_active { "active" } else { "disabled" }});
    let after = json!({"role": role, "status": "active"});
    let action = if role_before == role { "user.enabled" } else { "user.role_changed" };
    entry.record(conn, action, post, Some(before), after);
    Ok(sessions::end_of_post(conn.sql(), post.0, post.1, entry.now, "role changed by the identity provider").await?)
}
