//! SQL of requests, of what is kept about one person, of one's own account, and of the change of keys.

pub mod account;
pub mod requests;
pub mod reseal;
pub mod subject;
