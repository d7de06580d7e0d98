//! What a changed warning sets off: its row, the audit trail, mails, a call to the bureau's own systems; and the daily mail.

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::{
    model::{Alarm, Subject},
    rules::{self, Change, digest_is_due, sms_at, tell_at},
    sms,
    store::{
        self,
        telling::{self, Digested, Mail, Named},
        warnings::{self, Beside, Stored},
    },
    sweep::Round,
};
use crate::{
    audit::{self, Event},
    db::{DbError, ScopedConn},
    escrow::{
        detector::{Level, WarningKind},
        model::{Status, due_workdays},
        store::warnings::notify,
    },
    web::{Lang, show},
};

impl Round<'_> {
    /// The day by which somebody must act on a warning that is put at `level` now.
    pub(super) fn due_on(&self, level: Level) -> Option<NaiveDate> {
        let days = due_workdays(&self.in_force, level)?;
        self.state.calendar.add_workdays(self.caller.today(), days)
    }

    fn beside(&self, due_on: Option<NaiveDate>) -> Beside<'_> {
        Beside { policy_version: &self.limits.version, due_on, now: self.caller.now }
    }
}

/// Writes one change with all that follows from it; a warning that somebody else has changed meanwhile is left to the next
/// round.
pub(super) async fn write(
    round: &Round<'_>,
    conn: &mut ScopedConn,
    subject: &Subject,
    change: Change,
    (stored, alarm): (Option<&Stored>, Option<&Alarm>),
) -> Result<(), DbError> {
    match (change, stored, alarm) {
        (Change::Raise, _, Some(alarm)) => {
            let beside = round.beside(round.due_on(alarm.level));
            let Some(id) = warnings::raise(conn, subject, alarm, beside).await? else { return Ok(()) };
            let after = told(alarm.kind.into(), alarm.level.into(), Status::Raised.into());
            record(round, conn, ("warning.raised", id), subject.institution(), (None, Some(after)), None).await?;
            tell(round, conn, (id, subject), (alarm.kind, alarm.level)).await?;
        }
        (Change::Join, Some(stored), Some(alarm)) => {
            let level: Level = stored.level.parse().unwrap_or(alarm.level);
            let graver = level < alarm.level;
            let beside = round.beside(if graver { round.due_on(alarm.level) } else { None });
            if !warnings::join(conn, stored, level.max(alarm.level).into(), alarm, beside).await? {
                return Ok(());
            }
            let before = told(&stored.kind, &stored.level, &stored.status);
            let after = told(&stored.kind, level.max(alarm.level).into(), &stored.status);
            let what = ("warning.added_to", stored.id);
            record(round, conn, what, subject.institution(), (Some(before), Some(after)), None).await?;
            if graver {
                tell(round, conn, (stored.id, subject), (alarm.kind, alarm.level)).await?;
            }
        }
        (Change::Renew, Some(stored), Some(alarm)) => {
            if !warnings::renew(conn, stored, alarm, &round.limits.version).await? {
                return Ok(());
            }
            let after = json!({"kind": stored.kind, "value": alarm.evidence.get("value")});
            let what = ("warning.renewed", stored.id);
            record(round, conn, what, subject.institution(), (None, Some(after)), None).await?;
        }
        (Change::Mend, Some(stored), _) => {
            let due_on = stored.level.parse().ok().and_then(|level| round.due_on(level));
            if !warnings::mend(conn, stored, due_on, round.caller.now).await? {
                return Ok(());
            }
            warnings::add_act(conn, stored, "mended", "对账单已衔接，待对账签认", round.caller.now).await?;
            let after = json!({"kind": stored.kind, "mended": true});
            let what = ("warning.mended", stored.id);
            record(round, conn, what, subject.institution(), (None, Some(after)), None).await?;
        }
        (Change::Close, Some(stored), _) => {
            if !warnings::close(conn, stored, round.caller.now).await? {
                return Ok(());
            }
            let before = told(&stored.kind, &stored.level, &stored.status);
            let after = told(&stored.kind, &stored.level, Status::Resolved.into());
            let what = ("warning.resolved", stored.id);
            record(round, conn, what, subject.institution(), (Some(before), Some(after)), None).await?;
        }
        _ => return Ok(()),
    }
    notify(conn).await
}

/// Puts a warning that is locked at a graver level, because time has passed: by `act`, for the reason that people read.
pub(super) async fn put_up(
    round: &Round<'_>,
    conn: &mut ScopedConn,
    stored: &Stored,
    (level, reopens): (Level, Option<i64>),
    (act, reason): (&str, &str),
) -> Result<(), DbError> {
    warnings::put_at(conn, stored.id, level.into(), round.due_on(level), reopens).await?;
    warnings::add_act(conn, stored, act, reason, round.caller.now).await?;
    let before = told(&stored.kind, &stored.level, &stored.status);
    let after = told(&stored.kind, level.into(), &stored.status);
    let subject = stored.subject();
    let what = ("warning.put_up", stored.id);
    record(round, conn, what, subject.institution(), (Some(before), Some(after)), Some(reason)).await?;
    if let Ok(kind) = stored.kind.parse() {
        tell(round, conn, (stored.id, &subject), (kind, level)).await?;
    }
    notify(conn).await
}

/// A warning as the audit trail tells it.
fn told(kind: &str, level: &str, status: &str) -> Value {
    json!({"kind": kind, "level": level, "status": status})
}

async fn record(
    round: &Round<'_>,
    conn: &mut ScopedConn,
    (action, id): (&str, i64),
    institution: Option<i64>,
    (before, after): (Option<Value>, Option<Value>),
    reason: Option<&str>,
) -> Result<(), DbError> {
    let event =
        Event { action, subject_kind: "warning", subject_id: id.to_string(), institution, before, after, reason };
    audit::store::record(conn, &round.caller, event).await
}

/// Whether an institution has to do with a warning of this kind: what a bank leaves undone it cannot explain.
fn concerns_institution(kind: WarningKind) -> bool {
    !matches!(kind, WarningKind::FeedSilent | WarningKind::StatementGap | WarningKind::ChainBreak)
}

/// Tells people and systems that a warning stands at a level now. Whoever was told so before is not told again.
async fn tell(
    round: &Round<'_>,
    conn: &mut ScopedConn,
    (id, subject): (i64, &Subject),
    (kind, level): (WarningKind, Level),
) -> Result<(), DbError> {
    let Some(named) = telling::named(conn, id).await? else { return Ok(()) };
    let now = round.caller.now;
    let url = round.state.public_url();
    let limits = &round.limits.telling;
    let bureau = body(&named, (kind, level), &format!("{url}/b/escrow/warnings/{id}"), true);
    let own = body(&named, (kind, level), &format!("{url}/org/escrow#w{id}"), false);
    let (level_zh, level_en) = both(|lang| show::level_word(lang, level.into()));
    let (kind_zh, kind_en) = both(|lang| show::warning_kind(lang, kind.into()));
    let mail = Mail {
        key: &format!("warning:{id}:{level}"),
        subject: &format!("【{level_zh}预警】{}：{kind_zh} / {level_en} warning: {kind_en}", named.name),
        for_bureau: (!limits.digests(level)).then_some(&bureau),
        for_institution: subject.institution().filter(|_| concerns_institution(kind)).map(|id| (id, own.as_str())),
        due_at: tell_at(level, limits, now),
        now,
    };
    telling::mail(conn, &mail).await?;
    let call = json!({
        "event": "warning", "id": id, "kind": kind, "level": level, "region": format!("{:06}", round.caller.actor.tenant),
        "institution": subject.institution().and(Some(&named.name)), "credit_code": named.credit_code,
        "bank": subject.institution().is_none().then_some(&named.name), "url": format!("{url}/b/escrow/warnings/{id}"),
        "at": now,
    });
    telling::call(conn, &format!("webhook:warning:{id}:{level}"), &call.to_string(), now).await?;
    if let Some(due_at) = sms_at(level, limits, now) {
        let variables = sms::variables(&named.name, (kind, level), &format!("{url}/b/escrow/warnings/{id}"));
        store::sms::message(conn, &sms::key(id, level), &variables.to_string(), (due_at, now)).await?;
    }
    Ok(())
}

fn both<T>(say: impl Fn(Lang) -> T) -> (T, T) {
    (say(Lang::Zh), say(Lang::En))
}

/// A mail says that there is a warning, its kind and level, and where to read on; amounts stay in the system.
fn body(named: &Named, (kind, level): (WarningKind, Level), link: &str, bureau: bool) -> String {
    let name = &named.name;
    let (kind_zh, kind_en) = both(|lang| show::warning_kind(lang, kind.into()));
    let (level_zh, level_en) = both(|lang| show::level_word(lang, level.into()));
    let (account_zh, account_en) = match &named.account_no {
        Some(number) => {
            let tail: String = number.chars().skip(number.chars().count().saturating_sub(4)).collect();
            (format!("（监管账户尾号 {tail}）"), format!(" (escrow account ending {tail})"))
        }
        None => Default::default(),
    };
    let (act_zh, act_en) = match bureau {
        true => ("查看依据并办理", "See the evidence and act"),
        false => ("查看并说明情况", "See it and answer"),
    };
    format!(
        "{name}{account_zh}出现{level_zh}预警：{kind_zh}。\n{act_zh}：{link}\n\n\
         {level_en} warning at {name}{account_en}: {kind_en}.\n{act_en}: {link}\n"
    )
}

/// Writes the bureau's daily mail once its time has come: what is open and was not told yet, in one mail to each officer.
pub(super) async fn digest(round: &Round<'_>) -> Result<(), DbError> {
    let limits = &round.limits.telling;
    let (now, today) = (round.caller.now, rules::day_of(round.caller.now));
    let mut conn = round.begin().await?;
    let last = telling::digested_on(&mut conn).await?;
    if !digest_is_due(limits.digest_at, last, now) {
        return conn.commit().await;
    }
    let levels: Vec<String> = [Level::Blue, Level::Yellow]
        .into_iter()
        .filter(|level| limits.digests(*level))
        .map(|level| level.to_string())
        .collect();
    let rows = telling::take_for_digest(&mut conn, &levels, today).await?;
    if !rows.is_empty() {
        let count = rows.len();
        let subject = format!("【预警日报】新增 {count} 条 / Daily list of warnings: {count} new");
        let body = listed(&rows, today, &format!("{}/b/escrow", round.state.public_url()));
        telling::mail_officers(&mut conn, &format!("warning-digest:{today}"), (&subject, &body), now).await?;
    }
    telling::digested(&mut conn, now, today).await?;
    conn.commit().await
}

/// The rows of a daily mail, first in Chinese, then in English.
fn listed(rows: &[Digested], today: NaiveDate, link: &str) -> String {
    let line = |lang: Lang, row: &Digested| {
        let level = show::level_word(lang, &row.level);
        let kind = show::warning_kind(lang, &row.kind);
        let due = row.due_on.map(|due| show::day(lang, due, today));
        match (lang, due) {
            (Lang::Zh, Some(due)) => format!("{level} {}：{kind}，{due}前处置\n", row.name),
            (Lang::Zh, None) => format!("{level} {}：{kind}\n", row.name),
            (Lang::En, Some(due)) => format!("{level} {}: {kind}, act by {due}\n", row.name),
            (Lang::En, None) => format!("{level} {}: {kind}\n", row.name),
        }
    };
    let lines = |lang| rows.iter().map(|row| line(lang, row)).collect::<String>();
    format!("{}\n{}\n查看并办理 / See and act: {link}\n", lines(Lang::Zh), lines(Lang::En))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_names_the_matter_and_no_amount() {
        let named =
            Named {
                name: "启明星".to_owned(), credit_code: None, account_no: Some("6230550012030091264".to_owned())
            };
        let text = body(&named, (WarningKind::RefundBacklog, Level::Orange), "https://x/1", true);
        assert!(text.starts_with("启明星（监管账户尾号 1264）出现橙色预警：退费积压。"), "{text}");
        assert!(!text.contains("62305500") && text.contains("https://x/1"), "{text}");
    }

    #[test]
    fn a_daily_mail_lists_each_warning_in_both_languages() {
        let row = |level: &str, due_on: Option<&str>| Digested {
            id: 1,
            name: "启明星".to_owned(),
            kind: "FEED-SILENT".to_owned(),
            level: level.to_owned(),
            due_on: due_on.map(|day| day.parse().unwrap()),
        };
        let text = listed(
            &[row("yellow", Some("2026-03-23")), row("blue", None)],
            "2026-03-18".parse().unwrap(),
            "https://x/b/escrow",
        );
        assert!(text.contains("黄色 启明星：银行报送中断，3 月 23 日前处置\n蓝色 启明星：银行报送中断\n"), "{text}");
        assert!(text.contains("act by 23 Mar"), "{text}");
    }
}
