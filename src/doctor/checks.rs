//! Whether the service can work here: configuration, database, keys, clock, disk, mail and the work in the background.

use std::{os::unix::fs::PermissionsExt, path::Path, time::Duration};

use chrono::{DateTime, Datelike, Utc};
use nix::sys::statvfs::statvfs;

use super::store;
use crate::{
    db::DbError,
    escrow::oversight,
    identity::tokens::signing,
    jobs::mail::{Mailer, mail_directory},
    kernel::clock,
    personal::rotation,
    web::AppState,
};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::Display, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Grade {
    Fine,
    /// Works, and somebody should know.
    Note,
    /// Must be mended.
    Mend,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `configuration`, `database`, `keys`, `clock`, `disk`, `mail` or `jobs`.
    pub check: &'static str,
    pub grade: Grade,
    pub zh: String,
    pub en: String,
}

fn finding(check: &'static str, grade: Grade, zh: impl Into<String>, en: impl Into<String>) -> Finding {
    Finding { check, grade, zh: zh.into(), en: en.into() }
}

/// A data directory with less than this free cannot take a day's statements in.
const FREE_MIN: u64 = 1 << 30;
/// With less than this share free somebody should know.
const FREE_NOTE_PERCENT: u64 = 10;
/// The database's clock and ours may differ so much.
const CLOCKS_MAX: chrono::Duration = chrono::Duration::seconds(5);
/// What is due goes out within minutes, and each bureau is looked over within the hour.
const WAITING_MAX: chrono::Duration = chrono::Duration::minutes(15);
const SWEEP_MAX: chrono::Duration = chrono::Duration::hours(3);
/// A mail server that says nothing for so long does not answer.
const SMTP_PATIENCE: Duration = Duration::from_secs(10);
/// The notice of the next year's holidays is published in autumn.
const NEXT_YEAR_FROM_MONTH: u32 = 11;

/// All checks, in order.
pub async fn checks(state: &AppState) -> Result<Vec<Finding>, DbError> {
    let mut found = configuration(state);
    let client = state.pools.worker().get().await?;
    let engine = store::engine(&client).await?;
    found.extend(database(&engine));
    found.extend(keys(state).await?);
    found.extend(clocks(state, &engine));
    found.extend(disk(&state.directory));
    found.extend(mail(state).await);
    found.extend(jobs(state, &store::queue(&client, state.clock.now() - WAITING_MAX).await?).await?);
    Ok(found)
}

/// The findings of a check; where there are none, that it is fine.
fn or_fine(mut found: Vec<Finding>, check: &'static str, zh: &str, en: &str) -> Vec<Finding> {
    if found.is_empty() {
        found.push(finding(check, Grade::Fine, zh, en));
    }
    found
}

fn configuration(state: &AppState) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut add = |grade, zh: &str, en: &str| found.push(finding("configuration", grade, zh, en));
    let service = &state.service;
    if service.public_url.is_none() {
        add(
            Grade::Note,
            "没有设置 MINGJIAN_PUBLIC_URL，邮件里的链接指向监听地址，外面打不开",
            "MINGJIAN_PUBLIC_URL is not set, so links in mails lead to the listening address; set the address under which people reach the service",
        );
    } else if !state.is_secure() {
        add(
            Grade::Mend,
            "MINGJIAN_PUBLIC_URL 不是 https，登录信息会明文传输；请在前面放一台终结 TLS 的代理，并改为 https://…",
            "MINGJIAN_PUBLIC_URL is not https, so sessions travel in the clear; put a proxy with TLS in front and write https://…",
        );
    }
    if service.clock.is_some() {
        add(
            Grade::Mend,
            "设置了 MINGJIAN_CLOCK，服务的时钟不走；请取消",
            "MINGJIAN_CLOCK is set, so the service's clock stands still; unset it",
        );
    }
    or_fine(found, "configuration", "设置没有问题", "nothing is wrong with the settings")
}

fn database(engine: &store::Engine) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut add = |zh: String, en: String| found.push(finding("database", Grade::Mend, zh, en));
    if engine.number < 150_000 {
        add(
            format!("PostgreSQL {} 太旧，请升级到 15 以上", engine.version),
            format!("PostgreSQL {} is too old; upgrade to 15 or later", engine.version),
        );
    }
    for setting in &engine.careless {
        add(
            format!("{setting}：停电会丢失已经答复的写入；请改为 on"),
            format!("{setting}: what was answered may be lost with the power; set it to on"),
        );
    }
    if engine.encoding != "UTF8" {
        add(
            format!("数据库编码是 {}，须为 UTF8", engine.encoding),
            format!("the database's encoding is {}; it must be UTF8", engine.encoding),
        );
    }
    for table in &engine.open_tables {
        add(
            format!(
                "表 {table} 没有强制行级安全；请以所有者执行 ALTER TABLE {table} FORCE ROW LEVEL SECURITY 并查明原因"
            ),
            format!(
                "row-level security of {table} is not forced; run ALTER TABLE {table} FORCE ROW LEVEL SECURITY as its owner, and find out why"
            ),
        );
    }
    for role in &engine.strong_roles {
        add(
            format!("角色 {role} 可以绕过行级安全；请执行 ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS"),
            format!("the role {role} passes by row-level security; run ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS"),
        );
    }
    let version = &engine.version;
    or_fine(
        found,
        "database",
        &format!("PostgreSQL {version}，结构为最新"),
        &format!("PostgreSQL {version}, the schema is up to date"),
    )
}

async fn keys(state: &AppState) -> Result<Vec<Finding>, DbError> {
    let mut found = Vec::new();
    let mut add = |grade, zh: String, en: String| found.push(finding("keys", grade, zh, en));
    for name in ["master", "data"] {
        let path = state.directory.join("keys").join(name);
        let open = std::fs::metadata(&path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0);
        if open {
            let path = path.display();
            add(
                Grade::Mend,
                format!("{path} 别人也能读；请执行 chmod 600 {path}"),
                format!("others may read {path}; run chmod 600 {path}"),
            );
        }
    }
    match rotation::missing(&state.pools).await {
        Ok(missing) => {
            for (key, values) in missing {
                add(
                    Grade::Mend,
                    format!("有 {values} 个密文是第 {key} 号密钥加密的，而密钥环里没有它；请从备份恢复 keys/data"),
                    format!(
                        "{values} values are sealed with key {key}, which the ring lacks; restore keys/data from the backup"
                    ),
                );
            }
        }
        Err(rotation::RotationError::Db(error)) => return Err(error),
        Err(error) => add(Grade::Mend, format!("密钥环读不出来：{error}"), error.to_string()),
    }
    if let Err(error) = signing::load(&state.pools, &state.secrets, &state.tokens, state.clock.now()).await {
        add(
            Grade::Mend,
            format!("签发令牌的密钥打不开：{error}；请从备份恢复 keys/master"),
            format!("the keys that sign tokens cannot be opened: {error}; restore keys/master from the backup"),
        );
    }
    Ok(or_fine(found, "keys", "密钥齐全，且只有服务能读", "all keys are there, and the service alone reads them"))
}

fn clocks(state: &AppState, engine: &store::Engine) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut add = |grade, zh: String, en: String| found.push(finding("clock", grade, zh, en));
    let apart = (Utc::now() - engine.now).abs();
    if apart > CLOCKS_MAX {
        let seconds = apart.num_seconds();
        add(
            Grade::Mend,
            format!("本机与数据库的时钟差 {seconds} 秒；请让两台机器都与时间服务器同步"),
            format!(
                "this machine's clock and the database's are {seconds} seconds apart; let both follow a time server"
            ),
        );
    }
    let today = clock::day(state.clock.now());
    let next = (today.month() >= NEXT_YEAR_FROM_MONTH).then_some(today.year() + 1);
    for year in [Some(today.year()), next].into_iter().flatten().filter(|year| !state.calendar.knows(*year)) {
        let grade = if year == today.year() { Grade::Mend } else { Grade::Note };
        add(
            grade,
            format!(
                "没有 {year} 年的放假安排，期限和节假日规则无法判断；国务院通知公布后请填入 reference/holidays-cn.csv"
            ),
            format!(
                "the holidays of {year} are unknown, so deadlines and holiday rules cannot be judged; put them into reference/holidays-cn.csv once the State Council has announced them"
            ),
        );
    }
    or_fine(found, "clock", "时钟一致，放假安排已知", "the clocks agree, and the holidays are known")
}

fn disk(directory: &Path) -> Vec<Finding> {
    let place = directory.display();
    let (free, all) = match statvfs(directory) {
        Ok(stats) => {
            let block = stats.fragment_size();
            (block.saturating_mul(stats.blocks_available()), block.saturating_mul(stats.blocks()))
        }
        Err(error) => {
            let (zh, en) = (format!("{place}：{error}"), format!("{place}: {error}"));
            return vec![finding("disk", Grade::Mend, zh, en)];
        }
    };
    let mib = free >> 20;
    if free < FREE_MIN {
        return vec![finding(
            "disk",
            Grade::Mend,
            format!("{place} 只剩 {mib} MiB；请腾出空间"),
            format!("only {mib} MiB are free under {place}; make room"),
        )];
    }
    let grade = if free < all / 100 * FREE_NOTE_PERCENT { Grade::Note } else { Grade::Fine };
    vec![finding("disk", grade, format!("{place} 还有 {mib} MiB"), format!("{mib} MiB are free under {place}"))]
}

async fn mail(state: &AppState) -> Vec<Finding> {
    let mailer = match Mailer::new(&state.service.mail, &state.directory) {
        Ok(mailer) => mailer,
        Err(error) => {
            return vec![finding(
                "mail",
                Grade::Mend,
                format!("邮件设置有误：{error}；请改 MINGJIAN_SMTP_URL 和 MINGJIAN_MAIL_FROM"),
                format!("the settings are wrong: {error}; mend MINGJIAN_SMTP_URL and MINGJIAN_MAIL_FROM"),
            )];
        }
    };
    if state.service.mail.smtp_url.is_none() {
        let place = mail_directory(&state.directory);
        let place = place.display();
        return vec![finding(
            "mail",
            Grade::Note,
            format!("没有设置邮件服务器，邮件以文件存放在 {place}"),
            format!("no mail server is set, so mails lie as files in {place}; set MINGJIAN_SMTP_URL"),
        )];
    }
    let refused = match tokio::time::timeout(SMTP_PATIENCE, mailer.reach()).await {
        Ok(Ok(())) => {
            return vec![finding("mail", Grade::Fine, "邮件服务器应答正常", "the mail server answers")];
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} seconds", SMTP_PATIENCE.as_secs()),
    };
    vec![finding(
        "mail",
        Grade::Mend,
        format!("邮件服务器不应答：{refused}；请检查 MINGJIAN_SMTP_URL、网络和口令"),
        format!("the mail server does not answer: {refused}; check MINGJIAN_SMTP_URL, the network and the password"),
    )]
}

async fn jobs(state: &AppState, queue: &store::Queue) -> Result<Vec<Finding>, DbError> {
    let mut found = Vec::new();
    let mut add = |grade, zh: String, en: String| found.push(finding("jobs", grade, zh, en));
    if queue.dead > 0 {
        add(
            Grade::Note,
            format!("{} 封邮件或消息多次发送失败，已放弃；原因见 outbox.last_error", queue.dead),
            format!("{} mails or messages were given up after many attempts; outbox.last_error says why", queue.dead),
        );
    }
    let when = |at: DateTime<Utc>| at.with_timezone(&clock::BEIJING).format("%Y-%m-%d %H:%M").to_string();
    if let Some(oldest) = queue.oldest {
        add(
            Grade::Mend,
            format!(
                "{} 封邮件或消息该发而没有发，最早的是 {}；请让 mingjian serve 或 mingjian worker 运行",
                queue.overdue,
                when(oldest)
            ),
            format!(
                "{} mails or messages are due since {} and have not gone; run mingjian serve or mingjian worker",
                queue.overdue,
                when(oldest)
            ),
        );
    }
    if let Some(oldest) = oversight::oldest(&state.pools).await?.filter(|at| state.clock.now() - *at > SWEEP_MAX) {
        add(
            Grade::Mend,
            format!(
                "自 {} 起有教育局没有巡查；请让 mingjian serve 或 mingjian worker 运行，或执行 mingjian sweep",
                when(oldest)
            ),
            format!(
                "a bureau was looked over last at {}; run mingjian serve or mingjian worker, or mingjian sweep now",
                when(oldest)
            ),
        );
    }
    Ok(or_fine(found, "jobs", "后台工作没有积压", "nothing waits in the background"))
}
