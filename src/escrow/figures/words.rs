//! The figures in words, the same on every page and in every file. Unknown is said, never shown as zero.

use chrono::NaiveDate;

use super::{Figures, Lasting};
use crate::{
    kernel::Fen,
    web::{Lang, show},
};

fn unknown(lang: Lang) -> String {
    lang.t("未知", "unknown").to_owned()
}

/// An amount, or that it is unknown.
pub fn money(lang: Lang, fen: Option<i64>) -> String {
    fen.map_or_else(|| unknown(lang), |fen| Fen(fen).yuan())
}

/// The coverage, or why there is none.
pub fn coverage(lang: Lang, figures: &Figures) -> String {
    match (figures.coverage_bp(), figures.needed_fen) {
        (Some(share), _) => show::percent(share),
        (None, Some(0)) => lang.t("无须覆盖", "nothing owed").to_owned(),
        (None, _) => unknown(lang),
    }
}

/// Until when the money lasts, and what is to be said beside it.
pub fn lasting(lang: Lang, lasting: Lasting, today: NaiveDate) -> (String, String) {
    match lasting {
        Lasting::Unknown => (unknown(lang), lang.t("流水不足 14 天", "under 14 days of entries").to_owned()),
        Lasting::Lasts => {
            (lang.t("不会耗尽", "lasts").to_owned(), lang.t("按近 4 周", "by the last 4 weeks").to_owned())
        }
        Lasting::Short { lacking_fen } => (lang.t("不够兑付", "short").to_owned(), lacking(lang, lacking_fen)),
        Lasting::Empty { lacking_fen } => (lang.t("已空", "empty").to_owned(), lacking(lang, lacking_fen)),
        Lasting::Until(on) => (show::day(lang, on, today), days_to(lang, (on - today).num_days())),
    }
}

fn lacking(lang: Lang, fen: i64) -> String {
    let yuan = Fen(fen).yuan();
    match lang {
        Lang::Zh => format!("缺 {yuan}"),
        Lang::En => format!("{yuan} lacking"),
    }
}

fn days_to(lang: Lang, days: i64) -> String {
    match (lang, days) {
        (_, 0) => lang.t("今天", "today").to_owned(),
        (Lang::Zh, 1..) => format!("{days} 天后"),
        (Lang::Zh, _) => format!("已过 {} 天", -days),
        (Lang::En, 1) => "in 1 day".to_owned(),
        (Lang::En, 1..) => format!("in {days} days"),
        (Lang::En, -1) => "1 day ago".to_owned(),
        (Lang::En, _) => format!("{} days ago", -days),
    }
}

/// How long the bank has said nothing.
pub fn silent(lang: Lang, days: Option<i64>) -> String {
    match (lang, days) {
        (_, None) => lang.t("从未报送", "never").to_owned(),
        (_, Some(0)) => lang.t("今天", "today").to_owned(),
        (Lang::Zh, Some(days)) => format!("{days} 天前"),
        (Lang::En, Some(1)) => "1 day ago".to_owned(),
        (Lang::En, Some(days)) => format!("{days} days ago"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_said() {
        let none = Figures::default();
        let today: NaiveDate = "2026-03-18".parse().unwrap();
        assert_eq!(money(Lang::Zh, None), "未知");
        assert_eq!(money(Lang::En, Some(0)), "¥0.00");
        assert_eq!(coverage(Lang::Zh, &none), "未知");
        assert_eq!(coverage(Lang::Zh, &Figures { needed_fen: Some(0), ..none.clone() }), "无须覆盖");
        let half = Figures { held_fen: Some(1), needed_fen: Some(2), ..none };
        assert_eq!(coverage(Lang::En, &half), "50.0%");
        assert_eq!(lasting(Lang::Zh, Lasting::Unknown, today).1, "流水不足 14 天");
        let until = |on: &str| lasting(Lang::Zh, Lasting::Until(on.parse().unwrap()), today);
        assert_eq!(until("2026-05-04"), ("5 月 4 日".to_owned(), "47 天后".to_owned()));
        assert_eq!(until("2026-03-18").1, "今天");
        assert_eq!(until("2026-03-16").1, "已过 2 天");
        let empty = lasting(Lang::Zh, Lasting::Empty { lacking_fen: 990_100 }, today);
        assert_eq!(empty, ("已空".to_owned(), "缺 ¥9,901.00".to_owned()));
        assert_eq!(
            lasting(Lang::En, Lasting::Short { lacking_fen: 1 }, today),
            ("short".to_owned(), "¥0.01 lacking".to_owned())
        );
        let said = [None, Some(0), Some(1), Some(12)].map(|days| silent(Lang::En, days));
        assert_eq!(said, ["never", "today", "1 day ago", "12 days ago"]);
    }
}
