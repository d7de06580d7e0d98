//! What a document is.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::kernel::mask;

/// The types of file that are taken.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::EnumIter,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum FileKind {
    Pdf,
    Jpeg,
    Png,
    Xlsx,
}

impl FileKind {
    /// As HTTP names it.
    pub const fn media_type(self) -> &'static str {
        match self {
            FileKind::Pdf => "application/pdf",
            FileKind::Jpeg => "image/jpeg",
            FileKind::Png => "image/png",
            FileKind::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }

    /// The endings of names that fit it, the usual one first.
    const fn endings(self) -> &'static [&'static str] {
        match self {
            FileKind::Pdf => &["pdf"],
            FileKind::Jpeg => &["jpg", "jpeg"],
            FileKind::Png => &["png"],
            FileKind::Xlsx => &["xlsx"],
        }
    }

    /// A name whose ending says what the file is, whatever the sender called it.
    pub fn named(self, name: &str) -> String {
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        if ending.is_some_and(|ending| self.endings().contains(&ending.as_str())) {
            return name.to_owned();
        }
        let stem = if name.is_empty() { "file" } else { name };
        format!("{stem}.{}", self.endings()[0])
    }
}

/// A document of an action as people see it.
#[derive(Debug, Clone)]
pub struct Attachment {
    pub id: i64,
    pub warning: i64,
    pub action: i64,
    /// `None` once it was erased.
    pub name: Option<String>,
    pub kind: FileKind,
    pub size_bytes: i32,
    pub sha256: Vec<u8>,
    pub erased_at: Option<DateTime<Utc>>,
    /// Of something that officials say among themselves.
    pub internal: bool,
}

impl Attachment {
    /// What it is called for somebody who reads it: numbers of persons are masked for officials.
    pub fn called(&self, own: bool) -> Option<String> {
        self.name.as_deref().map(|name| if own { name.to_owned() } else { mask::numbers(name) })
    }

    /// How large it is, as people read it.
    pub fn size(&self) -> String {
        let kib = (i64::from(self.size_bytes) + 1023) / 1024;
        if kib < 1024 { format!("{kib} KB") } else { format!("{}.{} MB", kib / 1024, kib % 1024 * 10 / 1024) }
    }

    /// The beginning of its digest, by which two people speak of the same file.
    pub fn short_digest(&self) -> String {
        hex::encode(&self.sha256[..self.sha256.len().min(6)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_the_file_is() {
        for (kind, sent, named) in [
            (FileKind::Pdf, "发票.pdf", "发票.pdf"),
            (FileKind::Pdf, "发票.PDF", "发票.PDF"),
            (FileKind::Jpeg, "a.jpeg", "a.jpeg"),
            (FileKind::Png, "setup.exe", "setup.exe.png"),
            (FileKind::Xlsx, "清单", "清单.xlsx"),
            (FileKind::Pdf, "", "file.pdf"),
        ] {
            assert_eq!(kind.named(sent), named);
        }
    }

    #[test]
    fn a_size_is_read_at_a_glance() {
        let size = |size_bytes| {
            let (kind, sha256) = (FileKind::Pdf, vec![0; 32]);
            Attachment {
                id: 1,
                warning: 1,
                action: 1,
                name: None,
                kind,
                size_bytes,
                sha256,
                erased_at: None,
                internal: false,
            }
            .size()
        };
        assert_eq!(
            [size(1), size(1024), size(1025), size(1 << 20), size(10 << 20)],
            ["1 KB", "1 KB", "2 KB", "1.0 MB", "10.0 MB"]
        );
    }
}
