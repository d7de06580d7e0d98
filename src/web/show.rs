//! How things are written for people: days, times, levels, statuses.

use chrono::{DateTime, Datelike, NaiveDate, Utc};

use super::{Lang, icons};
use crate::kernel::{RegionCode, clock::BEIJING, region::Level};

/// The bureau of a tenant, e.g. 椒江区教育局.
pub fn bureau(tenant: i32) -> String {
    let region = u32::try_from(tenant).ok().and_then(|code| RegionCode::from_number(code).ok());
    match region {
        Some(region) if region.level() == Level::Province => format!("{}教育厅", region.name().unwrap_or("本级")),
        Some(region) => format!("{}教育局", region.name().unwrap_or("本级")),
        None => "教育部".to_owned(),
    }
}

/// `3 月 18 日`; the year is written when it is not the present one.
pub fn day(lang: Lang, day: NaiveDate, today: NaiveDate) -> String {
    match lang {
        Lang::Zh if day.year() == today.year() => format!("{} 月 {} 日", day.month(), day.day()),
        Lang::Zh => format!("{} 年 {} 月 {} 日", day.year(), day.month(), day.day()),
        Lang::En if day.year() == today.year() => day.format("%-d %b").to_string(),
        Lang::En => day.format("%-d %b %Y").to_string(),
    }
}

/// Day and time of day in Beijing; today is called today.
pub fn time(lang: Lang, at: DateTime<Utc>, today: NaiveDate) -> String {
    let local = at.with_timezone(&BEIJING);
    let date = local.date_naive();
    let clock = local.format("%H:%M");
    if date == today {
        format!("{} {clock}", lang.t("今天", "today"))
    } else {
        format!("{} {clock}", day(lang, date, today))
    }
}

/// Basis points as per cent with one decimal, rounded half up: 3333 is `33.3%`.
pub fn percent(bp: i64) -> String {
    let tenths = (bp + 5).div_euclid(10);
    format!("{}.{}%", tenths.div_euclid(10), tenths.rem_euclid(10))
}

/// The word of a warning level.
pub fn level_word(lang: Lang, level: &str) -> &'static str {
    match level {
        "red" => lang.t("红色", "Red"),
        "orange" => lang.t("橙色", "Orange"),
        "yellow" => lang.t("黄色", "Yellow"),
        _ => lang.t("蓝色", "Blue"),
    }
}

/// A solid badge with word and shape.
pub fn level_badge(lang: Lang, level: &str) -> String {
    let class = if matches!(level, "red" | "orange" | "yellow") { level } else { "blue" };
    format!(r#"<span class="lv lv--{class}">{}{}</span>"#, icons::level_icon(level), level_word(lang, level))
}

/// The word of a weekday, 1 Monday to 7 Sunday.
pub fn weekday(lang: Lang, number: u32) -> &'static str {
    match number {
        1 => lang.t("周一", "Mon"),
        2 => lang.t("周二", "Tue"),
        3 => lang.t("周三", "Wed"),
        4 => lang.t("周四", "Thu"),
        5 => lang.t("周五", "Fri"),
        6 => lang.t("周六", "Sat"),
        _ => lang.t("周日", "Sun"),
    }
}

/// The word of a list status as parents read it.
pub fn list_word(lang: Lang, status: &str) -> &'static str {
    match status {
        "white" => lang.t("白名单", "White list"),
        "suspended" => lang.t("暂停展示", "Suspended"),
        "black" => lang.t("黑名单", "Blacklist"),
        _ => lang.t("不在名单", "Not listed"),
    }
}

/// A tag with word and icon.
pub fn list_tag(lang: Lang, status: &str) -> String {
    let (class, icon) = match status {
        "white" => ("ok", "shield"),
        "suspended" => ("warn", "triangle"),
        "black" => ("bad", "ban"),
        _ => ("wait", "ban"),
    };
    format!(r#"<span class="tag tag--{class}">{}{}</span>"#, icons::icon(icon), list_word(lang, status))
}

/// The name of a warning kind.
pub fn warning_kind(lang: Lang, kind: &str) -> &'static str {
    match kind {
        "ACCOUNT-NOT-FILED" => lang.t("未备案账户", "Account not filed"),
        "ENROLMENT-SURGE" => lang.t("异常促销吸储", "Surge of enrolments"),
        "FEED-SILENT" => lang.t("银行报送中断", "Bank feed silent"),
        "FUND-BELOW-MIN" => lang.t("低于最低余额", "Below the minimum balance"),
        "FUND-COVERAGE" => lang.t("托管覆盖率不足", "Fees not covered"),
        "FUND-CUM-ROLLING" => lang.t("滚动累计支出", "Large withdrawals in total"),
        "FUND-LARGE-SINGLE" => lang.t("单笔大额支出", "Large single withdrawal"),
        "FUND-OUTSIDE-ESCROW" => lang.t("账外收费", "Fees outside the account"),
        "FUND-RUNOFF-DATE" => lang.t("预计耗尽日", "Money runs out too soon"),
        "FUND-STRUCTURING" => lang.t("化整为零", "Split withdrawals"),
        "FUND-UNUSUAL-COUNTERPARTY" => lang.t("异常交易对手", "Unusual recipient"),
        "FUND-WITHDRAW-UNMATCHED" => lang.t("划拨与消课不符", "Withdrawn beyond lessons given"),
        "PREPAY-OVER-CAP" => lang.t("超限预收", "Prepayment over the cap"),
        "REFUND-BACKLOG" => lang.t("退费积压", "Overdue refunds"),
        "STMT-CHAIN-BREAK" => lang.t("余额不连续", "Balances do not connect"),
        "STMT-GAP" => lang.t("流水断档", "Gap in the statements"),
        "TRAINING-LOAN" => lang.t("培训贷", "Training loan"),
        _ => lang.t("其他预警", "Other warning"),
    }
}

/// The official name of a course category.
pub fn category(lang: Lang, category: &str) -> &'static str {
    match category {
        "academic" => lang.t("学科类", "Academic"),
        "arts" => lang.t("文化艺术类", "Culture and arts"),
        "sports" => lang.t("体育类", "Sports"),
        "sci_tech" => lang.t("科技类", "Science and technology"),
        "vocational" => lang.t("职业技能类", "Vocational skills"),
        "childcare" => lang.t("托育类", "Childcare"),
        "comprehensive" => lang.t("综合实践类", "Comprehensive"),
        _ => lang.t("未分类", "Unclassified"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_shares_read_as_people_write_them() {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(day(Lang::Zh, date("2026-03-18"), date("2026-05-01")), "3 月 18 日");
        assert_eq!(day(Lang::Zh, date("2025-03-18"), date("2026-05-01")), "2025 年 3 月 18 日");
        assert_eq!(day(Lang::En, date("2025-03-18"), date("2026-05-01")), "18 Mar 2025");
        assert_eq!(percent(3333), "33.3%");
        assert_eq!(percent(3335), "33.4%");
        assert_eq!(percent(0), "0.0%");
        assert_eq!(bureau(331_002), "椒江区教育局");
        assert_eq!(bureau(330_000), "浙江省教育厅");
        assert_eq!(bureau(0), "教育部");
    }
}
