//! One warning as officials handle it: evidence, history, and what may be done, the same on every page.

use askama::Template;

use super::{
    brief,
    model::{Conclusion, Step},
    oversight::store::telling::Colleague,
    shown::ShownWarning,
    store::warnings::Action as Done,
};
use crate::web::{FieldError, Page, Problem, show};

/// A refused form: of which warning, what was typed, and what to mend.
pub(super) struct Refused<'a> {
    pub warning: i64,
    pub comment: &'a str,
    pub errors: Vec<FieldError>,
}

impl Refused<'_> {
    /// The id of the field that an error speaks of.
    pub fn anchor(&self, error: &FieldError) -> String {
        format!("{}-{}", field_of(error), self.warning)
    }
}

/// The field of the form that an error speaks of.
pub(super) fn field_of(error: &FieldError) -> &'static str {
    match error.path.as_str() {
        "to" => "to",
        "file" => "file",
        _ => "comment",
    }
}

#[derive(Template)]
#[template(path = "escrow/card.html")]
pub(super) struct Card<'a> {
    pub page: &'a Page,
    pub w: &'a ShownWarning,
    pub refused: Option<&'a Refused<'a>>,
    /// Those to whom it may be handed over; none where the one who looks may not handle it.
    pub colleagues: &'a [Colleague],
    /// The account's page on which it is shown, to which the one who acts returns.
    pub account: Option<i64>,
    /// Whether the evidence and the form lie open at once, as they do of the warning that comes first.
    pub unfolded: bool,
}

impl Card<'_> {
    /// As HTML.
    pub fn html(&self) -> Result<String, Problem> {
        self.render().map_err(|error| {
            tracing::error!(%error, "a warning could not be rendered");
            Problem::internal()
        })
    }

    fn kind(&self, kind: &str) -> &'static str {
        show::warning_kind(self.page.lang, kind)
    }

    fn done(&self, done: &Done) -> &'static str {
        brief::action_word(self.page.lang, &done.action)
    }

    /// The steps that have buttons of their own.
    fn steps(&self) -> Vec<&Step> {
        self.w.open.iter().filter(|step| !matches!(step, Step::Note | Step::HandOver)).collect()
    }

    fn step(&self, step: &Step) -> &'static str {
        let page = self.page;
        match step {
            Step::Acknowledge => page.lang.t("签收", "Acknowledge"),
            Step::Investigate => page.lang.t("开始核查", "Investigate"),
            Step::Escalate => page.lang.t("升级上报", "Escalate"),
            Step::Resolve if self.w.is_to_sign() => page.lang.t("签认对账并办结", "Sign the reconciliation and close"),
            Step::Resolve => page.lang.t("办结", "Close"),
            Step::Explain => page.lang.t("说明情况", "Answer"),
            Step::Note => page.lang.t("记备注", "Keep a note"),
            Step::HandOver => page.lang.t("移交", "Hand over"),
        }
    }

    /// Whether it can be closed, and said what was found.
    fn may_close(&self) -> bool {
        self.w.open.contains(&Step::Resolve)
    }

    /// What may be found, each with its word.
    fn conclusions(&self) -> [(&'static str, &'static str); 2] {
        [Conclusion::Founded, Conclusion::Unfounded]
            .map(|one| (one.into(), brief::conclusion_word(self.page.lang, one)))
    }

    /// What follows from the steps that cannot be taken back.
    fn follows(&self) -> Vec<&'static str> {
        let (page, warning) = (self.page, self.w);
        let mut told = Vec::new();
        let forged = !warning.warning.evidence["key_id"].is_null();
        if warning.is_to_sign() && forged {
            told.push(page.lang.t(
                "这把密钥后来签名正确，或已吊销、到期。查清是谁冒签后签认，预警随之办结。",
                "The key has signed rightly since, or is revoked or expired. Find out who signed in its name, then sign; that closes the warning.",
            ));
        } else if warning.is_to_sign() {
            told.push(page.lang.t(
                "对账单已经衔接。核对银行补报的内容与账面后签认，预警随之办结。",
                "The statements connect again. Compare what the bank sent with the books, then sign; that closes the warning.",
            ));
        } else if warning.is_open() && warning.warning.awaits_bank() && forged {
            told.push(page.lang.t(
                "与银行核实这次报送。不是银行所为的，到“密钥”更换或吊销这把密钥；密钥恢复正常以后才能签认、办结。",
                "Ask the bank whether it sent this. If it did not, change or revoke the key under “Keys”; once the key is in order the warning is signed and closed.",
            ));
        } else if warning.is_open() && warning.warning.awaits_bank() {
            told.push(page.lang.t(
                "请银行补报缺少的或更正有误的对账单；衔接以后才能签认对账、办结。",
                "Have the bank send what is missing or wrong once more; when the statements connect, the reconciliation is signed and the warning closed.",
            ));
        }
        if warning.open.contains(&Step::Escalate) {
            told.push(if warning.warning.level == "red" {
                page.lang.t(
                    "升级上报：报上级，并提议暂停公示，由同事审批。",
                    "Escalate: reported upwards, and a suspension of the listing is proposed to a colleague.",
                )
            } else {
                page.lang.t("升级上报：提高一级，期限重新计算。", "Escalate: one level up, with a new due date.")
            });
        }
        if warning.open.contains(&Step::Resolve) && warning.needs_two {
            told.push(page.lang.t(
                "办结：须两人办理，先提议，由另一位同事审批后关闭。",
                "Close: takes two officials; it is proposed first, and closed once a colleague approves.",
            ));
        } else if warning.open.contains(&Step::Resolve) {
            told.push(
                page.lang.t("办结：预警关闭，不能撤回。", "Close: the warning is closed and cannot be reopened."),
            );
        }
        told
    }

    /// What is to be mended of a field.
    fn errors(&self, field: &str) -> Vec<&FieldError> {
        let own = self.refused().into_iter();
        own.flat_map(|refused| &refused.errors).filter(|error| field_of(error) == field).collect()
    }

    /// Whether the form lies open: of the first warning, and of the one of which it was refused.
    fn at_hand(&self) -> bool {
        self.unfolded || self.refused().is_some()
    }

    fn refused(&self) -> Option<&Refused<'_>> {
        self.refused.filter(|refused| refused.warning == self.w.warning.id)
    }

    fn typed(&self) -> &str {
        self.refused().map_or("", |refused| refused.comment)
    }
}
