//! What happens to a person's sign-in is put on record in each of their bureaus, and told to them by mail.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{
    Visitor,
    store::people::{self, Mail},
};
use crate::{
    audit::{self, Event},
    db::{AuthConn, DbError},
    identity::{
        Caller,
        commands::{SignInError, actor_of},
        store,
    },
    kernel::clock::BEIJING,
    secrets::random,
};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    PasswordChanged,
    PasswordReset,
    TotpAdded,
    TotpRemoved,
    PasskeyAdded(String),
    PasskeyRemoved(String),
    RecoveryCodesMade,
    RecoveryCodeUsed,
    FactorsReset,
}

impl News {
    pub(super) fn action(&self) -> &'static str {
        match self {
            News::PasswordChanged => "password.changed",
            News::PasswordReset => "password.reset",
            News::TotpAdded => "totp.added",
            News::TotpRemoved => "totp.removed",
            News::PasskeyAdded(_) => "passkey.added",
            News::PasskeyRemoved(_) => "passkey.removed",
            News::RecoveryCodesMade => "recovery_codes.made",
            News::RecoveryCodeUsed => "recovery_code.used",
            News::FactorsReset => "factors.reset",
        }
    }

    fn words(&self) -> (String, String) {
        match self {
            News::PasswordChanged => ("密码已修改".into(), "Your password was changed".into()),
            News::PasswordReset => ("密码已通过邮件重设".into(), "Your password was reset by mail".into()),
            News::TotpAdded => ("已启用验证器".into(), "An authenticator app was added".into()),
            News::TotpRemoved => ("已停用验证器".into(), "Your authenticator app was removed".into()),
            News::PasskeyAdded(name) => (format!("已添加通行密钥“{name}”"), format!("The passkey “{name}” was added")),
            News::PasskeyRemoved(name) => {
                (format!("已删除通行密钥“{name}”"), format!("The passkey “{name}” was removed"))
            }
            News::RecoveryCodesMade => ("已生成新的恢复码".into(), "New recovery codes were made".into()),
            News::RecoveryCodeUsed => ("使用了一个恢复码登录".into(), "A recovery code was used".into()),
            News::FactorsReset => (
                "您的两步验证已由系统管理员重置".into(),
                "Your second steps were taken away by the operator, so that you can set up another".into(),
            ),
        }
    }
}

/// Records the news in every bureau where the person holds a post, as done by themselves there, and mails it to them.
pub(super) async fn by_person(
    conn: &mut AuthConn,
    visitor: &Visitor,
    person: i64,
    news: &News,
) -> Result<(), SignInError> {
    for post in store::posts_of(conn.sql(), person).await? {
        let actor = actor_of(&post, "")?;
        let (subject_id, institution) = (actor.user_id.to_string(), actor.institution);
        let caller = Caller { actor, request_id: visitor.request_id.clone(), now: visitor.now };
        let after = match news {
            News::PasskeyAdded(name) | News::PasskeyRemoved(name) => Some(json!({"name": name})),
            _ => None,
        };
        let event =
            Event { action: news.action(), subject_kind: "user", subject_id, institution, after, ..Event::default() };
        audit::store::record_own(conn, &caller, event);
    }
    Ok(by_mail(conn, (&visitor.request_id, visitor.now), person, news).await?)
}

/// Tells the person the news by mail, wherever mails reach them.
pub(super) async fn by_mail(
    conn: &mut AuthConn,
    (request_id, now): (&str, DateTime<Utc>),
    person: i64,
    news: &News,
) -> Result<(), DbError> {
    let (zh, en) = news.words();
    let time = now.with_timezone(&BEIJING).format("%Y-%m-%d %H:%M");
    let body = format!(
        "{zh}（北京时间 {time}）。如果不是您本人操作，请立即重设密码并联系本单位管理员。\n\n\
         {en} ({time}, Beijing time). If it was not you, reset your password at once and tell your administrator.\n"
    );
    for address in people::addresses(conn.sql(), person).await? {
        let key = format!("account:{request_id}:{}", hex::encode(random::<4>()));
        let subject = format!("明鉴：{zh} / Mingjian: {en}");
        let mail = Mail { to: &address, subject: &subject, body: &body, key: &key, confidential: false };
        people::mail(conn.sql(), &mail, now).await?;
    }
    Ok(())
}
