//! The escrow policy document.
