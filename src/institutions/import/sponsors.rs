//! A cell that names who set an institution up: one or several, each with the share where it is written.

use super::cells::{self, Cell};
use crate::{
    institutions::model::{Sponsor, SponsorKind, basis_points},
    kernel::{
        Private, mask,
        private::{Kind as _, PersonName},
    },
};

/// Marks between several sponsors of one cell.
const BETWEEN: [char; 7] = ['、', ',', '，', ';', '；', '\n', '/'];
/// Longest name, in characters.
pub const NAME_MAX: usize = 100;

/// The sponsors of a cell such as `王小明（60%）、星光控股有限公司 40%`, each once.
pub(super) fn read(written: &str) -> Cell<Vec<Sponsor>> {
    let mut sponsors: Vec<Sponsor> = Vec::new();
    for part in written.split(BETWEEN) {
        let (name, share_bp) = parted(cells::unmarked(part).trim_matches(cells::is_blank));
        let normal = PersonName::normal(&name);
        let known = sponsors.iter().any(|known| PersonName::normal(known.name.expose()) == normal);
        if !name.is_empty() && name.chars().count() <= NAME_MAX && !known {
            let kind = if mask::is_person(&name) { SponsorKind::Person } else { SponsorKind::Company };
            sponsors.push(Sponsor { name: Private::new(name), kind, share_bp });
        }
    }
    if sponsors.is_empty() { Cell::empty() } else { Cell::good(sponsors) }
}

/// The name and the share: in brackets after it, or behind it with its sign.
fn parted(part: &str) -> (String, Option<i32>) {
    let share =
        |text: &str| cells::narrow(text).trim().ends_with('%').then(|| basis_points(&cells::narrow(text))).flatten();
    if let Some(open) = part.strip_suffix([')', '）'])
        && let Some((name, inner)) = open.rsplit_once(['(', '（'])
        && let Some(bp) = share(inner)
    {
        return (name.trim_end().to_owned(), Some(bp));
    }
    let bare = part.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '%' | '％' | ' '));
    match share(&part[bare.len()..]) {
        Some(bp) => (bare.trim_end().to_owned(), Some(bp)),
        None => (part.to_owned(), None),
    }
}

/// What may be quoted of such a cell.
pub(super) fn quoted(written: &str) -> String {
    read(written).value.unwrap_or_default().iter().map(Sponsor::told).collect::<Vec<_>>().join("、")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_names_one_or_several_with_their_shares() {
        use SponsorKind::{Company, Person};
        for (written, expected) in [
            ("王小明", vec![("王小明", Person, None)]),
            (
                "王小明（60%）、星光控股有限公司(40%)",
                vec![("王小明", Person, Some(6_000)), ("星光控股有限公司", Company, Some(4_000))],
            ),
            ("王小明 33.3%;李四光 66.7％", vec![("王小明", Person, Some(3_330)), ("李四光", Person, Some(6_670))]),
            ("星光集团（浙江）", vec![("星光集团（浙江）", Company, None)]),
            ("星光教育集团2024", vec![("星光教育集团2024", Company, None)]),
            ("王小明，王小明", vec![("王小明", Person, None)]),
            (" 、 ", vec![]),
        ] {
            let read = read(written).value.unwrap_or_default();
            let read: Vec<_> = read.iter().map(|one| (one.name.expose(), one.kind, one.share_bp)).collect();
            assert_eq!(read, expected, "{written}");
        }
        assert_eq!(quoted("王小明（60%）、星光控股有限公司"), "王* 60%、星光控股有限公司");
    }
}
