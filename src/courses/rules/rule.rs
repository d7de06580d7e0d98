//! What all findings of one rule have in common.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::{
    courses::words,
    kernel::{Finding, Severity},
};

/// A rule: its id, what it is about, where it comes from, and how a breach is mended.
#[derive(Debug)]
pub struct Rule {
    /// As the regulations' computable form names it; never re-used.
    pub id: &'static str,
    /// What the rule is about, a noun phrase.
    pub title_zh: &'static str,
    pub title_en: &'static str,
    /// Documents, by number or name.
    pub legal_basis: &'static str,
    pub fix_zh: &'static str,
    pub fix_en: &'static str,
}

impl Rule {
    /// A finding with the rule's own fix. `evidence` is a JSON object: measured value, limit, gap.
    pub fn found(
        &self,
        severity: Severity,
        path: impl Into<String>,
        (message_zh, message_en): (String, String),
        evidence: Value,
    ) -> Finding {
        let evidence = match evidence {
            Value::Object(fields) => fields,
            _ => serde_json::Map::new(),
        };
        Finding {
            rule: Cow::Borrowed(self.id),
            severity,
            path: path.into(),
            message_zh,
            message_en,
            evidence,
            legal_basis: Cow::Borrowed(self.legal_basis),
            fix_zh: self.fix_zh.to_owned(),
            fix_en: self.fix_en.to_owned(),
        }
    }

    /// The rule applies, but `missing` (paths of the input) is not known: an official decides.
    pub(super) fn unknown(&self, path: impl Into<String>, missing: &[String]) -> Finding {
        let (zh, en) = words::fields(missing);
        let mut finding = self.found(
            Severity::Refer,
            path,
            (
                format!("{}无法判断：不知道{zh}。", self.title_zh),
                format!("Cannot tell about {}: {en} is not known.", self.title_en),
            ),
            json!({ "missing": missing }),
        );
        finding.fix_zh = format!("补充{zh}。");
        finding.fix_en = format!("Give {en}.");
        finding
    }
}

/// The finding with a fix of its own, where the rule's general one can be made exact.
pub fn with_fix(mut finding: Finding, fix_zh: String, fix_en: String) -> Finding {
    finding.fix_zh = fix_zh;
    finding.fix_en = fix_en;
    finding
}

/// `1 day`, `2 days`.
pub(super) fn count(number: impl Into<i64>, thing: &str) -> String {
    let number = number.into();
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// The paths, owned.
pub(super) fn paths<const N: usize>(paths: [&str; N]) -> Vec<String> {
    paths.map(str::to_owned).to_vec()
}
