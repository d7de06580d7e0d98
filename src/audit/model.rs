//! What an audit event says.

use serde_json::Value;

/// One change of state, told from the point of view of the subject.
#[derive(Debug, Clone, Default)]
pub struct Event<'a> {
    /// Feature and past verb, e.g. `course.approved`.
    pub action: &'a str,
    /// What kind of thing changed, e.g. `course`.
    pub subject_kind: &'a str,
    pub subject_id: String,
    /// The institution that it concerns; its users may see the event.
    pub institution: Option<i64>,
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub reason: Option<&'a str>,
}
