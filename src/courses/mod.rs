//! Course registrations (课程备案): what an institution promises to teach, when, by whom and for how much.
