//! What a machine user's key may be made for.

use super::super::{Action, Role};

/// One thing that a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, strum::EnumString, strum::EnumIter)]
#[strum(serialize_all = "snake_case")]
pub enum MachineScope {
    /// Push bank entries.
    PushEntries,
    /// Read the institution's own record and course filings.
    ReadRegister,
    /// Draft and submit the institution's course filings.
    FileCourses,
    /// Read the institution's escrow account, its entries and warnings.
    ReadEscrow,
    /// Record the institution's contracts, payments and lessons.
    KeepLedger,
}

impl MachineScope {
    /// What a key of `role` may be made for; nothing for roles of people.
    pub const fn of(role: Role) -> &'static [MachineScope] {
        match role {
            Role::Bank => &[MachineScope::PushEntries],
            Role::InstitutionSystem => &[
                MachineScope::ReadRegister,
                MachineScope::FileCourses,
                MachineScope::ReadEscrow,
                MachineScope::KeepLedger,
            ],
            _ => &[],
        }
    }

    /// The line of the permission table that the scope opens.
    pub const fn action(self) -> Action {
        match self {
            MachineScope::PushEntries => Action::PushEntries,
            MachineScope::ReadRegister => Action::ReadRegister,
            MachineScope::FileCourses => Action::FileCourse,
            MachineScope::ReadEscrow => Action::ReadEscrow,
            MachineScope::KeepLedger => Action::KeepLedger,
        }
    }

    /// In Chinese and in English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            MachineScope::PushEntries => ("报送银行流水", "Push bank entries"),
            MachineScope::ReadRegister => ("查询机构档案和课程备案", "Read the record and the course filings"),
            MachineScope::FileCourses => ("填报和提交课程备案", "Draft and submit course filings"),
            MachineScope::KeepLedger => ("登记合同、收款和课时", "Record contracts, payments and lessons"),
            MachineScope::ReadEscrow => ("查询监管账户、流水和预警", "Read the escrow account, entries and warnings"),
        }
    }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;
    use crate::identity::may;

    #[test]
    fn a_key_is_made_only_for_what_its_role_may_do() {
        for role in Role::iter() {
            assert_eq!(MachineScope::of(role).is_empty(), !role.is_machine(), "{role}");
            for scope in MachineScope::of(role) {
                assert!(may(role, scope.action()), "{role} {scope}");
            }
        }
        assert!(MachineScope::iter().all(|scope| Role::iter().any(|role| MachineScope::of(role).contains(&scope))));
    }
}
