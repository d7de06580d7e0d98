//! What can be found in a cell or a row, how grave it is, and the sentences for it.

use serde::{Deserialize, Serialize};

/// What becomes of the row in which something was found.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::Display, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Severity {
    /// Not a row of data; left out.
    Skip,
    /// Accepted as written; someone should look at it.
    Warn,
    /// Accepted with the mended value.
    Fix,
    /// The row is refused.
    Error,
}

/// What was found; `Display` gives the code of the reports, e.g. `BAD_LENGTH`.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::EnumIter,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Rule {
    FullWidth,
    LowerCase,
    SurroundingSpace,
    InnerSpace,
    /// An apostrophe or `="…"` that only told the spreadsheet program to keep a text.
    TextMark,
    DateAsChineseText,
    DateDotted,
    DateCompact,
    DateWithTime,
    DateExcelSerial,
    NumberWithUnit,
    ThousandsSeparator,
    BadLength,
    ForbiddenLetter,
    BadCheckCharacter,
    DateImpossible,
    DatesReversed,
    RequiredEmpty,
    UnknownCategory,
    UnknownCounty,
    AmbiguousCounty,
    CountyMismatch,
    OutsideRegion,
    UnknownStatus,
    AccountLostDigits,
    BadNumber,
    DuplicateRow,
    DuplicateCreditCode,
    UnknownRegion,
    UnknownTownship,
    UnknownStage,
    UnknownDelivery,
    BadPhone,
    BadCitizenId,
    BadAccount,
    OtherSheet,
    TotalLine,
    NoteLine,
    RepeatedHeader,
}

/// What each rule says after the column's name and what is written there.
const SENTENCES: [(Rule, &str, &str); 39] = [
    (Rule::FullWidth, "含全角字符，已改为半角", "has full-width characters; read as half-width"),
    (Rule::LowerCase, "含小写字母，已改为大写", "has lower-case letters; read as capitals"),
    (Rule::SurroundingSpace, "首尾有空白，已去除", "begins or ends with blanks; they were removed"),
    (
        Rule::InnerSpace,
        "中间有空白、换行或连字符，已去除",
        "has blanks, line breaks or hyphens inside; they were removed",
    ),
    (Rule::TextMark, "带有表格软件的文本标记，已去除", "carries a spreadsheet's text mark; it was removed"),
    (Rule::DateAsChineseText, "日期写成中文，已换算", "is a date in Chinese words; it was converted"),
    (Rule::DateDotted, "日期格式不是 YYYY-MM-DD，已换算", "is a date not written YYYY-MM-DD; it was converted"),
    (Rule::DateCompact, "日期没有分隔符，已换算", "is a date without separators; it was converted"),
    (Rule::DateWithTime, "日期带有时刻，已去除时刻", "is a date with a time of day; the time was dropped"),
    (
        Rule::DateExcelSerial,
        "是表格软件的日期序号，已换算成日期",
        "is a spreadsheet's day number; it was converted to the date",
    ),
    (Rule::NumberWithUnit, "数字带有单位或“约”字，已只取数字", "is a number with a unit; only the number was taken"),
    (
        Rule::ThousandsSeparator,
        "数字带有千位分隔符，已去除",
        "is a number with thousands separators; they were removed",
    ),
    (
        Rule::BadLength,
        "不是 18 位；请对照登记证书补全",
        "does not have 18 characters; complete it from the registration certificate",
    ),
    (
        Rule::ForbiddenLetter,
        "含有不允许的字符（代码只用数字和大写字母，不用 I、O、S、V、Z）；请对照登记证书改正",
        "has a character that no credit code has (digits and capitals without I, O, S, V, Z); correct it from the registration certificate",
    ),
    (
        Rule::BadCheckCharacter,
        "校验位不符，至少有一位写错；请对照登记证书改正",
        "fails its check character, so at least one character is wrong; correct it from the registration certificate",
    ),
    (
        Rule::DateImpossible,
        "不是可以识别的日期，请写成 2025-12-31",
        "is not a date that can be read; write it like 2025-12-31",
    ),
    (
        Rule::DatesReversed,
        "早于有效期起（{other}）；请检查两个日期是否填反",
        "is before the first day ({other}); check whether the two dates are swapped",
    ),
    (Rule::RequiredEmpty, "必填，但为空；请填写", "is required but empty; fill it in"),
    (
        Rule::UnknownCategory,
        "不是认可的培训类别；请填学科类、文化艺术类、体育类、科技类、职业技能类、托育类或综合实践类",
        "is no known category; write 学科类, 文化艺术类, 体育类, 科技类, 职业技能类, 托育类 or 综合实践类",
    ),
    (
        Rule::UnknownCounty,
        "不是行政区划表中的县（市、区）；请写全称，例如“椒江区”",
        "is no county of the division table; write its full name, e.g. 椒江区",
    ),
    (
        Rule::AmbiguousCounty,
        "在导入范围内有同名的县（市、区）；请连同上级名称一起写，或填写县区代码",
        "names several counties of this range; write it with the city's name, or give the county code",
    ),
    (
        Rule::CountyMismatch,
        "与同一行的县区代码（{other}）不一致；请改正其中之一",
        "does not fit the county code of the same row ({other}); correct one of the two",
    ),
    (
        Rule::OutsideRegion,
        "不在导入范围（{other}）内；请删去该行，或由当地教育局导入",
        "lies outside the region of this import ({other}); remove the row, or let the bureau there import it",
    ),
    (
        Rule::UnknownStatus,
        "不是认可的状态；请填正常、暂停招生、终止办学或注销",
        "is no known status; write 正常, 暂停招生, 终止办学 or 注销",
    ),
    (
        Rule::AccountLostDigits,
        "已被表格软件变成科学计数，后面的数字丢失；请把该列设为文本后重新填写完整账号",
        "was turned into a rounded number by a spreadsheet program and has lost digits; format the column as text and enter the whole account number again",
    ),
    (Rule::BadNumber, "不是大于零的数字；请只填数字", "is not a number above zero; write digits only"),
    (
        Rule::DuplicateRow,
        "整行与第 {other} 行相同；请删去其中一行",
        "the row is the same as row {other}; remove one of them",
    ),
    (
        Rule::DuplicateCreditCode,
        "与第 {other} 行的代码相同；一个代码只能登记一家机构，请删去或改正",
        "is also the code of row {other}; a code belongs to one institution: remove or correct one",
    ),
    (
        Rule::UnknownRegion,
        "中的登记地 {other} 不在现行行政区划表中，已接受；请核对",
        "carries the region {other}, which the present division table does not have; accepted, please check",
    ),
    (
        Rule::UnknownTownship,
        "不是该县（市、区）的乡镇街道，未采用；请核对",
        "is no township of this county and was left out; please check",
    ),
    (
        Rule::UnknownStage,
        "中没有认出学段，未采用；请核对",
        "tells no stage that we know and was left out; please check",
    ),
    (
        Rule::UnknownDelivery,
        "中没有认出线上或线下，按线下登记；请核对",
        "tells neither 线下 nor 线上; taken as offline, please check",
    ),
    (
        Rule::BadCitizenId,
        "不是有效的公民身份号码，未采用；请核对",
        "is no valid citizen identity number and was left out; please check",
    ),
    (
        Rule::BadPhone,
        "不像可以拨通的号码，已按原样接受；请核对",
        "does not look like a number that can be dialled; accepted as written, please check",
    ),
    (
        Rule::BadAccount,
        "不像银行账号，已按原样接受；请核对",
        "does not look like an account number; accepted as written, please check",
    ),
    (
        Rule::OtherSheet,
        "工作表“{other}”也有机构表头，但没有读取；请另行导入",
        "the sheet “{other}” has a header of institutions too but was not read; import it by itself",
    ),
    (Rule::TotalLine, "合计行，已跳过", "a line of totals; left out"),
    (Rule::NoteLine, "说明行，已跳过", "a line of remarks; left out"),
    (Rule::RepeatedHeader, "重复的表头，已跳过", "the header once more; left out"),
];

impl Rule {
    /// What becomes of the row.
    pub fn severity(self) -> Severity {
        use Rule::*;
        match self {
            FullWidth | LowerCase | SurroundingSpace | InnerSpace | TextMark | DateAsChineseText | DateDotted
            | DateCompact | DateWithTime | DateExcelSerial | NumberWithUnit | ThousandsSeparator => Severity::Fix,
            BadLength | ForbiddenLetter | BadCheckCharacter | DateImpossible | DatesReversed | RequiredEmpty
            | UnknownCategory | UnknownCounty | AmbiguousCounty | CountyMismatch | OutsideRegion | UnknownStatus
            | AccountLostDigits | BadNumber | DuplicateRow | DuplicateCreditCode => Severity::Error,
            UnknownRegion | UnknownTownship | UnknownStage | UnknownDelivery | BadPhone | BadCitizenId | BadAccount
            | OtherSheet => Severity::Warn,
            TotalLine | NoteLine | RepeatedHeader => Severity::Skip,
        }
    }

    /// What is wrong and how to mend it, in Chinese and English, without the name of the column.
    ///
    /// `other` is what the finding refers to: the earlier row, the region, the day of the other column.
    fn sentences(self, other: &str) -> (String, String) {
        let found = SENTENCES.iter().find(|(rule, ..)| *rule == self);
        let (zh, en) = found.map_or(("", ""), |(_, zh, en)| (zh, en));
        (zh.replace("{other}", other), en.replace("{other}", other))
    }

    /// The whole sentences, with the column's name and what was written there; `*` stands for the whole row.
    pub(super) fn messages(self, column: &str, written: &str, value: Option<&str>, other: &str) -> (String, String) {
        let (zh, en) = self.sentences(other);
        if column == "*" {
            return (zh, en);
        }
        let written: String = written.chars().take(60).collect();
        let (zh_value, en_value) = match value {
            Some(value) => (format!("：{value}"), format!(": {value}")),
            None => Default::default(),
        };
        if written.trim().is_empty() {
            // A Latin name stands apart from the Chinese that follows.
            let gap = if column.ends_with(|last: char| last.is_ascii_alphanumeric()) { " " } else { "" };
            (format!("{column}{gap}{zh}{zh_value}"), format!("{column} {en}{en_value}"))
        } else {
            (format!("{column}“{written}”{zh}{zh_value}"), format!("{column} “{written}” {en}{en_value}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn every_rule_has_its_sentences_in_both_languages() {
        for rule in Rule::iter() {
            let (zh, en) = rule.messages("列", "值", Some("新值"), "7");
            assert!(zh.starts_with("列“值”") && zh.ends_with("：新值") && zh.chars().count() > 10, "{rule}: {zh}");
            assert!(en.starts_with("列 “值” ") && en.ends_with(": 新值") && en.len() > 30, "{rule}: {en}");
            assert!(!zh.contains('{') && !en.contains('{'), "{rule}");
            if rule.severity() == Severity::Error {
                assert!(
                    zh.contains('请') && (en.contains(';') || en.contains(", ")),
                    "{rule} says how to mend: {zh} {en}"
                );
            }
        }
        assert_eq!(SENTENCES.len(), Rule::iter().count());
    }

    #[test]
    fn an_empty_cell_and_a_whole_row_are_told_without_a_value() {
        assert_eq!(Rule::RequiredEmpty.messages("机构名称", " ", None, "").0, "机构名称必填，但为空；请填写");
        assert!(Rule::RequiredEmpty.messages("name", " ", None, "").0.starts_with("name 必填"));
        assert!(Rule::DuplicateRow.messages("*", "启明", None, "52").0.contains("第 52 行"));
    }
}
