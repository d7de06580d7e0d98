//! What the columns of an export mean, by the names that Chinese banks and wallets give them.

use super::super::{
    layout::{ColumnRole as Role, Layout},
    values::tidy,
};

/// Names per role, the preferred first: with both 记账日期 and 交易日期 the former is the booking date.
pub(super) const NAMES: [(Role, &[&str]); 17] = [
    (
        Role::Date,
        &[
            "记账日期",
            "记账日",
            "入账日期",
            "入账日",
            "过账日期",
            "会计日期",
            "交易日期",
            "交易日",
            "发生日期",
            "业务日期",
            "日期",
            "记账时间",
            "入账时间",
            "交易时间",
            "交易日期时间",
            "发生时间",
            "支付时间",
            "付款时间",
            "创建时间",
            "时间",
            "booking date",
            "transaction date",
            "date",
            "booked_on",
        ],
    ),
    (Role::Time, &["记账时间", "入账时间", "交易时间", "发生时间", "时间", "time"]),
    (Role::ValueDate, &["起息日", "起息日期", "value date", "value_on"]),
    (
        Role::Credit,
        &[
            "记账金额(收入)",
            "贷方发生额",
            "贷方金额",
            "贷方发生金额",
            "贷方",
            "收入金额",
            "收入",
            "存入金额",
            "存入",
            "转入金额",
            "转入",
            "收款金额",
            "入账金额(收入)",
            "交易金额(收入)",
            "收方金额",
            "贷",
            "credit",
            "credit amount",
        ],
    ),
    (
        Role::Debit,
        &[
            "记账金额(支出)",
            "借方发生额",
            "借方金额",
            "借方发生金额",
            "借方",
            "支出金额",
            "支出",
            "取出金额",
            "支取金额",
            "取出",
            "转出金额",
            "转出",
            "付款金额",
            "入账金额(支出)",
            "交易金额(支出)",
            "付方金额",
            "借",
            "debit",
            "debit amount",
        ],
    ),
    (
        Role::Amount,
        &["记账金额", "入账金额", "结算金额", "交易金额", "发生额", "发生金额", "交易发生额", "金额", "amount"],
    ),
    (
        Role::Direction,
        &[
            "借贷标志",
            "借贷标识",
            "借贷方向",
            "借/贷",
            "借贷",
            "收/支",
            "收支",
            "收支类型",
            "收支标志",
            "收付标志",
            "收/付",
            "交易方向",
            "方向",
            "资金流向",
            "direction",
            "debit/credit",
            "dc",
        ],
    ),
    (
        Role::Balance,
        &["账户余额", "余额", "联机余额", "账面余额", "当前余额", "交易后余额", "本次余额", "可用余额", "balance"],
    ),
    (
        Role::CounterpartyName,
        &[
            "对方户名",
            "对方账户名",
            "对方账户名称",
            "对方名称",
            "对方单位名称",
            "对方单位",
            "交易对手名称",
            "交易对手户名",
            "交易对方名称",
            "对手户名",
            "收(付)方名称",
            "收/付方名称",
            "对方姓名",
            "交易对方",
            "交易对手",
            "付款人名称",
            "付款方名称",
            "counterparty",
            "counterparty name",
        ],
    ),
    (
        Role::CounterpartyAccount,
        &[
            "对方账号",
            "对方卡号/账号",
            "对方账户",
            "对方卡号",
            "交易对手账号",
            "交易对方账号",
            "对手账号",
            "对方账号/卡号",
            "收(付)方账号",
            "收/付方账号",
            "付款人账号",
            "付款方账号",
            "counterparty account",
        ],
    ),
    (
        Role::Serial,
        &[
            "交易流水号",
            "流水号",
            "核心流水号",
            "银行流水号",
            "业务流水号",
            "记账流水号",
            "账户明细编号-交易流水号",
            "明细流水号",
            "交易参考号",
            "交易订单号",
            "交易单号",
            "交易编号",
            "交易号",
            "serial",
            "reference",
            "bank_ref",
        ],
    ),
    (Role::Currency, &["记账币种", "结算币种", "入账币种", "币种", "币别", "货币", "交易币种", "currency"]),
    (Role::OwnAccount, &["账号", "本方账号", "本方账户", "查询账号", "账户", "账户号", "借记卡号", "卡号", "account"]),
    (
        Role::Remittance,
        &[
            "交易摘要",
            "摘要",
            "附言",
            "交易附言",
            "用途",
            "备注",
            "交易备注",
            "商品说明",
            "商品",
            "交易名称",
            "交易描述",
            "交易类型",
            "交易说明",
            "交易用途",
            "描述",
            "说明",
            "remittance",
            "description",
            "remark",
            "memo",
        ],
    ),
    (Role::Status, &["交易状态", "当前状态", "状态"]),
    (Role::Reversal, &["冲正标志", "冲正标识", "冲账标志", "抹账标志", "冲销标志", "红蓝字标志", "reversal"]),
    (Role::CardTail, &["卡末四位", "卡号末四位", "卡号后四位"]),
];

/// A header's name without what does not matter: blanks, full-width brackets, the unit.
pub(in super::super) fn plain(name: &str) -> String {
    let name: String = tidy(name)
        .unwrap_or_default()
        .chars()
        .filter(|c| !matches!(c, '\u{feff}' | '*' | '"'))
        .map(|c| match c {
            '（' => '(',
            '）' => ')',
            '／' => '/',
            '帐' => '账',
            other => other.to_ascii_lowercase(),
        })
        .collect();
    let ascii = name.is_ascii();
    let name: String = if ascii { name } else { name.split(' ').collect() };
    for unit in ["(元)", "(人民币)", "(人民币元)", "(单位:元)", "(cny)", "(rmb)", "(分)", "(单位:分)"] {
        if let Some(rest) = name.strip_suffix(unit) {
            return rest.to_owned();
        }
    }
    name
}

/// A column whose meaning is known.
#[derive(Debug, Clone)]
struct Column {
    index: usize,
    role: Role,
    rank: usize,
    /// As the file writes it.
    name: String,
    in_fen: bool,
}

/// The columns of one header row.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    columns: Vec<Column>,
    remarks: Vec<usize>,
    header: Vec<String>,
    /// A person said what the columns mean.
    told: bool,
    /// The name of a money column that stands twice, so that nobody knows which one counts.
    twice: Option<String>,
}

impl Columns {
    /// Takes a row as a header when a layout of its bank knows it, or when it names a date and an amount in some form, and
    /// at least three columns in all, or else when a layout of another bank knows it.
    pub(super) fn of<S: AsRef<str>>(cells: &[S], layouts: &[Layout]) -> Option<Columns> {
        let by_layout = |foreign: bool| {
            let layout = layouts.iter().find(|layout| layout.foreign == foreign && layout.is_header(cells))?;
            Some(Columns::told(cells, layout))
        };
        by_layout(false).or_else(|| Columns::by_name(cells)).or_else(|| by_layout(true))
    }

    fn told<S: AsRef<str>>(cells: &[S], layout: &Layout) -> Columns {
        let roles = cells.iter().zip(&layout.columns).enumerate();
        let columns: Vec<Column> = roles
            .filter_map(|(index, (cell, column))| Some(Column::of(cell.as_ref(), index, column.role?, 0)))
            .collect();
        Columns { remarks: remark_columns(&columns), columns, header: plain_names(cells), told: true, twice: None }
    }

    fn by_name<S: AsRef<str>>(cells: &[S]) -> Option<Columns> {
        let mut columns: Vec<Column> = Vec::new();
        for (index, cell) in cells.iter().enumerate().filter(|(_, cell)| cell.as_ref().len() <= HEADER_BYTES_MAX) {
            let name = plain(cell.as_ref());
            for (role, names) in NAMES {
                if let Some(rank) = names.iter().position(|known| *known == name) {
                    columns.push(Column::of(cell.as_ref(), index, role, rank));
                }
            }
        }
        columns.sort_by_key(|column| (column.rank, column.index));
        let remarks = remark_columns(&columns);
        let mut columns = Columns { columns, remarks, header: plain_names(cells), told: false, twice: None };
        columns.twice = columns.money_column_twice();
        let split = columns.has(Role::Credit) && columns.has(Role::Debit);
        let known: std::collections::HashSet<usize> = columns.columns.iter().map(|column| column.index).collect();
        (columns.has(Role::Date) && (split || columns.has(Role::Amount)) && known.len() >= 3).then_some(columns)
    }

    /// The first of the columns that money is read from whose name stands twice.
    fn money_column_twice(&self) -> Option<String> {
        let chosen = [Role::Credit, Role::Debit, Role::Amount, Role::Direction].into_iter();
        chosen.filter_map(|role| self.column(role)).find_map(|one| {
            let same = |other: &&Column| (other.role, other.rank) == (one.role, one.rank) && other.index != one.index;
            self.columns.iter().find(same).map(|_| one.name.clone())
        })
    }

    /// The name of a money column that stands twice.
    pub(super) fn twice(&self) -> Option<&str> {
        self.twice.as_deref()
    }

    fn column(&self, role: Role) -> Option<&Column> {
        let date = if role == Role::Time { self.column(Role::Date).map(|column| column.index) } else { None };
        self.columns.iter().find(|column| column.role == role && Some(column.index) != date)
    }

    /// Where the column of a role stands.
    pub(super) fn index(&self, role: Role) -> Option<usize> {
        self.column(role).map(|column| column.index)
    }

    pub(super) fn has(&self, role: Role) -> bool {
        self.column(role).is_some()
    }

    /// The header of a role's column, for messages.
    pub(super) fn name(&self, role: Role) -> Option<String> {
        self.column(role).map(|column| column.name.clone())
    }

    /// Whether the amounts of a role are in fen instead of yuan.
    pub(super) fn in_fen(&self, role: Role) -> bool {
        self.column(role).is_some_and(|column| column.in_fen)
    }

    /// The columns that make up the remittance text, the preferred first.
    pub(super) fn remarks(&self) -> &[usize] {
        &self.remarks
    }

    /// Whether the date and the time are of the same event (both 记账 or both 交易).
    pub(super) fn time_is_of_date(&self) -> bool {
        if self.told {
            return true;
        }
        match (self.column(Role::Date), self.column(Role::Time)) {
            (Some(date), Some(time)) => {
                let booking = |name: &str| name.contains("记账") || name.contains("入账");
                booking(&date.name) == booking(&time.name) || !self.header.iter().any(|name| name == "交易日期")
            }
            _ => false,
        }
    }

    /// A card bill counts what was spent as positive.
    pub(super) fn is_card_bill(&self) -> bool {
        self.has(Role::CardTail) && !self.has(Role::Balance) && !self.has(Role::Direction)
    }

    /// Whether the header is written in Chinese, and so its money is yuan unless said otherwise.
    pub(super) fn is_chinese(&self) -> bool {
        self.header.iter().any(|name| !name.is_ascii())
    }

    /// How many columns are known; the delimiter that makes most of them known is the file's.
    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether a row is this header again, on the next page.
    pub(super) fn repeats<S: AsRef<str>>(&self, cells: &[S]) -> bool {
        cells.len() == self.header.len()
            && cells.iter().zip(&self.header).all(|(cell, name)| plain(cell.as_ref()) == *name)
    }
}

impl Column {
    fn of(cell: &str, index: usize, role: Role, rank: usize) -> Column {
        let in_fen = cell.contains("(分)") || cell.contains("（分）");
        Column { index, role, rank, name: tidy(cell).unwrap_or_default(), in_fen }
    }
}

/// Longer cells are no names of columns.
const HEADER_BYTES_MAX: usize = 80;

pub(super) fn plain_names<S: AsRef<str>>(cells: &[S]) -> Vec<String> {
    cells.iter().map(|cell| plain(cell.as_ref())).collect()
}

fn remark_columns(columns: &[Column]) -> Vec<usize> {
    let name = columns.iter().find(|column| column.role == Role::CounterpartyName).map(|column| column.index);
    columns
        .iter()
        .filter(|column| column.role == Role::Remittance && Some(column.index) != name)
        .map(|column| column.index)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indexes(header: &str, roles: &[Role]) -> Vec<Option<usize>> {
        let cells: Vec<&str> = header.split(',').collect();
        let columns = Columns::of(&cells, &[]).unwrap_or_else(|| panic!("no header: {header}"));
        roles.iter().map(|role| columns.index(*role)).collect()
    }

    #[test]
    fn headers_of_known_banks_are_understood() {
        use Role::*;
        let roles = [Date, Credit, Debit, Amount, Direction, Balance, Serial];
        for (header, expected) in [
            ("记账日期,借方发生额,贷方发生额,余额,交易摘要", [Some(0), Some(2), Some(1), None, None, Some(3), None]),
            (
                "交易日期,记账日期,交易金额,账户余额,摘要,对方账号,对方户名",
                [Some(1), None, None, Some(2), None, Some(3), None],
            ),
            (
                "交易日期,交易时间,收入,支出,余额,交易类型,交易备注",
                [Some(0), Some(2), Some(3), None, None, Some(4), None],
            ),
            (
                "交易日期,摘要,币种,收入金额,支出金额,账户余额,对方户名,对方账号,对方开户行,交易流水号",
                [Some(0), Some(3), Some(4), None, None, Some(5), Some(9)],
            ),
            (
                "记账日,交易日期,交易时间,支出,收入,账户余额,币种,摘要,对方账号,对方户名,交易地点",
                [Some(0), Some(4), Some(3), None, None, Some(5), None],
            ),
            (
                "账号,交易日期,借方金额,贷方金额,余额,对方户名,流水号",
                [Some(1), Some(3), Some(2), None, None, Some(4), Some(6)],
            ),
            ("交易日期,交易金额,余额,交易类型,对方账户,摘要", [Some(0), None, None, Some(1), None, Some(2), None]),
            (
                "交易流水号,借贷标志,交易金额,交易时间,对方账号,对方户名,摘要",
                [Some(3), None, None, Some(2), Some(1), None, Some(0)],
            ),
            ("交易时间 ,收/支 ,金额（元）,交易单号", [Some(0), None, None, Some(2), Some(1), None, Some(3)]),
        ] {
            assert_eq!(indexes(header, &roles), expected, "{header}");
        }
    }

    #[test]
    fn rows_that_are_no_header_are_told() {
        for row in [
            "账号：,1207,户名：,学校",
            "交易日期,余额",
            "起始日期：,20260301,截止日期：,20260430",
            "金额,余额,摘要",
            "",
        ] {
            assert!(Columns::of(&row.split(',').collect::<Vec<_>>(), &[]).is_none(), "{row}");
        }
    }

    #[test]
    fn a_header_can_count_in_fen() {
        let columns = Columns::of(&["交易日期", "金额（分）", "余额(元)"], &[]).unwrap();
        assert!(columns.in_fen(Role::Amount) && !columns.in_fen(Role::Balance));
    }
}
