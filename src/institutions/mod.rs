//! Training institutions: the register, its import, its search keys.

pub mod import;
pub mod model;
pub mod search_keys;
