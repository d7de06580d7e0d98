//! Why a file as a whole cannot be read: what, where, and how to mend it.

use serde::{Deserialize, Serialize};

/// How much one file may hold; beyond it the file is refused before it can do harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Of the file as it was sent.
    pub file_bytes: usize,
    /// Of everything inside the file once unpacked, and of all its text together.
    pub unpacked_bytes: usize,
    /// Rows that are not empty, of one sheet.
    pub rows: usize,
    pub columns: usize,
    /// Characters of one cell.
    pub cell_chars: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { file_bytes: 16 << 20, unpacked_bytes: 64 << 20, rows: 20_000, columns: 100, cell_chars: 2_000 }
    }
}

/// A file of which nothing was read. `Display` is the English sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    #[error("the file has {bytes} bytes, more than the {limit} allowed; split it, or remove pictures and other sheets")]
    TooLarge { bytes: usize, limit: usize },
    #[error(
        "the file unpacks to more than the {limit} bytes allowed; copy the table into a new workbook and save that"
    )]
    UnpacksTooLarge { limit: usize },
    #[error(
        "the file is neither a readable XLSX or XLS workbook nor a CSV text ({cause}); open it in a spreadsheet \
         program, remove any password, and save it as .xlsx"
    )]
    Unreadable { cause: String },
    #[error("the file holds no rows of institutions; fill in at least one row below the header")]
    Empty,
    #[error(
        "line {line} is neither UTF-8 nor GB18030 text; save the file as “CSV UTF-8” or as .xlsx and send it again"
    )]
    Encoding { line: usize },
    #[error("the quotation mark opened in row {row} is never closed; remove it or close it")]
    UnclosedQuote { row: u32 },
    #[error(
        "no header was found in the first {looked_at} rows; one row must name the columns, at least 机构名称, \
         统一社会信用代码 and 培训类别"
    )]
    NoHeader { looked_at: usize },
    #[error("the header in row {row} has no column for {}; add the column and fill it in", columns.join(", "))]
    MissingColumns { row: u32, columns: Vec<&'static str> },
    #[error("the sheet has more than {limit} rows; split it and import the parts one after another")]
    TooManyRows { limit: usize },
    #[error("row {row} has a cell beyond column {limit}; remove what stands to the right of the table")]
    TooManyColumns { row: u32, limit: usize },
    #[error("the cell in row {row}, column number {column} is longer than {limit} characters; shorten it")]
    CellTooLong { row: u32, column: usize, limit: usize },
}

impl ImportError {
    /// The word by which programs tell the errors apart.
    pub fn code(&self) -> &'static str {
        match self {
            ImportError::TooLarge { .. } => "FILE_TOO_LARGE",
            ImportError::UnpacksTooLarge { .. } => "UNPACKS_TOO_LARGE",
            ImportError::Unreadable { .. } => "UNREADABLE",
            ImportError::Empty => "EMPTY",
            ImportError::Encoding { .. } => "ENCODING",
            ImportError::UnclosedQuote { .. } => "UNCLOSED_QUOTE",
            ImportError::NoHeader { .. } => "NO_HEADER",
            ImportError::MissingColumns { .. } => "MISSING_COLUMNS",
            ImportError::TooManyRows { .. } => "TOO_MANY_ROWS",
            ImportError::TooManyColumns { .. } => "TOO_MANY_COLUMNS",
            ImportError::CellTooLong { .. } => "CELL_TOO_LONG",
        }
    }

    /// What is wrong, where, and how to mend it.
    pub fn message_en(&self) -> String {
        self.to_string()
    }

    /// What is wrong, where, and how to mend it.
    pub fn message_zh(&self) -> String {
        match self {
            ImportError::TooLarge { bytes, limit } => {
                format!("文件有 {bytes} 字节，超过上限 {limit} 字节；请拆分文件，或删去图片和无关工作表后重新上传")
            }
            ImportError::UnpacksTooLarge { limit } => {
                format!("文件解压后超过上限 {limit} 字节；请把表格复制到新的工作簿，另存后重新上传")
            }
            // The cause is the reader's own English.
            ImportError::Unreadable { .. } => {
                "文件不是可读取的 XLSX、XLS 工作簿，也不是 CSV 文本；请用表格软件打开，去除密码，另存为 .xlsx 后重新上传"
                    .to_owned()
            }
            ImportError::Empty => "文件中没有机构数据；请在表头下面至少填写一行".to_owned(),
            ImportError::Encoding { line } => {
                format!("第 {line} 行既不是 UTF-8 也不是 GB18030 编码；请另存为“CSV UTF-8”或 .xlsx 后重新上传")
            }
            ImportError::UnclosedQuote { row } => format!("第 {row} 行的引号没有成对；请删去或补上引号后重新上传"),
            ImportError::NoHeader { looked_at } => {
                format!("前 {looked_at} 行中没有找到表头；请保留一行列名，至少包括机构名称、统一社会信用代码、培训类别")
            }
            ImportError::MissingColumns { row, columns } => {
                format!("第 {row} 行的表头缺少列：{}；请补上该列并填写", columns.join("、"))
            }
            ImportError::TooManyRows { limit } => format!("工作表超过 {limit} 行；请拆分后分次导入"),
            ImportError::TooManyColumns { row, limit } => {
                format!("第 {row} 行在第 {limit} 列之后还有内容；请删去表格右侧的多余内容")
            }
            ImportError::CellTooLong { row, column, limit } => {
                format!("第 {row} 行第 {column} 列的内容超过 {limit} 字；请缩短")
            }
        }
    }
}
