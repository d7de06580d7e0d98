//! What a bureau keeps about one person, and what of it goes when the person asks (个人信息保护法 art. 44–47).
//!
//! A person is told by a telephone, an identity number, an account number or an e-mail address. What the law makes the
//! bureau keep stays, and the answer says so and by which law; what is not needed goes.

use serde::Serialize;
use serde_json::json;

use super::{
    PersonalError,
    store::subject::{self as store, InstitutionPlace},
};
use crate::{
    audit::{self, Event},
    complaints,
    db::{DbError, Pools, ScopedConn},
    escrow,
    identity::{Action, Caller, may},
    institutions,
    kernel::{
        mask,
        private::{AccountNumber, BETWEEN_PHONES, CitizenNumber, Kind, Phone, held, narrow},
    },
    ledger,
};

/// By what somebody is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum By {
    Phone,
    CitizenId,
    Account,
    Email,
}

/// Somebody to look for, as typed.
#[derive(Clone)]
pub struct Person {
    pub by: By,
    /// As it is compared.
    normal: String,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.masked())
    }
}

impl Person {
    /// Reads what was typed: an address has an `@`, an identity number its check character, a telephone eleven digits or
    /// an area code; another number of eight digits and more is an account's.
    pub fn parse(text: &str) -> Option<Person> {
        let text = narrow(text);
        let text = text.trim();
        if let Some((local, host)) = text.split_once('@') {
            let good = !local.is_empty() && host.contains('.') && !text.contains(char::is_whitespace);
            return good.then(|| Person { by: By::Email, normal: text.to_lowercase() });
        }
        let plain = CitizenNumber::normal(text).pop()?;
        if plain.parse::<crate::kernel::CitizenId>().is_ok() {
            return Some(Person { by: By::CitizenId, normal: plain });
        }
        let phone = Phone::normal(text);
        if let [one] = phone.as_slice()
            && (one.starts_with('0') && (10..=12).contains(&one.len()) || one.starts_with('1') && one.len() == 11)
        {
            return Some(Person { by: By::Phone, normal: one.clone() });
        }
        (plain.len() >= 8 && plain.bytes().filter(u8::is_ascii_digit).count() >= 8)
            .then_some(Person { by: By::Account, normal: plain })
    }

    /// What may be shown of it.
    pub fn masked(&self) -> String {
        match self.by {
            By::Phone => mask::phone(&self.normal),
            By::CitizenId => mask::citizen_id(&self.normal),
            By::Account => mask::account(&self.normal),
            By::Email => mask::email(&self.normal),
        }
    }

    fn digests(&self, conn: &ScopedConn) -> Vec<Vec<u8>> {
        let vault = conn.vault();
        match self.by {
            By::Phone => vec![vault.digest::<Phone>(&self.normal)],
            By::CitizenId => vec![vault.digest::<CitizenNumber>(&self.normal)],
            By::Account => vec![vault.digest::<AccountNumber>(&self.normal)],
            By::Email => Vec::new(),
        }
    }

    /// Names the person in the trail, without saying who it is to somebody who has no keys.
    fn pseudonym(&self, conn: &ScopedConn) -> String {
        let digest = match self.by {
            By::Email => conn.vault().digest::<Phone>(&self.normal),
            _ => self.digests(conn).pop().unwrap_or_default(),
        };
        hex::encode(&digest[..digest.len().min(8)])
    }

    /// Whether a text, such as a cell of a sheet, holds it: the whole number or address, not a part of another one.
    fn is_in(&self, text: &str) -> bool {
        match self.by {
            By::Phone => Phone::normal(text).contains(&self.normal) || held::<Phone>(text).contains(&self.normal),
            By::CitizenId => held::<CitizenNumber>(text).contains(&self.normal),
            By::Account => held::<AccountNumber>(text).contains(&self.normal),
            By::Email => holds_address(&narrow(text).to_lowercase(), &self.normal),
        }
    }

    /// What stays of a text from which it goes: other people's telephones alone are told apart from it.
    fn cut_from(&self, text: &str) -> String {
        if self.by != By::Phone {
            return String::new();
        }
        let text = narrow(text);
        let mut others = Vec::new();
        for part in text.split(BETWEEN_PHONES).map(str::trim).filter(|part| !part.is_empty()) {
            if !self.is_in(part) {
                others.push(part);
                continue;
            }
            let (own, rest): (Vec<&str>, Vec<&str>) = Phone::pieces(part).into_iter().partition(|one| self.is_in(one));
            // A number that is written over several pieces goes with the whole part.
            if !own.is_empty() {
                others.extend(rest);
            }
        }
        others.join("/")
    }
}

/// Whether an address stands in a text, and is not the end or the beginning of a longer one.
fn holds_address(text: &str, address: &str) -> bool {
    let of_address = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '%' | '+' | '-');
    text.match_indices(address).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + address.len()..]);
        !before.ends_with(|c| of_address(c) || c == '.')
            && !after.strip_prefix('.').unwrap_or(after).starts_with(of_address)
    })
}

/// Why something is kept although its owner asks for its erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Basis {
    pub zh: &'static str,
    pub en: &'static str,
}

const LICENCE: Basis = Basis {
    zh: "办学许可档案的法定内容，按《行政许可法》《档案法》随许可档案保存",
    en: "Part of the licence file, kept with it by the Administrative Licensing Law and the Archives Law",
};
const MONEY: Basis = Basis {
    zh: "预收费资金监管的会计资料，按《会计法》和《会计档案管理办法》保存",
    en: "Accounting record of supervised prepaid fees, kept by the Accounting Law and the rules on accounting archives",
};
const IN_USE: Basis = Basis {
    zh: "账号在用，履行职责所必需（《个人信息保护法》第十三条第一款第三项）；停用后可删除",
    en: "The account is in use and needed for official duties (PIPL art. 13); it goes once the account is disabled",
};
const ON_DUTY: Basis = Basis {
    zh: "值班人员的号码，履行职责所必需；在“短信提醒”页移出值班名单即删除",
    en: "The number of an officer on duty, needed for official duties; it goes when taken off duty at “Short messages”",
};
const COMPLAINT: Basis = Basis {
    zh: "投诉线索的来源，按《档案法》随案卷保存，机构看不到",
    en: "Where a complaint came from, kept with its file by the Archives Law; the institution never sees it",
};
const EVIDENCE: Basis = Basis {
    zh: "办理预警的材料，按《档案法》随案卷保存；误传的由管理员在预警页单独删除",
    en: "Evidence about a warning, kept with its file by the Archives Law; one sent by mistake is erased by itself on the warning's page",
};
const TRAIL: Basis = Basis {
    zh: "操作日志只留遮盖后的内容，按《网络安全法》《数据安全法》保存，不得删改",
    en: "The trail holds masks alone and is kept unchanged by the Cybersecurity Law and the Data Security Law",
};

/// One place where something about the person is kept.
#[derive(Debug, Clone, Serialize)]
pub struct Place {
    /// What the thing is.
    pub what_zh: String,
    pub what_en: String,
    /// In which record.
    pub record: String,
    /// In the clear: the copy is the person's own. Pages show [`Place::shown`].
    pub value: String,
    #[serde(skip)]
    pub shown: String,
    /// Why it stays; absent when it goes on request.
    pub kept: Option<Basis>,
    #[serde(skip)]
    target: Target,
}

/// What is erased.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Phone { institution: i64, credit_code: String, phone: String },
    Email { user: i64 },
    Import { id: i64 },
    Nothing,
}

impl Place {
    fn kept(what: (&str, &str), record: String, value: String, shown: String, basis: Basis) -> Place {
        let (what_zh, what_en) = (what.0.to_owned(), what.1.to_owned());
        Place { what_zh, what_en, record, value, shown, kept: Some(basis), target: Target::Nothing }
    }

    fn going(what: (&str, &str), record: String, value: String, shown: String, target: Target) -> Place {
        let (what_zh, what_en) = (what.0.to_owned(), what.1.to_owned());
        Place { what_zh, what_en, record, value, shown, kept: None, target }
    }
}

/// Everything that the caller's bureau keeps about a person.
async fn places(conn: &mut ScopedConn, person: &Person) -> Result<Vec<Place>, DbError> {
    let mut found = Vec::new();
    let digests = person.digests(conn);
    for row in store::institutions(conn, &digests).await? {
        of_institution(conn, &row, &mut found)?;
        if row.by_id {
            for name in institutions::sponsors_named(conn, row.id, &row.legal_person).await? {
                let (what, shown) = (("举办者姓名", "Sponsor's name"), mask::name(&name));
                found.push(Place::kept(what, format!("{} {}", row.name, row.credit_code), name, shown, LICENCE));
            }
        }
    }
    if person.by == By::Account {
        for row in store::payees(conn, &digests).await? {
            found.push(Place::kept(
                ("划拨收款账户", "Account that releases go to"),
                format!("{} {}", row.institution, row.account_no),
                person.normal.clone(),
                person.masked(),
                MONEY,
            ));
        }
        for record in escrow::amendments_about(conn, &digests).await? {
            let what = ("划拨收款账户的变更记录", "Changes of the account that releases go to");
            found.push(Place::kept(what, record, person.normal.clone(), person.masked(), MONEY));
        }
        for row in store::entries(conn, &person.normal).await? {
            found.push(Place::kept(
                ("银行流水的对方账号", "Other side of bank entries"),
                format!("{} ({})", row.institution, row.entries),
                person.normal.clone(),
                person.masked(),
                MONEY,
            ));
        }
    }
    if person.by == By::Phone {
        let what = ("短信值班名单", "Officers on duty for short messages");
        for holder in escrow::on_duty(conn, &digests).await? {
            found.push(Place::kept(what, holder, person.normal.clone(), person.masked(), ON_DUTY));
        }
        let what = ("投诉人电话", "Telephone of who complained");
        for record in complaints::kept_about(conn, &digests).await? {
            found.push(Place::kept(what, record, person.normal.clone(), person.masked(), COMPLAINT));
        }
    }
    for document in escrow::documents_named(conn, |name| person.is_in(name)).await? {
        let what = ("预警材料的文件名", "Name of a document about a warning");
        found.push(Place::kept(what, document, person.normal.clone(), person.masked(), EVIDENCE));
    }
    if matches!(person.by, By::Phone | By::Account) {
        for kept in ledger::kept_about(conn, &digests).await? {
            let what = match person.by {
                By::Phone => {
                    ("培训合同的监护人电话和学员姓名", "Guardian's telephone and pupil's name of a training contract")
                }
                _ => ("培训费的收款账户", "Account that a training fee was paid to"),
            };
            found.push(Place::kept(what, kept, person.normal.clone(), person.masked(), MONEY));
        }
    }
    if person.by == By::Email {
        for row in store::users(conn, &person.normal).await? {
            let shown = mask::email(&row.email);
            let what = ("账号的电子邮箱", "E-mail address of an account");
            found.push(if row.status == "disabled" {
                Place::going(what, row.display_name, row.email, shown, Target::Email { user: row.id })
            } else {
                Place::kept(what, row.display_name, row.email, shown, IN_USE)
            });
        }
    }
    for id in store::imports(conn).await? {
        if institutions::import_holds(conn, id, |text| person.is_in(text)).await? {
            found.push(Place::going(
                ("上传的表格", "Uploaded sheet"),
                format!("#{id}"),
                person.normal.clone(),
                person.masked(),
                Target::Import { id },
            ));
        }
    }
    if !found.is_empty() {
        let what = ("操作留痕中遮盖后的内容", "Masks in the audit trail");
        found.push(Place::kept(what, String::new(), person.masked(), person.masked(), TRAIL));
    }
    Ok(found)
}

fn of_institution(conn: &ScopedConn, row: &InstitutionPlace, found: &mut Vec<Place>) -> Result<(), DbError> {
    let record = || format!("{} {}", row.name, row.credit_code);
    if row.by_phone {
        let phone = row.phone(conn)?;
        let shown = mask::phone(&phone);
        let target = Target::Phone { institution: row.id, credit_code: row.credit_code.clone(), phone: phone.clone() };
        found.push(Place::going(("机构联系电话", "Institution's telephone"), record(), phone, shown, target));
    }
    if row.by_id {
        let id = row.legal_person_id(conn)?;
        let shown = mask::citizen_id(&id);
        found.push(Place::kept(
            ("法定代表人身份证号", "Legal representative's identity number"),
            record(),
            id,
            shown,
            LICENCE,
        ));
        let name = row.legal_person.clone();
        found.push(Place::kept(
            ("法定代表人姓名", "Legal representative's name"),
            record(),
            name.clone(),
            name,
            LICENCE,
        ));
    }
    Ok(())
}

fn allowed(caller: &Caller) -> Result<(), PersonalError> {
    let system = caller.actor.user_id == 0;
    if system || may(caller.actor.role, Action::ServeDataSubject) { Ok(()) } else { Err(PersonalError::Forbidden) }
}

/// What the caller's bureau keeps about a person; nothing is recorded, and pages show masks.
pub async fn find(pools: &Pools, caller: &Caller, person: &Person) -> Result<Vec<Place>, PersonalError> {
    allowed(caller)?;
    let mut conn = caller.actor.scope().begin(pools).await?;
    let found = places(&mut conn, person).await?;
    conn.commit().await?;
    Ok(found)
}

/// The person's copy, in the clear, with the export on record.
pub async fn export(pools: &Pools, caller: &Caller, person: &Person) -> Result<Vec<Place>, PersonalError> {
    allowed(caller)?;
    let mut conn = caller.actor.scope().begin(pools).await?;
    let found = places(&mut conn, person).await?;
    let after = json!({"by": person.by, "person": person.masked(), "places": found.len()});
    record(&mut conn, caller, "personal.exported", person, after).await?;
    conn.commit().await?;
    Ok(found)
}

/// What an erasure did.
#[derive(Debug, Clone, Serialize)]
pub struct Erased {
    pub erased: Vec<Place>,
    pub kept: Vec<Place>,
}

/// Erases what may go and leaves what the law makes the bureau keep, all in one transaction and on record.
pub async fn erase(pools: &Pools, caller: &Caller, person: &Person) -> Result<Erased, PersonalError> {
    allowed(caller)?;
    let mut conn = caller.actor.scope().begin(pools).await?;
    let found = places(&mut conn, person).await?;
    let (kept, erased): (Vec<Place>, Vec<Place>) = found.into_iter().partition(|place| place.kept.is_some());
    for place in &erased {
        match &place.target {
            Target::Phone { institution, credit_code, phone } => {
                store::set_phone(&mut conn, *institution, credit_code, &person.cut_from(phone)).await?;
            }
            Target::Email { user } => store::blank_email(&mut conn, *user).await?,
            Target::Import { id } => {
                let cut = |text: &str| person.is_in(text).then(|| person.cut_from(text));
                institutions::blank_import(&mut conn, *id, cut).await?;
            }
            Target::Nothing => {}
        }
    }
    let told = |places: &[Place]| -> Vec<String> {
        places.iter().map(|place| format!("{} {}", place.what_zh, place.record).trim().to_owned()).collect()
    };
    let after = json!({"by": person.by, "person": person.masked(), "erased": told(&erased), "kept": told(&kept)});
    record(&mut conn, caller, "personal.erased", person, after).await?;
    conn.commit().await?;
    Ok(Erased { erased, kept })
}

async fn record(
    conn: &mut ScopedConn,
    caller: &Caller,
    action: &str,
    person: &Person,
    after: serde_json::Value,
) -> Result<(), DbError> {
    let subject_id = person.pseudonym(conn);
    let event = Event { action, subject_kind: "person", subject_id, after: Some(after), ..Event::default() };
    audit::store::record(conn, caller, event).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_by_whole_numbers_and_addresses() {
        for (text, by) in [
            ("138 1234 5678", Some(By::Phone)),
            ("0576-88881234", Some(By::Phone)),
            ("11010519491231002x", Some(By::CitizenId)),
            ("6230 5500 1203 0091 264", Some(By::Account)),
            (" Zhang.San@school.example ", Some(By::Email)),
            ("张三", None),
            ("1381234", None),
            ("@school.example", None),
            ("zhang san@school.example", None),
            ("", None),
        ] {
            assert_eq!(Person::parse(text).map(|person| person.by), by, "{text}");
        }
        assert_eq!(format!("{:?}", Person::parse("13812345678").unwrap()), "138****5678");
    }

    #[test]
    fn a_person_is_found_by_the_whole_number_however_it_is_written() {
        for (person, text, found) in [
            ("13812345678", "联系人 138-1234-5678", true),
            ("13812345678", "１３８１２３４５６７８", true),
            ("13812345678", "2026-03-18起13812345678", true),
            ("13812345678", "13812345678 0576-88881234", true),
            ("13812345678", "13812345678  139 1234 5678", true),
            ("13812345678", "139 1234 5678 138 1234 5678", true),
            ("13812345678", "+86 138-1234 5678", true),
            ("057688881234", "0576 8888-1234", true),
            ("13812345678", "13812345679", false),
            ("13812345678", "6230138123456785", false),
            ("20260318", "20260318", true),
            ("20260318", "2026-03-18", false),
            ("20260318", "有效期 2026-03-18 至 2027-03-18", false),
            ("20260318", "2026年03月18日", false),
            ("20260318", "6230202603180001", false),
            ("623055001203", "账号 6230 5500 1203，户名陈明", true),
            ("623055001203", "6230 5500 1203 0091 264", false),
            ("11010519491231002X", "１１０１０５１９４９１２３１００２ｘ", true),
            ("11010519491231002X", "陈明(110105 19491231 002x)", true),
            ("１１０１０５１９４９１２３１００２Ｘ", "陈明11010519491231002X", true),
            ("11010519491231002X", "ID11010519491231002X", true),
            ("11010519491231002X", "911010519491231002X", false),
            ("chen@school.example", "邮箱Chen@School.example。", true),
            ("chen@school.example", "chen@school.example.", true),
            ("chen@school.example", "wu.chen@school.example", false),
            ("chen@school.example", "chen@school.example.org", false),
        ] {
            assert_eq!(Person::parse(person).unwrap().is_in(text), found, "{person} in {text}");
        }
    }

    #[test]
    fn only_the_persons_own_number_goes() {
        let person = Person::parse("13812345678").unwrap();
        for (kept, rest) in [
            ("13812345678/0576-88881234", "0576-88881234"),
            ("13812345678 0576-88881234", "0576-88881234"),
            ("0576-88881234；１３８１２３４５６７８", "0576-88881234"),
            ("吴老师 13900001111、陈老师 13812345678", "吴老师 13900001111"),
            ("0576-88881234 转801/+86 138 1234 5678", "0576-88881234 转801"),
            ("138 1234 5678", ""),
            ("138-1234 5678/0576-88881234", "0576-88881234"),
        ] {
            assert_eq!(person.cut_from(kept), rest, "{kept}");
        }
        let citizen = Person::parse("11010519491231002X").unwrap();
        assert_eq!(citizen.cut_from("陈明 11010519491231002X"), "");
    }
}
