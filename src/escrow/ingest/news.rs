//! What a delivery and a changed warning set off: its row, the audit trail, mails.

use std::time::Duration;

use super::{
    model::WarningNews,
    reconcile::{StoredWarning, Write},
    store::{
        accounts::{Account, Record},
        warnings::{self as store, About, Mail, Update},
    },
    transaction::Transaction,
};
use crate::{
    audit::Event,
    db::DbError,
    escrow::{
        detector::{Level, Warning},
        model::{Status, due_workdays},
        oversight::{TellingLimits, sms, sms_at, tell_at},
    },
    identity::Caller,
    kernel::Calendar,
    policies::InForce,
    web::{AppState, Lang, show},
};
use serde_json::{Value, json};

/// Figures that changed without a warning are told so much later, and all of that time at once: a notification makes commits wait for
/// each other, and a bank may push hundreds of times a second.
const FIGURES_AFTER: Duration = Duration::from_secs(1);

/// Tells open pages shortly that figures of a bureau changed.
pub(super) fn figures_changed(state: &AppState, tenant: i32) {
    if !state.live.takes_turn(tenant) {
        return;
    }
    let state = state.clone();
    tokio::spawn(async move {
        tokio::time::sleep(FIGURES_AFTER).await;
        state.live.ends_turn(tenant);
        let told = async {
            let client = state.pools.ingest().get().await?;
            Ok::<_, DbError>(store::notify(&client, tenant).await?)
        };
        if let Err(error) = told.await {
            tracing::warn!(%error, bureau = tenant, "open pages could not be told that figures changed");
        }
    });
}

/// A warning as the audit trail tells it.
fn told(status: Status, warning: &Warning) -> Value {
    json!({"kind": warning.kind, "level": warning.level, "status": status, "bank_ref": warning.bank_ref})
}

/// A statement that is kept though none of its entries was new; others are told with their entries.
pub(super) fn kept(record: &Record<'_>, id: i64, account: &Account) -> Event<'static> {
    Event {
        action: "escrow.statement_received",
        subject_kind: "statement",
        subject_id: id.to_string(),
        institution: Some(account.institution_id),
        before: None,
        after: Some(json!({"file_name": record.file_name, "format": record.format, "inserted": record.inserted,
                           "duplicates": record.duplicates})),
        reason: None,
    }
}

/// What news are told with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Teller<'a> {
    pub caller: &'a Caller,
    pub calendar: &'a Calendar,
    pub in_force: &'a InForce,
    pub public_url: &'a str,
}

impl Teller<'_> {
    /// Writes the changed warnings of an account with all that follows from them.
    pub(super) async fn tell(
        &self,
        client: &Transaction,
        account: &Account,
        stored: &[StoredWarning],
        writes: Vec<Write>,
    ) -> Result<Vec<WarningNews>, DbError> {
        let mut later = Vec::new();
        let news = self.tell_all_but(&mut later, client, account, (stored, writes)).await?;
        store::update(client, self.caller.actor.tenant, &later).await?;
        Ok(news)
    }

    /// The same but for warnings that are open and stay so: these go into `later`, since they may be written in any order, for many
    /// accounts at once.
    pub(super) async fn tell_all_but(
        &self,
        later: &mut Vec<Update>,
        client: &Transaction,
        account: &Account,
        (stored, writes): (&[StoredWarning], Vec<Write>),
    ) -> Result<Vec<WarningNews>, DbError> {
        let mut news = Vec::with_capacity(writes.len());
        for write in writes {
            news.push(match write {
                Write::Insert(warning) => self.insert(client, account, &warning).await?,
                Write::Update { id, status, warning } => {
                    let before = stored.iter().find(|row| row.id == id);
                    self.update(later, client, account, before, (id, status, warning)).await?
                }
            });
        }
        Ok(news)
    }

    async fn insert(&self, client: &Transaction, account: &Account, warning: &Warning) -> Result<WarningNews, DbError> {
        let status = if warning.resolved_at.is_some() { Status::Resolved } else { Status::Raised };
        let id = store::insert(client, self.about(account, warning, Some(warning.level)), status, warning).await?;
        self.follow(client, account, None, (id, status, warning, true)).await
    }

    async fn update(
        &self,
        later: &mut Vec<Update>,
        client: &Transaction,
        account: &Account,
        before: Option<&StoredWarning>,
        (id, status, warning): (i64, Status, Warning),
    ) -> Result<WarningNews, DbError> {
        let graver = before.is_none_or(|row| warning.level > row.warning.level || !row.status.is_open());
        let news = self.follow(client, account, before, (id, status, &warning, graver)).await?;
        let about = self.about(account, &warning, graver.then_some(warning.level));
        let goes_on = |row: &&StoredWarning| warning.history.starts_with(&row.warning.history);
        let kept = before.filter(goes_on).map_or(0, |row| row.warning.history.len());
        let (policy_version, due_on) = (about.policy_version.to_owned(), about.due_on);
        let update = Update { id, status, warning, kept, policy_version, due_on };
        if before.is_some_and(|row| row.status.is_open()) && status.is_open() {
            later.push(update);
        } else {
            store::update(client, self.caller.actor.tenant, &[update]).await?;
        }
        Ok(news)
    }

    /// What follows from a warning that is new or another than before: the trail's event, and mails where somebody must now act.
    async fn follow(
        &self,
        client: &Transaction,
        account: &Account,
        before: Option<&StoredWarning>,
        (id, status, warning, graver): (i64, Status, &Warning, bool),
    ) -> Result<WarningNews, DbError> {
        let action = match status {
            Status::Resolved => "warning.resolved",
            Status::Withdrawn => "warning.withdrawn",
            _ if graver => "warning.raised",
            _ => "warning.added_to",
        };
        let event = Event {
            action,
            subject_kind: "warning",
            subject_id: id.to_string(),
            institution: Some(account.institution_id),
            before: before.map(|row| told(row.status, &row.warning)),
            after: Some(told(status, warning)),
            reason: None,
        };
        client.record(self.caller, event);
        if status.is_open() && graver {
            self.mail(client, account, id, warning).await?;
        }
        let turns = graver || !status.is_open();
        Ok(WarningNews { id, kind: warning.kind, level: warning.level, status, turns })
    }

    /// `level`: that of a warning somebody must now act on.
    fn about<'w>(&self, account: &Account, warning: &'w Warning, level: Option<Level>) -> About<'w> {
        let days = level.and_then(|level| due_workdays(self.in_force, level));
        let due_on = days.and_then(|days| self.calendar.add_workdays(self.caller.today(), days));
        About {
            tenant: self.caller.actor.tenant,
            account: account.id,
            institution: account.institution_id,
            // That of the day it was judged by, which may be long past.
            policy_version: warning
                .evidence
                .get("policy_version")
                .and_then(|version| version.as_str())
                .unwrap_or_default(),
            due_on,
            now: self.caller.now,
        }
    }

    /// A mail says that there is a warning, its kind and level, and where to read on; amounts stay in the system.
    async fn mail(&self, client: &Transaction, account: &Account, id: i64, warning: &Warning) -> Result<(), DbError> {
        let level = <&str>::from(warning.level);
        let kind = <&str>::from(warning.kind);
        let word = |lang| (show::level_word(lang, level), show::warning_kind(lang, kind));
        let ((level_zh, kind_zh), (level_en, kind_en)) = (word(Lang::Zh), word(Lang::En));
        let name = &account.institution_name;
        let tail: String = account.account_no.chars().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect();
        let body = |link: &str, act_zh: &str, act_en: &str| {
            format!(
                "{name}（监管账户尾号 {tail}）出现{level_zh}预警：{kind_zh}。\n{act_zh}：{link}\n\n\
                 {level_en} warning at {name} (escrow account ending {tail}): {kind_en}.\n{act_en}: {link}\n"
            )
        };
        let bureau = format!("{}/b/escrow/{}", self.public_url, account.id);
        let own = format!("{}/org/escrow", self.public_url);
        let limits = TellingLimits::of(self.in_force);
        let for_bureau = body(&bureau, "查看依据并办理", "See the evidence and act");
        let call = json!({
            "event": "warning", "id": id, "kind": warning.kind, "level": warning.level,
            "region": format!("{:06}", self.caller.actor.tenant), "institution": name, "credit_code": account.credit_code,
            "bank": null, "url": bureau, "at": self.caller.now,
        });
        let mail = Mail {
            key: &format!("warning:{id}:{level}"),
            subject: &format!("【{level_zh}预警】{name}：{kind_zh} / {level_en} warning: {kind_en}"),
            body_for_bureau: (!limits.digests(warning.level)).then_some(&for_bureau),
            body_for_institution: &body(&own, "查看并说明情况", "See it and answer"),
            due_at: tell_at(warning.level, &limits, self.caller.now),
            call: &call.to_string(),
        };
        store::mail(client, self.about(account, warning, None), &mail).await?;
        if let Some(due_at) = sms_at(warning.level, &limits, self.caller.now) {
            let variables = sms::variables(name, (warning.kind, warning.level), &bureau).to_string();
            let key = sms::key(id, warning.level);
            store::message(client, self.about(account, warning, None), (&key, &variables), due_at).await?;
        }
        Ok(())
    }
}
