//! The watch page's rows as lines of a file for a spreadsheet.

use chrono::NaiveDate;

use super::rows::Row;
use crate::{
    kernel::Fen,
    web::{Lang, Page, sheet::harmless, show},
};

/// Columns of the file.
const COLUMNS: usize = 19;

/// The headings.
pub fn headings(lang: Lang) -> [String; COLUMNS] {
    [
        ("区县", "county"),
        ("机构", "institution"),
        ("统一社会信用代码", "credit code"),
        ("类别", "category"),
        ("级别", "level"),
        ("主要原因", "main reason"),
        ("状态", "status"),
        ("承办人", "handled by"),
        ("期限", "due"),
        ("余额", "balance"),
        ("未消课金额", "unearned fees"),
        ("应有余额", "balance needed"),
        ("覆盖率", "coverage"),
        ("最低余额", "minimum balance"),
        ("日均净流出", "net outflow a day"),
        ("预计耗尽日", "runs out on"),
        ("预测说明", "forecast"),
        ("银行数据截至", "bank data up to"),
        ("距今天数", "days since"),
    ]
    .map(|(zh, en)| lang.t(zh, en).to_owned())
}

/// One row, amounts in yuan; an empty cell is what is not known.
pub fn cells(page: &Page, row: &Row) -> [String; COLUMNS] {
    let (lang, today) = (page.lang, page.today());
    let figures = row.figures().cloned().unwrap_or_default();
    let yuan = |fen: Option<i64>| fen.map(|fen| Fen(fen).to_string()).unwrap_or_default();
    let day = |on: Option<NaiveDate>| on.map(|on| on.to_string()).unwrap_or_default();
    let warning = row.warning.as_ref();
    let forecast = row.lasting(page);
    [
        row.county(),
        harmless(row.name()),
        row.credit_code().unwrap_or_default().to_owned(),
        row.category().map_or("", |category| show::category(lang, category)).to_owned(),
        row.level().map_or("", |level| show::level_word(lang, level)).to_owned(),
        harmless(&row.reason(page)),
        row.status(page).to_owned(),
        harmless(warning.and_then(|w| w.handler.as_deref()).unwrap_or_default()),
        day(warning.and_then(|w| w.due_on)),
        yuan(figures.held_fen),
        yuan(figures.unearned_fen),
        yuan(figures.needed_fen),
        figures.coverage_bp().map(show::percent).unwrap_or_default(),
        yuan(figures.minimum_fen),
        yuan(figures.outflow_fen),
        day(figures.runoff_on),
        format!("{} {}", forecast.0, forecast.1),
        day(figures.heard_of_on),
        figures.silent_days(today).map(|days| days.to_string()).unwrap_or_default(),
    ]
}
