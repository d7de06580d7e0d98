//! From bytes to text: byte-order marks, UTF-8, UTF-16, GBK, and Latin-1 as MT940's last resort.

use std::borrow::Cow;

use encoding_rs::{Encoding, GB18030, UTF_8, WINDOWS_1252};

use super::error::{Place, StatementError};

/// The text of an export or an MT94x file; the flag tells that its encoding had to be guessed as Latin-1.
///
/// UTF-8 and UTF-16 go by their marks, then valid UTF-8, then GB18030 (which holds GBK). `latin` allows the guess.
pub(super) fn decode(bytes: &[u8], latin: bool) -> Result<(Cow<'_, str>, bool), StatementError> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let (text, broken) = encoding.decode_without_bom_handling(&bytes[mark..]);
        return if broken { Err(undecodable(bytes)) } else { Ok((text, false)) };
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok((Cow::Borrowed(text), false));
    }
    let (text, broken) = GB18030.decode_without_bom_handling(bytes);
    match (broken, latin) {
        (false, _) => Ok((text, false)),
        (true, true) => Ok((WINDOWS_1252.decode_without_bom_handling(bytes).0, true)),
        (true, false) => Err(undecodable(bytes)),
    }
}

/// The text of an XML file, by its byte-order mark or the encoding that its declaration names.
pub(super) fn decode_xml(bytes: &[u8]) -> Result<Cow<'_, str>, StatementError> {
    let (encoding, mark) = match Encoding::for_bom(bytes) {
        Some(found) => found,
        None => (declared_encoding(bytes)?, 0),
    };
    let bytes = &bytes[mark..];
    if encoding == UTF_8 {
        // Half a gigabyte of Chinese takes the standard library a quarter of a second.
        return simdutf8::basic::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| undecodable(bytes));
    }
    let (text, broken) = encoding.decode_without_bom_handling(bytes);
    if broken { Err(undecodable(bytes)) } else { Ok(text) }
}

/// Whether an XML file is UTF-8 by what its beginning says, without a mark.
pub(super) fn is_plain_utf8(head: &[u8]) -> bool {
    Encoding::for_bom(head).is_none() && declared_encoding(head).is_ok_and(|encoding| encoding == UTF_8)
}

fn declared_encoding(bytes: &[u8]) -> Result<&'static Encoding, StatementError> {
    let head = &bytes[..bytes.len().min(200)];
    let head = String::from_utf8_lossy(head);
    let declaration = match (head.trim_start().strip_prefix("<?xml"), head.find("?>")) {
        (Some(rest), Some(_)) => rest.split("?>").next().unwrap_or_default(),
        _ => return Ok(UTF_8),
    };
    let Some((_, value)) = declaration.split_once("encoding") else {
        return Ok(UTF_8);
    };
    let label = value.trim_start_matches([' ', '=']).trim_start_matches(['"', '\'']);
    let label = label.split(['"', '\'']).next().unwrap_or_default();
    Encoding::for_label(label.as_bytes()).ok_or_else(|| {
        StatementError::new(
            Place::Line(1),
            "ENCODING",
            (format!("不支持的字符编码 {label}"), format!("the encoding {label} is not known")),
            ("请改用 UTF-8", "write the file in UTF-8"),
        )
    })
}

/// The refusal of bytes that are in no encoding; it names the line of the first that is not UTF-8.
fn undecodable(bytes: &[u8]) -> StatementError {
    let valid = std::str::from_utf8(bytes).map_or_else(|e| e.valid_up_to(), str::len);
    let line = 1 + bytes[..valid].iter().filter(|b| **b == b'\n').count() as u64;
    StatementError::new(
        Place::Line(line),
        "ENCODING",
        ("无法识别字符编码（既非 UTF-8 也非 GBK）", "the text is neither UTF-8 nor GBK"),
        ("请另存为 UTF-8 或 GBK 后重试", "save the file as UTF-8 or GBK"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_of_chinese_exports_are_told_apart() {
        let (gbk, _, _) = GB18030.encode("记账日期,余额");
        let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain("余额".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        for (case, bytes, expected) in [
            ("utf-8", "余额".as_bytes(), "余额"),
            ("utf-8 with a mark", "\u{feff}余额".as_bytes(), "余额"),
            ("utf-16 with a mark", &utf16, "余额"),
            ("gbk", &gbk, "记账日期,余额"),
        ] {
            assert_eq!(decode(bytes, false).unwrap(), (Cow::Borrowed(expected), false), "{case}");
        }
        let error = decode(b"a\nb\xff\xff", false).unwrap_err();
        assert_eq!((error.place, error.rule), (Place::Line(2), "ENCODING"));
        assert_eq!(decode(b"f\xfcr \xff", true).unwrap(), (Cow::Borrowed("für ÿ"), true));
    }

    #[test]
    fn xml_goes_by_its_declaration() {
        let (gbk, _, _) = GB18030.encode("<?xml version=\"1.0\" encoding=\"GBK\"?><a>余</a>");
        assert!(decode_xml(&gbk).unwrap().contains("余"));
        assert!(
            decode_xml(b"<?xml version='1.0' encoding='klingon'?><a/>").unwrap_err().problem_en.contains("klingon")
        );
        assert!(decode_xml(b"<a>\xff</a>").is_err());
    }
}
