//! What a public search may ask for.
