//! Which column holds what, by the names that institutions give to it.

use strum::IntoEnumIterator;

use crate::institutions::import::column_key;

/// What a column can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::EnumIter)]
pub enum Field {
    ContractNo,
    CourseId,
    Subject,
    Product,
    Basis,
    Pupil,
    GuardianPhone,
    SignedOn,
    Renewal,
    Price,
    Materials,
    UnitsBought,
    UnitsGifted,
    Instalments,
    FirstLessonOn,
    LastLessonOn,
    ReceiptNo,
    PaidAt,
    Amount,
    Channel,
    Payee,
    PayeeIsPerson,
    EndedAt,
    Units,
}

impl Field {
    /// Names by which sheets call the column, the plainest first; the last but one is the API's.
    fn names(self) -> &'static [&'static str] {
        match self {
            Field::ContractNo => &["合同编号", "合同号", "协议编号", "contractno"],
            Field::CourseId => &["课程备案编号", "课程编号", "courseid"],
            Field::Subject => &["科目", "课程名称", "课程", "培训项目", "subject"],
            Field::Product => &["产品类型", "产品", "product"],
            Field::Basis => &["收费方式", "计费方式", "basis"],
            Field::Pupil => &["学员姓名", "学生姓名", "学员", "学生", "pupil"],
            Field::GuardianPhone => &["监护人电话", "家长电话", "联系电话", "手机号", "guardianphone"],
            Field::SignedOn => &["签订日期", "签约日期", "合同日期", "signedon"],
            Field::Renewal => &["是否续费", "续费", "renewal"],
            Field::Price => &["合同金额", "合同总价", "总价", "学费", "price"],
            Field::Materials => &["材料费", "教材费", "materials"],
            Field::UnitsBought => &["购买课时", "课时数", "总课时", "unitsbought"],
            Field::UnitsGifted => &["赠送课时", "赠课", "unitsgifted"],
            Field::Instalments => &["分期数", "分期", "instalments"],
            Field::FirstLessonOn => &["首课日期", "开课日期", "开始日期", "firstlessonon"],
            Field::LastLessonOn => &["末课日期", "结课日期", "结束日期", "lastlessonon"],
            Field::ReceiptNo => &["票据号", "收据号", "发票号", "收款单号", "receiptno"],
            Field::PaidAt => &["收款时间", "收款日期", "缴费日期", "付款日期", "paidat"],
            Field::Amount => &["收款金额", "缴费金额", "实收金额", "付款金额", "amount"],
            Field::Channel => &["收款方式", "支付方式", "缴费方式", "channel"],
            Field::Payee => &["收款账户", "收款账号", "payeeaccount"],
            Field::PayeeIsPerson => &["是否个人账户", "个人账户", "payeeisperson"],
            Field::EndedAt => &["下课时间", "结束时间", "上课结束时间", "endedat"],
            Field::Units => &["课时", "消课课时", "消课数", "units"],
        }
    }

    /// The column's usual name.
    pub fn label(self) -> &'static str {
        self.names().first().copied().unwrap_or_default()
    }

    fn of(label: &str) -> Option<Field> {
        let key = column_key(label);
        Field::iter().find(|field| field.names().contains(&key.as_str()))
    }
}

/// Rows that are searched for a header.
const HEADER_WITHIN: usize = 30;

/// A header that was found: its place among the rows, and which column holds which field.
#[derive(Debug, Clone, Default)]
pub struct Header {
    pub at: usize,
    columns: Vec<(Field, usize, String)>,
}

impl Header {
    /// The row that names the most fields, the contract's number among them.
    pub fn find(rows: &[(u32, Vec<String>)]) -> Option<Header> {
        let headers = rows.iter().take(HEADER_WITHIN).enumerate().map(|(at, (_, cells))| {
            let mut columns: Vec<(Field, usize, String)> = Vec::new();
            for (place, label) in cells.iter().enumerate() {
                if let Some(field) = Field::of(label).filter(|field| columns.iter().all(|(known, ..)| known != field)) {
                    columns.push((field, place, label.trim().to_owned()));
                }
            }
            Header { at, columns }
        });
        let found = headers.filter(|header| header.has(Field::ContractNo) && header.columns.len() > 1);
        // The first of equals.
        found.reduce(|best, next| if next.columns.len() > best.columns.len() { next } else { best })
    }

    /// How many fields it names.
    pub fn fields(&self) -> usize {
        self.columns.len()
    }

    /// Whether there is a column for a field.
    pub fn has(&self, field: Field) -> bool {
        self.columns.iter().any(|(known, ..)| *known == field)
    }

    /// The column's name as the file has it, else its usual one.
    pub fn label(&self, field: Field) -> &str {
        self.columns.iter().find(|(known, ..)| *known == field).map_or(field.label(), |(.., label)| label)
    }

    /// What is written in a row's cell; empty where there is no such column.
    pub fn cell<'r>(&self, field: Field, row: &'r [String]) -> &'r str {
        let place = self.columns.iter().find(|(known, ..)| *known == field).map(|(_, place, _)| *place);
        place.and_then(|place| row.get(place)).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_stands_for_two_fields_and_every_name_is_its_own_key() {
        let mut seen = std::collections::HashMap::new();
        for field in Field::iter() {
            for name in field.names() {
                assert_eq!(column_key(name), *name, "{field:?}");
                assert_eq!(seen.insert(*name, field), None, "{name}");
            }
        }
    }

    #[test]
    fn a_header_stands_below_a_title_and_is_read_by_its_names() {
        let row = |number, cells: &[&str]| (number, cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>());
        let rows =
            [row(1, &["2026 年春季合同"]), row(2, &["合同编号", "学生", "合同金额（元）"]), row(3, &["A1", "甲", "1"])];
        let header = Header::find(&rows).unwrap();
        assert_eq!((header.at, header.fields()), (1, 3));
        assert_eq!((header.cell(Field::Price, &rows[2].1), header.label(Field::Price)), ("1", "合同金额（元）"));
        assert!(Header::find(&rows[..1]).is_none());
    }
}
