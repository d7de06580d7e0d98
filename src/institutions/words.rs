//! How facts of the register are written for people.

use chrono::NaiveDate;

use crate::{kernel::RegionCode, web::Lang};

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
    let region = u32::try_from(tenant).ok().and_then(|code| RegionCode::from_number(code).ok());
    region.and_then(RegionCode::name).map_or_else(|| tenant.to_string(), str::to_owned)
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
        assert_eq!(term("2025-01-01".parse().ok(), None), "2025-01-01 – —");
    }
}
