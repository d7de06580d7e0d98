//! Why an account is not filed or a warning not handled.

use actix_web::http::StatusCode;

use super::{filing::Differing, model::Refusal};
use crate::{
    approvals::ApprovalError,
    db::DbError,
    web::{FieldError, Problem},
};

/// A refusal; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum EscrowError {
    #[error("no such account, institution or warning in the caller's bureau")]
    NotFound,
    #[error("the role may not do this")]
    Forbidden,
    #[error("some fields are wrong")]
    Invalid(Vec<FieldError>),
    #[error("the bureau has this account number on file already")]
    AccountTaken,
    #[error("the institution has an account in use; another one takes its place from a day on")]
    InUse,
    #[error("the institution has no account in use whose place the new one could take")]
    NothingToChange,
    #[error("the institution changes its account already")]
    ChangeUnderWay,
    #[error("no change of account that waits for its day, or money is in the new one already")]
    NotWithdrawn,
    #[error("the account is filed otherwise")]
    Differs(Vec<Differing>),
    #[error("the account is not filed whole, or is closed")]
    NotAmendable,
    #[error("a change of the account's filing waits already")]
    AmendmentUnderWay,
    #[error("the change was settled")]
    AmendmentSettled,
    #[error("the change is proposed to a colleague")]
    AmendmentProposed,
    #[error("whoever filed a change does not confirm it")]
    OwnAmendment,
    #[error("the warning cannot take this step")]
    Refused(Refusal),
    #[error("the warning has changed since it was read")]
    Changed,
    #[error("the document was erased")]
    Erased,
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<EscrowError> for Problem {
    fn from(error: EscrowError) -> Problem {
        match error {
            EscrowError::NotFound => Problem::not_found(),
            EscrowError::Forbidden => Problem::forbidden(),
            EscrowError::Invalid(errors) => Problem::invalid(errors),
            EscrowError::AccountTaken => Problem::conflict(
                "escrow/account-taken",
                "这个账号已由其他机构备案，或已经销户（FUND-ACCOUNT-UNIQUE）。请核对账号。",
                "This account number is another institution's, or one that was closed (FUND-ACCOUNT-UNIQUE). Check the number.",
            ),
            EscrowError::InUse => Problem::conflict(
                "escrow/account-in-use",
                "机构已有在用的监管账户（一家机构只用一个，FUND-ACCOUNT-UNIQUE）。更换账户请写明启用日（in_use_from）。",
                "The institution has an account in use (one at a time, FUND-ACCOUNT-UNIQUE). To change it, give the first day of the new one (in_use_from).",
            ),
            EscrowError::NothingToChange => Problem::conflict(
                "escrow/nothing-to-change",
                "机构还没有在用的监管账户，首个账户备案后立即启用，不写启用日。",
                "The institution has no account in use: its first one is in use at once, without a day.",
            ),
            EscrowError::ChangeUnderWay => Problem::conflict(
                "escrow/change-under-way",
                "监管账户正在变更，原账户转清后才能再次变更。",
                "The account is being changed already; another change may follow once the old one is empty.",
            ),
            EscrowError::NotWithdrawn => Problem::conflict(
                "escrow/not-withdrawn",
                "只有尚未启用、也没有流水的新账户可以撤回。",
                "Only a change whose day has not come, and whose account has no entries, can be taken back.",
            ),
            EscrowError::Differs(fields) => {
                let mut problem = Problem::conflict(
                    "escrow/filed-otherwise",
                    "这个账户已备案，内容与本次不同，没有改动。",
                    "The account is on file with other contents; nothing was changed.",
                );
                problem.errors = fields.iter().map(Differing::told).collect();
                problem
            }
            EscrowError::NotAmendable => Problem::conflict(
                "escrow/not-amendable",
                "账户备案还不完整，或已销户；请先补齐备案，或备案新账户。",
                "The account is not filed whole, or is closed. Complete the filing, or file a new account.",
            ),
            EscrowError::AmendmentUnderWay => Problem::conflict(
                "escrow/amendment-under-way",
                "已有一项变更在等教育局确认；要改请先撤回。",
                "A change waits for the bureau already; take it back to file another one.",
            ),
            EscrowError::AmendmentSettled => Problem::conflict(
                "escrow/amendment-settled",
                "这项变更已有结果，请刷新后再看。",
                "This change was settled already; look at it again.",
            ),
            EscrowError::AmendmentProposed => Problem::conflict(
                "escrow/amendment-proposed",
                "这项变更已由同事提议，请在“审批”中办理。",
                "A colleague has proposed this change; decide on it among the approvals.",
            ),
            EscrowError::OwnAmendment => Problem::conflict(
                "escrow/own-amendment",
                "变更是您本人申请的，须由其他工作人员核对。",
                "You filed this change yourself; somebody else confirms it.",
            ),
            EscrowError::Refused(refusal) => refused(refusal),
            EscrowError::Changed => Problem::conflict(
                "warnings/changed",
                "这条预警刚有变化，请看过最新内容再办理。",
                "The warning has changed since you read it. Look at it again, then act.",
            ),
            EscrowError::Erased => Problem::new(
                StatusCode::GONE,
                "warnings/document-erased",
                "这个文件已按要求删除，只留下大小和 SHA-256。",
                "This file was erased; its size and its SHA-256 are all that is left.",
            ),
            EscrowError::Approval(ApprovalError::AlreadyPending) => Problem::conflict(
                "warnings/closing-proposed",
                "这条预警的办结已有人提议，正在等另一位同事审批。",
                "Closing this warning is proposed already and waits for a colleague's decision.",
            ),
            EscrowError::Approval(error) => error.into(),
            EscrowError::Db(error) => error.into(),
        }
    }
}

fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Closed => Problem::conflict(
            "warnings/closed",
            "这条预警已办结，不能再办理。",
            "The warning is closed; nothing more can be done about it.",
        ),
        Refusal::AlreadyThere => Problem::conflict(
            "warnings/already-there",
            "这一步已经办过了。请看办理经过，再选下一步。",
            "This step has been taken already. See the history, then choose the next one.",
        ),
        Refusal::NotMended => Problem::conflict(
            "warnings/not-mended",
            "对账单还没有衔接上（STMT-GAP、STMT-CHAIN-BREAK）。请银行补报缺少的对账单，衔接后再签认对账、办结。",
            "The statements do not connect yet (STMT-GAP, STMT-CHAIN-BREAK). Have the bank send what is missing; once they connect, sign the reconciliation and close.",
        ),
        Refusal::AtTheTop => Problem::conflict(
            "warnings/at-the-top",
            "已是红色预警并已上报，不能再升级。",
            "The warning is red and escalated already; it can go no further.",
        ),
    }
}
