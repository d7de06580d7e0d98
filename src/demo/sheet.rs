//! Demonstration schools, as the spreadsheet that a bureau would import, and their courses.

use chrono::{Datelike, Days, NaiveDate};
use rand::{Rng, rngs::StdRng};

use crate::{
    courses::form::{CourseForm, SessionText},
    kernel::RegionCode,
};

/// A fictitious school.
#[derive(Debug, Clone)]
pub struct School {
    pub name: String,
    pub credit_code: String,
    pub category: &'static str,
    /// The course that it sells.
    pub subject: &'static str,
    pub head: String,
    pub account: String,
    /// The school whose administrator can be signed in as.
    pub is_first: bool,
    address: String,
}

const BRANDS: [&str; 14] = [
    "启明星",
    "青禾",
    "乐学",
    "晨光",
    "思源",
    "慧泉",
    "小树苗",
    "星河",
    "博雅",
    "凌云",
    "海棠",
    "飞鱼",
    "木兰",
    "知行",
];
const KINDS: [(&str, &str, &str); 4] = [
    ("科技类", "sci_tech", "少儿编程"),
    ("文化艺术类", "arts", "少儿美术"),
    ("体育类", "sports", "少儿篮球"),
    ("文化艺术类", "arts", "中国舞"),
];
const HEADS: [&str; 6] = ["陈明", "林晓", "徐芳", "沈洁", "方圆", "蒋诚"];
const ROADS: [&str; 5] = ["中山路", "建设街", "东海大道", "学院路", "和平巷"];

/// The schools of one county.
pub fn schools(county: RegionCode, count: usize, random: &mut StdRng) -> Vec<School> {
    let place = county.name().unwrap_or_default().trim_end_matches(['区', '市', '县']);
    (0..count)
        .map(|at| {
            let (_, category, subject) = KINDS[at % KINDS.len()];
            let number = u32::try_from(at).unwrap_or_default();
            School {
                name: format!("{place}{}{subject}培训中心（样例）", BRANDS[at % BRANDS.len()]),
                credit_code: credit_code(county, number),
                category,
                subject,
                head: HEADS[at % HEADS.len()].to_owned(),
                account: format!("9999{county}{:07}", 1_000 + number),
                is_first: at == 0 && county.number() == 331_002,
                address: format!("{}{} {} 号", county.full_name(), ROADS[at % ROADS.len()], random.gen_range(1..300)),
            }
        })
        .collect()
}

/// A valid code of a private non-enterprise unit (民非, `52`) with a body that no registrar gives out.
fn credit_code(county: RegionCode, number: u32) -> String {
    const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    let organisation = format!("MJY{number:05}");
    let sum: u32 = organisation
        .chars()
        .zip([3, 7, 9, 10, 5, 8, 4, 2])
        .map(|(c, weight)| c.to_digit(36).unwrap_or(0) * weight)
        .sum();
    let inner = match 11 - sum % 11 {
        10 => 'X',
        11 => '0',
        digit => char::from_digit(digit, 10).unwrap_or('0'),
    };
    let body = format!("52{county}{organisation}{inner}");
    let (sum, _) = body.bytes().fold((0, 1), |(sum, weight), byte| {
        let value = ALPHABET.iter().position(|letter| *letter == byte).unwrap_or(0);
        (sum + value * weight, weight * 3 % 31)
    });
    format!("{body}{}", char::from(ALPHABET[(31 - sum % 31) % 31]))
}

/// The spreadsheet of these schools.
pub fn csv(county: RegionCode, schools: &[School], today: NaiveDate) -> String {
    let place = county.name().unwrap_or_default();
    let from = today.with_day(1).unwrap_or(today) - Days::new(400);
    let to = from + Days::new(365 * 3);
    let mut text = "institution_name,credit_code,org_kind,county_code,county,township_code,address,category,stages,courses,licence_no,\
        licence_authority,licence_from,licence_to,legal_person,phone,escrow_bank,escrow_account_no,floor_area_m2,status\n"
        .to_owned();
    for (at, school) in schools.iter().enumerate() {
        let (label, ..) = KINDS[at % KINDS.len()];
        text.push_str(&format!(
            "{},{},民办非企业单位,{county},{place},,{},{label},小学、初中,{},样教民1{county}7{at:07}号,{place}教育局,{from},{to},{},154{:08},台州银行,{},{}.00,正常\n",
            school.name, school.credit_code, school.address, school.subject, school.head, 10_000 + at, school.account, 180 + at * 20,
        ));
    }
    text
}

/// A course of the school that every rule lets pass, on `days`, filed `today`.
pub fn course(school: &School, at: usize, days: Vec<NaiveDate>, today: NaiveDate) -> CourseForm {
    let (title, fee, first) =
        if at == 0 { ("基础班", "1920.00", "17:30") } else { ("提高班", "2400.00", "18:30") };
    let end = if at == 0 { "19:00" } else { "20:00" };
    let first_payment = days.first().map_or_else(String::new, |day| (*day - Days::new(2)).to_string());
    let fields = [
        ("name", format!("{}{title}", school.subject)),
        ("category", school.category.to_owned()),
        ("subject", school.subject.to_owned()),
        ("stage", "primary".to_owned()),
        ("delivery", "offline".to_owned()),
        ("lesson_minutes", "45".to_owned()),
        ("break_minutes", "10".to_owned()),
        ("class_size", "20".to_owned()),
        ("area_m2", "80".to_owned()),
        ("lessons", "16".to_owned()),
        ("fee_fen", fee.to_owned()),
        ("first_payment_on", first_payment),
        ("materials_filed", "yes".to_owned()),
        ("homework", "no".to_owned()),
        ("overseas_curriculum", "no".to_owned()),
        ("photo_search", "no".to_owned()),
    ];
    let person = [
        ("name", school.head.clone()),
        ("role", "teaching".to_owned()),
        ("nationality", "CN".to_owned()),
        ("located_in", "CN".to_owned()),
        ("skill_certificate", "中级专业技能证书（样例）".to_owned()),
        ("published", "yes".to_owned()),
        ("in_service_teacher", "no".to_owned()),
        ("banned", "no".to_owned()),
        ("inquiry_on", (today - Days::new(40)).to_string()),
    ];
    let owned =
        |pairs: &[(&str, String)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    CourseForm {
        fields: owned(&fields),
        sessions: days
            .iter()
            .map(|day| SessionText { date: day.to_string(), start: first.to_owned(), end: end.to_owned() })
            .collect(),
        people: vec![owned(&person)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::CreditCode;

    #[test]
    fn demonstration_codes_are_valid() {
        for number in 0..200 {
            let code = credit_code("331002".parse().unwrap(), number);
            let code = CreditCode::new(&code).unwrap_or_else(|e| panic!("{code}: {e}"));
            assert!(code.organisation_check_ok());
        }
    }
}
