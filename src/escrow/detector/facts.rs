//! What is filed about an account: how it is supervised, where its releases go, and who stands close to the institution.
//!
//! A field that is empty is unknown: what rests on it is not judged, and said so.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use super::siblings::Siblings;
use crate::escrow::model::{Mode, account_number};

/// Whether an account number, as a bank writes it, is one that is kept.
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub name: String,
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
    /// What the filing of an account says: mode, registered name, where releases go, the institution's other dedicated
    /// accounts, the legal representative, and the staff that filings publish.
    pub fn filed(
        mode: &str,
        institution: &str,
        payee: Option<FiledAccount>,
        own_accounts: Vec<FiledAccount>,
        legal_person: &str,
        staff: &[String],
    ) -> AccountFacts {
        let named = |name: &str| Some(name.trim().to_owned()).filter(|name| !name.is_empty());
        let representative = named(legal_person).map(|name| Person { name, relation: Relation::LegalRepresentative });
        let staff = staff.iter().filter_map(|name| named(name)).map(|name| Person { name, relation: Relation::Staff });
        AccountFacts {
            mode: mode.parse().ok(),
            institution: named(institution),
            payee,
            own_accounts,
            persons: representative.into_iter().chain(staff).collect(),
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
    }
}
