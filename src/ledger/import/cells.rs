//! Single cells: what is meant by what is written.

use std::str::FromStr;

use chrono::{DateTime, NaiveTime, Utc};

use crate::{
    institutions::import::{day, plain},
    kernel::{Fen, clock::BEIJING},
};

/// An amount in yuan, as `4,800.00`, `¥4800` or `4800元`.
pub fn money(written: &str) -> Option<Fen> {
    let text = plain(written);
    let text = text.trim_start_matches(['¥', '￥']).trim_end_matches('元').replace(',', "");
    text.trim().parse().ok()
}

/// A whole number, as `60` or `60课时`.
pub fn count(written: &str) -> Option<u32> {
    let text = plain(written);
    let text = text.trim_end_matches("课时").trim_end_matches(['节', '期', '次']).trim();
    let text = text.strip_suffix(".0").unwrap_or(text);
    text.parse().ok()
}

/// An instant: RFC 3339, or a day with a time in Beijing.
pub fn instant(written: &str) -> Option<DateTime<Utc>> {
    let text = plain(written);
    if let Ok(at) = DateTime::parse_from_rfc3339(&text) {
        return Some(at.to_utc());
    }
    let (on, time) = text.rsplit_once([' ', 'T'])?;
    let time = ["%H:%M:%S", "%H:%M"].iter().find_map(|form| NaiveTime::parse_from_str(time, form).ok())?;
    day(on)?.and_time(time).and_local_timezone(BEIJING).single().map(|at| at.to_utc())
}

/// An instant, or the beginning of a day.
pub fn instant_or_day(written: &str) -> Option<DateTime<Utc>> {
    let midnight = || day(&plain(written))?.and_time(NaiveTime::MIN).and_local_timezone(BEIJING).single();
    instant(written).or_else(|| midnight().map(|at| at.to_utc()))
}

/// A yes or a no.
pub fn yes(written: &str) -> Option<bool> {
    match plain(written).to_lowercase().as_str() {
        "是" | "y" | "yes" | "true" | "1" | "√" => Some(true),
        "否" | "" | "n" | "no" | "false" | "0" => Some(false),
        _ => None,
    }
}

/// A word of a closed list, by its name in the API or in Chinese.
pub fn word<T: FromStr + strum::VariantArray + Copy>(written: &str, zh: impl Fn(T) -> &'static str) -> Option<T> {
    let text = plain(written);
    let named = T::VARIANTS.iter().copied().find(|one| zh(*one) == text);
    named.or_else(|| text.to_lowercase().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::model::Channel;
    use proptest::prelude::*;

    #[test]
    fn cells_as_people_write_them() {
        for (written, fen) in [
            ("4,800.00", Some(480_000)),
            ("￥4800", Some(480_000)),
            ("4800元", Some(480_000)),
            ("'4800.5", Some(480_050)),
            ("4800.005", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(money(written), fen.map(Fen), "{written}");
        }
        for (written, units) in
            [("60", Some(60)), ("60课时", Some(60)), ("60.0", Some(60)), ("六十", None), ("1.5", None)]
        {
            assert_eq!(count(written), units, "{written}");
        }
        for (written, at) in [
            ("2026-03-16 19:00", Some("2026-03-16T11:00:00Z")),
            ("2026/3/16 19:00:30", Some("2026-03-16T11:00:30Z")),
            ("2026年3月16日 19:00", Some("2026-03-16T11:00:00Z")),
            ("2026-03-16T19:00:00+08:00", Some("2026-03-16T11:00:00Z")),
            ("2026-03-16", None),
            ("2026-02-30 19:00", None),
        ] {
            assert_eq!(instant(written), at.map(|at| at.parse().unwrap()), "{written}");
        }
        assert_eq!(instant_or_day("2026-03-16"), Some("2026-03-15T16:00:00Z".parse().unwrap()));
        assert_eq!((yes("是"), yes(""), yes("也许")), (Some(true), Some(false), None));
        assert_eq!(word("微信", Channel::zh), Some(Channel::Wechat));
        assert_eq!(word("bank_transfer", Channel::zh), Some(Channel::BankTransfer));
        assert_eq!(word("赊账", Channel::zh), None);
    }

    proptest! {
        #[test]
        fn reading_a_cell_never_panics(written in "\\PC{0,24}") {
            let _ = (money(&written), count(&written), instant_or_day(&written), yes(&written));
            let _ = word(&written, Channel::zh);
        }
    }
}
