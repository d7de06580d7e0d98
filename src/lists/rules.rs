//! What must hold before a step on the lists: WL-ENTRY, WL-SUSPEND, WL-EXIT, BL-ENTRY-GROUNDS, BL-REPAIR and
//! ADM-NONPROFIT-ACADEMIC. Judged when a step is proposed and again when it is decided.

use std::borrow::Cow;

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::{Ground, ListMove, ListStatus};
use crate::{
    institutions::model::{Category, Stage, Status},
    kernel::{
        CreditCode, Finding,
        finding::Severity,
        nonprofit::{NONPROFIT_HEADS, Nonprofit, academic_nonprofit},
    },
};

/// What the rules look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub credit_code: CreditCode,
    pub category: Category,
    pub stages: Vec<Stage>,
    pub licence_no: String,
    pub licence_from: Option<NaiveDate>,
    pub licence_to: Option<NaiveDate>,
    pub status: Status,
    /// Whether an escrow account is on file and not closed.
    pub escrow_filed: bool,
    pub list: ListStatus,
}

const LISTS: &str = "国办发〔2018〕80号（公布名单）";

/// What stands in the way of `step`, or must be looked at by the official who decides, on the day `today`.
pub fn findings(step: ListMove, standing: &Standing, ground: Option<Ground>, today: NaiveDate) -> Vec<Finding> {
    if !ListMove::from_status(standing.list).contains(&step) {
        return vec![wrong_status(step, standing.list)];
    }
    match step {
        ListMove::WhiteList => white_list(standing, today),
        ListMove::Suspend | ListMove::Remove => Vec::new(),
        ListMove::Blacklist => vec![blacklist(ground)],
        ListMove::ClearBlacklist => vec![repair()],
    }
}

fn white_list(standing: &Standing, today: NaiveDate) -> Vec<Finding> {
    let mut findings = licence(standing, today);
    findings.extend(registration(standing.status));
    if !standing.escrow_filed {
        findings.push(finding(
            "WL-ENTRY",
            Severity::Block,
            "institution.escrow_account",
            ("没有备案的监管账户", "No escrow account is on file"),
            json!({"escrow_filed": false}),
            "国办发〔2018〕80号；关于加强校外培训机构预收费监管工作的通知（教监管厅函〔2021〕2号）",
            ("先备案监管账户，再提议列入白名单", "File the escrow account first, then propose the entry"),
        ));
    }
    findings.extend(nonprofit(standing));
    findings
}

/// A licence is good through its last day.
fn licence(standing: &Standing, today: NaiveDate) -> Vec<Finding> {
    let entry = |severity, path, words: (&str, &str), evidence, fix| {
        finding("WL-ENTRY", severity, path, words, evidence, "国办发〔2018〕80号；民办教育促进法第十二条", fix)
    };
    let mut findings = Vec::new();
    if standing.licence_no.is_empty() {
        findings.push(entry(
            Severity::Block,
            "institution.licence_no",
            ("没有办学许可证编号", "There is no licence number"),
            json!({}),
            ("补录许可证编号；没有许可证的不能列入", "Record the licence number; without a licence there is no entry"),
        ));
    }
    if let Some(from) = standing.licence_from.filter(|from| *from > today) {
        let (zh, en) = (format!("办学许可证 {from} 才生效"), format!("The licence begins on {from} only"));
        findings.push(entry(
            Severity::Block,
            "institution.licence_from",
            (&zh, &en),
            json!({"licence_from": from, "today": today}),
            ("生效之后再提议", "Propose it once the licence has begun"),
        ));
    }
    match standing.licence_to {
        Some(to) if to < today => {
            let days = (today - to).num_days();
            let (zh, en) = (
                format!("办学许可证已于 {to} 到期，过期 {days} 天"),
                format!("The licence ended on {to}, {days} days ago"),
            );
            findings.push(entry(
                Severity::Block,
                "institution.licence_to",
                (&zh, &en),
                json!({"licence_to": to, "today": today, "days_over": days}),
                ("先办延续，把新的有效期导入档案", "Renew the licence and import its new term"),
            ));
        }
        Some(_) => {}
        None => findings.push(entry(
            Severity::Refer,
            "institution.licence_to",
            (
                "档案里没有许可证有效期止，无法判断是否在有效期内",
                "The register has no last day of the licence, so its term cannot be judged",
            ),
            json!({"missing": ["licence_to"]}),
            ("核对许可证原件；有期限的请补录", "Look at the licence itself; record the day if it has one"),
        )),
    }
    findings
}

fn registration(status: Status) -> Option<Finding> {
    let (zh, en) = match status {
        Status::Operating => return None,
        Status::Suspended => ("机构处于暂停招生状态", "The institution's enrolment is suspended"),
        Status::Terminating => ("机构正在终止办学", "The institution is winding up"),
        Status::Deregistered => ("机构已注销登记", "The institution is deregistered"),
    };
    Some(finding(
        "WL-ENTRY",
        Severity::Block,
        "institution.status",
        (zh, en),
        json!({"status": status}),
        LISTS,
        ("恢复正常办学并更新档案状态后再提议", "Propose it once it operates again and the register says so"),
    ))
}

/// Who teaches academic courses of the compulsory stages must be registered as non-profit, by the head of the credit
/// code. Where the register does not say which stages, the official looks at the licence.
fn nonprofit(standing: &Standing) -> Option<Finding> {
    if standing.category != Category::Academic {
        return None;
    }
    let known = !standing.stages.is_empty();
    let compulsory = standing.stages.iter().any(|stage| matches!(stage, Stage::Primary | Stage::Junior));
    let head = standing.credit_code.head();
    let (severity, zh, en) = match academic_nonprofit(&standing.credit_code, known.then_some(compulsory)) {
        Nonprofit::Fits => return None,
        Nonprofit::Breaks => (
            Severity::Block,
            format!("义务教育阶段学科类机构须登记为非营利性（代码以 52 或 12 开头），现为 {head}"),
            format!(
                "An academic institution of the compulsory stages must be registered as non-profit (code beginning 52 or 12); this one begins {head}"
            ),
        ),
        Nonprofit::StagesUnknown => (
            Severity::Refer,
            format!("学科类机构的代码以 {head} 开头，档案里没有学段；如含小学或初中，须登记为非营利性（52 或 12）"),
            format!(
                "The code of this academic institution begins {head} and the register has no stages; with primary or junior pupils it must be registered as non-profit (52 or 12)"
            ),
        ),
    };
    let fix = match severity {
        Severity::Block => (
            "办理“营转非”登记，换发代码后再提议",
            "Convert the registration to non-profit and propose it with the new code",
        ),
        _ => (
            "核对办学许可证上的学段，并补录到档案",
            "Look at the stages on the licence, and record them in the register",
        ),
    };
    Some(finding(
        "ADM-NONPROFIT-ACADEMIC",
        severity,
        "institution.credit_code",
        (&zh, &en),
        json!({"head": head, "allowed": NONPROFIT_HEADS, "stages": standing.stages}),
        "中办国办《关于进一步减轻义务教育阶段学生作业负担和校外培训负担的意见》第13条",
        fix,
    ))
}

/// A blacklisting is never the platform's own verdict: the official vouches for the procedure.
fn blacklist(ground: Option<Ground>) -> Finding {
    let evidence = json!({"ground": ground, "needs": ["effective_decision", "prior_notice", "statement_heard", "collective_decision"]});
    finding(
        "BL-ENTRY-GROUNDS",
        Severity::Refer,
        "ground",
        (
            "须有生效决定，已事先告知并听取陈述申辩，经集体讨论；仅有预警不能作为依据",
            "It needs an effective decision, prior notice with a hearing of the party, and a collective decision; a warning alone is no ground",
        ),
        evidence,
        "国办发〔2018〕80号；国办发〔2020〕49号",
        ("在理由中写明决定文号和送达日期", "Give the number of the decision and the day it was served in the reason"),
    )
}

fn repair() -> Finding {
    finding(
        "BL-REPAIR",
        Severity::Refer,
        "reason",
        (
            "须已满最短公示期，违法行为已改正、义务已履行，并已公开作出信用承诺",
            "The shortest term of publication must be over, the violation corrected, duties fulfilled and the commitment published",
        ),
        json!({"needs": ["minimum_term_over", "violation_corrected", "commitment_published"]}),
        "信用修复管理办法（国家发展改革委令第36号）",
        (
            "在理由中写明修复决定文号；侵害未成年人的不予修复",
            "Give the number of the repair decision in the reason; offences against minors are not repaired",
        ),
    )
}

fn wrong_status(step: ListMove, list: ListStatus) -> Finding {
    let rule = match step {
        ListMove::WhiteList => "WL-ENTRY",
        ListMove::Suspend => "WL-SUSPEND",
        ListMove::Remove => "WL-EXIT",
        ListMove::Blacklist => "BL-ENTRY-GROUNDS",
        ListMove::ClearBlacklist => "BL-REPAIR",
    };
    let (zh, en) = match list {
        ListStatus::White => ("机构已在白名单上", "The institution is on the white list already"),
        ListStatus::Suspended => ("机构已被暂停展示", "The listing is suspended already"),
        ListStatus::Black => ("机构在黑名单上", "The institution is on the blacklist"),
        ListStatus::None => ("机构不在名单上", "The institution is on no list"),
    };
    finding(
        rule,
        Severity::Block,
        "institution.list_status",
        (&format!("{zh}，不能{}", step.words().0), &format!("{en}; this step does not apply: {}", step.words().1)),
        json!({"list_status": list, "possible": ListMove::from_status(list)}),
        LISTS,
        (
            "刷新机构档案，按现在的名单状态重新选择",
            "Reload the institution's page and choose a step that fits its present status",
        ),
    )
}

fn finding(
    rule: &'static str,
    severity: Severity,
    path: &str,
    message: (&str, &str),
    evidence: Value,
    legal_basis: &'static str,
    fix: (&str, &str),
) -> Finding {
    let evidence = if let Value::Object(evidence) = evidence { evidence } else { Map::new() };
    Finding {
        rule: Cow::Borrowed(rule),
        severity,
        path: path.to_owned(),
        message_zh: message.0.to_owned(),
        message_en: message.1.to_owned(),
        evidence,
        legal_basis: Cow::Borrowed(legal_basis),
        fix_zh: fix.0.to_owned(),
        fix_en: fix.1.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;
    use crate::kernel::finding::Decision;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// A valid code with this head.
    fn code(head: &str) -> CreditCode {
        let body = format!("{head}331002MJY00000");
        ('0'..='9')
            .chain('A'..='Y')
            .flat_map(|ninth| ('0'..='9').chain('A'..='Y').map(move |check| (ninth, check)))
            .find_map(|(ninth, check)| CreditCode::new(&format!("{body}{ninth}{check}")).ok())
            .unwrap()
    }

    fn good() -> Standing {
        Standing {
            credit_code: code("52"),
            category: Category::Academic,
            stages: vec![Stage::Junior],
            licence_no: "教民133100270000001号".into(),
            licence_from: Some(day("2025-01-01")),
            licence_to: Some(day("2027-12-31")),
            status: Status::Operating,
            escrow_filed: true,
            list: ListStatus::None,
        }
    }

    fn told(standing: &Standing, today: &str) -> Vec<(String, Severity, String)> {
        findings(ListMove::WhiteList, standing, None, day(today))
            .into_iter()
            .map(|finding| (finding.rule.into_owned(), finding.severity, finding.path))
            .collect()
    }

    #[test]
    fn a_licence_is_good_through_its_last_day_and_from_its_first() {
        for (today, blocked_at) in [
            ("2024-12-31", Some("institution.licence_from")),
            ("2025-01-01", None),
            ("2027-12-31", None),
            ("2028-01-01", Some("institution.licence_to")),
        ] {
            let paths: Vec<String> = told(&good(), today).into_iter().map(|(_, _, path)| path).collect();
            assert_eq!(paths, blocked_at.map(str::to_owned).into_iter().collect::<Vec<_>>(), "{today}");
        }
    }

    #[test]
    fn each_precondition_blocks_by_itself() {
        type Change = fn(&mut Standing);
        let cases: [(&str, Change, Severity); 6] = [
            ("institution.licence_no", |s| s.licence_no.clear(), Severity::Block),
            ("institution.licence_to", |s| s.licence_to = None, Severity::Refer),
            ("institution.status", |s| s.status = Status::Suspended, Severity::Block),
            ("institution.status", |s| s.status = Status::Terminating, Severity::Block),
            ("institution.status", |s| s.status = Status::Deregistered, Severity::Block),
            ("institution.escrow_account", |s| s.escrow_filed = false, Severity::Block),
        ];
        for (path, spoil, severity) in cases {
            let mut standing = good();
            spoil(&mut standing);
            assert_eq!(told(&standing, "2026-03-01"), [("WL-ENTRY".to_owned(), severity, path.to_owned())]);
        }
        assert_eq!(told(&good(), "2026-03-01"), []);
    }

    /// domain-rules §2.1, C22: the compulsory stages alone; what is not known goes to an official.
    #[test]
    fn academic_tutoring_of_the_compulsory_stages_must_be_nonprofit() {
        use Severity::{Block, Refer};
        use Stage::{Adult, Junior, Preschool, Primary, Senior};
        let company: [(&[Stage], Option<Severity>); 8] = [
            (&[Primary], Some(Block)),
            (&[Junior], Some(Block)),
            (&[Junior, Senior], Some(Block)),
            (&[Primary, Junior], Some(Block)),
            (&[Senior], None),
            (&[Preschool], None),
            (&[Senior, Adult], None),
            (&[], Some(Refer)),
        ];
        for (stages, expected) in company {
            for (head, category, applies) in [
                ("91", Category::Academic, true),
                ("92", Category::Academic, true),
                ("53", Category::Academic, true),
                ("52", Category::Academic, false),
                ("12", Category::Academic, false),
                ("91", Category::Arts, false),
            ] {
                let standing = Standing { credit_code: code(head), category, stages: stages.to_vec(), ..good() };
                let path = "institution.credit_code".to_owned();
                let expected = expected
                    .filter(|_| applies)
                    .map(|severity| ("ADM-NONPROFIT-ACADEMIC".to_owned(), severity, path))
                    .into_iter();
                assert_eq!(told(&standing, "2026-03-01"), expected.collect::<Vec<_>>(), "{head} {category} {stages:?}");
            }
        }
    }

    /// Every step from every status: those of the table may be proposed, all others are refused with the status.
    #[test]
    fn steps_fit_the_status() {
        for list in ListStatus::iter() {
            for step in ListMove::iter() {
                let standing = Standing { list, ..good() };
                let found = findings(step, &standing, Some(Ground::RunOff), day("2026-03-01"));
                let refused = Decision::of(&found) == Decision::Block;
                let fits = match step {
                    ListMove::WhiteList => matches!(list, ListStatus::None | ListStatus::Suspended),
                    ListMove::Suspend => list == ListStatus::White,
                    ListMove::Remove => matches!(list, ListStatus::White | ListStatus::Suspended),
                    ListMove::Blacklist => list != ListStatus::Black,
                    ListMove::ClearBlacklist => list == ListStatus::Black,
                };
                assert_eq!(refused, !fits, "{step} from {list}");
                assert!(!fits || step.leads_to() != list, "{step} from {list} would change nothing");
            }
        }
    }

    #[test]
    fn the_blacklist_is_always_an_officials_matter() {
        let black = Standing { list: ListStatus::Black, ..good() };
        for (step, standing) in [(ListMove::Blacklist, good()), (ListMove::ClearBlacklist, black)] {
            for ground in [None, Some(Ground::Unlicensed)] {
                assert_eq!(Decision::of(&findings(step, &standing, ground, day("2026-03-01"))), Decision::Refer);
            }
        }
    }
}
