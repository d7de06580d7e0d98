//! SQL of what is published: written in the scope of whoever changes a fact, read by the public role.

mod breadth;
pub mod census;
pub mod examine;
pub mod publish;
pub mod reader;
pub mod search;
