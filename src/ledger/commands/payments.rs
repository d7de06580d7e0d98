//! Recording a payment on a contract. The same receipt twice is one payment; another content under its number is refused
//! with both versions.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{AMOUNT_MAX, Faults, Ledger, Recorded, admit, contracts as recording, differing};
use crate::{
    audit::{self, Event},
    db::{Pools, ScopedConn},
    escrow::{self, account_number},
    identity::Caller,
    kernel::{Fen, Finding, Private, clock::BEIJING, private::AccountNumber},
    ledger::{
        booking::Booking,
        error::LedgerError,
        model::{Channel, ContractStatus},
        rules::{self, Offer, OtherPayment, Paying},
        store::{
            contracts::{self, Contract},
            payments::{self as store, NewRow, Payment},
        },
    },
};

/// A clock may be ahead of ours by so much.
const AHEAD_MAX: TimeDelta = TimeDelta::minutes(15);

/// A payment as it is handed in, not yet checked.
#[derive(Debug, Clone)]
pub struct NewPayment {
    pub receipt_no: String,
    pub paid_at: DateTime<Utc>,
    pub amount: Fen,
    pub channel: Channel,
    /// Empty for the escrow account.
    pub payee_account: Private<AccountNumber>,
    pub payee_is_person: bool,
    /// It has been taken already: what the rules forbid is kept with what was found, so that it can be mended.
    pub already_taken: bool,
}

impl NewPayment {
    fn check(&self, now: DateTime<Utc>) -> Result<(), LedgerError> {
        let mut faults = Faults::default();
        if self.receipt_no.trim().is_empty() && !self.already_taken {
            faults.add(
                "receipt_no",
                "PREPAY-INVOICE",
                "每笔收费须向家长开具票据；请填写票据或电子发票号码",
                "a receipt or an e-invoice is given for each fee; enter its number",
            );
        } else if !self.receipt_no.trim().is_empty() {
            faults.text("receipt_no", &self.receipt_no);
        }
        if !(1..AMOUNT_MAX).contains(&self.amount.0) {
            faults.add(
                "amount_fen",
                "AMOUNT",
                "收款金额须为正整数（分），小于一亿元",
                "the amount is a whole number of fen above 0, below a hundred million yuan",
            );
        }
        if self.paid_at > now + AHEAD_MAX {
            faults.add(
                "paid_at",
                "FUTURE",
                "收款时间晚于现在；请核对",
                "the payment is later than now; check its time",
            );
        }
        let digits = account_number(self.payee_account.expose()).len();
        if !self.payee_account.is_empty() && !(6..=40).contains(&digits) {
            faults.add(
                "payee_account",
                "ACCOUNT",
                "账号应为 6 至 40 位数字或字母",
                "an account number has 6 to 40 digits or letters",
            );
        }
        faults.none()
    }

    /// The account that it went to, where that is another than the escrow account.
    fn payee(&self, ledger: &Ledger) -> Option<Private<AccountNumber>> {
        let number = account_number(self.payee_account.expose());
        let own = ledger.keeper.account_no.as_deref() == Some(number.as_str());
        (!number.is_empty() && !own).then(|| Private::new(number))
    }

    /// By what it is found again: the number of its receipt. What was taken without any is told by contract, time and sum.
    fn number(&self, contract_no: &str) -> String {
        match self.receipt_no.trim() {
            "" => format!(
                "无票/{contract_no}/{}/{}",
                self.paid_at.with_timezone(&BEIJING).format("%Y%m%d%H%M%S"),
                self.amount.0
            ),
            number => number.to_owned(),
        }
    }

    fn content(&self, contract_no: &str, payee: Option<&Private<AccountNumber>>) -> Value {
        json!({
            "contract_no": contract_no, "paid_at": self.paid_at.with_timezone(&BEIJING), "amount_fen": self.amount,
            "channel": self.channel, "payee_account": payee, "payee_is_person": self.payee_is_person,
        })
    }
}

/// Records a payment on a contract of the caller's own institution.
pub async fn record(pools: &Pools, caller: &Caller, contract: i64, new: &NewPayment) -> Result<Recorded, LedgerError> {
    let mut conn = caller.actor.scope().begin(pools).await?;
    let ledger = Ledger::own(&mut conn, caller).await?;
    let contract = contracts::contract(&mut conn, contract).await?.ok_or(LedgerError::NotFound)?;
    let recorded = enter(&mut conn, caller, &ledger, &contract, new).await?;
    conn.commit().await?;
    Ok(recorded)
}

/// Records a payment within the caller's transaction.
pub async fn enter(
    conn: &mut ScopedConn,
    caller: &Caller,
    ledger: &Ledger,
    contract: &Contract,
    new: &NewPayment,
) -> Result<Recorded, LedgerError> {
    new.check(caller.now)?;
    let institution = ledger.keeper.id;
    let receipt_no = new.number(&contract.contract_no);
    let receipt_no = receipt_no.as_str();
    let payee = new.payee(ledger);
    let booking = Booking::begin(conn, institution, &[contract.id]).await?;
    if let Some(row) = store::by_receipt(conn, institution, receipt_no).await? {
        return same(conn, row, contract, new, payee.as_ref()).await;
    }
    // The contract as it stands now that nobody else writes.
    let contract = contracts::contract(conn, contract.id).await?.ok_or(LedgerError::NotFound)?;
    let status = contract.status.parse().unwrap_or(ContractStatus::Open);
    if status != ContractStatus::Open && !new.already_taken {
        return Err(LedgerError::NotOpen { number: contract.contract_no, status });
    }
    if contract.paid_fen.saturating_add(new.amount.0) > contract.price_fen && !new.already_taken {
        return Err(over_price(&contract, new));
    }
    // A person's account is another one whether its number is told or not.
    let elsewhere = payee.is_some() || new.payee_is_person;
    let findings = judge(conn, ledger, &contract, new, (receipt_no, elsewhere)).await?;
    admit(&findings, new.already_taken)?;
    let row = NewRow {
        institution,
        contract: contract.id,
        paid_at: new.paid_at,
        amount_fen: new.amount.0,
        channel: new.channel.into(),
        payee: payee.as_ref(),
        payee_is_person: new.payee_is_person,
        receipt_no,
    };
    let id = store::add(conn, &row, caller.now).await?;
    if !findings.is_empty() {
        let mut all = contract.findings.as_array().cloned().unwrap_or_default();
        all.extend(findings.iter().map(|finding| json!(finding)));
        contracts::set_findings(conn, contract.id, &Value::Array(all)).await?;
    }
    booking.finish(conn).await?;
    tie(conn, institution, (id, receipt_no), new, elsewhere).await?;
    let mut after = new.content(&contract.contract_no, payee.as_ref());
    after["receipt_no"] = json!(receipt_no);
    after["findings"] = recording::rules_of(&findings);
    let event = Event {
        action: "payment.recorded",
        subject_kind: "contract",
        subject_id: contract.id.to_string(),
        institution: Some(institution),
        after: Some(after),
        ..Event::default()
    };
    audit::store::record(conn, caller, event).await?;
    Ok(Recorded { id, fresh: true })
}

/// Ties a payment to the bank's entry where that came first: the one that carries its receipt number, else the only one of
/// its amount and day. One that went elsewhere was moved in where an entry carries its number.
async fn tie(
    conn: &mut ScopedConn,
    institution: i64,
    (payment, receipt_no): (i64, &str),
    new: &NewPayment,
    elsewhere: bool,
) -> Result<(), LedgerError> {
    let day = new.paid_at.with_timezone(&BEIJING).date_naive();
    let credits = escrow::open_credits(conn, institution, new.amount.0, day).await?;
    let carries = |credit: &&escrow::Credit| credit.carries(receipt_no);
    let found = match credits.iter().filter(carries).collect::<Vec<_>>()[..] {
        [credit] => Some(credit),
        [] if elsewhere => None,
        [] => match credits.iter().filter(|credit| credit.on == day).collect::<Vec<_>>()[..] {
            [credit] => Some(credit),
            _ => None,
        },
        _ => None,
    };
    if let Some(credit) = found {
        store::tie(conn, payment, credit.account_id, credit.booked_at, &credit.bank_ref).await?;
    }
    Ok(())
}

fn over_price(contract: &Contract, new: &NewPayment) -> LedgerError {
    let (price, paid) = (Fen(contract.price_fen), Fen(contract.paid_fen));
    let left = Fen((contract.price_fen - contract.paid_fen).max(0));
    let mut faults = Faults::default();
    faults.add(
        "amount_fen",
        "OVER-PRICE",
        format!(
            "合同金额 {}，已付 {}，还可收 {}，本次 {}；请核对，多收的应退还",
            price.yuan(),
            paid.yuan(),
            left.yuan(),
            new.amount.yuan()
        ),
        format!(
            "the contract costs {}, {} is paid and {} is left to pay, not {}; check it, and refund what is too much",
            price.yuan(),
            paid.yuan(),
            left.yuan(),
            new.amount.yuan()
        ),
    );
    LedgerError::Invalid(faults.0)
}

async fn judge(
    conn: &mut ScopedConn,
    ledger: &Ledger,
    contract: &Contract,
    new: &NewPayment,
    (receipt_no, elsewhere): (&str, bool),
) -> Result<Vec<Finding>, LedgerError> {
    let paid_on = new.paid_at.with_timezone(&BEIJING).date_naive();
    let institution = ledger.keeper.id;
    let others = contracts::of_pupil(conn, institution, &contract.pupil_index, &contract.contract_no).await?;
    let than = Some((contract.signed_on, contract.id));
    let others: Vec<_> = others.into_iter().map(|row| recording::other(row, than)).collect();
    let payments = store::of_pupil(conn, institution, &contract.pupil_index, paid_on).await?;
    let payments: Vec<OtherPayment> = payments.into_iter().map(other).collect();
    let of_contract = store::others_of_contract(conn, contract.id).await?;
    let of_contract: Vec<OtherPayment> = of_contract.into_iter().map(other).collect();
    let (offer, path) = (offer_of(contract)?, format!("payments[{receipt_no}]"));
    let paying = Paying {
        offer: &offer,
        subject: &contract.subject,
        path: &path,
        paid_on,
        amount: new.amount,
        channel: new.channel,
        elsewhere,
        licence: ledger.licence(),
        receipted: !new.receipt_no.trim().is_empty(),
        contracts: &others,
        payments: &payments,
        of_contract: &of_contract,
    };
    Ok(rules::payment(&ledger.limits(paid_on), &paying))
}

fn other(row: store::Other) -> OtherPayment {
    OtherPayment {
        receipt_no: row.receipt_no,
        paid_on: row.paid_at.with_timezone(&BEIJING).date_naive(),
        amount: Fen(row.amount_fen),
    }
}

/// What a kept contract promises.
fn offer_of(contract: &Contract) -> Result<Offer, LedgerError> {
    let unknown = |_| crate::db::DbError::Pool("a contract is stored with an unknown word".to_owned());
    Ok(Offer {
        product: contract.product.parse().map_err(unknown)?,
        basis: contract.basis.parse().map_err(unknown)?,
        terms: contract.terms(),
        instalments: contract.instalments.unsigned_abs(),
        first_lesson_on: contract.first_lesson_on,
        last_lesson_on: contract.last_lesson_on,
        is_renewal: contract.is_renewal,
    })
}

/// A receipt that is kept already: the same payment, or another one under its number.
async fn same(
    conn: &mut ScopedConn,
    row: Payment,
    contract: &Contract,
    new: &NewPayment,
    payee: Option<&Private<AccountNumber>>,
) -> Result<Recorded, LedgerError> {
    let kept = contracts::contract(conn, row.contract_id).await?.ok_or(LedgerError::NotFound)?;
    let stored_payee = row.payee(conn.vault())?;
    let stored = json!({
        "contract_no": kept.contract_no, "paid_at": row.paid_at.with_timezone(&BEIJING), "amount_fen": row.amount_fen,
        "channel": row.channel, "payee_account": stored_payee, "payee_is_person": row.payee_is_person,
    });
    let received = new.content(&contract.contract_no, payee);
    if stored == received && stored_payee.as_ref() == payee {
        return Ok(Recorded { id: row.id, fresh: false });
    }
    let (stored, received) = differing(&stored, &received);
    Err(LedgerError::ReceiptDiffers { number: row.receipt_no, stored, received })
}
