//! What a header row that no one has told us about may mean: a proposal for a person to confirm or correct.

use super::{
    super::layout::ColumnRole as Role,
    columns::{NAMES, plain_names},
};

/// What each column of a header row seems to mean, for a person to look at: known names first, then what a name holds.
/// Every role stands once but that of remarks.
pub(in super::super) fn proposed<S: AsRef<str>>(header: &[S]) -> Vec<Option<Role>> {
    let names = plain_names(header);
    let mut roles: Vec<Option<Role>> = vec![None; names.len()];
    for (role, known) in NAMES {
        let rank = |name: &String| known.iter().position(|known| known == name);
        let mut found: Vec<(usize, usize)> =
            names.iter().enumerate().filter_map(|(index, name)| Some((rank(name)?, index))).collect();
        found.sort_unstable();
        let free = found.into_iter().filter(|(_, index)| roles[*index].is_none()).map(|(_, index)| index);
        let free: Vec<usize> = if role == Role::Remittance { free.collect() } else { free.take(1).collect() };
        free.into_iter().for_each(|index| roles[index] = Some(role));
    }
    for (role, parts) in PARTS {
        if roles.contains(&Some(role)) {
            continue;
        }
        let holds = |name: &String| parts.iter().any(|part| name.contains(part));
        if let Some(index) = (0..names.len()).find(|index| roles[*index].is_none() && holds(&names[*index])) {
            roles[index] = Some(role);
        }
    }
    // An amount beside both sides would be read twice.
    if roles.contains(&Some(Role::Credit)) && roles.contains(&Some(Role::Debit)) {
        roles
            .iter_mut()
            .filter(|role| matches!(role, Some(Role::Amount | Role::Direction)))
            .for_each(|role| *role = None);
    }
    roles
}

/// Parts of names that hint at a meaning; only what a person then confirms is read by them.
const PARTS: [(Role, &[&str]); 9] = [
    (Role::Date, &["日期", "date", "日"]),
    (Role::Balance, &["余额", "结余", "balance"]),
    (Role::Credit, &["收入", "贷", "存入", "转入", "credit", "deposit"]),
    (Role::Debit, &["支出", "借", "支取", "转出", "debit", "withdraw"]),
    (Role::Amount, &["金额", "发生额", "amount"]),
    (Role::CounterpartyName, &["户名", "对方", "对手", "name"]),
    (Role::CounterpartyAccount, &["账号", "卡号", "account"]),
    (Role::Serial, &["流水", "凭证号", "serial", "ref"]),
    (Role::Remittance, &["摘要", "附言", "用途", "备注", "说明", "text", "remark"]),
];

/// How much a row looks like a header: the columns that something is known of, then the cells that hold words.
pub(in super::super) fn likeness<S: AsRef<str>>(cells: &[S]) -> (usize, usize) {
    let known = proposed(cells).iter().flatten().count();
    let words = cells.iter().filter(|cell| is_word(cell.as_ref())).count();
    (known, words)
}

/// Neither empty nor a number or a date.
fn is_word(cell: &str) -> bool {
    let cell = cell.trim();
    !cell.is_empty() && !cell.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '¥' | '￥'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_of_unknown_words_is_proposed_by_what_they_hold() {
        use Role::*;
        for (header, expected) in [
            (
                "发生日,摘要代码,贷记额,借记额,结余,对方单位,凭证号",
                [
                    Some(Date),
                    Some(Remittance),
                    Some(Credit),
                    Some(Debit),
                    Some(Balance),
                    Some(CounterpartyName),
                    Some(Serial),
                ],
            ),
            (
                "交易日期,交易时间,交易金额,借贷标志,余额,对方户名,备注",
                [
                    Some(Date),
                    Some(Time),
                    Some(Amount),
                    Some(Direction),
                    Some(Balance),
                    Some(CounterpartyName),
                    Some(Remittance),
                ],
            ),
            ("甲,乙,丙,丁,戊,己,庚", [None; 7]),
            (
                "日期,收入,支出,金额,余额,备注,摘要",
                [Some(Date), Some(Credit), Some(Debit), None, Some(Balance), Some(Remittance), Some(Remittance)],
            ),
        ] {
            assert_eq!(proposed(&header.split(',').collect::<Vec<_>>()), expected, "{header}");
        }
    }

    #[test]
    fn a_header_is_told_from_rows_and_head_blocks() {
        let header = likeness(&["发生日", "摘要代码", "贷记额", "借记额", "结余"]);
        for other in [&["账号：", "123456", "", "", ""], &["20260301", "往来", "100.00", "", "1,100.00"]] {
            assert!(likeness(other) < header, "{other:?}");
        }
    }
}
