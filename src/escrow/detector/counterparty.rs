//! W9 `FUND-UNUSUAL-COUNTERPARTY` (异常交易对手): money goes to somebody other than the one filed own account.
//!
//! Refunds and reversals are no matter of it, nor are the bank's own fees. Of recipients that were paid before, a hash is
//! kept; the names and numbers themselves are in the entries alone. Source: 教监管函〔2021〕2号 (专用账户, 自有账户); thresholds
//! by policy.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasherDefault, Hasher},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    days::DAY,
    facts::{AccountFacts, Relation},
    model::{Entry, Kind, Level, fields},
};
use crate::{
    escrow::policy::{COUNT_MAX, Counterparty},
    kernel::mask,
};

/// Recipients that are remembered. Beyond them those paid longest ago are forgotten, a quarter at a time; paid again, they
/// count as new.
const SEEN_MAX: usize = 1_024;
const FORGOTTEN: usize = SEEN_MAX / 4;
/// Days in which new recipients are counted.
const NEW_DAYS: i64 = 7;

/// The hash of a recipient is spread well enough to find its place by.
#[derive(Debug, Clone, Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(self.0.rotate_left(8) ^ u64::from(*byte)));
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = id;
    }
}

/// A map by the hash of a recipient.
pub(super) type ById<T> = HashMap<u64, T, BuildHasherDefault<Spread>>;

/// A hash of characters; the same in every version, because it is stored.
fn hash(seed: u64, text: impl Iterator<Item = char>) -> u64 {
    let mixed = text.fold(0xCBF2_9CE4_8422_2325 ^ seed, |hash, c| {
        (hash ^ u64::from(u32::from(c))).wrapping_mul(0x0000_0100_0000_01B3)
    });
    mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23)
}

/// Who an entry is with: the account, or the name where the bank gives no account.
pub(super) fn id_of(entry: &Entry) -> Option<u64> {
    let account = entry.counterparty_account.unwrap_or_default();
    if account.chars().any(|c| c.is_ascii_alphanumeric()) {
        let plain = account.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase());
        return Some(hash(1, plain));
    }
    let name = entry.counterparty_name.filter(|name| !name.trim().is_empty())?;
    Some(hash(2, plain(name)))
}

/// A name without its spaces.
fn plain(name: &str) -> impl Iterator<Item = char> + '_ {
    name.chars().filter(|c| !c.is_whitespace())
}

fn is_same(name: &str, other: &str) -> bool {
    plain(name).eq(plain(other))
}

/// A recipient that was paid before.
#[derive(Debug, Clone, Copy)]
struct Seen {
    last_day: i64,
    /// When it was first paid, in microseconds.
    first_at: i64,
    /// Hash of the name that `person` was told by.
    name: u64,
    person: bool,
    /// Whether it was asked if this is one of the institution's own accounts. Not stored: what is filed may change.
    is_strange: bool,
}

/// Recipients of one account.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub(super) struct Payees {
    seen: ById<Seen>,
    /// When those of the last days were first paid.
    new: VecDeque<i64>,
    /// The number, as the bank writes it, that was last found to be filed; a cache.
    own: Option<String>,
}

/// Recipients as they are stored, in order of their hashes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    seen: Vec<(u64, i64, i64, u64, bool)>,
    new: VecDeque<i64>,
}

impl From<Payees> for Stored {
    fn from(payees: Payees) -> Stored {
        let mut seen: Vec<_> = payees
            .seen
            .into_iter()
            .map(|(id, seen)| (id, seen.last_day, seen.first_at, seen.name, seen.person))
            .collect();
        seen.sort_unstable();
        Stored { seen, new: payees.new }
    }
}

impl From<Stored> for Payees {
    fn from(stored: Stored) -> Payees {
        let seen =
            |(id, last_day, first_at, name, person)| (id, Seen { last_day, first_at, name, person, is_strange: false });
        Payees { seen: stored.seen.into_iter().map(seen).collect(), new: stored.new, own: None }
    }
}

/// What is known of the recipient of one withdrawal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Payee {
    pub id: u64,
    pub first_seen: bool,
    /// Whether it was first paid less than 24 hours ago.
    pub is_new: bool,
    /// Recipients first paid in the last seven days, this one among them.
    new_payees: u32,
    /// `None` where the bank gives no name.
    person: Option<bool>,
}

/// Where a withdrawal went.
#[derive(Debug, Clone, Copy)]
pub(super) enum Towards {
    /// The bank does not say.
    Unknown,
    /// An account that is filed.
    Own(u64),
    /// An approved release; which account is filed is unknown.
    Unfiled(u64),
    Other(Payee),
}

impl Payees {
    /// Where a withdrawal went; remembers whom it went to.
    pub(super) fn see(&mut self, facts: &AccountFacts, entry: &Entry, day: i64, at: i64) -> Towards {
        let Some(id) = id_of(entry) else { return Towards::Unknown };
        let known = self.seen.get(&id).copied();
        // Which account is the filed one may depend on the day: then nothing is remembered of the answer.
        let lasts = facts.earlier_payees.is_empty();
        if !(lasts && known.is_some_and(|seen| seen.is_strange)) && self.is_own(facts, entry, day) {
            return Towards::Own(id);
        }
        let name = entry.counterparty_name.filter(|name| !name.trim().is_empty());
        let name_hash = name.map_or(0, |name| hash(2, plain(name)));
        let person = match known {
            Some(seen) if seen.name == name_hash => seen.person,
            _ => name.is_some_and(mask::is_person),
        };
        let first_at = known.map_or(at, |seen| seen.first_at);
        self.seen.insert(id, Seen { last_day: day, first_at, name: name_hash, person, is_strange: true });
        if self.seen.len() > SEEN_MAX {
            self.forget_some();
        }
        let is_approved = entry.kind == Kind::Release && entry.order_ref.is_some();
        if facts.payee.is_none() && is_approved {
            return Towards::Unfiled(id);
        }
        let first_seen = known.is_none();
        if first_seen {
            let start = at.saturating_sub(NEW_DAYS * DAY);
            while self.new.front().is_some_and(|first| *first <= start) {
                self.new.pop_front();
            }
            // More than any threshold says nothing more.
            if self.new.len() >= COUNT_MAX as usize {
                self.new.pop_front();
            }
            self.new.push_back(at);
        }
        let new_payees = u32::try_from(self.new.len()).unwrap_or(u32::MAX);
        let is_new = at.saturating_sub(DAY) < first_at;
        Towards::Other(Payee { id, first_seen, is_new, new_payees, person: name.map(|_| person) })
    }

    /// Whether an entry is with an account of the institution itself. Where the bank gives no number its registered name
    /// counts, for nobody else bears it.
    fn is_own(&mut self, facts: &AccountFacts, entry: &Entry, day: i64) -> bool {
        let Some(account) = entry.counterparty_account.filter(|account| !account.trim().is_empty()) else {
            let own = facts.institution.as_deref().zip(entry.counterparty_name);
            return own.is_some_and(|(own, name)| is_same(own, name));
        };
        let lasts = facts.earlier_payees.is_empty();
        if lasts && self.own.as_deref() == Some(account) {
            return true;
        }
        let own = facts.is_payee(account, day) || facts.own_accounts.iter().any(|filed| filed.is(account));
        if own && lasts {
            self.own = Some(account.to_owned());
        }
        own
    }

    fn forget_some(&mut self) {
        let mut by_age: Vec<(i64, u64)> = self.seen.iter().map(|(id, seen)| (seen.last_day, *id)).collect();
        by_age.sort_unstable();
        by_age.iter().take(FORGOTTEN).for_each(|(_, id)| {
            self.seen.remove(id);
        });
    }
}

/// Why a recipient is unusual; the graver first, and of equals the one that says most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    PersonByAmount,
    PersonByShare,
    Related(Relation),
    FirstSeen,
    NewPayees,
    Person,
    NotFiled,
}

/// A withdrawal to an unusual recipient.
pub(super) struct Finding {
    reason: Reason,
    payee: Payee,
}

/// Judges a withdrawal to somebody other than a filed account; `before_fen` is the balance before it.
pub(super) fn judge(
    policy: &Counterparty,
    facts: &AccountFacts,
    payee: Payee,
    entry: &Entry,
    before_fen: i64,
) -> Option<Finding> {
    let amount = entry.amount_fen;
    let is_person = payee.person == Some(true);
    let related = || {
        let name = entry.counterparty_name?;
        facts.persons.iter().find(|person| person.name.is(name)).map(|person| person.relation)
    };
    let reason = if is_person && amount >= policy.person_red_fen {
        Reason::PersonByAmount
    } else if is_person && has_share(amount, before_fen, policy.person_red_bp) {
        Reason::PersonByShare
    } else if let Some(relation) = related() {
        Reason::Related(relation)
    } else if payee.first_seen && amount >= policy.first_seen_fen {
        Reason::FirstSeen
    } else if payee.first_seen && payee.new_payees >= policy.new_payees {
        Reason::NewPayees
    } else if is_person {
        Reason::Person
    } else if facts.payee.is_some() {
        Reason::NotFiled
    } else {
        return None;
    };
    Some(Finding { reason, payee })
}

/// A balance of zero or less counts as a share of 100 %.
fn has_share(amount_fen: i64, before_fen: i64, bp: i64) -> bool {
    before_fen <= 0 || i128::from(amount_fen) * 10_000 >= i128::from(bp) * i128::from(before_fen)
}

fn share_bp(amount_fen: i64, before_fen: i64) -> i64 {
    if before_fen <= 0 {
        return 10_000;
    }
    i64::try_from(i128::from(amount_fen) * 10_000 / i128::from(before_fen)).unwrap_or(i64::MAX)
}

impl Finding {
    pub(super) fn level(&self) -> Level {
        match self.reason {
            Reason::PersonByAmount | Reason::PersonByShare => Level::Red,
            Reason::Related(_) => Level::Orange,
            Reason::FirstSeen | Reason::NewPayees | Reason::Person | Reason::NotFiled => Level::Yellow,
        }
    }

    /// What an officer needs to check the warning by hand. Of a natural person it holds the mask alone.
    pub(super) fn evidence(&self, policy: &Counterparty, entry: &Entry, before_fen: i64) -> Map<String, Value> {
        let amount = entry.amount_fen;
        let share = share_bp(amount, before_fen);
        let (value, threshold, unit, formula) = match self.reason {
            Reason::PersonByAmount => {
                (amount, Some(policy.person_red_fen), "fen", "amount_fen >= threshold to a natural person")
            }
            Reason::PersonByShare => (
                share,
                Some(policy.person_red_bp),
                "bp",
                "amount_fen * 10000 / balance_before_fen >= threshold to a natural person",
            ),
            Reason::Related(_) => (amount, None, "fen", "the recipient is related to the institution"),
            Reason::FirstSeen => {
                (amount, Some(policy.first_seen_fen), "fen", "amount_fen >= threshold to a recipient never paid before")
            }
            Reason::NewPayees => (
                i64::from(self.payee.new_payees),
                Some(i64::from(policy.new_payees)),
                "payees",
                "recipients first paid within window_days >= threshold",
            ),
            Reason::Person => (amount, None, "fen", "the recipient is a natural person"),
            Reason::NotFiled => (amount, None, "fen", "the recipient is not the filed account"),
        };
        let relation = match self.reason {
            Reason::Related(relation) => Some(<&str>::from(relation)),
            _ => None,
        };
        let name = entry.counterparty_name;
        let shown = |name: &str| if mask::is_person(name) { mask::name(name) } else { name.to_owned() };
        fields([
            ("value", value.into()),
            ("threshold", threshold.into()),
            ("unit", unit.into()),
            ("formula", formula.into()),
            ("amount_fen", amount.into()),
            ("balance_before_fen", before_fen.into()),
            ("share_bp", share.into()),
            ("payee", name.map(shown).into()),
            ("payee_account", entry.counterparty_account.map(mask::account).into()),
            ("payee_is_person", self.payee.person.into()),
            ("relation", relation.into()),
            ("first_seen", self.payee.first_seen.into()),
            ("new_payees", self.payee.new_payees.into()),
            ("window_days", NEW_DAYS.into()),
            ("order_ref", entry.order_ref.into()),
        ])
    }
}
