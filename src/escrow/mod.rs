//! Prepaid-fund escrow: bank statements, the escrow policy, the detector, warnings.

pub mod detector;
pub mod policy;
pub mod statement;
