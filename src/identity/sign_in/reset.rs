//! A new password by mail: the answer is the same whoever asks, and a link is good once, for half an hour.

use chrono::{DateTime, Duration, Utc};
use serde_json::json;

use super::{
    Doorway, Visitor,
    security::{Words, keep_password},
    store::{
        people::{self, Address, Mail},
        steps::{self, Purpose},
    },
    tell::News,
};
use crate::{
    audit::{self, Event},
    db::{AuthConn, DbError, Pools},
    identity::{
        Actor, Caller,
        commands::SignInError,
        password,
        throttle::{Lanes, device, store as throttle},
    },
    secrets::{Secrets, random},
};

/// How long a link is good.
pub const LINK_LIFE: Duration = Duration::minutes(30);
/// Longer texts are neither a name nor a mail address.
const ASKED_MAX: usize = 200;

/// Whether somebody at this address may ask now.
pub async fn may_ask(door: &Doorway<'_>, visitor: &Visitor) -> Result<(), SignInError> {
    let mut conn = door.pools.auth().get().await.map_err(DbError::from)?;
    let lanes = Lanes::asking(door.secrets, visitor.address);
    throttle::attempt(&mut conn, &lanes, visitor.now).await?.map_err(SignInError::TooMany)
}

/// Sends a link to whoever was asked for, if they are anybody. Done after the answer, which therefore takes as long for
/// a name that is nobody's.
#[derive(Debug, Clone)]
pub struct Sending {
    pub pools: Pools,
    pub secrets: Secrets,
    pub public_url: String,
    pub asked: String,
    pub request_id: String,
    pub now: DateTime<Utc>,
}

impl Sending {
    /// Does it.
    pub async fn run(self) {
        if self.asked.is_empty() || ASKED_MAX < self.asked.len() {
            return;
        }
        if let Err(error) = self.send().await {
            tracing::error!(%error, "a mail for a new password could not be sent");
        }
    }

    async fn send(&self) -> Result<(), SignInError> {
        let addresses = {
            let mut conn = self.pools.auth().get().await.map_err(DbError::from)?;
            people::addresses_asked_for(&mut conn, &self.asked).await?
        };
        let mut people: Vec<i64> = addresses.iter().map(|address| address.person_id).collect();
        people.dedup();
        for person in people {
            // More mails than anybody needs would only fill the mailbox; links already sent stay good.
            let allowed = {
                let mut conn = self.pools.auth().get().await.map_err(DbError::from)?;
                throttle::attempt(&mut conn, &Lanes::mails(&self.secrets, person), self.now).await?
            };
            if allowed.is_err() {
                continue;
            }
            let own: Vec<&Address> = addresses.iter().filter(|address| address.person_id == person).collect();
            AuthConn::transaction(&self.pools, async |conn: &mut AuthConn| -> Result<_, SignInError> {
                self.send_link(conn, person, &own).await
            })
            .await?;
        }
        Ok(())
    }

    async fn send_link(&self, conn: &mut AuthConn, person: i64, addresses: &[&Address]) -> Result<(), SignInError> {
        let Some(known) = people::by_id(conn.sql(), person).await? else { return Ok(()) };
        let purpose = Purpose::Reset;
        let token =
            steps::open(conn.sql(), &self.secrets, purpose, Some(person), &known.username, self.now, LINK_LIFE).await?;
        let link = format!("{}/reset/{token}", self.public_url);
        let body = format!(
            "有人为账号 {name} 申请重设密码。请在 30 分钟内打开下面的链接设置新密码，链接只能用一次：\n{link}\n\
             如果不是您申请的，不用理会，密码不会改变。\n\n\
             Somebody asked for a new password for {name}. Open this link within 30 minutes to set one; it works once:\n{link}\n\
             If it was not you, do nothing: the password stays as it is.\n",
            name = known.username
        );
        for address in addresses {
            let key = format!("reset:{}:{}", self.request_id, hex::encode(random::<4>()));
            let subject = "明鉴：重设密码 / Mingjian: a new password";
            let mail = Mail { to: address, subject, body: &body, key: &key, confidential: true };
            people::mail(conn.sql(), &mail, self.now).await?;
            let caller =
                Caller { actor: Actor::system(address.tenant_id), request_id: self.request_id.clone(), now: self.now };
            let event = Event {
                action: "password.link_sent",
                subject_kind: "person",
                subject_id: person.to_string(),
                after: Some(json!({"username": known.username})),
                ..Event::default()
            };
            audit::store::record_own(conn, &caller, event);
        }
        Ok(())
    }
}

/// Whose password a link sets, and how short it may be; `None` for a link that is used, too old or made up.
pub async fn whose(door: &Doorway<'_>, visitor: &Visitor, token: &str) -> Result<Option<(String, usize)>, SignInError> {
    let mut conn = door.pools.auth().get().await.map_err(DbError::from)?;
    let step = steps::find(&mut conn, token, Purpose::Reset, visitor.now).await?;
    let found = step.and_then(|step| step.person.zip(step.state::<String>(door.secrets)));
    let Some((person, username)) = found else { return Ok(None) };
    let min = Words::of(&mut conn, person, &username, visitor.now).await?.context().length_min();
    Ok(Some((username, min)))
}

/// Sets the new password, ends every session and link of the person, and returns the cookie that makes this browser a
/// known one: whoever reads the owner's mail is no stranger.
pub async fn set(door: &Doorway<'_>, visitor: &Visitor, token: &str, new: &str) -> Result<String, SignInError> {
    let now = visitor.now;
    let mut conn = door.pools.auth().get().await.map_err(DbError::from)?;
    let step = steps::find(&mut conn, token, Purpose::Reset, now).await?.ok_or(SignInError::StepEnded)?;
    let (Some(person), Some(username)) = (step.person, step.state::<String>(door.secrets)) else {
        return Err(SignInError::StepEnded);
    };
    let words = Words::of(&mut conn, person, &username, now).await?;
    drop(conn);
    // A password that is not taken leaves the link as it was.
    let hash = password::hash_for(new, &words.context()).await?;
    let ended = AuthConn::transaction(door.pools, async |conn: &mut AuthConn| -> Result<_, SignInError> {
        steps::take(conn.sql(), token, Purpose::Reset, now).await?.ok_or(SignInError::StepEnded)?;
        keep_password(conn, visitor, person, &hash, &News::PasswordReset, None).await
    })
    .await?;
    ended.iter().for_each(|session| door.tokens.end(session, now));
    Ok(device::remember(door.secrets, &visitor.device, &username, now))
}
