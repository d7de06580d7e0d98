//! Recording a contract. The same one twice is one; another content under its number is refused with both versions.

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::{AMOUNT_MAX, Faults, Ledger, Recorded, admit, differing};
use crate::{
    audit::{self, Event},
    db::{Pools, ScopedConn},
    identity::Caller,
    kernel::{
        Fen, Finding, Private,
        private::{Kind, PersonName, Phone},
    },
    ledger::{
        error::LedgerError,
        model::{Basis, Product, Terms},
        pupils::name_index,
        rules::{self, Offer, OtherContract, Signing},
        store::{
            contracts::{self as store, Contract, NewRow, Other},
            owed,
        },
    },
};

/// Most units of a contract, and most instalments of its price.
const UNITS_MAX: u32 = 10_000;
const INSTALMENTS_MAX: u32 = 60;
/// The years that a contract may be of.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=2099;

/// A contract as it is handed in, not yet checked.
#[derive(Debug, Clone)]
pub struct NewContract {
    pub contract_no: String,
    pub course_id: Option<i64>,
    pub subject: String,
    pub product: Product,
    pub basis: Basis,
    pub pupil: Private<PersonName>,
    /// Empty where none is told.
    pub guardian_phone: Private<Phone>,
    pub signed_on: NaiveDate,
    pub is_renewal: bool,
    pub terms: Terms,
    pub instalments: u32,
    pub first_lesson_on: NaiveDate,
    pub last_lesson_on: NaiveDate,
    /// It has been signed and paid already: what the rules forbid is kept with what was found, so that it can be mended.
    pub already_taken: bool,
}

impl NewContract {
    /// What it promises.
    pub fn offer(&self) -> Offer {
        Offer {
            product: self.product,
            basis: self.basis,
            terms: self.terms,
            instalments: self.instalments,
            first_lesson_on: self.first_lesson_on,
            last_lesson_on: self.last_lesson_on,
            is_renewal: self.is_renewal,
        }
    }

    fn check(&self) -> Result<(), LedgerError> {
        let mut faults = Faults::default();
        faults.text("contract_no", &self.contract_no);
        faults.text("subject", &self.subject);
        faults.text("pupil", self.pupil.expose());
        if !self.guardian_phone.is_empty() && Phone::normal(self.guardian_phone.expose()).is_empty() {
            faults.add(
                "guardian_phone",
                "PHONE",
                "不像可以拨通的号码，例如 13800000000",
                "does not look like a number that can be dialled, such as 13800000000",
            );
        }
        let Terms { price, materials, .. } = self.terms;
        if !(0..AMOUNT_MAX).contains(&price.0) {
            faults.add(
                "price_fen",
                "AMOUNT",
                "合同金额须为非负整数（分），小于一亿元",
                "the price is a whole number of fen, 0 or more, below a hundred million yuan",
            );
        }
        if !(0..=price.0.max(0)).contains(&materials.0) {
            faults.add(
                "materials_fen",
                "AMOUNT",
                "材料费须在 0 与合同金额之间",
                "materials cost from 0 to the whole price",
            );
        }
        if self.terms.units_bought == 0 || self.terms.units() > UNITS_MAX {
            faults.add(
                "units_bought",
                "UNITS",
                "课时数须为 1 至 10000（含赠送）",
                "a contract has 1 to 10000 units, gifts included",
            );
        }
        if !(1..=INSTALMENTS_MAX).contains(&self.instalments) {
            faults.add("instalments", "INSTALMENTS", "分期数须为 1 至 60", "there are 1 to 60 instalments");
        }
        let days = [
            ("signed_on", self.signed_on),
            ("first_lesson_on", self.first_lesson_on),
            ("last_lesson_on", self.last_lesson_on),
        ];
        for (path, _) in days.into_iter().filter(|(_, day)| !YEARS.contains(&chrono::Datelike::year(day))) {
            faults.add(path, "DATE", "日期须在 2000 至 2099 年之间", "the date lies in the years 2000 to 2099");
        }
        if self.last_lesson_on < self.first_lesson_on {
            faults.add(
                "last_lesson_on",
                "DATES-REVERSED",
                "末课日期早于首课日期；请检查是否填反",
                "the last lesson is before the first; check whether the two are swapped",
            );
        }
        faults.none()
    }

    /// What makes a number that comes again the same contract.
    fn content(&self) -> Value {
        json!({
            "course_id": self.course_id, "subject": self.subject.trim(), "product": self.product, "basis": self.basis,
            "signed_on": self.signed_on, "renewal": self.is_renewal, "price_fen": self.terms.price,
            "materials_fen": self.terms.materials, "units_bought": self.terms.units_bought,
            "units_gifted": self.terms.units_gifted, "instalments": self.instalments,
            "first_lesson_on": self.first_lesson_on, "last_lesson_on": self.last_lesson_on, "pupil": self.pupil,
            "guardian_phone": self.guardian_phone,
        })
    }
}

fn content(row: &Contract, pupil: &Private<PersonName>, phone: &Private<Phone>) -> Value {
    json!({
        "course_id": row.course_id, "subject": row.subject, "product": row.product, "basis": row.basis,
        "signed_on": row.signed_on, "renewal": row.is_renewal, "price_fen": row.price_fen,
        "materials_fen": row.materials_fen, "units_bought": row.units_bought, "units_gifted": row.units_gifted,
        "instalments": row.instalments, "first_lesson_on": row.first_lesson_on, "last_lesson_on": row.last_lesson_on,
        "pupil": pupil, "guardian_phone": phone,
    })
}

/// Records a contract of the caller's own institution.
pub async fn record(pools: &Pools, caller: &Caller, new: &NewContract) -> Result<Recorded, LedgerError> {
    let mut conn = caller.actor.scope().begin(pools).await?;
    let ledger = Ledger::own(&mut conn, caller).await?;
    let recorded = enter(&mut conn, caller, &ledger, new).await?;
    conn.commit().await?;
    Ok(recorded)
}

/// What the rules find of a contract; nothing is kept.
pub async fn check(pools: &Pools, caller: &Caller, new: &NewContract) -> Result<Vec<Finding>, LedgerError> {
    let mut conn = caller.actor.scope().begin(pools).await?;
    let ledger = Ledger::own(&mut conn, caller).await?;
    // Entered as one that is there already, so that all is found, and given up.
    let already = NewContract { already_taken: true, ..new.clone() };
    let entered = enter(&mut conn, caller, &ledger, &already).await?;
    let row = store::contract(&mut conn, entered.id).await?.ok_or(LedgerError::NotFound)?;
    Ok(serde_json::from_value(row.findings).unwrap_or_default())
}

/// Records a contract within the caller's transaction.
pub async fn enter(
    conn: &mut ScopedConn,
    caller: &Caller,
    ledger: &Ledger,
    new: &NewContract,
) -> Result<Recorded, LedgerError> {
    new.check()?;
    let institution = ledger.keeper.id;
    let number = new.contract_no.trim();
    owed::lock_ledger(conn, institution).await?;
    let pupil_index = pupil_index(conn, new);
    if let Some(row) = store::by_numbers(conn, institution, &[number]).await?.pop() {
        return same(conn, row, new, &pupil_index);
    }
    if let Some(course) = new.course_id
        && !store::has_course(conn, institution, course).await?
    {
        let mut faults = Faults::default();
        faults.add("course_id", "COURSE", "本机构没有备案这门课程", "the institution has filed no such course");
        faults.none()?;
    }
    let others = store::of_pupil(conn, institution, &pupil_index, number).await?;
    // What is signed now comes after all others.
    let others: Vec<OtherContract> = others.into_iter().map(|row| other(row, None)).collect();
    let offer = new.offer();
    let signing = Signing {
        offer: &offer,
        subject: new.subject.trim(),
        signed_on: new.signed_on,
        licence: ledger.licence(),
        others: &others,
    };
    let findings = rules::contract(&ledger.limits(new.signed_on), &signing);
    admit(&findings, new.already_taken)?;
    let row = NewRow {
        institution,
        contract_no: number,
        course_id: new.course_id,
        subject: new.subject.trim(),
        product: new.product.into(),
        basis: new.basis.into(),
        pupil: &new.pupil,
        pupil_index: &pupil_index,
        pupil_name_index: &name_index(conn.vault(), &new.pupil),
        guardian_phone: &new.guardian_phone,
        signed_on: new.signed_on,
        is_renewal: new.is_renewal,
        terms: new.terms,
        instalments: i32::try_from(new.instalments).unwrap_or(i32::MAX),
        first_lesson_on: new.first_lesson_on,
        last_lesson_on: new.last_lesson_on,
        findings: &json!(findings),
    };
    let id = store::add(conn, &row, caller.now).await?;
    let mut after = new.content();
    after["contract_no"] = json!(number);
    after["findings"] = rules_of(&findings);
    let event = Event {
        action: "contract.recorded",
        subject_kind: "contract",
        subject_id: id.to_string(),
        institution: Some(institution),
        after: Some(after),
        ..Event::default()
    };
    audit::store::record(conn, caller, event).await?;
    Ok(Recorded { id, fresh: true })
}

/// The rules that found something, for the trail.
pub(super) fn rules_of(findings: &[Finding]) -> Value {
    findings.iter().map(|finding| finding.rule.as_ref()).collect()
}

/// Another contract of the pupil; `than` is the one that is judged, by signing and id, absent of one that is not kept yet.
pub(super) fn other(row: Other, than: Option<(NaiveDate, i64)>) -> OtherContract {
    OtherContract {
        before: than.is_none_or(|than| (row.signed_on, row.id) < than),
        contract_no: row.contract_no,
        subject: row.subject,
        signed_on: row.signed_on,
        price: Fen(row.price_fen),
        units: row.units.unsigned_abs(),
        units_left: row.units_left.unsigned_abs(),
    }
}

/// By what the same pupil is found again: the name, with the guardian's telephone number where there is one.
fn pupil_index(conn: &ScopedConn, new: &NewContract) -> Vec<u8> {
    let name = PersonName::normal(new.pupil.expose()).pop().unwrap_or_default();
    let phone = Phone::normal(new.guardian_phone.expose()).into_iter().next().unwrap_or_default();
    conn.vault().digest::<PersonName>(&format!("{name}/{phone}"))
}

/// A number that is kept already: the same contract, or another one under its number.
fn same(conn: &ScopedConn, row: Contract, new: &NewContract, pupil_index: &[u8]) -> Result<Recorded, LedgerError> {
    let (pupil, phone) = (row.pupil(conn.vault())?, row.guardian_phone(conn.vault())?);
    let (stored, received) = (content(&row, &pupil, &phone), new.content());
    if stored == received && row.pupil_index == pupil_index {
        return Ok(Recorded { id: row.id, fresh: false });
    }
    let (stored, received) = differing(&stored, &received);
    Err(LedgerError::ContractDiffers { number: row.contract_no, stored, received })
}
