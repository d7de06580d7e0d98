//! SQL of what is published: written in the scope of whoever changes a fact, read by the public role.

pub mod publish;
