//! How facts of the register are written for people.

use chrono::NaiveDate;
use serde_json::Value;

use crate::{
    kernel::RegionCode,
    web::{Lang, show},
};

/// The word of a status in the register.
pub fn status(lang: Lang, status: &str) -> &'static str {
    match status {
        "operating" => lang.t("正常办学", "Operating"),
        "suspended" => lang.t("暂停招生", "Enrolment suspended"),
        "terminating" => lang.t("正在终止", "Winding up"),
        _ => lang.t("已注销", "Deregistered"),
    }
}

fn stage(lang: Lang, stage: &str) -> &'static str {
    match stage {
        "preschool" => lang.t("学前", "preschool"),
        "primary" => lang.t("小学", "primary"),
        "junior" => lang.t("初中", "junior secondary"),
        "senior" => lang.t("高中", "senior secondary"),
        _ => lang.t("成人", "adults"),
    }
}

/// Stages in one line; a dash when none is recorded.
pub fn stages(lang: Lang, stages: &[String]) -> String {
    joined(lang, stages.iter().map(|one| stage(lang, one)))
}

/// Ways of teaching in one line.
pub fn delivery(lang: Lang, delivery: &[String]) -> String {
    joined(
        lang,
        delivery.iter().map(|one| if one == "online" { lang.t("线上", "online") } else { lang.t("线下", "on site") }),
    )
}

fn joined(lang: Lang, words: impl Iterator<Item = &'static str>) -> String {
    let words: Vec<&str> = words.collect();
    if words.is_empty() { "—".to_owned() } else { words.join(lang.t("、", ", ")) }
}

/// The name of a bureau's division, or its code.
pub fn region(tenant: i32) -> String {
    let region = RegionCode::from_i32(tenant);
    region.and_then(RegionCode::name).map_or_else(|| tenant.to_string(), str::to_owned)
}

/// A field of the register by its name in records; `None` for one that has no word.
pub fn field(lang: Lang, name: &str) -> Option<&'static str> {
    Some(match name {
        "name" => lang.t("名称", "Name"),
        "credit_code" => lang.t("信用代码", "Credit code"),
        "org_kind" => lang.t("机构类型", "Kind"),
        "county" => lang.t("县（市、区）", "County"),
        "township" => lang.t("乡镇街道", "Township"),
        "address" => lang.t("地址", "Address"),
        "category" => lang.t("类别", "Category"),
        "stages" => lang.t("学段", "Stages"),
        "delivery" => lang.t("培训形式", "Delivery"),
        "for_profit" => lang.t("营利性", "For profit"),
        "courses_text" => lang.t("培训内容", "Courses"),
        "licence_no" => lang.t("许可证编号", "Licence number"),
        "licence_authority" => lang.t("发证机关", "Licensed by"),
        "licence_from" => lang.t("有效期起", "Licence from"),
        "licence_to" => lang.t("有效期止", "Licence until"),
        "legal_person" => lang.t("法定代表人", "Legal representative"),
        "legal_person_id" => lang.t("法定代表人身份证号", "Legal representative's identity number"),
        "sponsors" => lang.t("举办者", "Sponsors"),
        "phone" => lang.t("电话", "Telephone"),
        "escrow_bank" => lang.t("监管银行", "Escrow bank"),
        "escrow_account_no" => lang.t("监管账号", "Escrow account"),
        "floor_area_cm2" => lang.t("场地面积", "Floor area"),
        "status" => lang.t("状态", "Status"),
        _ => return None,
    })
}

/// What stands in a field of the register, as recorded.
pub fn value(lang: Lang, name: &str, value: &Value) -> String {
    let texts = |value: &Value| -> Vec<String> {
        value
            .as_array()
            .map(|all| all.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect())
            .unwrap_or_default()
    };
    match (name, value) {
        (_, Value::Null) => "—".to_owned(),
        (_, Value::String(text)) if text.is_empty() => "—".to_owned(),
        ("category", Value::String(text)) => show::category(lang, text).to_owned(),
        ("status", Value::String(text)) => status(lang, text).to_owned(),
        ("stages", Value::Array(_)) => stages(lang, &texts(value)),
        ("delivery", Value::Array(_)) => delivery(lang, &texts(value)),
        ("sponsors", Value::Array(all)) if !all.is_empty() => texts(value).join(lang.t("、", ", ")),
        ("sponsors", Value::Array(_)) => "—".to_owned(),
        ("floor_area_cm2", number) => area(number.as_i64()),
        (_, Value::Bool(yes)) => if *yes { lang.t("是", "yes") } else { lang.t("否", "no") }.to_owned(),
        (_, Value::String(text)) => text.clone(),
        (_, other) => other.to_string(),
    }
}

/// Square metres of square centimetres, exact, without trailing zeros.
pub fn area(cm2: Option<i64>) -> String {
    let Some(cm2) = cm2 else { return "—".to_owned() };
    let text = format!("{}.{:04}", cm2 / 10_000, cm2 % 10_000);
    format!("{} m²", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The term of a licence, with a dash for what is not known.
pub fn term(from: Option<NaiveDate>, to: Option<NaiveDate>) -> String {
    let day = |day: Option<NaiveDate>| day.map_or_else(|| "—".to_owned(), |day| day.to_string());
    if from.is_none() && to.is_none() { "—".to_owned() } else { format!("{} – {}", day(from), day(to)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_read_as_people_write_them() {
        assert_eq!(area(Some(10_020_000)), "1002 m²");
        assert_eq!(area(Some(1_002_501)), "100.2501 m²");
        assert_eq!(area(None), "—");
        assert_eq!(region(331_002), "椒江区");
        assert_eq!(region(999_999), "999999");
        assert_eq!(stages(Lang::Zh, &["primary".into(), "junior".into()]), "小学、初中");
        assert_eq!(stages(Lang::En, &[]), "—");
        assert_eq!(value(Lang::Zh, "category", &"sports".into()), "体育类");
        assert_eq!(value(Lang::En, "licence_to", &Value::Null), "—");
        assert_eq!(term("2025-01-01".parse().ok(), None), "2025-01-01 – —");
    }
}
