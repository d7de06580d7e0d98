//! Tables as files that spreadsheets open: with the mark by which Excel knows the encoding, and no text that runs as a formula.

use actix_web::HttpResponse;

use super::Problem;

/// A text that no spreadsheet program takes for a formula.
pub fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// The lines of a table as CSV; the first are its headings.
pub fn csv<const N: usize>(lines: impl IntoIterator<Item = [String; N]>) -> Result<Vec<u8>, csv::Error> {
    // Excel takes a file without this mark for one of the machine's own code page.
    let mut bytes = "\u{feff}".as_bytes().to_vec();
    bytes.extend(part(lines)?);
    Ok(bytes)
}

/// A part of such a file, for one that is sent as it is read.
pub fn part<const N: usize>(lines: impl IntoIterator<Item = [String; N]>) -> Result<Vec<u8>, csv::Error> {
    let mut file = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for line in lines {
        file.write_record(line)?;
    }
    file.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// The answer that carries such a file.
pub fn answer<const N: usize>(
    name: &str,
    lines: impl IntoIterator<Item = [String; N]>,
) -> Result<HttpResponse, Problem> {
    let bytes = csv(lines).map_err(|error| {
        tracing::error!(%error, "a table could not be written as a file");
        Problem::internal()
    })?;
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header(("content-disposition", format!("attachment; filename=\"{name}\"")))
        .body(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_a_formula_and_excel_knows_the_encoding() {
        for formula in ["=HYPERLINK(1)", "@x", "-5", "+1", "＝1", "\t=1", "\n=1"] {
            assert_eq!(harmless(formula), format!("'{formula}"));
        }
        for text in ["启明星", "HT-1", ""] {
            assert_eq!(harmless(text), text);
        }
        let bytes = csv([["a".to_owned(), "b,c".to_owned()], ["1".to_owned(), harmless("-2")]]).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), "\u{feff}a,\"b,c\"\r\n1,'-2\r\n");
    }
}
