//! REFUND-ROUTE: a refund goes back to the account that the money came from.
//!
//! Who paid is whom the bank names on the credit that bears a payment out. A payment that no entry bears out, cash, and what
//! the institution itself paid in name no family; what the bank does not name is unknown, never taken for the family.

use crate::{escrow::account_number, kernel::mask, ledger::model::Channel};

/// The other side of a bank's entry, as far as the bank names it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Party {
    account: Option<String>,
    name: Option<String>,
}

/// Where a refund went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Route {
    /// To somebody who paid.
    Original,
    /// To somebody else.
    Elsewhere,
    /// The bank does not name who paid, or who was paid.
    Undetermined,
}

impl Route {
    /// As people read it.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Route::Original => ("已退回原付款账户", "went back to the account that paid"),
            Route::Elsewhere => ("退到教育局核定的其他账户", "went to the other account that the bureau approved"),
            Route::Undetermined => {
                ("银行未提供对方信息，去向无法核对", "the bank does not name the other side; where it went is unknown")
            }
        }
    }
}

impl Party {
    /// As an entry names it.
    pub fn new(account: Option<&str>, name: Option<&str>) -> Party {
        let plain = |name: &str| name.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
        Party {
            account: account.map(account_number).filter(|number| !number.is_empty()),
            name: name.map(plain).filter(|name| !name.is_empty()),
        }
    }

    /// The account, letters and digits only.
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    fn is_nobody(&self) -> bool {
        self.account.is_none() && self.name.is_none()
    }

    /// Whether both are the same; `None` where nothing can be compared. A wallet or a card company pays in and out of
    /// accounts of its own, so its name alone tells it; a person may have the money in no other account.
    fn is(&self, other: &Party) -> Option<bool> {
        let same_name = self.name.as_ref().zip(other.name.as_ref()).map(|(one, other)| one == other);
        let Some((account, other_account)) = self.account.as_ref().zip(other.account.as_ref()) else {
            return same_name;
        };
        let company = self.name.as_deref().is_some_and(|name| !mask::is_person(name));
        Some(account == other_account || (company && same_name == Some(true)))
    }
}

/// A payment of a contract, and whom the bank's entry names that bears it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credited {
    pub channel: Channel,
    /// It was paid to another account than the escrow account, and moved in later if at all.
    pub elsewhere: bool,
    /// Nobody where no entry bears it out.
    pub by: Party,
}

/// The institution itself, which may pay in but is no family.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct House {
    /// Its name and its legal representative's.
    pub names: Vec<String>,
    /// Its accounts, letters and digits only.
    pub accounts: Vec<String>,
}

impl House {
    fn owns(&self, party: &Party) -> bool {
        let named = |name: &str| self.names.iter().any(|own| own.split_whitespace().collect::<String>() == name);
        party.name.as_deref().is_some_and(named)
            || party.account.as_ref().is_some_and(|account| self.accounts.contains(account))
    }
}

/// Who paid on a contract.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Payers {
    known: Vec<Party>,
    /// Payments of which it is not known who made them.
    unknown: usize,
}

impl Payers {
    /// Of the contract's payments.
    pub fn of(payments: Vec<Credited>, house: &House) -> Payers {
        let mut payers = Payers::default();
        for Credited { channel, elsewhere, by } in payments {
            if elsewhere || channel == Channel::Cash || by.is_nobody() || house.owns(&by) {
                payers.unknown += 1;
            } else {
                payers.known.push(by);
            }
        }
        payers
    }

    /// Payments of which it is not known who made them.
    pub fn unknown(&self) -> usize {
        self.unknown
    }

    /// Whether it is known of every payment, and there is one.
    pub fn are_known(&self) -> bool {
        self.unknown == 0 && !self.known.is_empty()
    }

    /// Where money that went to `to` went.
    pub fn route(&self, to: &Party) -> Route {
        let told: Vec<Option<bool>> = self.known.iter().map(|payer| payer.is(to)).collect();
        if told.contains(&Some(true)) {
            Route::Original
        } else if !self.are_known() || to.is_nobody() || told.contains(&None) {
            Route::Undetermined
        } else {
            Route::Elsewhere
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(account: &str, name: &str) -> Party {
        Party::new(Some(account), Some(name))
    }

    fn credited(channel: Channel, account: &str, name: &str) -> Credited {
        Credited { channel, elsewhere: false, by: party(account, name) }
    }

    fn house() -> House {
        House { names: vec!["启明星培训中心".into(), "王 校长".into()], accounts: vec!["33100299".into()] }
    }

    #[test]
    fn a_refund_goes_back_to_whoever_paid() {
        use Route::{Elsewhere, Original, Undetermined};
        let transfer = |account, name| vec![credited(Channel::BankTransfer, account, name)];
        let wallet = vec![credited(Channel::Wechat, "1001", "财付通支付科技有限公司")];
        let cash = vec![credited(Channel::Cash, "6222001", "张某")];
        for (case, payments, to, expected) in [
            ("the same account", transfer("6222 001", "张某"), party("6222001", "张某"), Original),
            ("the same account, no name", transfer("6222001", "张某"), party("6222001", ""), Original),
            ("another account of the same person", transfer("6222001", "张某"), party("6222002", "张某"), Elsewhere),
            ("the owner's card", transfer("6222001", "张某"), party("6222009", "王校长"), Elsewhere),
            ("a wallet's other account", wallet.clone(), party("1002", "财付通支付科技有限公司"), Original),
            ("a person instead of the wallet", wallet, party("6222001", "张某"), Elsewhere),
            ("names alone", transfer("", "张某"), party("", "张 某"), Original),
            ("names alone, another", transfer("", "张某"), party("", "李某"), Elsewhere),
            ("an account against a name", transfer("6222001", ""), party("", "张某"), Undetermined),
            ("the bank names nobody", transfer("6222001", "张某"), party("", ""), Undetermined),
            ("no entry bears the payment out", transfer("", ""), party("6222001", "张某"), Undetermined),
            ("cash was paid in by somebody", cash, party("6222001", "张某"), Undetermined),
            ("the institution paid it in", transfer("33100299", "某公司"), party("33100299", "某公司"), Undetermined),
            ("its owner paid it in", transfer("6222009", "王校长"), party("6222009", "王校长"), Undetermined),
            ("nothing was paid", vec![], party("6222001", "张某"), Undetermined),
        ] {
            assert_eq!(Payers::of(payments, &house()).route(&to), expected, "{case}");
        }
    }

    #[test]
    fn each_payment_has_a_payer_or_the_route_is_not_known() {
        let moved = Credited { elsewhere: true, ..credited(Channel::BankTransfer, "6222009", "某人") };
        let payers = Payers::of(vec![credited(Channel::Pos, "1", "张某"), moved], &house());
        assert_eq!((payers.are_known(), payers.unknown()), (false, 1));
        assert_eq!(payers.route(&party("1", "张某")), Route::Original, "one of them it was");
        assert_eq!(payers.route(&party("2", "李某")), Route::Undetermined, "it may have been the other");
        let both = vec![credited(Channel::Pos, "1", "张某"), credited(Channel::Pos, "2", "李某")];
        let payers = Payers::of(both, &house());
        assert_eq!((payers.are_known(), payers.route(&party("2", "李某"))), (true, Route::Original));
        assert_eq!(payers.route(&party("3", "李某")), Route::Elsewhere);
    }
}
