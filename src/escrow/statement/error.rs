//! Why a statement file cannot be read: what, where, and how to mend it, in both languages.

use std::{borrow::Cow, fmt};

/// Where in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    File,
    /// A line of text, from 1.
    Line(u64),
    /// A line and a column in bytes, both from 1.
    LineColumn(u64, u64),
    /// A row of a table, as a spreadsheet counts them, and the column as its header names it.
    Cell { sheet: Option<String>, row: u64, column: Option<String> },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File => f.write_str("file"),
            Place::Line(line) => write!(f, "line {line}"),
            Place::LineColumn(line, column) => write!(f, "line {line}, column {column}"),
            Place::Cell { sheet, row, column } => {
                match sheet {
                    Some(sheet) => write!(f, "sheet {sheet}, row {row}")?,
                    None => write!(f, "line {row}")?,
                }
                match column {
                    Some(column) => write!(f, ", column {column}"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl Place {
    /// The same in Chinese; nothing for the file as a whole.
    fn zh(&self) -> String {
        match self {
            Place::File => String::new(),
            Place::Line(line) => format!("第 {line} 行"),
            Place::LineColumn(line, column) => format!("第 {line} 行第 {column} 列"),
            Place::Cell { sheet, row, column } => {
                let sheet = sheet.as_ref().map_or_else(String::new, |sheet| format!("工作表“{sheet}”"));
                let column = column.as_ref().map_or_else(String::new, |column| format!("“{column}”列"));
                format!("{sheet}第 {row} 行{column}")
            }
        }
    }
}

/// A refusal of a whole file. Nothing of the file is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementError {
    /// The member of a zip.
    pub member: Option<String>,
    pub place: Place,
    /// Short name of the rule that the file breaks, e.g. `AMOUNT`.
    pub rule: &'static str,
    pub problem_zh: Cow<'static, str>,
    pub problem_en: Cow<'static, str>,
    pub mend_zh: Cow<'static, str>,
    pub mend_en: Cow<'static, str>,
}

impl StatementError {
    /// A refusal; each pair is Chinese, then English.
    pub(super) fn new<P, M>(place: Place, rule: &'static str, problem: (P, P), mend: (M, M)) -> StatementError
    where
        P: Into<Cow<'static, str>>,
        M: Into<Cow<'static, str>>,
    {
        StatementError {
            member: None,
            place,
            rule,
            problem_zh: problem.0.into(),
            problem_en: problem.1.into(),
            mend_zh: mend.0.into(),
            mend_en: mend.1.into(),
        }
    }

    /// The file costs more than [`Limits`](super::Limits) allow.
    pub(super) fn over_limit(place: Place, what: (&str, &str), limit: impl fmt::Display) -> StatementError {
        StatementError::new(
            place,
            "LIMIT",
            (format!("{}超过上限 {limit}", what.0), format!("{} over the limit of {limit}", what.1)),
            ("请拆分文件，或请管理员提高上限", "split the file, or have the operator raise the limit"),
        )
    }

    /// The files of a zip unpack to more than may be read at a time.
    pub fn too_many_unpacked(limit: u64) -> StatementError {
        StatementError::over_limit(Place::File, ("解压后的字节数", "unpacked bytes"), limit)
    }

    /// The file has more bytes than may be read.
    pub fn too_many_bytes(limit: u64) -> StatementError {
        StatementError::over_limit(Place::File, ("文件字节数", "bytes of the file"), limit)
    }

    /// The file holds more statements than [`Limits`](super::Limits) allow.
    pub(super) fn too_many_statements(place: Place, limit: usize) -> StatementError {
        StatementError::over_limit(place, ("对账单数", "number of statements"), limit)
    }

    /// Whether it may be mended by saying what the columns of the table mean.
    pub fn is_about_columns(&self) -> bool {
        let of_a_row = ["AMOUNT", "DIRECTION", "BOOKING_DATE", "BOTH_SIDES", "REF_LENGTH"].contains(&self.rule);
        ["NO_HEADER", "COLUMNS_AMBIGUOUS"].contains(&self.rule)
            || (of_a_row && matches!(self.place, Place::Cell { .. }))
    }

    /// The sheet that it is about.
    pub fn sheet(&self) -> Option<String> {
        if let Place::Cell { sheet, .. } = &self.place { sheet.clone() } else { None }
    }

    /// The place as notes and problem documents name it, the zip member first.
    pub fn path(&self) -> String {
        match &self.member {
            Some(member) => format!("{member}: {}", self.place),
            None => self.place.to_string(),
        }
    }

    /// The place for people who read Chinese.
    pub fn path_zh(&self) -> String {
        match &self.member {
            Some(member) => format!("{member} {}", self.place.zh()).trim_end().to_owned(),
            None => self.place.zh(),
        }
    }

    /// What is wrong and how to mend it, in Chinese.
    pub fn message_zh(&self) -> String {
        format!("{}；{}", self.problem_zh, self.mend_zh)
    }

    /// What is wrong and how to mend it, in English.
    pub fn message_en(&self) -> String {
        format!("{}; {}", self.problem_en, self.mend_en)
    }
}

impl fmt::Display for StatementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} / {}", self.path(), self.message_en(), self.message_zh())
    }
}

impl std::error::Error for StatementError {}
