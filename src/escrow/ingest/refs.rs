//! Which references accounts have, as far as this process remembers: most that comes is news, and is known for news without a
//! look into the account's whole past.
//!
//! What is remembered of an account counts only while the account is as it was then: entries are only ever added, each time with
//! the account's count, balance and last instant, under its lock. A reference is kept as a hash, so that one may look known that is
//! not; then the database is asked.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};

use super::store::accounts::Account;

/// References that are remembered in all, some eight bytes each; beyond them the accounts that nothing came for the longest are
/// forgotten.
const HELD_MAX: usize = 8_000_000;

/// How an account stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub entry_count: i64,
    pub balance_fen: i64,
    pub last_booked_at: Option<DateTime<Utc>>,
}

impl From<&Account> for Standing {
    fn from(account: &Account) -> Standing {
        Standing {
            entry_count: account.entry_count,
            balance_fen: account.balance_fen,
            last_booked_at: account.last_booked_at,
        }
    }
}

/// A bureau's account.
pub type Of = (i32, i64);

#[derive(Debug)]
struct Held {
    standing: Standing,
    refs: HashSet<u32>,
    used: u64,
}

#[derive(Debug, Default)]
struct Memory {
    accounts: HashMap<Of, Held>,
    /// Counts what was asked, so that it is known what was not for long.
    turn: u64,
}

impl Memory {
    fn forget_some(&mut self, most: usize) {
        let mut held: usize = self.accounts.values().map(|held| held.refs.len()).sum();
        while held > most {
            let Some((oldest, size)) =
                self.accounts.iter().min_by_key(|(_, held)| held.used).map(|(of, held)| (*of, held.refs.len()))
            else {
                return;
            };
            self.accounts.remove(&oldest);
            held -= size;
        }
    }
}

/// The references of accounts. Cheap to clone; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Refs {
    memory: Arc<Mutex<Memory>>,
    hasher: RandomState,
}

impl Refs {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Half of the hash: of a hundred thousand references one in forty thousand others looks known.
    fn hash(&self, bank_ref: &str) -> u32 {
        (self.hasher.hash_one(bank_ref) >> 32) as u32
    }

    /// Those of `refs` that an account may have; `None` when what is remembered of it does not count.
    pub fn perhaps_known<'r>(
        &self,
        of: Of,
        standing: Standing,
        refs: impl Iterator<Item = &'r str>,
    ) -> Option<Vec<&'r str>> {
        let mut memory = self.memory();
        memory.turn += 1;
        let turn = memory.turn;
        let held = memory.accounts.get_mut(&of).filter(|held| held.standing == standing)?;
        held.used = turn;
        Some(refs.filter(|bank_ref| held.refs.contains(&self.hash(bank_ref))).collect())
    }

    /// Remembers all references of an account.
    pub fn learn<'r>(&self, of: Of, standing: Standing, refs: impl Iterator<Item = &'r str>) {
        let refs = refs.map(|bank_ref| self.hash(bank_ref)).collect();
        let mut memory = self.memory();
        memory.turn += 1;
        let used = memory.turn;
        memory.accounts.insert(of, Held { standing, refs, used });
        memory.forget_some(HELD_MAX);
    }

    /// Adds references that came to an account which stood as it does in `before`; for good, so after the commit.
    pub fn add<'r>(&self, of: Of, before: Standing, after: Standing, refs: impl Iterator<Item = &'r str>) {
        let mut memory = self.memory();
        let Some(held) = memory.accounts.get_mut(&of) else { return };
        if held.standing == before {
            held.standing = after;
            held.refs.extend(refs.map(|bank_ref| self.hash(bank_ref)));
        } else {
            memory.accounts.remove(&of);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(entry_count: i64) -> Standing {
        Standing { entry_count, balance_fen: entry_count * 100, last_booked_at: None }
    }

    #[test]
    fn what_is_remembered_counts_only_while_the_account_is_as_it_was() {
        let refs = Refs::default();
        let of = (331_002, 7);
        let ask = |at: i64| refs.perhaps_known(of, standing(at), ["A", "C"].into_iter());
        assert_eq!(ask(2), None, "nothing is known of it yet");
        refs.learn(of, standing(2), ["A", "B"].into_iter());
        assert_eq!(ask(2), Some(vec!["A"]));
        assert_eq!(ask(3), None, "another process added something");
        refs.add(of, standing(2), standing(3), ["C"].into_iter());
        assert_eq!(ask(3), Some(vec!["A", "C"]));
        refs.add(of, standing(5), standing(6), ["D"].into_iter());
        assert_eq!(ask(3), None, "and what does not follow on is forgotten");
    }

    #[test]
    fn accounts_that_nothing_came_for_are_forgotten_first() {
        let mut memory = Memory::default();
        for (account, used) in [(1, 5), (2, 3), (3, 9)] {
            let refs = (0..10).collect();
            memory.accounts.insert((331_002, account), Held { standing: standing(1), refs, used });
        }
        memory.forget_some(25);
        assert!(memory.accounts.contains_key(&(331_002, 1)) && memory.accounts.contains_key(&(331_002, 3)));
        memory.forget_some(10);
        assert_eq!(memory.accounts.keys().collect::<Vec<_>>(), [&(331_002, 3)]);
    }
}
