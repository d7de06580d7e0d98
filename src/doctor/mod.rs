//! What the operator's own look finds: whether the service can work here ([`checks`]), and whether what it keeps holds
//! together ([`deep`]). Reads, says what to mend, and mends nothing.

pub mod checks;
pub mod deep;
mod store;

pub use checks::{Finding, Grade, checks};
pub use deep::{Progress, bureau, bureaus};
