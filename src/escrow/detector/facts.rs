//! What is filed about an account: how it is supervised, where its releases go, and who stands close to the institution.
//!
//! A field that is empty is unknown: what rests on it is not judged, and said so.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use super::siblings::Siblings;
use crate::escrow::model::{Mode, account_number};

/// Whether an account number or a name, as a bank writes it, is one that is kept.
type Answers = dyn Fn(&str) -> bool + Send + Sync;

/// An account that is kept sealed or in the clear: it answers whether a number is its own and tells nothing else.
#[derive(Clone)]
pub struct FiledAccount(Arc<Answers>);

impl FiledAccount {
    /// One known by its number; spacing and letters' case do not count.
    pub fn number(number: &str) -> FiledAccount {
        let own = account_number(number);
        FiledAccount(Arc::new(move |other| account_number(other) == own))
    }

    /// One known by other means, such as a keyed hash.
    pub fn by(answers: impl Fn(&str) -> bool + Send + Sync + 'static) -> FiledAccount {
        FiledAccount(Arc::new(answers))
    }

    /// Whether the number is this account's.
    pub fn is(&self, number: &str) -> bool {
        (self.0)(number)
    }
}

impl fmt::Debug for FiledAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FiledAccount(…)")
    }
}

/// A name that is kept sealed or in the clear: it answers whether a name that a bank gives is its own and tells nothing else.
#[derive(Clone)]
pub struct FiledName(Arc<Answers>);

impl FiledName {
    /// One known in full; blanks do not count.
    pub fn text(name: &str) -> FiledName {
        let own = plain(name);
        FiledName(Arc::new(move |other| plain(other) == own))
    }

    /// One known by other means, such as a keyed hash.
    pub fn by(answers: impl Fn(&str) -> bool + Send + Sync + 'static) -> FiledName {
        FiledName(Arc::new(answers))
    }

    /// Whether the name is this one.
    pub fn is(&self, name: &str) -> bool {
        (self.0)(name)
    }
}

/// A name without its blanks.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace()).collect()
}

impl fmt::Debug for FiledName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FiledName(…)")
    }
}

/// What somebody is to the institution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Relation {
    /// 举办者.
    Sponsor,
    /// 法定代表人.
    LegalRepresentative,
    /// A filed relative of one of them.
    Relative,
    /// 从业人员.
    Staff,
}

/// Somebody who stands close to the institution; a sponsor may be an organisation.
#[derive(Debug, Clone)]
pub struct Person {
    pub name: FiledName,
    pub relation: Relation,
}

/// What is filed about an account.
#[derive(Debug, Clone, Default)]
pub struct AccountFacts {
    /// Unknown counts as custody.
    pub mode: Option<Mode>,
    /// The institution's registered name.
    pub institution: Option<String>,
    /// Where releases go: the institution's one filed own account.
    pub payee: Option<FiledAccount>,
    /// The accounts that were it before, in order, each with the day (counted from 1970-01-01) from which it is no more.
    pub earlier_payees: Vec<(FiledAccount, i64)>,
    /// Other dedicated accounts of the institution, between which money may move.
    pub own_accounts: Vec<FiledAccount>,
    pub persons: Vec<Person>,
    /// What these other accounts have to do with it while one takes the place of another.
    pub siblings: Siblings,
}

impl AccountFacts {
    /// Nothing is filed, or nobody says.
    pub fn unknown() -> &'static AccountFacts {
        static UNKNOWN: LazyLock<AccountFacts> = LazyLock::new(AccountFacts::default);
        &UNKNOWN
    }
}

impl AccountFacts {
    /// Whether releases went to a number on a day (counted from 1970-01-01).
    pub fn is_payee(&self, number: &str, day: i64) -> bool {
        match self.earlier_payees.iter().find(|(_, until)| day < *until) {
            Some((earlier, _)) => earlier.is(number),
            None => self.payee.as_ref().is_some_and(|payee| payee.is(number)),
        }
    }
}

impl AccountFacts {
    /// What the filing of an account says: mode, registered name, where releases go, the institution's other dedicated
    /// accounts, the legal representative, the sponsors, and the staff that filings publish.
    pub fn filed(
        mode: &str,
        institution: &str,
        payee: Option<FiledAccount>,
        own_accounts: Vec<FiledAccount>,
        (legal_person, sponsors, staff): (&str, Option<FiledName>, &[String]),
    ) -> AccountFacts {
        let named = |name: &str| Some(name.trim().to_owned()).filter(|name| !name.is_empty());
        let person = |name: &str, relation| named(name).map(|name| Person { name: FiledName::text(&name), relation });
        let representative = person(legal_person, Relation::LegalRepresentative);
        let sponsors = sponsors.map(|name| Person { name, relation: Relation::Sponsor });
        let staff = staff.iter().filter_map(|name| person(name, Relation::Staff));
        AccountFacts {
            mode: mode.parse().ok(),
            institution: named(institution),
            payee,
            earlier_payees: Vec::new(),
            own_accounts,
            persons: representative.into_iter().chain(sponsors).chain(staff).collect(),
            siblings: Siblings::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_told_by_its_number_however_it_is_written_and_shows_none() {
        let filed = FiledAccount::number("6230 5500-1203");
        assert!(filed.is("623055001203") && filed.is(" 6230-5500 1203 ") && !filed.is("623055001204"));
        assert_eq!(format!("{filed:?}"), "FiledAccount(…)");
        let hashed = FiledAccount::by(|number| number.len() == 3);
        assert!(hashed.is("abc") && !hashed.is(""));
        let facts = AccountFacts {
            payee: Some(FiledAccount::number("30000003")),
            earlier_payees: vec![(FiledAccount::number("10000001"), 10), (FiledAccount::number("20000002"), 12)],
            ..AccountFacts::default()
        };
        for (number, first, last) in [("10000001", 0, 9), ("20000002", 10, 11), ("30000003", 12, 30)] {
            for day in 0..=30 {
                assert_eq!(facts.is_payee(number, day), (first..=last).contains(&day), "{number} on {day}");
            }
        }
        let name = FiledName::text("王 小明");
        assert!(name.is("王小 明") && !name.is("王小"));
        assert_eq!(format!("{name:?}"), "FiledName(…)");
    }
}
