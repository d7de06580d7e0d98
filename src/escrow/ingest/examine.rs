//! Whether what is stored of accounts is what their statements and entries come to.
//!
//! Each account is locked as by a delivery, so that nothing moves while it is looked at, and nothing is written. Its history
//! is a stream: memory does not grow with it.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{
    IngestError,
    chain::{Claim, chain},
    reconcile::Write,
    rejudge::Nothing,
    siblings,
    store::{
        accounts::{self, Account},
        tally::{self, Tally},
    },
    transaction::Transaction,
    work::Work,
};
use crate::{
    db::Scope,
    escrow::{detector::Warning, policy::Policies},
    identity::{Actor, Caller},
    kernel::{Fault, Fen, Invariant, fault::Told},
    policies,
    web::AppState,
};

/// Accounts whose ids are read at once.
const AT_ONCE: i64 = 500;

/// Looks at every account of a bureau; how many there were.
pub async fn examine(state: &AppState, tenant: i32, now: DateTime<Utc>, told: Told<'_>) -> Result<u64, IngestError> {
    let caller = Caller { actor: Actor::system(tenant), request_id: "doctor".to_owned(), now };
    let tx = Transaction::begin(&state.pools, Scope::system(tenant)).await?;
    let policies = Arc::new(Policies::of(&policies::chain_by(&tx, tenant).await?));
    tx.commit().await?;
    let (mut after, mut count, nothing) = (0, 0, Nothing::default());
    loop {
        let tx = Transaction::begin(&state.pools, Scope::system(tenant)).await?;
        let ids = tally::accounts_after(&tx, tenant, after, AT_ONCE).await?;
        tx.commit().await?;
        let Some(last) = ids.last() else { return Ok(count) };
        after = *last;
        for id in ids {
            let tx = Transaction::begin(&state.pools, Scope::system(tenant)).await?;
            let work = nothing.work(state, &tx, &caller, Arc::clone(&policies));
            if let Some(account) = siblings::locked(&tx, tenant, id).await? {
                count += 1;
                work.examine(&account, told).await?;
            }
            tx.commit().await?;
        }
    }
}

/// Words of one account's faults.
struct Words {
    tenant: i32,
    account: i64,
    number: String,
}

impl Words {
    fn of_row(&self, invariant: Invariant, row: String, zh: String, en: String) -> Fault {
        let (zh, en) = (format!("账户 {}：{zh}", self.number), format!("account {}: {en}", self.number));
        Fault { invariant, tenant: self.tenant, row, zh, en }
    }

    fn of_account(&self, invariant: Invariant, zh: String, en: String) -> Fault {
        self.of_row(invariant, format!("escrow_accounts {}", self.account), zh, en)
    }
}

impl Work<'_> {
    async fn examine(&self, account: &Account, told: Told<'_>) -> Result<(), IngestError> {
        let words = Words { tenant: self.tenant(), account: account.id, number: account.account_no.clone() };
        let tally = tally::tally(self.tx, self.tenant(), account.id, account.institution_id).await?;
        self.entries(account, &tally, &words, told).await?;
        self.chain_of_statements(account, &words, told).await?;
        if tally.entries == 0 || account.entry_count == 0 {
            return Ok(());
        }
        let (_, judged) = self.judge_on_record(account).await?;
        let found = judged.detector.balance_fen();
        if found != account.balance_fen {
            told(words.of_account(
                Invariant::Balance,
                format!("余额记为 {}，而流水加总为 {}", Fen(account.balance_fen), Fen(found)),
                format!("its balance is kept as {}, and its entries come to {}", Fen(account.balance_fen), Fen(found)),
            ));
        }
        // What was learned late is judged by the next sweep.
        if account.owed_changed_on.is_none() {
            for write in &judged.writes {
                told(differs(write, &words));
            }
        }
        Ok(())
    }

    /// None lost, none twice.
    async fn entries(
        &self,
        account: &Account,
        tally: &Tally,
        words: &Words,
        told: Told<'_>,
    ) -> Result<(), IngestError> {
        if tally.entries != account.entry_count {
            told(words.of_account(
                Invariant::Entries,
                format!("记有 {} 笔流水，实有 {} 笔", account.entry_count, tally.entries),
                format!("{} entries are kept of it, and {} are there", account.entry_count, tally.entries),
            ));
        }
        if tally.last_at != account.last_booked_at {
            told(words.of_account(
                Invariant::Entries,
                "最后一笔流水的时间与账户所记不同".to_owned(),
                "its last entry is not of the instant that is kept".to_owned(),
            ));
        }
        if tally.strange != 0 {
            told(words.of_account(
                Invariant::Entries,
                format!("有 {} 笔流水挂在别的机构名下", tally.strange),
                format!("{} of its entries are another institution's", tally.strange),
            ));
        }
        for short in tally::statements(self.tx, self.tenant(), account.id).await? {
            told(words.of_row(
                Invariant::Entries,
                format!("statements {}", short.id),
                format!("对账单“{}”带来 {} 笔流水，实有 {} 笔", short.file_name, short.inserted, short.entries),
                format!(
                    "the statement “{}” brought {} entries, and {} are there",
                    short.file_name, short.inserted, short.entries
                ),
            ));
        }
        for (bank_ref, times) in tally::twice(self.tx, self.tenant(), account.id).await? {
            told(words.of_row(
                Invariant::Entries,
                format!("entries {}/{bank_ref}", account.id),
                format!("流水号 {bank_ref} 有 {times} 笔"),
                format!("the reference {bank_ref} is there {times} times"),
            ));
        }
        Ok(())
    }

    /// Every statement is marked by what the chain of all of them says.
    async fn chain_of_statements(&self, account: &Account, words: &Words, told: Told<'_>) -> Result<(), IngestError> {
        let stored = accounts::claims(self.tx, self.tenant(), account.id).await?;
        let claims: Vec<Claim> = stored.iter().map(|claimed| claimed.claim).collect();
        let sums = self.sums(account, &claims, &[]).await?;
        let chain = chain(&claims, &sums).ok_or(IngestError::TooLarge)?;
        for (claimed, verdict) in stored.iter().zip(&chain.verdicts) {
            let (balanced, gap) = (verdict.balanced(claimed.adds_up), verdict.gap);
            if (balanced, gap) == (claimed.balanced, claimed.gap) {
                continue;
            }
            let missing = gap.map_or(0, |gap| gap.fen);
            told(words.of_row(
                Invariant::StatementChain,
                format!("statements {}", claimed.id),
                format!("对账单的期初、流水、期末与所记的结论不符，差 {}", Fen(missing)),
                format!(
                    "opening, entries and closing do not bear out what is kept of the statement; {} lack",
                    Fen(missing)
                ),
            ));
        }
        let anchor = chain.runs.last().map(|run| (run.opening_fen, run.on));
        if anchor != account.opening_fen.zip(account.opening_on) && account.entry_count > 0 {
            told(words.of_account(
                Invariant::StatementChain,
                "最近一段连续对账单的期初与账户所记不同".to_owned(),
                "the latest run of statements does not begin as is kept".to_owned(),
            ));
        }
        Ok(())
    }
}

fn differs(write: &Write, words: &Words) -> Fault {
    let told = |warning: &Warning| format!("{} {} {}", warning.kind, warning.level, warning.raised_at.to_rfc3339());
    match write {
        Write::Insert(warning) => words.of_account(
            Invariant::Warnings,
            format!("按同样事实应有预警 {}，而没有", told(warning)),
            format!("the same facts raise {}, which is not there", told(warning)),
        ),
        Write::Update { id, status, warning } => words.of_row(
            Invariant::Warnings,
            format!("warnings {id}"),
            format!("按同样事实应为 {}（{status}）", told(warning)),
            format!("by the same facts it is {} ({status})", told(warning)),
        ),
    }
}
