//! Layouts, encodings, and what becomes of the rows.

use mingjian::institutions::{
    import::{self, Field, Limits, Rule, Severity, Table},
    model::{Category, Delivery, Stage, Status},
};
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};

use crate::files::*;

#[test]
fn the_same_table_in_every_encoding_and_container() {
    let rows: [&[&str]; 3] = [&HEADER, &GOOD, &OTHER];
    let text = csv(&rows);
    let expected = read(text.as_bytes()).unwrap();
    assert_eq!((expected.report(false).accepted, expected.findings.len()), (2, 0));
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    for (case, bytes) in [
        ("mark", [&b"\xef\xbb\xbf"[..], text.as_bytes()].concat()),
        ("GBK", encoding_rs::GBK.encode(&text).0.into_owned()),
        ("GB18030", encoding_rs::GB18030.encode(&text).0.into_owned()),
        ("UTF-16", utf16),
        ("semicolons", text.replace(',', ";").into_bytes()),
        ("tabs", text.replace(',', "\t").into_bytes()),
        ("CRLF", text.replace('\n', "\r\n").into_bytes()),
        ("XLSX", xlsx(&rows)),
        ("XLS", xls(&rows)),
    ] {
        assert_eq!(read(&bytes).as_ref(), Ok(&expected), "{case}");
    }
}

#[test]
fn titles_headings_totals_and_remarks_are_no_institutions() {
    let reading = read(&xlsx(&[
        &["2026年校外培训机构名单"],
        &["截至2026年3月"],
        &["序号", "机构名称", "信用代码", "区县", "类别"],
        &["一、非学科类"],
        &["1", GOOD[0], GOOD[1], GOOD[2], GOOD[3]],
        &[],
        &["序号", "机构名称", "信用代码", "区县", "类别"],
        &["2", OTHER[0], OTHER[1], OTHER[2], OTHER[3]],
        &["3"],
        &["合 计", "2家"],
        &["填表人：张三", "", "审核人：李四"],
    ]))
    .unwrap();
    assert_eq!(
        told(&reading),
        [
            (4, "*", Rule::NoteLine),
            (7, "*", Rule::RepeatedHeader),
            (10, "*", Rule::TotalLine),
            (11, "*", Rule::NoteLine)
        ]
    );
    assert_eq!(reading.report(false).accepted, 2);
    assert_eq!(reading.report(false).notes.len(), 4);
}

#[test]
fn an_institution_whose_name_begins_like_a_line_of_totals_is_kept() {
    let mut named = GOOD;
    named[0] = "合计教育（样例）";
    let mut unreadable = OTHER;
    (unreadable[0], unreadable[1]) = ("合计体育（样例）", "91331003");
    let reading = read(csv(&[&HEADER, &named, &unreadable]).as_bytes()).unwrap();
    assert_eq!(told(&reading), [(3, HEADER[1], Rule::BadLength)]);
    assert_eq!(reading.report(true).accepted, 1);
}

#[test]
fn dates_numbers_and_hidden_columns_of_a_real_workbook() {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let day = Format::new().set_num_format("yyyy/m/d");
    for (column, label) in (0..).zip(["机构名称", "信用代码", "类别", "发证日期", "有效期至", "面积", "监管账号"])
    {
        sheet.write_string(1, column, label).unwrap();
    }
    sheet.merge_range(0, 0, 0, 6, "名单", &Format::new()).unwrap();
    sheet.set_column_hidden(2).unwrap();
    for row in [2, 3] {
        sheet.write_string(row, 0, ["启明（样例）", "晨星（样例）"][row as usize - 2]).unwrap();
        sheet.write_string(row, 1, [GOOD[1], OTHER[1]][row as usize - 2]).unwrap();
        sheet.write_string(row, 2, "学科类-高中").unwrap();
        sheet.write_number(row, 5, 120.5).unwrap();
    }
    let first = ExcelDateTime::from_ymd(2024, 2, 29).unwrap();
    sheet.write_datetime_with_format(2, 3, &first, &day).unwrap();
    sheet.write_number(2, 4, 46_081).unwrap();
    sheet.write_number(3, 6, 9_999_531_924_320_145_123.0).unwrap();
    let bytes = book.save_to_buffer().unwrap();
    let reading = import::read("x.xlsx", &bytes, region("331002"), &Limits::default()).unwrap();
    assert_eq!(told(&reading), [(3, "有效期至", Rule::DateExcelSerial), (4, "监管账号", Rule::AccountLostDigits)]);
    let (row, institution) = reading.institutions().next().unwrap();
    assert_eq!((row.number, row.cells[3].as_str()), (3, "2024-02-29"));
    assert_eq!(institution.licence_from.unwrap().to_string(), "2024-02-29");
    assert_eq!(institution.licence_to.unwrap().to_string(), "2026-02-28");
    assert_eq!((institution.category, &institution.stages[..]), (Category::Academic, &[Stage::Senior][..]));
    assert_eq!(institution.floor_area_cm2, Some(1_205_000));
    assert_eq!((institution.for_profit, institution.org_kind.as_str()), (false, "民办非企业单位"));
    assert_eq!((&institution.delivery[..], institution.status), (&[Delivery::Offline][..], Status::Operating));
    assert_eq!(institution.county, region("331002"), "the only county of the import");
}

#[test]
fn the_sheet_with_the_fuller_header_is_read_and_another_list_is_told() {
    let mut book = Workbook::new();
    for (name, columns) in [("填表说明", 0), ("学科类", 4), ("非学科类", 6)] {
        let sheet = book.add_worksheet().set_name(name).unwrap();
        sheet.write_string(0, 0, "统一社会信用代码须为18位").unwrap();
        for column in 0..columns {
            sheet.write_string(1, column, HEADER[usize::from(column)]).unwrap();
            sheet.write_string(2, column, GOOD[usize::from(column)]).unwrap();
        }
    }
    let reading = read(&book.save_to_buffer().unwrap()).unwrap();
    assert_eq!(reading.header.len(), 6);
    assert_eq!(told(&reading), [(2, "*", Rule::OtherSheet)]);
    assert!(reading.findings[0].message_zh.contains("“学科类”"));
}

#[test]
fn a_cell_is_mended_in_a_stored_table_and_the_row_is_taken() {
    let mut wrong = GOOD;
    (wrong[1], wrong[4]) = ("52331002MJ0000081U", "１５４00000001");
    let file = csv(&[&HEADER, &wrong, &OTHER]);
    let table = Table::parse("名单.csv", file.as_bytes(), &Limits::default()).unwrap();
    let before = import::check(&table, region("331000"));
    assert_eq!(told(&before), [(2, HEADER[1], Rule::BadCheckCharacter), (2, HEADER[4], Rule::FullWidth)]);
    assert_eq!(before.findings_of(2).count(), 2);
    assert!(!before.is_clean());
    let report = serde_json::to_value(before.report(false)).unwrap();
    assert_eq!(report["accepted"], 0);
    let rejected = &report["rejected"][0];
    assert_eq!(
        (&rejected["row"], &rejected["column"], &rejected["rule"]),
        (&2.into(), &HEADER[1].into(), &"BAD_CHECK_CHARACTER".into())
    );
    assert!(rejected["message_zh"].as_str().unwrap().contains("校验位"));
    assert_eq!(report["notes"][0]["rule"], "FULL_WIDTH");
    assert_eq!(rejected.as_object().unwrap().len(), 5);

    let stored = serde_json::to_string(&table).unwrap();
    let mut table: Table = serde_json::from_str(&stored).unwrap();
    table.set(2, HEADER[1], "52331002MJ0000018U").unwrap();
    assert!(table.set(9, HEADER[1], "x").is_err() && table.set(2, "没有的列", "x").is_err());
    let after = import::check(&table, region("331000"));
    assert_eq!(told(&after), [(2, HEADER[4], Rule::FullWidth)]);
    assert_eq!(after.findings[0].value.as_deref(), Some("154****0001"), "quoted without its middle");
    assert_eq!((after.report(false).accepted, after.is_clean()), (2, true));
}

#[test]
fn counties_by_every_way_of_telling_them() {
    let header = ["名称", "信用代码", "类别", "县区代码", "区县", "地址", "街道"];
    let ways: [([&str; 4], Option<&str>, Option<Rule>); 13] = [
        (["", "椒江区", "", ""], Some("331002"), None),
        (["", "台州市椒江区", "", ""], Some("331002"), None),
        (["", "浙江省台州市椒江区", "", ""], Some("331002"), None),
        (["331002", "", "", ""], Some("331002"), None),
        (["331002", "椒江区", "", "海门街道"], Some("331002"), None),
        (["", "331002", "", ""], Some("331002"), None),
        (["", "", "台州市温岭市城东街道1号", ""], Some("331081"), None),
        (["", "", "台州市", ""], None, Some(Rule::RequiredEmpty)),
        (["", "椒江", "", ""], None, Some(Rule::UnknownCounty)),
        (["339999", "", "", ""], None, Some(Rule::UnknownCounty)),
        (["331003", "椒江区", "", ""], None, Some(Rule::CountyMismatch)),
        (["", "上城区", "", ""], None, Some(Rule::OutsideRegion)),
        (["331002", "", "", "没有的街道"], Some("331002"), Some(Rule::UnknownTownship)),
    ];
    for (way, county, rule) in ways {
        let row = ["启明（样例）", GOOD[1], "体育类", way[0], way[1], way[2], way[3]];
        let reading = read(csv(&[&header, &row]).as_bytes()).unwrap();
        let taken = reading.institutions().next().map(|(_, institution)| institution.county);
        assert_eq!(taken, county.map(region), "{way:?}");
        assert_eq!(told(&reading).first().map(|(.., rule)| *rule), rule, "{way:?}");
        assert!(reading.findings.len() <= 1, "{way:?}");
    }
}

#[test]
fn of_two_alike_the_later_is_refused() {
    let mut renamed = GOOD;
    (renamed[0], renamed[1]) = ("启明分校（样例）", "52331002mj0000018u");
    let reading = read(csv(&[&HEADER, &GOOD, &OTHER, &GOOD, &renamed]).as_bytes()).unwrap();
    assert_eq!(
        told(&reading),
        [(4, "*", Rule::DuplicateRow), (5, HEADER[1], Rule::LowerCase), (5, HEADER[1], Rule::DuplicateCreditCode)]
    );
    assert!(reading.findings[2].message_en.contains("row 2"));
    assert_eq!((reading.report(true).accepted, reading.report(false).accepted), (2, 0));
}

#[test]
fn a_licence_term_in_one_column() {
    let header = ["机构名称", "信用代码", "培训类别", "许可证有效期"];
    for (term, rule) in [
        ("2024-01-01至2027-01-01", None),
        ("2024年1月1日至2027年1月1日", Some(Rule::DateAsChineseText)),
        ("2027-01-01至2024-01-01", Some(Rule::DatesReversed)),
        ("三年", Some(Rule::DateImpossible)),
    ] {
        let file = csv(&[&header, &["启明（样例）", GOOD[1], "体育类", term]]);
        let reading = import::read("x.csv", file.as_bytes(), region("331002"), &Limits::default()).unwrap();
        assert_eq!(reading.findings.first().map(|found| found.rule), rule, "{term}");
        let refused = rule.is_some_and(|rule| rule.severity() == Severity::Error);
        assert_eq!(reading.institutions().next().is_none(), refused, "{term}");
        assert!(reading.columns.iter().any(|(name, field)| name == header[3] && *field == Field::LicenceTerm));
    }
}
