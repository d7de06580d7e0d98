//! A line that may hold other lines once more: a bank books payments in one sum in its statement and tells of them one by one
//! in the hour, under references that nothing ties to each other.
//!
//! Pure. Both are kept: which is right, the bank knows. Only days are looked at on which a statement contradicts the books,
//! because sums agree by chance: fees are round.

use std::collections::BTreeMap;

use chrono::NaiveDate;

/// Lines of a day of which a sum is looked for one by one; of more only all of them together.
const SINGLES_MAX: usize = 12;
/// Lines of a day that are compared; an account with more is no school's.
const LINES_MAX: usize = 400;

/// A line as it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub on: NaiveDate,
    pub bank_ref: String,
    pub credit: bool,
    pub amount_fen: i64,
    /// The delivery that brought it.
    pub statement: i64,
}

/// Lines that come to what one line, or the parts of one, come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The reference of the line that is the sum.
    pub bank_ref: String,
    pub on: NaiveDate,
    pub credit: bool,
    pub sum_fen: i64,
    /// The delivery that brought it.
    pub statement: i64,
    pub singles: Vec<Line>,
}

/// What a reference is without its number among those that share it.
fn base(bank_ref: &str) -> &str {
    match bank_ref.rsplit_once('#') {
        Some((base, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => base,
        _ => bank_ref,
    }
}

/// The lines that may hold others of their day, direction and another delivery once more, in order of day and reference.
pub fn found(lines: &[Line]) -> Vec<Batch> {
    let mut days: BTreeMap<NaiveDate, Vec<Line>> = BTreeMap::new();
    lines.iter().for_each(|line| days.entry(line.on).or_default().push(line.clone()));
    days.into_values().filter(|lines| lines.len() <= LINES_MAX).flat_map(|lines| of_day(&lines)).collect()
}

fn of_day(lines: &[Line]) -> Vec<Batch> {
    let mut groups: BTreeMap<(NaiveDate, &str, bool), Vec<&Line>> = BTreeMap::new();
    for line in lines {
        groups.entry((line.on, base(&line.bank_ref), line.credit)).or_default().push(line);
    }
    let mut batches = Vec::new();
    for ((on, bank_ref, credit), parts) in &groups {
        let is_other = |line: &&Line| {
            line.on == *on
                && line.credit == *credit
                && base(&line.bank_ref) != *bank_ref
                && parts.iter().all(|part| part.statement != line.statement)
        };
        let others: Vec<&Line> = lines.iter().filter(is_other).collect();
        let Some(sum_fen) = parts.iter().try_fold(0_i64, |sum, part| sum.checked_add(part.amount_fen)) else {
            continue;
        };
        if let Some(singles) = adding_up(&others, sum_fen) {
            let singles = singles.into_iter().cloned().collect();
            let statement = parts.first().map_or(0, |part| part.statement);
            batches.push(Batch {
                bank_ref: (*bank_ref).to_owned(),
                on: *on,
                credit: *credit,
                sum_fen,
                statement,
                singles,
            });
        }
    }
    batches
}

/// Two lines or more that come to a sum, the fullest set first.
fn adding_up<'l>(lines: &[&'l Line], sum_fen: i64) -> Option<Vec<&'l Line>> {
    let all: i128 = lines.iter().map(|line| i128::from(line.amount_fen)).sum();
    if lines.len() >= 2 && all == i128::from(sum_fen) {
        return Some(lines.to_vec());
    }
    let fitting: Vec<&Line> = lines.iter().copied().filter(|line| line.amount_fen < sum_fen).collect();
    if fitting.len() > SINGLES_MAX {
        return None;
    }
    // Which lines come to each sum that is within reach, as bits.
    let mut reached: BTreeMap<i64, u32> = BTreeMap::from([(0, 0)]);
    for (place, line) in fitting.iter().enumerate() {
        let with: Vec<(i64, u32)> = reached
            .iter()
            .map(|(sum, of)| (sum + line.amount_fen, of | (1 << place)))
            .filter(|(sum, _)| *sum <= sum_fen)
            .collect();
        for (sum, of) in with {
            let known = reached.entry(sum).or_insert(of);
            if known.count_ones() < of.count_ones() {
                *known = of;
            }
        }
    }
    let of = *reached.get(&sum_fen)?;
    let chosen: Vec<&Line> =
        fitting.iter().enumerate().filter(|(place, _)| of & (1 << place) != 0).map(|(_, line)| *line).collect();
    (chosen.len() >= 2).then_some(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(bank_ref: &str, fen: i64, statement: i64) -> Line {
        let on = "2026-03-17".parse().unwrap();
        Line { on, bank_ref: bank_ref.to_owned(), credit: fen > 0, amount_fen: fen.abs(), statement }
    }

    fn told(lines: &[Line]) -> Vec<String> {
        let refs = |batch: &Batch| batch.singles.iter().map(|one| one.bank_ref.clone()).collect::<Vec<_>>().join("+");
        found(lines).iter().map(|batch| format!("{} = {}", batch.bank_ref, refs(batch))).collect()
    }

    #[test]
    fn a_sum_is_told_beside_the_lines_that_come_to_it() {
        let batch = line("B", -900, 1);
        for (case, lines, expected) in [
            ("two that come to it", vec![batch.clone(), line("S1", -400, 2), line("S2", -500, 3)], vec!["B = S1+S2"]),
            ("a fen more", vec![batch.clone(), line("S1", -400, 2), line("S2", -501, 3)], vec![]),
            ("one alone says nothing", vec![batch.clone(), line("S1", -900, 2)], vec![]),
            ("the other direction", vec![batch.clone(), line("S1", 400, 2), line("S2", 500, 3)], vec![]),
            ("in the same delivery", vec![batch.clone(), line("S1", -400, 1), line("S2", -500, 1)], vec![]),
            (
                "one beside them",
                vec![batch.clone(), line("S1", -400, 2), line("S2", -500, 3), line("S3", -70, 4)],
                vec!["B = S1+S2"],
            ),
            (
                "parts under one reference",
                vec![line("B", -400, 1), line("B#2", -500, 1), line("S1", -400, 2), line("S2", -500, 3)],
                vec!["B = S1+S2"],
            ),
        ] {
            assert_eq!(told(&lines), expected, "{case}");
        }
    }

    #[test]
    fn of_many_lines_only_all_together_are_compared() {
        let many = |count: u32| (0..count).map(|n| line(&format!("S{n}"), -(100 + i64::from(n)), 2));
        let all: Vec<Line> = many(40).chain([line("B", -(4_000 + 780), 1)]).collect();
        assert_eq!(found(&all)[0].singles.len(), 40);
        let some: Vec<Line> = many(40).chain([line("B", -201, 1)]).collect();
        assert!(found(&some).is_empty());
    }
}
