//! Keeping the trail: checking its chains, signing how far they go, removing what is older than the law asks to keep.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Days, Months, Utc};
use futures_util::TryStreamExt;
use serde_json::json;
use tokio_postgres::Client;

use super::{
    Event,
    checkpoint::{Archive, Checkpoint, CheckpointLine, Link, Notary, region},
    store::{self, chain},
    verify::{Fault, Verdict, Walk},
};
use crate::{
    db::{
        DbError, Pools, Scope,
        trail::{self, GENESIS, Key},
    },
    identity::{Actor, Caller},
    kernel::clock,
    policies,
    secrets::Secrets,
};

/// Months for which the law has logs kept at the least (网络安全法); the database refuses to remove younger ones.
pub const KEEP_MONTHS_MIN: u32 = 6;
/// Events that one archive record speaks of at most, so that no transaction is long.
const REMOVED_AT_ONCE: i64 = 50_000;
/// Events between two words about the progress of a check.
const PROGRESS: i64 = 100_000;

/// Why the trail could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
}

impl From<tokio_postgres::Error> for KeepError {
    fn from(error: tokio_postgres::Error) -> Self {
        KeepError::Db(error.into())
    }
}

impl From<deadpool_postgres::PoolError> for KeepError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        KeepError::Db(error.into())
    }
}

/// For how long events are kept; never for less than six months.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    Months(u32),
    /// As long as the policy in force for each bureau says.
    ByPolicy,
}

/// Keeps the trail of one data directory.
#[derive(Debug, Clone)]
pub struct Keeper {
    pools: Pools,
    key: Key,
    notary: Notary,
    directory: PathBuf,
}

impl Keeper {
    /// The keeper of the trail in this database, with the secret and the place of this data directory.
    pub fn new(pools: &Pools, secrets: &Secrets, directory: &Path) -> Keeper {
        Keeper {
            pools: pools.clone(),
            key: Key::new(secrets),
            notary: Notary::new(secrets),
            directory: directory.to_owned(),
        }
    }

    /// Checks every chain of a range of bureaus, in order of their codes, and notes what was found. `outside` are
    /// checkpoints that were kept elsewhere; those of the data directory are compared as well. `told` hears each verdict
    /// at once, `progress` how many events of a bureau were read.
    pub async fn verify(
        &self,
        range: (i32, i32),
        outside: &[Checkpoint],
        now: DateTime<Utc>,
        mut told: impl FnMut(&Verdict),
        mut progress: impl FnMut(i32, i64),
    ) -> Result<(), KeepError> {
        let kept: Vec<Checkpoint> = self.kept()?.into_values().chain(outside.iter().cloned()).collect();
        let client = self.pools.worker().get().await?;
        let mut tenants = chain::tenants(&client, range).await?;
        tenants.extend(kept.iter().map(|checkpoint| checkpoint.link.tenant));
        tenants.retain(|tenant| (range.0..=range.1).contains(tenant));
        tenants.sort_unstable();
        tenants.dedup();
        for tenant in tenants {
            let kept = kept.iter().filter(|checkpoint| checkpoint.link.tenant == tenant).cloned().collect();
            // One view of the chain and of its head; others go on appending.
            client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
            let verdict = self.verify_one(&client, tenant, kept, &mut progress).await;
            client.batch_execute("COMMIT").await?;
            let verdict = verdict?;
            chain::set_check(&client, &verdict, now).await?;
            told(&verdict);
        }
        Ok(())
    }

    async fn verify_one(
        &self,
        client: &Client,
        tenant: i32,
        kept: Vec<Checkpoint>,
        progress: &mut impl FnMut(i32, i64),
    ) -> Result<Verdict, KeepError> {
        let mut checkpoints = chain::checkpoints(client, tenant).await?;
        checkpoints.extend(kept);
        checkpoints.sort_by_key(|checkpoint| checkpoint.link.seq);
        let archive = chain::archive(client, tenant).await?;
        let unsigned = checkpoints.iter().find(|checkpoint| !self.notary.knows(checkpoint));
        let mut unsigned = unsigned.map(|checkpoint| checkpoint.link.seq);
        checkpoints.retain(|checkpoint| self.notary.knows(checkpoint));
        let base = match archive {
            Some(archive) if self.notary.knows_archive(&archive) => archive.link,
            Some(archive) => {
                unsigned = Some(archive.link.seq);
                archive.link
            }
            None => Link { tenant, seq: 0, hash: GENESIS },
        };
        let head = chain::head(client, tenant).await?;
        let mut walk = Walk::new(&self.key, base, checkpoints.iter());
        let mut rows = std::pin::pin!(chain::rows(client, tenant, base.seq).await?);
        while let Some(row) = rows.try_next().await? {
            walk.take(row);
            if walk.events() % PROGRESS == 0 {
                progress(tenant, walk.events());
            }
        }
        let mut verdict = walk.finish(head.map(|head| (head.seq, head.hash)));
        if let Some(seq) = unsigned.filter(|seq| verdict.fault.is_none_or(|(first, _)| *seq < first)) {
            verdict.fault = Some((seq, Fault::Unsigned));
        }
        Ok(verdict)
    }

    /// Signs how far the chains of a range go by now, in the database and in the data directory, where somebody with the
    /// database alone cannot reach it. Returns one checkpoint a bureau.
    pub async fn checkpoint(&self, range: (i32, i32), now: DateTime<Utc>) -> Result<Vec<Checkpoint>, KeepError> {
        let client = self.pools.worker().get().await?;
        let mut signed = Vec::new();
        for tenant in chain::tenants(&client, range).await? {
            let Some(head) = chain::head(&client, tenant).await?.filter(|head| head.seq > 0) else { continue };
            let checkpoint = self.notary.checkpoint(head, now);
            chain::add_checkpoint(&client, &checkpoint).await?;
            signed.push(checkpoint);
        }
        self.keep(&signed)?;
        Ok(signed)
    }

    fn file(&self) -> PathBuf {
        self.directory.join("audit").join("checkpoints.jsonl")
    }

    /// The furthest checkpoint of each bureau that the data directory keeps.
    fn kept(&self) -> Result<BTreeMap<i32, Checkpoint>, KeepError> {
        match fs::read(self.file()) {
            Ok(bytes) => read_checkpoints(&bytes)
                .map(|read| read.into_iter().map(|checkpoint| (checkpoint.link.tenant, checkpoint)).collect())
                .map_err(|error| KeepError::File(self.file(), io::Error::other(error.to_string()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(KeepError::File(self.file(), error)),
        }
    }

    /// Keeps checkpoints in the data directory; a bureau's never goes back.
    fn keep(&self, signed: &[Checkpoint]) -> Result<(), KeepError> {
        let mut kept = self.kept()?;
        for checkpoint in signed {
            let before = kept.get(&checkpoint.link.tenant).map_or(0, |before| before.link.seq);
            if before < checkpoint.link.seq {
                kept.insert(checkpoint.link.tenant, checkpoint.clone());
            }
        }
        let file = self.file();
        let refused = |error| KeepError::File(file.clone(), error);
        let folder = self.directory.join("audit");
        fs::create_dir_all(&folder).map_err(refused)?;
        let fresh = folder.join(format!("checkpoints.{}.new", std::process::id()));
        let written = fs::File::create(&fresh).and_then(|mut file| {
            for checkpoint in kept.values() {
                writeln!(file, "{}", json!(CheckpointLine::from(checkpoint)))?;
            }
            file.sync_all()
        });
        written.and_then(|()| fs::rename(&fresh, &file)).map_err(refused)
    }

    /// Checks every chain of a range and removes the beginning of the sound ones: the events that are older than they are
    /// kept. Returns how many were removed, and the verdicts.
    pub async fn expire(
        &self,
        range: (i32, i32),
        keep: Keep,
        now: DateTime<Utc>,
    ) -> Result<(i64, Vec<Verdict>), KeepError> {
        let mut verdicts = Vec::new();
        self.verify(range, &[], now, |verdict| verdicts.push(verdict.clone()), |_, _| {}).await?;
        let mut removed = 0;
        // What is broken stays as it was found.
        for verdict in verdicts.iter().filter(|verdict| verdict.fault.is_none()) {
            removed += self.expire_one(verdict.tenant, keep, now).await?;
        }
        Ok((removed, verdicts))
    }

    /// Each removal is signed, so that the rest of the chain stays verifiable, and is itself an event.
    async fn expire_one(&self, tenant: i32, keep: Keep, now: DateTime<Utc>) -> Result<i64, KeepError> {
        let client = self.pools.worker().get().await?;
        let least = now.checked_sub_months(Months::new(KEEP_MONTHS_MIN));
        let wanted = match keep {
            Keep::Months(months) => now.checked_sub_months(Months::new(months)),
            Keep::ByPolicy => {
                let today = clock::day(now);
                let days = policies::chain_by(&client, tenant).await?.on(today).number(policies::AUDIT_DAYS);
                u64::try_from(days).ok().and_then(|days| now.checked_sub_days(Days::new(days)))
            }
        };
        let (Some(least), Some(wanted)) = (least, wanted) else { return Ok(0) };
        let until = wanted.min(least);
        let mut removed = 0;
        while let Some(archive) = chain::expired(&client, tenant, until, REMOVED_AT_ONCE).await? {
            let archive = self.notary.archive(Archive { at: now, ..archive });
            client.batch_execute(&Scope::system(tenant).statement()).await?;
            if let Err(error) = forget(&client, &archive, now).await {
                client.batch_execute("ROLLBACK").await?;
                return Err(error);
            }
            client.batch_execute("COMMIT").await?;
            removed += archive.events;
        }
        Ok(removed)
    }

    /// The night's work: checks all chains, writes to those who answer for a broken one, and removes what is over.
    pub async fn nightly(&self, public_url: &str, now: DateTime<Utc>) -> Result<(), KeepError> {
        let (removed, verdicts) = self.expire((0, 999_999), Keep::ByPolicy, now).await?;
        if removed > 0 {
            tracing::info!(removed, "audit events whose time was over were removed");
        }
        let client = self.pools.worker().get().await?;
        for (tenant, (seq, fault)) in verdicts.iter().filter_map(|verdict| Some((verdict.tenant, verdict.fault?))) {
            tracing::error!(bureau = tenant, seq, %fault, "the audit trail was tampered with; nothing of it is removed");
            metrics::counter!("audit_faults_total").increment(1);
            let (zh, en) = fault.words();
            let subject = "【操作留痕校验失败】/ The audit trail does not verify";
            let body = format!(
                "夜间校验发现操作留痕第 {seq} 条起异常：{zh}。请立即联系系统管理员，保全数据库和备份。\n查看：{public_url}/b/audit\n\n\
                 The nightly check found the audit trail broken at event {seq}: {en}. Call the system's administrator at once and \
                 preserve the database and its backups.\nSee {public_url}/b/audit\n"
            );
            chain::tell(&client, (tenant, seq, fault), subject, &body, now).await?;
        }
        Ok(())
    }
}

/// Removes what an archive record speaks of and says so in the trail, within a transaction of the system's scope.
async fn forget(client: &Client, archive: &Archive, now: DateTime<Utc>) -> Result<(), KeepError> {
    let tenant = archive.link.tenant;
    chain::forget(client, archive).await?;
    let caller = Caller { actor: Actor::system(tenant), request_id: "retention".to_owned(), now };
    let event = Event {
        action: "audit.expired",
        subject_kind: "audit",
        subject_id: region(tenant),
        before: Some(json!({"events": archive.events, "first_at": archive.first_at, "last_at": archive.last_at})),
        after: Some(json!({"through": archive.link.seq, "hash": hex::encode(archive.link.hash)})),
        ..Event::default()
    };
    Ok(trail::append_by(client, vec![store::draft(&caller, tenant, event)]).await?)
}

/// Why a file of checkpoints cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {why}; give a file that `mingjian audit checkpoint` wrote")]
pub struct BadCheckpoints {
    line: usize,
    why: String,
}

/// Reads checkpoints, one a line.
pub fn read_checkpoints(bytes: &[u8]) -> Result<Vec<Checkpoint>, BadCheckpoints> {
    let lines = bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty());
    lines
        .map(|(at, line)| {
            let bad = |why: String| BadCheckpoints { line: at + 1, why };
            let read: CheckpointLine = serde_json::from_slice(line).map_err(|error| bad(error.to_string()))?;
            read.read().ok_or_else(|| bad("region, hash or signature cannot be one".to_owned()))
        })
        .collect()
}
