//! What is asked of the watch page.

use serde::Deserialize;

use crate::kernel::RegionCode;

/// What is asked for; anything else in the query is left alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct WatchQuery {
    #[serde(default)]
    level: String,
    #[serde(default)]
    q: String,
    /// A division within the caller's range.
    #[serde(default)]
    of: String,
    /// Bureau and id of the account that the page before ended with.
    #[serde(default)]
    after: String,
}

impl WatchQuery {
    /// As it stands in an address.
    pub fn read(text: &str) -> WatchQuery {
        let mut query = WatchQuery::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let field = match name.as_ref() {
                "level" => &mut query.level,
                "q" => &mut query.q,
                "of" => &mut query.of,
                "after" => &mut query.after,
                _ => continue,
            };
            *field = value.into_owned();
        }
        query
    }

    /// The level that alone is shown.
    pub fn level(&self) -> Option<&str> {
        matches!(self.level.as_str(), "red" | "orange" | "yellow" | "blue").then_some(self.level.as_str())
    }

    /// Part of a name or of a credit code.
    pub fn text(&self) -> &str {
        self.q.trim()
    }

    /// The division that alone is shown.
    pub fn of(&self) -> Option<RegionCode> {
        self.of.parse().ok()
    }

    /// The account that the page before ended with.
    pub fn after(&self) -> Option<(i32, i64)> {
        let (tenant, account) = self.after.split_once('.')?;
        Some((tenant.parse().ok()?, account.parse().ok()?))
    }

    /// The same from its first page on.
    pub fn first_page(self) -> WatchQuery {
        WatchQuery { after: String::new(), ..self }
    }

    /// As part of an address, with `level` in place of its own, from the first row on.
    pub fn with_level(&self, level: &str) -> String {
        self.write(level, "")
    }

    /// As part of an address that goes on after this account, or begins with the first row.
    pub fn going_on(&self, after: Option<(i32, i64)>) -> String {
        let after = after.map(|(tenant, account)| format!("{tenant}.{account}")).unwrap_or_default();
        self.write(self.level().unwrap_or_default(), &after)
    }

    fn write(&self, level: &str, after: &str) -> String {
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.append_pair("level", level).append_pair("q", self.text());
        if let Some(of) = self.of() {
            text.append_pair("of", &of.to_string());
        }
        if !after.is_empty() {
            text.append_pair("after", after);
        }
        text.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back() {
        let query = WatchQuery::read("level=red&q=+%E5%90%AF%E6%98%8E&of=331002&after=331002.17&done=note");
        assert_eq!((query.level(), query.text(), query.after()), (Some("red"), "启明", Some((331_002, 17))));
        let again = query.going_on(query.after());
        assert_eq!(again, "level=red&q=%E5%90%AF%E6%98%8E&of=331002&after=331002.17");
        assert_eq!(WatchQuery::read(&again).going_on(query.after()), again);
        assert_eq!(query.with_level(""), "level=&q=%E5%90%AF%E6%98%8E&of=331002");
        assert_eq!(query.first_page().after(), None);
        let nonsense = WatchQuery::read("level=purple&of=x&after=1");
        assert_eq!((nonsense.level(), nonsense.of(), nonsense.after()), (None, None, None));
    }
}
