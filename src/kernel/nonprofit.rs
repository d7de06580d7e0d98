//! ADM-NONPROFIT-ACADEMIC: who may teach academic courses of the compulsory stages, by the head of the credit code.
//!
//! One clause, judged in two places: when a course is filed (by its own stage) and when an institution is to enter the
//! white list (by the stages of its licence).

use super::CreditCode;

/// Heads (authority and kind) of registrations that are not for profit: 民办非企业单位, 事业单位.
pub const NONPROFIT_HEADS: [&str; 2] = ["52", "12"];

/// What the clause says of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nonprofit {
    /// The clause does not apply, or is kept.
    Fits,
    /// Nobody recorded which stages are taught, so an official must look.
    StagesUnknown,
    /// Registered otherwise than as non-profit.
    Breaks,
}

/// Judges an academic institution. `compulsory` says whether it teaches primary or junior secondary pupils; `None` when
/// that is not known.
pub fn academic_nonprofit(code: &CreditCode, compulsory: Option<bool>) -> Nonprofit {
    match compulsory {
        _ if NONPROFIT_HEADS.contains(&code.head()) => Nonprofit::Fits,
        Some(true) => Nonprofit::Breaks,
        Some(false) => Nonprofit::Fits,
        None => Nonprofit::StagesUnknown,
    }
}
