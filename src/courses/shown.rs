//! Findings made ready for a page.

use super::words;
use crate::{
    kernel::{Finding, Severity},
    web::{FieldError, Page},
};

/// A finding as the pages show it: a rule's, or a text that could not be read.
pub(super) struct Shown {
    pub(super) class: &'static str,
    pub(super) tag: &'static str,
    pub(super) icon: &'static str,
    pub(super) word: String,
    pub(super) rule: String,
    pub(super) path: String,
    /// What the field is called.
    pub(super) field: String,
    /// The field before the message, where the message does not name it itself; else empty.
    pub(super) place: String,
    pub(super) message: String,
    pub(super) fix: String,
    pub(super) basis: String,
    pub(super) evidence: String,
}

pub(super) fn shown(page: &Page, finding: &Finding) -> Shown {
    let (class, tag, icon, word) = match finding.severity {
        Severity::Block => ("block", "bad", "cross", page.t("须改正", "Must be mended")),
        Severity::Refer => ("refer", "info", "circle", page.t("须核定", "An official decides")),
        Severity::Warn => ("warn", "warn", "triangle", page.t("请留意", "Please note")),
    };
    Shown {
        class,
        tag,
        icon,
        word: word.to_owned(),
        rule: finding.rule.to_string(),
        path: finding.path.clone(),
        field: named(page, &finding.path),
        place: String::new(),
        message: page.t(&finding.message_zh, &finding.message_en).to_owned(),
        fix: page.t(&finding.fix_zh, &finding.fix_en).to_owned(),
        basis: finding.legal_basis.to_string(),
        evidence: words::evidence(page.lang, &finding.evidence),
    }
}

pub(super) fn shown_error(page: &Page, error: &FieldError) -> Shown {
    Shown {
        class: "block",
        tag: "bad",
        icon: "cross",
        word: page.t("须改正", "Must be mended").to_owned(),
        // These are no rules of the law, only of this form.
        rule: if matches!(error.rule.as_str(), "required" | "format" | "too-many") {
            String::new()
        } else {
            error.rule.clone()
        },
        path: error.path.clone(),
        field: named(page, &error.path),
        place: place(page, &error.path),
        message: page.t(&error.message_zh, &error.message_en).to_owned(),
        fix: String::new(),
        basis: String::new(),
        evidence: String::new(),
    }
}

/// `第 2 节课的下课时间：`.
fn place(page: &Page, path: &str) -> String {
    format!("{}{}", super::form_pages::capital(&named(page, path)), page.t("：", ": "))
}

fn named(page: &Page, path: &str) -> String {
    let (zh, en) = words::field(path);
    page.t(&zh, &en).to_owned()
}

/// The id of the field that a finding speaks of, so that its link leads there.
pub(super) fn anchor(path: &str) -> String {
    path.replace("course.sessions[", "session-")
        .replace("instructors[", "person-")
        .replace("].", "-")
        .replace("course.", "")
        .replace(['[', ']', '.'], "-")
}

#[cfg(test)]
mod tests {
    use super::anchor;

    #[test]
    fn a_finding_leads_to_its_field() {
        assert_eq!(anchor("course.sessions[3].end"), "session-3-end");
        assert_eq!(anchor("course.fee_fen"), "fee_fen");
        assert_eq!(anchor("instructors[0].teacher_certificate"), "person-0-teacher_certificate");
    }
}
