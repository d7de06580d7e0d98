//! Lists of the API page by cursor: `?limit=50&cursor=…` → `{"items":[…],"next_cursor":null}`. Pages cut theirs alike.

use actix_web::HttpResponse;
use serde::{Deserialize, Serialize};

use super::{FieldError, Problem};

const LIMIT_DEFAULT: i64 = 50;
const LIMIT_MAX: i64 = 200;

/// Which page is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Paging {
    limit: Option<i64>,
    cursor: Option<String>,
}

/// A page of a list.
#[derive(Debug, Serialize)]
pub struct Items<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
}

impl Paging {
    /// From the two parameters of a query that has more than these.
    pub fn of(limit: Option<i64>, cursor: Option<&str>) -> Paging {
        Paging { limit, cursor: cursor.map(str::to_owned) }
    }

    /// How many rows to ask the store for: one more than the page holds, which tells whether there is a next page.
    pub fn rows(&self) -> i64 {
        self.limit() + 1
    }

    fn limit(&self) -> i64 {
        self.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX)
    }

    /// What the page before gave out; `None` for the first page.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref().filter(|text| !text.is_empty())
    }

    /// The id that the page before ended with; 0 for the first page.
    pub fn id(&self) -> Result<i64, Problem> {
        self.cursor().map_or(Ok(0), |text| text.parse().map_err(|_| bad_cursor()))
    }

    /// The page: `rows` are what the store gave for [`Paging::rows`]; `cursor` says where the next page begins.
    pub fn items<R, T>(&self, mut rows: Vec<R>, cursor: impl Fn(&R) -> String, shape: impl FnMut(R) -> T) -> Items<T> {
        let more = cut(&mut rows, self.limit());
        let next_cursor = if more { rows.last().map(cursor) } else { None };
        Items { items: rows.into_iter().map(shape).collect(), next_cursor }
    }
}

impl<T: Serialize> From<Items<T>> for HttpResponse {
    fn from(items: Items<T>) -> HttpResponse {
        HttpResponse::Ok().json(items)
    }
}

/// Cuts a list to a page of `limit` rows; whether there are more, for which the store was asked for one row too many.
pub fn cut<R>(rows: &mut Vec<R>, limit: i64) -> bool {
    let limit = usize::try_from(limit).unwrap_or_default();
    let more = limit < rows.len();
    rows.truncate(limit);
    more
}

/// 422: the cursor is none that this service gave out.
pub fn bad_cursor() -> Problem {
    Problem::invalid(vec![FieldError::new(
        "cursor",
        "CURSOR",
        "cursor 须原样取自上一页的 next_cursor",
        "a cursor is the next_cursor of the page before, unchanged",
    )])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(limit: i64, rows: &[i64]) -> (Vec<i64>, Option<String>) {
        let items = Paging::of(Some(limit), None).items(rows.to_vec(), i64::to_string, |row| row * 10);
        (items.items, items.next_cursor)
    }

    #[test]
    fn the_row_too_many_tells_of_a_next_page_and_is_not_shown() {
        assert_eq!(page(2, &[]), (vec![], None));
        assert_eq!(page(2, &[1, 2]), (vec![10, 20], None));
        assert_eq!(page(2, &[1, 2, 3]), (vec![10, 20], Some("2".to_owned())));
    }

    #[test]
    fn a_limit_stays_within_bounds_and_a_cursor_is_a_number() {
        assert_eq!(Paging::default().rows(), 51);
        assert_eq!(Paging::of(Some(0), None).rows(), 2);
        assert_eq!(Paging::of(Some(1_000_000), None).rows(), 201);
        assert_eq!(Paging::of(None, Some("")).id().unwrap(), 0);
        assert_eq!(Paging::of(None, Some("17")).id().unwrap(), 17);
        assert!(Paging::of(None, Some("x")).id().is_err());
    }
}
