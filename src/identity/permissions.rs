//! The permission table: which role may do what. Pages show what it allows, routes and commands ask it.
//!
//! Scope is another matter: what a role may do, it may do only to rows that row-level security lets it reach, and
//! write only in its own bureau.

use super::Role::{self, *};

/// Something that a role may or may not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::Display, strum::EnumIter)]
pub enum Action {
    /// See institutions, courses, list history of one's range.
    ReadRegister,
    /// Take a spreadsheet of institutions in.
    ImportInstitutions,
    /// Propose entry on, suspension from, or exit from a list.
    ProposeListing,
    /// Decide what a colleague proposed.
    DecideApproval,
    /// Take back what one proposed oneself.
    WithdrawProposal,
    /// Propose a value of a policy parameter for one's bureau and all below it.
    SetPolicy,
    /// Write and submit the institution's own course filings.
    FileCourse,
    /// Approve or return a course filing.
    DecideCourse,
    /// Set the school calendar and other facts of the county.
    SetCalendar,
    /// Say which department is in charge of which category.
    AssignDepartments,
    /// File an escrow account.
    FileAccount,
    /// Take a bank statement in.
    UploadStatement,
    /// Prove bank, ledger and attendance against each other, and explain what differs.
    ProveFunds,
    /// See accounts, entries and warnings.
    ReadEscrow,
    /// Record contracts, payments and lessons of the own institution, and ask for refunds on a family's behalf.
    KeepLedger,
    /// Settle a lesson that a parent disputes.
    SettleLesson,
    /// Do something about a lesson in one way or the other; which, the two before say.
    ActOnLesson,
    /// Act on a warning in one way or the other; which, the next two say.
    AnswerWarning,
    /// Acknowledge, investigate, resolve or escalate a warning.
    HandleWarning,
    /// Answer a warning on the institution's behalf.
    ExplainWarning,
    /// Record what parents complain of, and say what became of it.
    HandleComplaint,
    /// Set the address to which the bureau's warnings are sent.
    KeepWebhook,
    /// Approve a refund that the rules settle, or take it back.
    HandleRefund,
    /// Decide on a refund that the rules leave to an official.
    DecideRefund,
    /// Work out what may be released for a period.
    CalculateRelease,
    /// Approve, send or reject a release order.
    DecideRelease,
    /// Find a family's contracts by the pupil's whole name: in the own county alone.
    FindPupil,
    /// File a change of agreement or payee of the own account; the bureau confirms it.
    AmendAccount,
    /// See the audit trail.
    ReadAudit,
    /// See who looked at the institution's own data, and what was changed about it.
    ReadOwnTrail,
    /// See one field about a person in the clear, with a reason: at once in the own bureau, elsewhere when the county agrees.
    UnmaskPersonal,
    /// Decide whether a bureau above may see one field in the clear.
    DecideAccess,
    /// Find, export and erase what is kept about a person who asks for it.
    ServeDataSubject,
    /// Push bank entries by signed request.
    PushEntries,
    /// Invite people to posts of the own bureau or institution, and change or end their posts.
    ManageUsers,
    /// The same on an institution's own pages.
    ManageStaff,
    /// Make, change and revoke keys of banks, and revoke those of institutions' systems.
    KeepBankKeys,
    /// Make, change and revoke keys of the institution's own systems.
    KeepSystemKeys,
}

/// The table, one line an action.
pub const fn roles(action: Action) -> &'static [Role] {
    match action {
        Action::ReadRegister => &[
            MinistryOfficer,
            ProvinceOfficer,
            CityOfficer,
            BureauAdmin,
            Approver,
            Inspector,
            FinanceOfficer,
            DepartmentOfficer,
            TownshipOfficer,
            Auditor,
            InstitutionAdmin,
            InstitutionStaff,
            InstitutionSystem,
        ],
        Action::ImportInstitutions => &[BureauAdmin, Approver],
        Action::ProposeListing => &[BureauAdmin, Approver, Inspector],
        Action::DecideApproval => &[BureauAdmin, Approver],
        Action::WithdrawProposal => &[BureauAdmin, Approver, Inspector, FinanceOfficer],
        Action::SetPolicy => &[BureauAdmin],
        Action::FileCourse => &[InstitutionAdmin, InstitutionStaff, InstitutionSystem],
        Action::DecideCourse => &[BureauAdmin, Approver, DepartmentOfficer],
        Action::SetCalendar => &[BureauAdmin],
        Action::AssignDepartments => &[BureauAdmin],
        Action::FileAccount => &[BureauAdmin, FinanceOfficer, InstitutionAdmin],
        Action::UploadStatement => &[BureauAdmin, FinanceOfficer],
        Action::ProveFunds => &[BureauAdmin, FinanceOfficer, Inspector],
        Action::ReadEscrow => &[
            MinistryOfficer,
            ProvinceOfficer,
            CityOfficer,
            BureauAdmin,
            Approver,
            Inspector,
            FinanceOfficer,
            Auditor,
            InstitutionAdmin,
            InstitutionStaff,
            InstitutionSystem,
        ],
        Action::KeepLedger => &[InstitutionAdmin, InstitutionStaff, InstitutionSystem],
        Action::SettleLesson => &[BureauAdmin, Approver, Inspector, FinanceOfficer],
        Action::ActOnLesson => {
            &[BureauAdmin, Approver, Inspector, FinanceOfficer, InstitutionAdmin, InstitutionStaff, InstitutionSystem]
        }
        Action::AnswerWarning => {
            &[BureauAdmin, Approver, Inspector, FinanceOfficer, InstitutionAdmin, InstitutionStaff]
        }
        Action::HandleWarning => &[BureauAdmin, Approver, Inspector, FinanceOfficer],
        Action::ExplainWarning => &[InstitutionAdmin, InstitutionStaff],
        Action::HandleComplaint => &[BureauAdmin, Approver, Inspector, FinanceOfficer],
        Action::KeepWebhook => &[BureauAdmin],
        Action::HandleRefund => &[BureauAdmin, Approver, FinanceOfficer, InstitutionAdmin, InstitutionStaff],
        Action::DecideRefund => &[BureauAdmin, Approver, FinanceOfficer],
        Action::CalculateRelease => &[BureauAdmin, FinanceOfficer, InstitutionAdmin],
        Action::DecideRelease => &[BureauAdmin, Approver, FinanceOfficer],
        Action::FindPupil => {
            &[BureauAdmin, Approver, Inspector, FinanceOfficer, InstitutionAdmin, InstitutionStaff, InstitutionSystem]
        }
        Action::AmendAccount => &[InstitutionAdmin],
        Action::ReadAudit => &[BureauAdmin, Auditor],
        Action::ReadOwnTrail => &[InstitutionAdmin, InstitutionStaff],
        Action::UnmaskPersonal => {
            &[MinistryOfficer, ProvinceOfficer, CityOfficer, BureauAdmin, Approver, Inspector, FinanceOfficer]
        }
        Action::DecideAccess => &[BureauAdmin, Approver],
        Action::ServeDataSubject => &[BureauAdmin],
        Action::PushEntries => &[Bank],
        Action::ManageUsers => &[BureauAdmin, InstitutionAdmin],
        Action::ManageStaff => &[InstitutionAdmin],
        Action::KeepBankKeys => &[BureauAdmin],
        Action::KeepSystemKeys => &[InstitutionAdmin],
    }
}

/// Whether `role` may do `action`.
pub fn may(role: Role, action: Action) -> bool {
    roles(action).contains(&role)
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    /// Upper levels and auditors look; they never change anything in a county. To see a person in the clear is to look.
    #[test]
    fn upper_levels_only_read() {
        for role in [MinistryOfficer, ProvinceOfficer, CityOfficer, Auditor] {
            for action in Action::iter().filter(|action| may(role, *action)) {
                assert!(
                    matches!(
                        action,
                        Action::ReadRegister | Action::ReadEscrow | Action::ReadAudit | Action::UnmaskPersonal
                    ),
                    "{role} {action}"
                );
            }
        }
    }

    #[test]
    fn who_may_do_one_thing_about_a_warning_or_a_lesson_may_call_for_it() {
        for role in Role::iter() {
            let either = may(role, Action::HandleWarning) || may(role, Action::ExplainWarning);
            assert_eq!(may(role, Action::AnswerWarning), either, "{role}");
            let either = may(role, Action::KeepLedger) || may(role, Action::SettleLesson);
            assert_eq!(may(role, Action::ActOnLesson), either, "{role}");
        }
    }

    #[test]
    fn who_keeps_a_ledger_or_decides_on_refunds_may_handle_them_but_no_machine() {
        for role in Role::iter() {
            let either = may(role, Action::KeepLedger) || may(role, Action::DecideRefund);
            assert_eq!(may(role, Action::HandleRefund), either && !role.is_machine(), "{role}");
        }
    }

    #[test]
    fn an_institution_decides_nothing_about_itself() {
        for role in [InstitutionAdmin, InstitutionStaff, InstitutionSystem] {
            for action in [
                Action::DecideCourse,
                Action::DecideApproval,
                Action::DecideRefund,
                Action::DecideRelease,
                Action::ProposeListing,
                Action::HandleWarning,
                Action::HandleComplaint,
                Action::SettleLesson,
                Action::ImportInstitutions,
                Action::UploadStatement,
                Action::ReadAudit,
            ] {
                assert!(!may(role, action), "{role} {action}");
            }
        }
    }

    #[test]
    fn a_bank_pushes_entries_and_nothing_else() {
        assert_eq!(Action::iter().filter(|action| may(Bank, *action)).collect::<Vec<_>>(), [Action::PushEntries]);
    }

    #[test]
    fn every_action_is_somebodys() {
        for action in Action::iter() {
            assert!(!roles(action).is_empty(), "{action}");
            assert!(!may(SchoolUser, action), "{action}");
        }
    }
}
