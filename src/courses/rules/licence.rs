//! Whether the institution may offer the course at all: licence, registration (domain-rules §3.2, §4.2, §9.3).

use serde_json::{Value, json};

use super::rule::{Rule, paths};
use crate::{
    courses::model::{Filing, Known},
    kernel::{
        CreditCode, Finding, Severity,
        credit_code::{CreditCodeError, normalise},
        nonprofit::{NONPROFIT_HEADS, Nonprofit, academic_nonprofit},
    },
};

pub(super) const SCOPE_LICENCE: Rule = Rule {
    id: "COURSE-SCOPE-LICENCE",
    title_zh: "办学许可范围",
    title_en: "the scope of the licence",
    legal_basis: "校外培训行政处罚暂行办法（教育部令第53号）",
    fix_zh: "在许可范围内开课，或先申请变更办学许可。",
    fix_en: "Keep to the licence, or apply for its change first.",
};
pub(super) const NONPROFIT_ACADEMIC: Rule = Rule {
    id: "ADM-NONPROFIT-ACADEMIC",
    title_zh: "学科类机构的非营利性",
    title_en: "the non-profit status of an academic institution",
    legal_basis: "双减意见（中办发〔2021〕40号）",
    fix_zh: "完成营转非登记（民办非企业单位或事业单位），或停止义务教育阶段学科类培训。",
    fix_en: "Convert to a non-profit unit, or stop academic training of the compulsory stages.",
};
pub(super) const USCC_VALID: Rule = Rule {
    id: "ADM-USCC-VALID",
    title_zh: "统一社会信用代码",
    title_en: "the unified social credit code",
    legal_basis: "GB 32100-2015；GB 11714",
    fix_zh: "按登记证书核对并更正统一社会信用代码。",
    fix_en: "Correct the credit code by the certificate of registration.",
};

/// Heads of registrations that do not run training institutions: 农民专业合作社, 机关.
const UNUSUAL_HEADS: [&str; 2] = ["93", "11"];

/// All rules of this file.
pub(super) fn check(filing: &Filing) -> Vec<Finding> {
    let mut findings = scope(filing);
    findings.extend(credit_code(filing));
    findings.extend(nonprofit(filing));
    findings
}

/// COURSE-SCOPE-LICENCE: category, stage and delivery each lie within the licence. Null: nothing is licensed.
fn scope(filing: &Filing) -> Vec<Finding> {
    let (licence, course) = (&filing.institution, &filing.course);
    let named = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let parts = [
        (
            "course.category",
            "institution.licensed_categories",
            (json!(course.category), course.category.zh(), course.category.en()),
            licence
                .licensed_categories
                .list()
                .map(|all| all.iter().map(|one| (json!(one), one.zh())).collect::<Vec<_>>()),
        ),
        (
            "course.stage",
            "institution.stages",
            (json!(course.stage), course.stage.zh(), course.stage.en()),
            licence.stages.list().map(|all| all.iter().map(|one| (json!(one), one.zh())).collect()),
        ),
        (
            "course.delivery",
            "institution.delivery",
            (json!(course.delivery), course.delivery.zh(), course.delivery.en()),
            licence.delivery.list().map(|all| all.iter().map(|one| (json!(one), one.zh())).collect()),
        ),
    ];
    let mut findings = Vec::new();
    for (path, licensed_path, (value, zh, en), licensed) in parts {
        let Some(licensed) = licensed else {
            findings.push(SCOPE_LICENCE.unknown(path, &paths([licensed_path])));
            continue;
        };
        let (allowed, allowed_zh): (Vec<Value>, Vec<&str>) = licensed.into_iter().unzip();
        if allowed.contains(&value) {
            continue;
        }
        let none = allowed.is_empty();
        let list_zh = if none { "无".to_owned() } else { allowed_zh.join("、") };
        let list_en =
            if none { "nothing".to_owned() } else { allowed.iter().map(named).collect::<Vec<_>>().join(", ") };
        findings.push(SCOPE_LICENCE.found(
            Severity::Block,
            path,
            (
                format!("课程的「{zh}」超出办学许可范围（许可：{list_zh}）。"),
                format!("The course is {en}, outside the licence ({list_en})."),
            ),
            json!({"measured": value, "limit": allowed}),
        ));
    }
    findings
}

const CODE_PATH: &str = "institution.credit_code";

/// ADM-USCC-VALID: the credit code is valid (else block); a registration elsewhere, a failed inner check, an unusual
/// kind or an unknown authority is told as one warning.
fn credit_code(filing: &Filing) -> Option<Finding> {
    let written = match &filing.institution.credit_code {
        Known::Unknown => return Some(USCC_VALID.unknown(CODE_PATH, &paths([CODE_PATH]))),
        Known::Nothing => "",
        Known::Value(written) => written.as_str(),
    };
    let code = match written.parse::<CreditCode>() {
        Ok(code) => code,
        Err(error) => return Some(invalid_code(written, error)),
    };
    let county = filing.region.county().to_string();
    let doubts = [
        (
            code.region() != county,
            "region",
            format!("登记地 {} 不是办学所在地 {county}", code.region()),
            format!("it was registered in {}, not in {county}", code.region()),
        ),
        (
            !code.organisation_check_ok(),
            "organisation_check",
            "第 17 位（组织机构代码校验位）不符".to_owned(),
            "its 17th character, the check digit of the organisation code, does not fit".to_owned(),
        ),
        (
            UNUSUAL_HEADS.contains(&code.head()),
            "kind",
            format!("登记类型 {} 通常不是培训机构", code.head()),
            format!("its kind {} is not usual for a training institution", code.head()),
        ),
        (
            code.authority().is_none(),
            "authority",
            "登记机关代码未知".to_owned(),
            "its registering authority is unknown".to_owned(),
        ),
    ];
    let (mut names, mut zh, mut en) = (Vec::new(), Vec::new(), Vec::new());
    for (_, name, doubt_zh, doubt_en) in doubts.into_iter().filter(|(holds, ..)| *holds) {
        names.push(name);
        zh.push(doubt_zh);
        en.push(doubt_en);
    }
    (!names.is_empty()).then(|| {
        USCC_VALID.found(
            Severity::Warn,
            CODE_PATH,
            (
                format!("统一社会信用代码 {code} 有效，但请核对：{}。", zh.join("；")),
                format!("The credit code {code} is valid, but check: {}.", en.join("; ")),
            ),
            json!({"measured": code, "doubts": names, "registered_in": code.region(), "region": county}),
        )
    })
}

fn invalid_code(written: &str, error: CreditCodeError) -> Finding {
    let zh = match error {
        CreditCodeError::Length => "须为 18 位",
        CreditCodeError::Alphabet => "只能用数字和除 I、O、S、V、Z 以外的大写字母",
        CreditCodeError::CheckCharacter => "第 18 位校验码不符",
    };
    USCC_VALID.found(
        Severity::Block,
        CODE_PATH,
        (
            format!("统一社会信用代码「{written}」无效：{zh}。"),
            format!("The credit code {written:?} is invalid: {error}."),
        ),
        json!({"measured": written, "reason": error, "length": normalise(written).chars().count()}),
    )
}

/// ADM-NONPROFIT-ACADEMIC: who teaches academic courses of the compulsory stages is registered as a private
/// non-enterprise unit (52) or a public institution (12), and does not say that it works for profit.
///
/// An invalid code is no registration: ADM-USCC-VALID blocks for it, and this rule stays with what is said of profit.
fn nonprofit(filing: &Filing) -> Option<Finding> {
    if !filing.course.is_compulsory_academic() {
        return None;
    }
    let institution = &filing.institution;
    let says_profit = institution.for_profit.answer() == Some(true);
    if institution.credit_code.is_unknown() && !says_profit {
        return Some(NONPROFIT_ACADEMIC.unknown(CODE_PATH, &paths([CODE_PATH])));
    }
    let code = institution.credit_code.value().and_then(|written| written.parse::<CreditCode>().ok());
    let head = code.as_ref().map(CreditCode::head);
    let breaks = |code: &CreditCode| academic_nonprofit(code, Some(true)) == Nonprofit::Breaks;
    let wrong_head = code.as_ref().filter(|code| breaks(code)).map(CreditCode::head);
    (says_profit || wrong_head.is_some()).then(|| {
        let (zh, en) = match wrong_head {
            Some(head) => (
                format!("登记类型为 {head}（信用代码前两位）"),
                format!("it is registered as {head} (the code's first two characters)"),
            ),
            None => ("机构为营利性".to_owned(), "it says that it works for profit".to_owned()),
        };
        NONPROFIT_ACADEMIC.found(
            Severity::Block,
            CODE_PATH,
            (
                format!("义务教育阶段学科类机构须登记为非营利性（52 民办非企业单位或 12 事业单位），{zh}。"),
                format!(
                    "Academic training of the compulsory stages is for non-profit units (52) or public institutions \
                     (12); {en}."
                ),
            ),
            json!({"measured": head, "limit": NONPROFIT_HEADS, "credit_code": institution.credit_code.value(),
                "for_profit": institution.for_profit.value()}),
        )
    })
}
