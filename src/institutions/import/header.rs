//! Which column holds what, by the many names that bureaus give to the same column.

use serde::{Deserialize, Serialize};
use strum::IntoEnumIterator;
use unicode_normalization::UnicodeNormalization;

use super::sponsors;
use crate::kernel::mask;

/// What a column of a sheet of institutions can hold.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::Display, strum::EnumIter,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Field {
    Name,
    CreditCode,
    OrgKind,
    CountyCode,
    County,
    TownshipCode,
    Township,
    Address,
    Category,
    Courses,
    Stages,
    Delivery,
    LicenceNo,
    LicenceAuthority,
    LicenceFrom,
    LicenceTo,
    /// Both days of the licence in one cell.
    LicenceTerm,
    LegalPerson,
    /// Citizen identity number of the legal representative.
    LegalPersonId,
    /// Who set it up; several in one cell.
    Sponsors,
    Phone,
    EscrowBank,
    EscrowAccountNo,
    FloorArea,
    Status,
}

/// Names by which sheets call their columns, the plainest first; brackets, blanks and punctuation are left out.
const NAMES: [(Field, &[&str]); 25] = [
    (
        Field::Name,
        &[
            "机构名称",
            "培训机构名称",
            "校外培训机构名称",
            "单位名称",
            "机构全称",
            "学校名称",
            "企业名称",
            "培训机构",
            "名称",
            "institutionname",
            "name",
        ],
    ),
    (
        Field::CreditCode,
        &[
            "统一社会信用代码",
            "社会信用代码",
            "信用代码",
            "统一信用代码",
            "统一社会信用代码证号",
            "统一社会信用代码号",
            "creditcode",
            "uscc",
        ],
    ),
    (Field::OrgKind, &["机构性质", "单位性质", "机构类型", "主体类型", "法人类型", "登记类型", "办学性质", "orgkind"]),
    (Field::CountyCode, &["县区代码", "行政区划代码", "区划代码", "区县代码", "县市区代码", "countycode"]),
    (
        Field::County,
        &[
            "所属县",
            "所属县市区",
            "所属区县",
            "所属县区",
            "县市区",
            "区县",
            "县区",
            "所在县",
            "所在区县",
            "所在县市区",
            "行政区划",
            "所属地区",
            "所属区域",
            "辖区",
            "county",
        ],
    ),
    (Field::TownshipCode, &["乡镇街道代码", "街道代码", "乡镇代码", "townshipcode"]),
    (Field::Township, &["乡镇街道", "所属乡镇街道", "所属街道", "所属乡镇", "街道", "乡镇", "街道乡镇", "township"]),
    (
        Field::Address,
        &[
            "办学地址",
            "办学地点",
            "地址",
            "详细地址",
            "机构地址",
            "培训地址",
            "培训地点",
            "经营地址",
            "单位地址",
            "住所",
            "注册地址",
            "address",
        ],
    ),
    (Field::Category, &["培训类别", "机构类别", "类别", "办学类别", "培训类型", "业务类别", "办学类型", "category"]),
    (
        Field::Courses,
        &["培训内容", "培训项目", "办学内容", "培训课程", "开设课程", "课程", "培训范围", "办学范围", "courses"],
    ),
    (Field::Stages, &["培训学段", "学段", "培训对象", "招生对象", "办学层次", "stages", "stage"]),
    (Field::Delivery, &["培训形式", "培训方式", "办学形式", "授课方式", "线上线下", "delivery"]),
    (
        Field::LicenceNo,
        &[
            "办学许可证号",
            "许可证号",
            "办学许可证编号",
            "许可证编号",
            "办学许可证",
            "许可证号码",
            "办学许可证号码",
            "licenceno",
        ],
    ),
    (
        Field::LicenceAuthority,
        &["发证机关", "审批机关", "发证单位", "审批部门", "主管部门", "发证部门", "licenceauthority"],
    ),
    (
        Field::LicenceFrom,
        &[
            "许可证有效期起",
            "发证日期",
            "有效期起",
            "有效期自",
            "有效期开始",
            "起始日期",
            "许可证起始日期",
            "有效期起始日期",
            "许可证发证日期",
            "发证时间",
            "批准日期",
            "许可证有效期自",
            "有效期限起",
            "licencefrom",
        ],
    ),
    (
        Field::LicenceTo,
        &[
            "许可证有效期止",
            "有效期至",
            "有效期止",
            "许可证有效期至",
            "有效期截止",
            "截止日期",
            "到期日期",
            "许可证到期日期",
            "有效期截止日期",
            "到期时间",
            "有效期限至",
            "有效期限止",
            "licenceto",
        ],
    ),
    (Field::LicenceTerm, &["许可证有效期", "有效期", "有效期限", "许可证有效期限", "办学许可证有效期", "许可有效期"]),
    (
        Field::LegalPerson,
        &["法定代表人", "负责人", "法人代表", "法人", "法定代表人姓名", "校长", "联系人", "legalperson"],
    ),
    (
        Field::LegalPersonId,
        &[
            "法定代表人身份证号",
            "法定代表人身份证号码",
            "法人身份证号",
            "法人身份证号码",
            "负责人身份证号",
            "身份证号",
            "身份证号码",
            "公民身份号码",
            "legalpersonid",
        ],
    ),
    (Field::Sponsors, &["举办者", "举办者名称", "举办者姓名", "举办人", "举办单位", "出资人", "sponsors", "sponsor"]),
    (Field::Phone, &["联系电话", "手机号", "电话", "手机", "联系方式", "手机号码", "电话号码", "咨询电话", "phone"]),
    (
        Field::EscrowBank,
        &["资金监管银行", "监管银行", "开户银行", "开户行", "监管账户开户行", "预收费监管银行", "escrowbank"],
    ),
    (
        Field::EscrowAccountNo,
        &[
            "监管账号",
            "资金监管账号",
            "监管账户",
            "资金监管账户",
            "专用账户账号",
            "预收费监管账号",
            "监管账户账号",
            "银行账号",
            "账号",
            "escrowaccountno",
        ],
    ),
    (
        Field::FloorArea,
        &["面积", "办学面积", "建筑面积", "场地面积", "办学场所面积", "教学面积", "场所面积", "floorarea"],
    ),
    (Field::Status, &["状态", "机构状态", "办学状态", "经营状态", "运营状态", "目前状态", "登记状态", "status"]),
];

impl Field {
    /// What may be quoted of a cell of this column in a report, which people keep, send on and print.
    pub fn quoted(self, written: &str) -> String {
        match self {
            Field::Phone => mask::phone(written.trim()),
            Field::LegalPersonId => mask::citizen_id(written),
            Field::Sponsors => sponsors::quoted(written),
            _ => written.to_owned(),
        }
    }

    /// What may be kept on record of a cell that was mended, by the name of its column: of a column that is not
    /// understood, no long number.
    pub fn quoted_under(label: &str, written: &str) -> String {
        Field::of(label).map_or_else(|| mask::numbers(written), |(field, _)| field.quoted(written))
    }

    /// The column's usual name, for a sheet that has no such column.
    pub fn label_zh(self) -> &'static str {
        self.names().first().copied().unwrap_or_default()
    }

    /// Names by which sheets call the column, the plainest first.
    fn names(self) -> &'static [&'static str] {
        NAMES.iter().find(|(field, _)| *field == self).map_or(&[], |(_, names)| names)
    }

    /// The field that a column name means and how far down the list of its names it stands.
    fn of(label: &str) -> Option<(Field, usize)> {
        let key = key(label);
        Field::iter().find_map(|field| Some((field, field.names().iter().position(|name| *name == key)?)))
    }
}

/// A column name without what varies: width, case, blanks, punctuation, and remarks in brackets.
pub(super) fn key(label: &str) -> String {
    let mut depth = 0usize;
    let mut key = String::new();
    for c in label.nfkc() {
        match c {
            '(' | '[' | '【' | '〔' => depth += 1,
            ')' | ']' | '】' | '〕' => depth = depth.saturating_sub(1),
            _ if depth == 0 && c.is_alphanumeric() => key.extend(c.to_lowercase()),
            _ => {}
        }
    }
    key.strip_suffix("m2").map(|rest| rest.to_owned()).unwrap_or(key)
}

/// Which column holds which field; a field that two columns claim goes to the plainer name, then to the left one.
pub(super) fn columns(header: &[String]) -> Vec<(usize, Field)> {
    let mut best: Vec<(Field, usize, usize)> = Vec::new();
    for (column, label) in header.iter().enumerate() {
        let Some((field, rank)) = Field::of(label) else { continue };
        match best.iter_mut().find(|(known, ..)| *known == field) {
            Some((_, known_rank, at)) if rank < *known_rank => (*known_rank, *at) = (rank, column),
            Some(_) => {}
            None => best.push((field, rank, column)),
        }
    }
    let mut columns: Vec<(usize, Field)> = best.into_iter().map(|(field, _, column)| (column, field)).collect();
    columns.sort_unstable();
    columns
}

/// A header that was found: the labels, and the index of its last row among the rows.
pub(super) struct Found {
    pub labels: Vec<String>,
    pub last: usize,
    /// How many fields it names.
    pub fields: usize,
}

/// Rows that are searched for a header; titles and remarks above it seldom take more than a few.
pub(super) const HEADER_WITHIN: usize = 30;

/// Looks for the row, or the pair of rows, that names the most fields; `None` when no row names two of them.
pub(super) fn find(rows: &[(u32, Vec<String>)]) -> Option<Found> {
    let mut best: Option<Found> = None;
    for last in 0..rows.len().min(HEADER_WITHIN) {
        let single = trimmed(&rows[last].1);
        let double = last.checked_sub(1).map(|above| two_rows(&trimmed(&rows[above].1), &single));
        for labels in [Some(single), double].into_iter().flatten() {
            let fields = columns(&labels);
            let told = fields.iter().any(|(_, field)| matches!(field, Field::Name | Field::CreditCode));
            if told && fields.len() >= 2 && best.as_ref().is_none_or(|best| best.fields < fields.len()) {
                best = Some(Found { labels, last, fields: fields.len() });
            }
        }
    }
    best
}

fn trimmed(cells: &[String]) -> Vec<String> {
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}

/// The labels of a header of two rows: the lower cell, the group above with it, or a cell that spans both.
fn two_rows(upper: &[String], lower: &[String]) -> Vec<String> {
    let mut group = "";
    (0..upper.len().max(lower.len()))
        .map(|column| {
            let above = upper.get(column).map_or("", String::as_str);
            let below = lower.get(column).map_or("", String::as_str);
            if !above.is_empty() {
                group = above;
            }
            match (above, below) {
                (_, "") => above.to_owned(),
                _ if Field::of(below).is_some() => below.to_owned(),
                _ if Field::of(&format!("{group}{below}")).is_some() => format!("{group} {below}"),
                _ => below.to_owned(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u32, cells: &[&str]) -> (u32, Vec<String>) {
        (number, cells.iter().map(|cell| (*cell).to_owned()).collect())
    }

    #[test]
    fn names_of_columns_as_bureaus_write_them() {
        for (label, expected) in [
            ("机构名称", Some(Field::Name)),
            ("* 机构名称：", Some(Field::Name)),
            ("所属县（市、区）", Some(Field::County)),
            ("面积（平方米）", Some(Field::FloorArea)),
            ("floor_area_m2", Some(Field::FloorArea)),
            ("统一社会\n信用代码", Some(Field::CreditCode)),
            ("培训类别 ", Some(Field::Category)),
            ("序号", None),
            ("备注", None),
            ("", None),
        ] {
            assert_eq!(Field::of(label).map(|(field, _)| field), expected, "{label}");
        }
    }

    #[test]
    fn no_name_stands_for_two_fields_and_every_name_is_its_own_key() {
        let mut seen = std::collections::HashMap::new();
        for field in Field::iter() {
            assert!(!field.names().is_empty(), "{field}");
            for name in field.names() {
                assert_eq!(key(name), *name, "{field}");
                assert_eq!(seen.insert(*name, field), None, "{name}");
            }
        }
    }

    #[test]
    fn a_header_below_a_title_over_one_row_or_two() {
        let one = [row(1, &["汇总表"]), row(2, &["机构名称", "信用代码", "类别"]), row(3, &["甲", "乙", "体育类"])];
        assert_eq!(find(&one).map(|found| (found.last, found.fields)), Some((1, 3)));
        let two = [
            row(1, &["机构名称", "信用代码", "许可证有效期", "", "类别"]),
            row(2, &["", "", "起", "止", ""]),
            row(3, &["甲", "乙", "2024-01-01", "2027-01-01", "体育类"]),
        ];
        let found = find(&two).unwrap();
        assert_eq!((found.last, found.fields), (1, 5));
        assert_eq!(found.labels[3], "许可证有效期 止");
        assert!(find(&[row(1, &["机构名称"]), row(2, &["甲"])]).is_none(), "one name is no header");
    }

    #[test]
    fn the_plainer_name_wins_a_field_that_two_columns_claim() {
        let header = ["联系人", "机构名称", "法定代表人"].map(str::to_owned);
        assert_eq!(columns(&header), [(1, Field::Name), (2, Field::LegalPerson)]);
    }
}
