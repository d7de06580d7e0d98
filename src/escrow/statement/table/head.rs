//! The block of facts before a table's header: account, currency, period, balances.

use chrono::NaiveDate;

use super::{
    super::values::{currency_code, loose_date, tidy},
    cells::amount,
};

/// What the head block says.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    pub account: Option<String>,
    pub currency: Option<String>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub opening: Option<String>,
    pub closing: Option<String>,
    pub statement_ref: Option<String>,
}

impl Head {
    /// Reads one row: `账号：123`, or a label with its value in the next cell.
    pub(super) fn read<S: AsRef<str>>(&mut self, cells: &[S]) {
        let pieces: Vec<&str> = cells.iter().flat_map(|cell| pieces(cell.as_ref())).collect();
        for (index, piece) in pieces.iter().enumerate() {
            let (label, value) = match piece.split_once([':', '：']) {
                Some((label, value)) if !value.trim().is_empty() => (label, value),
                Some((label, _)) => (label, pieces.get(index + 1).copied().unwrap_or_default()),
                None => (*piece, pieces.get(index + 1).copied().unwrap_or_default()),
            };
            self.set(&label.split_whitespace().collect::<String>(), value);
        }
    }

    fn set(&mut self, label: &str, value: &str) {
        let value = value.trim().trim_matches(['[', ']', '【', '】']);
        let day = || loose_date(value).map(|(day, _)| day);
        match label {
            "账号" | "账户" | "卡号" | "账户号码" | "查询账号" | "本方账号" | "客户账号" | "银行账号" | "账户账号"
            | "账/卡号" | "卡号/账号" | "账号/卡号" | "支付宝账户" => {
                keep(&mut self.account, tidy(value))
            }
            "币种" | "币别" | "货币" | "账户币种" => keep(&mut self.currency, currency_code(value)),
            "起始日期" | "开始日期" | "起始时间" | "开始时间" | "查询起始日期" | "起始日" => {
                keep(&mut self.from, day())
            }
            "截止日期" | "终止日期" | "结束日期" | "终止时间" | "截止时间" | "结束时间" | "查询截止日期" | "截止日" =>
            {
                keep(&mut self.to, day());
            }
            "日期范围" | "查询期间" | "起止日期" | "查询日期" | "交易日期" | "时间范围" => {
                if let Some((from, to)) = period(value) {
                    keep(&mut self.from, Some(from));
                    keep(&mut self.to, Some(to));
                }
            }
            "期初余额" | "上期余额" | "承前余额" | "起始余额" | "上期结余" => {
                keep(&mut self.opening, tidy(value))
            }
            "期末余额" | "本期余额" | "截止余额" | "本期结余" => keep(&mut self.closing, tidy(value)),
            "对账单号" | "对账单编号" | "账单编号" | "账单号" => {
                keep(&mut self.statement_ref, tidy(value))
            }
            _ => {}
        }
    }

    /// Takes a balance that a row of the table gives (期初余额, 期末余额).
    pub(super) fn set_balance(&mut self, opening: bool, text: String) {
        keep(if opening { &mut self.opening } else { &mut self.closing }, Some(text));
    }

    /// A balance in minor units of `digits` decimals; masked ones are none.
    pub(super) fn minor(text: Option<&str>, digits: u32) -> Option<i64> {
        amount(text?, false, digits).ok().flatten()
    }
}

/// The first value counts; what follows a head block may repeat its labels.
fn keep<T>(slot: &mut Option<T>, value: Option<T>) {
    if slot.is_none() {
        *slot = value;
    }
}

/// A cell may hold several facts, apart by tabs or several blanks.
fn pieces(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(['\t', '\u{3000}']).flat_map(|part| part.split("  ")).map(str::trim).filter(|part| !part.is_empty())
}

/// `20251201-20251231`, `2025-12-01至2025-12-31`.
fn period(value: &str) -> Option<(NaiveDate, NaiveDate)> {
    let halves = ["至", "到", "~", "～", "--", " - "].iter().find_map(|mark| value.split_once(mark));
    let (from, to) = halves.or_else(|| value.split_once('-').filter(|(from, _)| from.trim().len() == 8))?;
    Some((loose_date(from)?.0, loose_date(to)?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_blocks_are_read_in_their_many_forms() {
        let day = |m, d| NaiveDate::from_ymd_opt(2026, m, d);
        for (case, row) in [
            (
                "label and next cell",
                vec![
                    "账号：",
                    "\t1207****0001",
                    "币种：",
                    "人民币",
                    "起始日期：",
                    "20260301",
                    "截止日期：",
                    "20260430",
                ],
            ),
            (
                "one cell each",
                vec!["账号:1207****0001", "币种：人民币", "起始日期：2026-03-01", "截止日期：2026-04-30"],
            ),
            (
                "all in one cell",
                vec![
                    "账号：1207****0001    币种：人民币  起始时间：[2026-03-01 00:00:00]    终止时间：[2026-04-30 23:59:59]",
                ],
            ),
            ("no colons", vec!["账号", "1207****0001", "币种", "人民币", "日期范围", "20260301-20260430"]),
            ("a period", vec!["卡号：1207****0001", "币别：CNY", "查询期间：2026-03-01至2026-04-30"]),
        ] {
            let mut head = Head::default();
            head.read(&row);
            assert_eq!(head.account.as_deref(), Some("1207****0001"), "{case}");
            assert_eq!(head.currency.as_deref(), Some("CNY"), "{case}");
            assert_eq!((head.from, head.to), (day(3, 1), day(4, 30)), "{case}");
        }
    }

    #[test]
    fn masked_balances_are_none() {
        assert_eq!(Head::minor(Some("1,000.00元"), 2), Some(100_000));
        assert_eq!(Head::minor(Some("xx,yyyy.zz"), 2), None);
    }
}
