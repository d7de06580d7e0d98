//! The rows that were refused, as a workbook: the file's own columns, so that it can be mended and uploaded again, and
//! the reasons beside them.

use rust_xlsxwriter::{Color, Format, Workbook, XlsxError};

use super::{
    import::{Reading, Severity},
    report::bad_rows,
};
use crate::web::Lang;

/// The workbook's bytes.
pub(super) fn workbook(reading: &Reading, lang: Lang) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.set_name(lang.t("未导入", "Not imported"))?;
    let bold = Format::new().set_bold();
    let wrong = Format::new().set_background_color(Color::RGB(0x00F9_DEDC));
    let wrapped = Format::new().set_text_wrap();
    let reasons_at = u16::try_from(reading.header.len()).unwrap_or(u16::MAX - 1);
    for (column, label) in (0u16..).zip(&reading.header) {
        sheet.write_string_with_format(0, column, label, &bold)?;
    }
    sheet.write_string_with_format(0, reasons_at, lang.t("原行号", "Row in the file"), &bold)?;
    sheet.write_string_with_format(0, reasons_at + 1, lang.t("未导入原因", "Why it was not imported"), &bold)?;
    sheet.set_column_width(reasons_at + 1, 80)?;
    sheet.set_freeze_panes(1, 0)?;
    for (at, number) in (1u32..).zip(bad_rows(reading)) {
        let Some(row) = reading.rows.iter().find(|row| row.number == number) else { continue };
        let faults: Vec<_> =
            reading.findings_of(number).filter(|finding| finding.severity == Severity::Error).collect();
        for (column, (label, cell)) in (0u16..).zip(reading.header.iter().zip(&row.cells)) {
            if faults.iter().any(|fault| &fault.column == label) {
                sheet.write_string_with_format(at, column, cell, &wrong)?;
            } else {
                sheet.write_string(at, column, cell)?;
            }
        }
        sheet.write_number(at, reasons_at, f64::from(number))?;
        let reasons: Vec<String> = faults
            .iter()
            .map(|fault| format!("{}：{}", fault.rule, lang.t(&fault.message_zh, &fault.message_en)))
            .collect();
        sheet.write_string_with_format(at, reasons_at + 1, reasons.join("\n"), &wrapped)?;
    }
    workbook.save_to_buffer()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use calamine::{Reader, Xlsx};

    use super::*;
    use crate::institutions::import::{Limits, Table, check};

    /// What is downloaded can be uploaded again: the same rows are found in it, with the same faults.
    #[test]
    fn the_download_reads_back_as_the_same_rows() {
        let csv = "机构名称,统一社会信用代码,培训类别,县区代码\n\
                   好的学校,52331002MJ0000018U,体育类,331002\n\
                   坏的学校,52331002MJ000001,=1+1,331002\n";
        let region = "331002".parse().unwrap();
        let reading = check(&Table::parse("a.csv", csv.as_bytes(), &Limits::default()).unwrap(), region);
        let bytes = workbook(&reading, Lang::Zh).unwrap();
        let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes.clone())).unwrap();
        let range = book.worksheet_range_at(0).unwrap().unwrap();
        assert_eq!(range.get_value((1, 2)).unwrap().to_string(), "=1+1", "kept as text, never as a formula");
        assert!(range.get_value((1, 5)).unwrap().to_string().contains("BAD_LENGTH"));
        let again = check(&Table::parse("b.xlsx", &bytes, &Limits::default()).unwrap(), region);
        let rules = |reading: &Reading| -> Vec<String> {
            reading.findings.iter().filter(|f| f.severity == Severity::Error).map(|f| f.rule.to_string()).collect()
        };
        assert_eq!(rules(&again), rules(&reading));
        assert_eq!(again.rows.len(), 1);
    }
}
