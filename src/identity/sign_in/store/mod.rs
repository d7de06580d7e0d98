//! SQL of signing in, on connections of the sign-in role.

pub mod factors;
pub mod people;
pub mod steps;
