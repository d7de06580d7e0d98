//! The files for developers beside the project, where that folder is there.

use std::{collections::BTreeSet, path::PathBuf};

use mingjian::institutions::import::{self, Field, Limits, Reading, Rule};

use crate::files::region;

pub fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("MINGJIAN_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from)
        .join("data");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("not run: no folder {}; set MINGJIAN_SHARED to run the shared files as well", folder.display());
    None
}

fn read(path: PathBuf) -> Reading {
    let bytes = std::fs::read(&path).unwrap();
    import::read(&path.file_name().unwrap().to_string_lossy(), &bytes, region("331000"), &Limits::default()).unwrap()
}

/// Row, column, code, severity, the text as written and the wanted value.
type Told = (u32, String, String, String, String, String);

#[test]
fn every_error_of_the_dirty_files_is_found_and_nothing_else() {
    let Some(data) = data() else { return };
    let mut expected = csv::Reader::from_path(data.join("dirty/expected-errors.csv")).unwrap();
    let lines: Vec<[String; 7]> = expected.deserialize().map(Result::unwrap).collect();
    for (file, rows) in [("import-gbk.csv", 113), ("import-merged-header.xlsx", 133), ("import-reordered.xlsx", 123)] {
        let reading = read(data.join("dirty").join(file));
        // What the list says of duplicates and remarks describes them; it is not what stands in the cell.
        let as_written = |rule: &str, column: &str, text: &str| match (rule, column) {
            ("DUPLICATE_CREDIT_CODE", _) | (_, "*") => String::new(),
            // A telephone or identity number is quoted without its middle.
            _ => Field::quoted_under(column, text),
        };
        let wanted: BTreeSet<Told> = lines
            .iter()
            .filter(|line| line[0] == file)
            .map(|[_, row, column, code, severity, written, value]| {
                let written = as_written(code, column, written);
                let value = Field::quoted_under(column, value);
                (row.parse().unwrap(), column.clone(), code.clone(), severity.clone(), written, value)
            })
            .collect();
        let found: BTreeSet<Told> = reading
            .findings
            .iter()
            .map(|found| {
                let (code, value) = (found.rule.to_string(), found.value.clone().unwrap_or_default());
                let written = as_written(&code, &found.column, &found.as_written);
                (found.row, found.column.clone(), code, found.severity.to_string(), written, value)
            })
            .collect();
        let missing: Vec<_> = wanted.difference(&found).collect();
        let surplus: Vec<_> = found.difference(&wanted).collect();
        assert!(missing.is_empty() && surplus.is_empty(), "{file}\nmissing: {missing:#?}\nsurplus: {surplus:#?}");
        assert_eq!(reading.findings.len(), wanted.len(), "{file}: told once each");
        assert_eq!(reading.rows.iter().filter(|row| !row.skipped).count(), rows, "{file}");
        let refused: BTreeSet<u32> = wanted.iter().filter(|told| told.3 == "error").map(|told| told.0).collect();
        assert_eq!(
            (reading.report(false).accepted, reading.report(true).accepted),
            (0, rows - refused.len()),
            "{file}"
        );
    }
}

#[test]
fn the_two_thousand_sample_institutions_are_good_as_they_are() {
    let Some(data) = data() else { return };
    let reading = read(data.join("institutions-sample.csv"));
    assert_eq!(reading.findings, []);
    assert_eq!(reading.report(false).accepted, 2_000);
    let (_, first) = reading.institutions().next().unwrap();
    assert_eq!((first.county, first.township), (region("331081"), Some(region("331081105"))));
    assert_eq!(first.floor_area_cm2, Some(11_360_000));
}

#[test]
fn a_county_takes_its_own_rows_only() {
    let Some(data) = data() else { return };
    let bytes = std::fs::read(data.join("institutions-sample.csv")).unwrap();
    let reading = import::read("sample.csv", &bytes, region("331002"), &Limits::default()).unwrap();
    let taken = reading.institutions().count();
    assert!(reading.institutions().all(|(_, institution)| institution.county == region("331002")));
    assert!(0 < taken && taken < 2_000);
    let outside: BTreeSet<u32> =
        reading.findings.iter().filter(|found| found.rule == Rule::OutsideRegion).map(|found| found.row).collect();
    assert_eq!(outside.len() + taken, 2_000);
}

#[test]
fn old_workbooks_of_other_programs_are_opened_though_they_hold_no_institutions() {
    let Some(data) = data() else { return };
    let files = std::fs::read_dir(data.join("statements")).unwrap().map(|file| file.unwrap().path());
    let workbooks: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|ext| ext == "xls")).collect();
    assert!(!workbooks.is_empty());
    for path in workbooks {
        let found = import::read("x.xls", &std::fs::read(&path).unwrap(), region("331000"), &Limits::default());
        assert_eq!(found.err().map(|error| error.code()), Some("NO_HEADER"), "{}", path.display());
    }
}
