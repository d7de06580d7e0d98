//! What a visitor's address asks for, read into a [`Search`].

use serde::Deserialize;

use super::{
    model::ListStatus,
    store::search::{Cursor, PAGE, Search},
};
use crate::{
    institutions::search_keys,
    kernel::RegionCode,
    web::{FieldError, Problem},
};

/// Most rows that a program may ask for at once.
const LIMIT_MAX: usize = 100;
/// Characters of a search that are read; the rest cannot narrow it further.
const QUERY_MAX: usize = 60;
/// The categories of `check course`.
pub const CATEGORIES: [&str; 7] =
    ["academic", "arts", "sports", "sci_tech", "vocational", "childcare", "comprehensive"];

/// The parameters as they came; empty ones ask for nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    pub q: String,
    pub region: String,
    /// `cat` on pages, `category` in the API.
    #[serde(alias = "cat")]
    pub category: String,
    pub list: String,
    pub limit: String,
    pub cursor: String,
}

impl Asked {
    /// The words searched for, without spaces around and cut to a sensible length.
    pub fn words(&self) -> String {
        self.q.trim().chars().filter(|c| !c.is_control()).take(QUERY_MAX).collect()
    }

    /// The search; `None` when words were given that nothing can be found by, e.g. a lone comma.
    pub fn search(&self) -> Result<Option<Search>, Problem> {
        let mut errors = Vec::new();
        let given = |text: &str| !text.trim().is_empty();
        let mut read = |path, wanted: bool, found: bool, zh: &str, en: &str| {
            if wanted && !found {
                errors.push(FieldError::new(path, "value", zh, en));
            }
        };
        let region = self.region.trim().parse::<RegionCode>().ok().map(RegionCode::range);
        read(
            "region",
            given(&self.region),
            region.is_some(),
            "地区须为 6 位行政区划代码，如 331002。",
            "region has 6 digits, e.g. 331002",
        );
        let category = CATEGORIES
            .iter()
            .find(|category| **category == self.category.trim())
            .map(|category| (*category).to_owned());
        read("category", given(&self.category), category.is_some(), "没有这个培训类别。", "no such category");
        let list = self.list.trim().parse::<ListStatus>().ok();
        read(
            "list",
            given(&self.list),
            list.is_some(),
            "名单状态须为 white、suspended、none 或 black。",
            "list is white, suspended, none or black",
        );
        let limit = self.limit.trim().parse::<usize>().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
        read("limit", given(&self.limit), limit.is_some(), "每页须为 1 至 100 条。", "limit is 1 to 100");
        let after = Some(self.cursor.trim()).filter(|text| !text.is_empty()).and_then(Cursor::decode);
        read(
            "cursor",
            given(&self.cursor),
            after.is_some(),
            "翻页位置无效，请从第一页开始。",
            "not a cursor of this service; begin at the first page",
        );
        if !errors.is_empty() {
            return Err(Problem::bad_request("网址参数有误，见下。", "Some parameters are wrong, see below.")
                .with_errors(errors));
        }
        let words = self.words();
        let tokens = if words.is_empty() { Vec::new() } else { search_keys::query_tokens(&words) };
        if tokens.is_empty() && !words.is_empty() {
            return Ok(None);
        }
        Ok(Some(Search { tokens, region, category, list, after, limit: limit.unwrap_or(PAGE) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Asked {
        actix_web::web::Query::<Asked>::from_query(query).unwrap().into_inner()
    }

    #[test]
    fn every_parameter_is_read_or_refused_by_name() {
        let search = asked("region=331000&category=arts&list=black&limit=100").search().unwrap().unwrap();
        assert_eq!(
            (search.region, search.limit, search.list),
            (Some((331_000, 331_099)), 100, Some(ListStatus::Black))
        );
        assert_eq!(asked("cat=sports").search().unwrap().unwrap().category.as_deref(), Some("sports"));
        assert_eq!(
            asked("region=&cat=&list=&cursor=").search().unwrap().unwrap(),
            Search { limit: PAGE, ..Search::default() }
        );
        for (query, path) in [
            ("region=33100", "region"),
            ("category=piano", "category"),
            ("list=grey", "list"),
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("cursor=x", "cursor"),
        ] {
            let problem = asked(query).search().unwrap_err();
            assert_eq!(problem.errors.iter().map(|e| e.path.as_str()).collect::<Vec<_>>(), [path], "{query}");
        }
    }

    #[test]
    fn long_or_odd_words_are_cut() {
        assert_eq!(asked("q=%E5%90%AF%00%E6%98%8E%20").words(), "启明");
        assert_eq!(asked(&format!("q={}", "a".repeat(500))).words().len(), QUERY_MAX);
    }
}
