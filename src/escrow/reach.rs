//! Which part of the caller's range a page looks at.

use crate::{
    identity::Caller,
    kernel::{RegionCode, region::Level},
};

/// The range of a division within the caller's own, or all of it; `None` where the division lies outside.
pub fn reach(caller: &Caller, of: Option<RegionCode>) -> Option<(i32, i32)> {
    let (lo, hi) = caller.actor.scope().range();
    let Some(of) = of else { return Some((lo, hi)) };
    let (first, last) = of.range();
    (of.level() != Level::Township && lo <= first && last <= hi).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{identity::Actor, kernel::clock};

    #[test]
    fn a_division_outside_of_the_own_range_is_out_of_reach() {
        let caller = |tenant| Caller {
            actor: Actor::system(tenant),
            request_id: String::new(),
            now: clock::midnight(chrono::NaiveDate::MIN),
        };
        let county: RegionCode = "331002".parse().unwrap();
        assert_eq!(reach(&caller(331_002), None), Some((331_002, 331_002)));
        assert_eq!(reach(&caller(331_002), Some(county)), Some((331_002, 331_002)));
        for outside in ["331000", "330000", "331003", "331002001"] {
            assert_eq!(reach(&caller(331_002), Some(outside.parse().unwrap())), None, "{outside}");
        }
    }
}
