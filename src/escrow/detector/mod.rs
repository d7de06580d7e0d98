//! The pure escrow detector.
