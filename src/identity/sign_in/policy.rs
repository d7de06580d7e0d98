//! Who must have a second factor.

use super::super::{Role, store::Post};

/// Whether a person with these posts must have a second factor. The one place that decides it.
pub fn required(posts: &[Post], off: bool) -> bool {
    !off && posts.iter().any(|post| post.role.parse::<Role>().is_ok_and(required_of))
}

/// Officials decide about families' money and children's data; institutions see their own alone.
pub fn required_of(role: Role) -> bool {
    !role.is_institution() && !matches!(role, Role::SchoolUser | Role::Bank)
}
