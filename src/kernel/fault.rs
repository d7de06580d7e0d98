//! A fault of the books: what is stored contradicts the facts that it is made of.
//!
//! Every feature that keeps something derived offers a function that looks for its faults; `mingjian doctor --deep` and the
//! simulated county ask all of them.

/// What must always hold.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display, strum::EnumIter, strum::IntoStaticStr,
)]
#[strum(serialize_all = "snake_case")]
pub enum Invariant {
    /// The balance is the opening of the latest run of statements and all entries since.
    Balance,
    /// Every entry that came is there once.
    Entries,
    /// Each statement is marked by whether it hangs together with the others.
    StatementChain,
    /// Of every contract, paid, consumed and refunded are what its payments, lessons and refunds come to.
    Contracts,
    /// What is owed by day is what the facts of all contracts come to.
    OwedDays,
    /// The warnings are those that a back-test of the same facts finds.
    Warnings,
    /// The outcome of each proven day is the one that was signed.
    Proofs,
    /// Nothing of the trail was changed, taken out or put in.
    AuditChain,
    /// What is sealed opens at its place.
    Sealed,
    /// What parents see is what is drawn from the register, the lists, the filings and the account.
    PublicRows,
}

impl Invariant {
    /// What to do about a fault of it, in Chinese and English.
    pub fn mend(self) -> (&'static str, &'static str) {
        match self {
            Invariant::Balance | Invariant::Entries | Invariant::StatementChain => (
                "有人绕过平台改动了流水；请从备份恢复这个账户的流水，再让银行补发缺的对账单",
                "somebody changed entries past the service; restore the account's entries from the backup, then have the bank send what lacks",
            ),
            Invariant::Contracts | Invariant::OwedDays => (
                "有人绕过平台改动了台账；请从备份恢复这份合同的收退费和课时",
                "somebody changed the ledger past the service; restore the contract's payments, lessons and refunds from the backup",
            ),
            Invariant::Warnings => (
                "运行 mingjian sweep，让账户按现有事实重新判断；仍不一致的从备份恢复",
                "run mingjian sweep, which judges the account anew; restore what differs still from the backup",
            ),
            Invariant::Proofs => (
                "有人绕过平台改动了核对结果；请从备份恢复这一天的结果",
                "somebody changed what was proven past the service; restore the day's outcome from the backup",
            ),
            Invariant::AuditChain => (
                "运行 mingjian audit verify 查明断点，并与另行保存的签名核对",
                "see with mingjian audit verify where the chain breaks, and compare with checkpoints that were kept elsewhere",
            ),
            Invariant::Sealed => ("从备份恢复 keys/data 和这一行", "restore keys/data and the row from the backup"),
            Invariant::PublicRows => (
                "改动并保存一次这家机构的备案信息即重新公示；若是有人改动了公示表，请查明",
                "file anything of the institution anew and it is published anew; if somebody changed the published table, find out who",
            ),
        }
    }
}

/// One contradiction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub invariant: Invariant,
    /// The bureau.
    pub tenant: i32,
    /// Table and id of the row that is wrong.
    pub row: String,
    pub zh: String,
    pub en: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:06} {}: {}", self.invariant, self.tenant, self.row, self.en)
    }
}

/// Who hears of faults, one after the other.
pub type Told<'a> = &'a mut (dyn FnMut(Fault) + Send);
