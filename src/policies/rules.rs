//! How the levels' values come to the one that is in force: ministry → province → city → county, on a day.
//!
//! Pure. A level may only tighten what stands above it. A looser value is refused when it is proposed
//! ([`check`]); where a level above tightens later, its value wins over the looser one below from that day on
//! ([`resolve`]), so that what is in force is never looser than any level above.

use std::{cmp::Ordering, collections::BTreeMap};

use chrono::NaiveDate;

use super::{
    model::{Parameter, Row, Standing, Stricter, Value},
    registry,
};

/// The bureaus above a bureau and itself, the highest first: 0 is the ministry.
///
/// Codes count in twos of digits: 331002 → 0, 330000, 331000, 331002.
pub fn chain_of(tenant: i32) -> Vec<i32> {
    let mut chain = vec![0, tenant / 10_000 * 10_000, tenant / 100 * 100, tenant];
    chain.dedup();
    chain
}

/// What one level has to say about a parameter on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub tenant: i32,
    /// What the level has set; `None` where it has set nothing.
    pub row: Option<Row>,
    /// Whether a level above is stricter, so that this level's value does not hold.
    pub overridden: bool,
}

/// What is in force for a parameter on a day, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    pub parameter: &'static Parameter,
    pub value: Value,
    /// The levels whose values made it; none where it is the program's. Several only for sets.
    pub from: Vec<i32>,
    /// Every level, the highest first.
    pub chain: Vec<Link>,
}

impl Resolved {
    /// The row that the value stands in, where it stands in one.
    pub fn row(&self) -> Option<&Row> {
        let tenant = *self.from.last()?;
        self.chain.iter().find(|link| link.tenant == tenant)?.row.as_ref()
    }

    /// Whether a level below the highest has tightened it.
    pub fn is_set_at(&self, tenant: i32) -> bool {
        self.from.contains(&tenant)
    }
}

/// The row of a bureau that holds on a day: the one that came into force last, and of those of one day the one adopted
/// last. Its first day counts.
pub fn in_force_of<'a>(rows: &'a [Row], tenant: i32, parameter: &str, on: NaiveDate) -> Option<&'a Row> {
    rows.iter()
        .filter(|row| row.tenant == tenant && row.parameter == parameter && row.effective_from <= on)
        .max_by_key(|row| (row.effective_from, row.id))
}

/// What is in force for `tenant` on a day. `rows` may hold rows of other parameters and bureaus, in any order.
pub fn resolve(parameter: &'static Parameter, rows: &[Row], tenant: i32, on: NaiveDate) -> Resolved {
    let chain = chain_of(tenant);
    let mut value = parameter.default_value();
    let mut from: Vec<i32> = Vec::new();
    let mut links = Vec::with_capacity(chain.len());
    // A fallback of the program gives way to the first level that has set a value.
    let mut free = parameter.standing == Standing::Fallback;
    for level in chain {
        let row = in_force_of(rows, level, parameter.id, on).cloned();
        let mut overridden = false;
        if let Some(row) = &row {
            if free || parameter.stricter == Stricter::Local {
                (value, from, free) = (row.value.clone(), vec![level], false);
            } else {
                let both = parameter.stricter_of(&value, &row.value);
                overridden = both != row.value && both == value;
                if both != value {
                    // The union of two sets comes from both of them.
                    let alone = both == row.value;
                    from = if alone { vec![level] } else { from.into_iter().chain([level]).collect() };
                    value = both;
                }
            }
        }
        links.push(Link { tenant: level, row, overridden });
    }
    Resolved { parameter, value, from, chain: links }
}

/// A level above that a proposed value would loosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looser {
    pub parameter: &'static Parameter,
    pub proposed: Value,
    /// What holds above.
    pub limit: Value,
    /// The level whose value it is; `None` for law or a rule of the platform.
    pub set_by: Option<i32>,
    /// The row, where it stands in one.
    pub row: Option<Row>,
    /// The day on which the proposed value would be looser.
    pub on: NaiveDate,
}

/// Whether `tenant` may set `value` from a day on: on that day and on every later day on which a change that is known
/// above comes into force it must be as strict as what stands above.
pub fn check(
    parameter: &'static Parameter,
    value: &Value,
    rows: &[Row],
    tenant: i32,
    from: NaiveDate,
) -> Result<(), Box<Looser>> {
    if parameter.stricter == Stricter::Local {
        return Ok(());
    }
    let above: Vec<i32> = chain_of(tenant).into_iter().filter(|level| *level != tenant).collect();
    let mut days: Vec<NaiveDate> = rows
        .iter()
        .filter(|row| row.parameter == parameter.id && above.contains(&row.tenant) && from < row.effective_from)
        .map(|row| row.effective_from)
        .collect();
    days.push(from);
    days.sort_unstable();
    for on in days {
        // What stands above is what would hold if the bureau had set nothing.
        let others: Vec<Row> = rows.iter().filter(|row| row.tenant != tenant).cloned().collect();
        let limit = resolve(parameter, &others, tenant, on);
        let bound = parameter.standing == Standing::Bound || !limit.from.is_empty();
        let strict = matches!(parameter.compare(value, &limit.value), Some(Ordering::Equal | Ordering::Greater));
        if bound && !strict {
            let (set_by, row) = (limit.from.last().copied(), limit.row().cloned());
            return Err(Box::new(Looser { parameter, proposed: value.clone(), limit: limit.value, set_by, row, on }));
        }
    }
    Ok(())
}

/// All that has been set by the levels of one bureau's chain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chain {
    pub tenant: i32,
    /// Of all levels, parameters and days.
    pub rows: Vec<Row>,
}

impl Chain {
    /// The same rows as they hold for another bureau.
    pub fn at(&self, tenant: i32) -> Chain {
        Chain { tenant, rows: self.rows.clone() }
    }

    /// What is in force for one parameter on a day.
    pub fn resolve(&self, parameter: &'static Parameter, on: NaiveDate) -> Resolved {
        resolve(parameter, &self.rows, self.tenant, on)
    }

    /// What is in force on a day.
    pub fn on(&self, on: NaiveDate) -> InForce {
        let chain = chain_of(self.tenant);
        let known = self.rows.iter().filter(|row| row.effective_from <= on && chain.contains(&row.tenant));
        InForce {
            resolved: registry::PARAMETERS.iter().map(|parameter| self.resolve(parameter, on)).collect(),
            known: known.map(|row| (row.tenant, row.id, row.parameter, row.effective_from)).collect(),
        }
    }

    /// The days after `on` on which one of these parameters changes, in order.
    pub fn changes_after(&self, on: NaiveDate, belongs: impl Fn(&str) -> bool) -> Vec<NaiveDate> {
        let later = self.rows.iter().filter(|row| on < row.effective_from && belongs(row.parameter));
        let mut days: Vec<NaiveDate> = later.map(|row| row.effective_from).collect();
        days.sort_unstable();
        days.dedup();
        days
    }
}

/// Everything that is in force on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    resolved: Vec<Resolved>,
    /// Bureau, number, parameter and first day of every value of the chain that has come into force.
    known: Vec<(i32, i64, &'static str, NaiveDate)>,
}

impl InForce {
    /// One parameter.
    pub fn of(&self, id: &str) -> Option<&Resolved> {
        self.resolved.iter().find(|resolved| resolved.parameter.id == id)
    }

    /// A number; the program's own where there is none.
    pub fn number(&self, id: &str) -> i64 {
        self.optional_number(id).unwrap_or_default()
    }

    /// A number that may be never reached.
    pub fn optional_number(&self, id: &str) -> Option<i64> {
        match self.of(id)?.value {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The word of a choice.
    pub fn word(&self, id: &str) -> &str {
        match self.of(id).map(|resolved| &resolved.value) {
            Some(Value::Choice(word)) => word,
            _ => "",
        }
    }

    /// Whether a set holds a word.
    pub fn holds(&self, id: &str, word: &str) -> bool {
        matches!(self.of(id).map(|resolved| &resolved.value), Some(Value::Set(words)) if words.contains(word))
    }

    /// The version of a part of the policy, by which it can be found again for good: the program's version, and of each
    /// level the last value set and the last day on which one came into force, up to the day.
    ///
    /// Values are only ever added, so that the two tell which of a level's values were known.
    pub fn version(&self, base: &str, belongs: impl Fn(&str) -> bool) -> String {
        let mut levels: BTreeMap<i32, (i64, NaiveDate)> = BTreeMap::new();
        for (tenant, id, _, from) in self.known.iter().filter(|(_, _, parameter, _)| belongs(parameter)) {
            let (last, on) = levels.entry(*tenant).or_insert((*id, *from));
            (*last, *on) = ((*last).max(*id), (*on).max(*from));
        }
        let levels: String = levels.iter().map(|(tenant, (id, on))| format!("+{tenant:06}.{id}@{on}")).collect();
        format!("{base}{levels}")
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Days};
    use proptest::prelude::*;

    use super::*;
    use crate::policies::registry::parameter_of;

    const COUNTY: i32 = 331_002;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn row(id: i64, tenant: i32, parameter: &'static Parameter, value: Value, from: NaiveDate) -> Row {
        Row {
            tenant,
            id,
            parameter: parameter.id,
            effective_from: from,
            value,
            version: 1,
            reason: String::new(),
            proposed_by: String::new(),
            approved_by: String::new(),
            adopted_at: DateTime::default(),
        }
    }

    fn end(clock: &str) -> Value {
        parameter_of("course.offline_end").unwrap().read(&serde_json::json!(clock)).unwrap()
    }

    #[test]
    fn the_levels_above_a_bureau_follow_from_its_code() {
        assert_eq!(chain_of(331_002), [0, 330_000, 331_000, 331_002]);
        assert_eq!(chain_of(331_000), [0, 330_000, 331_000]);
        assert_eq!(chain_of(330_000), [0, 330_000]);
        assert_eq!(chain_of(0), [0]);
    }

    #[test]
    fn a_value_holds_from_its_first_day_on_and_until_the_next_one() {
        let parameter = parameter_of("course.offline_end").unwrap();
        let rows = [
            row(1, COUNTY, parameter, end("20:00"), day("2026-04-01")),
            row(2, COUNTY, parameter, end("19:30"), day("2026-05-01")),
            row(3, COUNTY, parameter, end("20:15"), day("2026-05-01")),
        ];
        for (on, value, from) in [
            ("2026-03-31", "20:30", vec![]),
            ("2026-04-01", "20:00", vec![COUNTY]),
            ("2026-04-30", "20:00", vec![COUNTY]),
            ("2026-05-01", "20:15", vec![COUNTY]),
        ] {
            let resolved = resolve(parameter, &rows, COUNTY, day(on));
            assert_eq!((resolved.value, resolved.from), (end(value), from), "{on}");
        }
    }

    #[test]
    fn a_later_tightening_above_wins_over_what_is_looser_below() {
        let parameter = parameter_of("course.offline_end").unwrap();
        let rows = [
            row(1, COUNTY, parameter, end("20:15"), day("2026-04-01")),
            row(2, 330_000, parameter, end("20:00"), day("2026-05-01")),
        ];
        let resolved = resolve(parameter, &rows, COUNTY, day("2026-05-01"));
        assert_eq!((resolved.value.clone(), resolved.from.clone()), (end("20:00"), vec![330_000]));
        assert!(resolved.chain[3].overridden && !resolved.chain[1].overridden);
        assert_eq!(resolved.row().map(|row| row.id), Some(2));
    }

    #[test]
    fn a_looser_value_is_refused_with_who_set_the_limit_and_on_which_day() {
        let parameter = parameter_of("course.offline_end").unwrap();
        let rows = [row(2, 331_000, parameter, end("20:00"), day("2026-05-01"))];
        let from = day("2026-04-01");
        assert_eq!(check(parameter, &end("20:00"), &rows, COUNTY, from), Ok(()));
        let looser = check(parameter, &end("20:15"), &rows, COUNTY, from).unwrap_err();
        assert_eq!((looser.set_by, looser.on), (Some(331_000), day("2026-05-01")));
        let looser = check(parameter, &end("20:31"), &rows, COUNTY, from).unwrap_err();
        assert_eq!((looser.set_by, looser.on, looser.limit.clone()), (None, from, end("20:30")));
        assert!(
            check(parameter, &end("20:15"), &rows, 331_000, from).is_ok(),
            "the city's own value is no limit to it"
        );
    }

    #[test]
    fn a_fallback_binds_nobody_until_a_level_has_set_a_value() {
        let parameter = parameter_of("escrow.rolling.7.red_bp").unwrap();
        let from = day("2026-04-01");
        assert_eq!(check(parameter, &Value::Number(8_000), &[], COUNTY, from), Ok(()));
        let rows = [row(1, 330_000, parameter, Value::Number(7_500), from)];
        assert!(check(parameter, &Value::Number(8_000), &rows, COUNTY, from).is_err());
        let local = parameter_of("escrow.minimum.fixed_fen").unwrap();
        let rows = [row(1, 330_000, local, Value::Number(100), from), row(2, COUNTY, local, Value::Number(50), from)];
        assert_eq!(check(local, &Value::Number(50), &rows, COUNTY, from), Ok(()));
        assert_eq!(resolve(local, &rows, COUNTY, from).value, Value::Number(50), "local values have no floor");
    }

    #[test]
    fn sets_only_grow_downwards() {
        let parameter = parameter_of(registry::FOUR_EYES).unwrap();
        let Value::Set(base) = parameter.default_value() else { panic!() };
        let with = |word: &str| Value::Set(base.iter().cloned().chain([word.to_owned()]).collect());
        let from = day("2026-04-01");
        let rows = [
            row(1, 330_000, parameter, with("warning_close_orange"), from),
            row(2, COUNTY, parameter, with("personal_data_access"), from),
        ];
        let resolved = resolve(parameter, &rows, COUNTY, from);
        assert_eq!(resolved.from, [330_000, COUNTY]);
        let in_force = Chain { tenant: COUNTY, rows: rows.to_vec() }.on(from);
        for word in ["warning_close_orange", "personal_data_access", "warning_close_red"] {
            assert!(in_force.holds(registry::FOUR_EYES, word), "{word}");
        }
        let fewer = Value::Set(base.iter().filter(|word| *word != "list_exit").cloned().collect());
        assert!(check(parameter, &fewer, &[], COUNTY, from).is_err());
    }

    #[test]
    fn a_version_names_the_levels_and_changes_whenever_a_value_does() {
        let parameter = parameter_of("escrow.rolling.7.red_bp").unwrap();
        let rows = vec![
            row(7, 330_000, parameter, Value::Number(6_500), day("2026-04-01")),
            row(6, COUNTY, parameter, Value::Number(6_000), day("2026-05-01")),
        ];
        let chain = Chain { tenant: COUNTY, rows };
        let version = |on: &str| chain.on(day(on)).version("2026-01", |id| id.starts_with("escrow."));
        assert_eq!(version("2026-03-31"), "2026-01");
        assert_eq!(version("2026-04-30"), "2026-01+330000.7@2026-04-01");
        assert_eq!(version("2026-05-01"), "2026-01+330000.7@2026-04-01+331002.6@2026-05-01");
        assert_eq!(chain.on(day("2026-05-01")).version("x", |id| id.starts_with("course.")), "x");
    }

    /// Rows of any level of the chain with any value on any of a few days.
    fn rows(parameter: &'static Parameter) -> impl Strategy<Value = Vec<Row>> {
        let value = match parameter.kind {
            crate::policies::model::Kind::Set(words) => {
                let names: Vec<String> = words.iter().map(|(name, ..)| (*name).to_owned()).collect();
                prop::sample::subsequence(names.clone(), 0..=names.len())
                    .prop_map(|names| Value::Set(names.into_iter().collect()))
                    .boxed()
            }
            crate::policies::model::Kind::Choice(words) => {
                let names: Vec<String> = words.iter().map(|(name, ..)| (*name).to_owned()).collect();
                prop::sample::select(names).prop_map(Value::Choice).boxed()
            }
            _ if parameter.optional => prop_oneof![Just(Value::Never), (1_i64..50).prop_map(Value::Number)].boxed(),
            _ => (1_i64..50).prop_map(Value::Number).boxed(),
        };
        let one = (prop::sample::select(chain_of(COUNTY)), value, 0_u64..6);
        prop::collection::vec(one, 0..10).prop_map(move |all| {
            let first = day("2026-04-01");
            let number = |(at, (tenant, value, days)): (usize, (i32, Value, u64))| {
                row(i64::try_from(at).unwrap(), tenant, parameter, value, first + Days::new(days))
            };
            all.into_iter().enumerate().map(number).collect()
        })
    }

    fn any_rows() -> impl Strategy<Value = (&'static Parameter, Vec<Row>)> {
        prop::sample::select(registry::PARAMETERS.iter().collect::<Vec<&'static Parameter>>())
            .prop_flat_map(|parameter| (Just(parameter), rows(parameter)))
    }

    proptest! {
        #[test]
        fn what_is_in_force_is_never_looser_than_any_level_above((parameter, rows) in any_rows(), days in 0_u64..7) {
            prop_assume!(parameter.stricter != Stricter::Local);
            let on = day("2026-04-01") + Days::new(days);
            let resolved = resolve(parameter, &rows, COUNTY, on);
            for above in chain_of(COUNTY) {
                let limit = resolve(parameter, &rows, above, on);
                let bound = parameter.standing == Standing::Bound || !limit.from.is_empty();
                let order = parameter.compare(&resolved.value, &limit.value);
                prop_assert!(!bound || matches!(order, Some(Ordering::Equal | Ordering::Greater)),
                    "{above}: {:?} beside {:?}", resolved.value, limit.value);
                if let Some(row) = in_force_of(&rows, above, parameter.id, on) {
                    let order = parameter.compare(&resolved.value, &row.value);
                    prop_assert!(matches!(order, Some(Ordering::Equal | Ordering::Greater)), "the row of {above} itself");
                }
            }
        }

        #[test]
        fn the_order_of_rows_does_not_matter((parameter, rows) in any_rows(), days in 0_u64..7, seed in any::<u64>()) {
            let on = day("2026-04-01") + Days::new(days);
            let mut other = rows.clone();
            other.sort_by_key(|row| (row.id as u64).wrapping_mul(seed | 1).rotate_left(17));
            let (one, other) = (resolve(parameter, &rows, COUNTY, on), resolve(parameter, &other, COUNTY, on));
            prop_assert_eq!(one, other);
        }

        #[test]
        fn what_is_accepted_holds_exactly_on_its_days((parameter, rows) in any_rows(), days in 0_u64..7, pick in any::<prop::sample::Index>()) {
            prop_assume!(!rows.is_empty());
            let (value, from) = (pick.get(&rows).value.clone(), day("2026-04-01") + Days::new(days));
            let others: Vec<Row> = rows.iter().filter(|row| row.tenant != COUNTY).cloned().collect();
            prop_assume!(check(parameter, &value, &others, COUNTY, from).is_ok());
            let mut with = others.clone();
            with.push(row(99, COUNTY, parameter, value.clone(), from));
            for later in 0..8 {
                let on = from + Days::new(later);
                prop_assert_eq!(&resolve(parameter, &with, COUNTY, on).value, &value, "{}", on);
            }
            let before = from.pred_opt().unwrap();
            prop_assert_eq!(resolve(parameter, &with, COUNTY, before).value, resolve(parameter, &others, COUNTY, before).value);
        }
    }
}
