//! What a public search may ask for: tokens of an institution, tokens of a query.
//!
//! The tokens of an institution are kept in a `text[]` with a GIN index; `tokens @> query_tokens(q)` then finds every
//! institution that [`matches`] the query. It finds a few more: tokens do not say in which order they stood.
//! Where that matters, the rows that were found are passed through [`matches`].
//!
//! - Chinese: any part of the name, one character or more; any part of the address, two or more.
//! - Letters and digits: the beginning of the credit code; the pinyin or the initials of the name from any character
//!   on (`qiming`, `qmx`), whole or cut off anywhere, in every reading of a character (重庆 chongqing, zhongqing).
//! - Words with blanks between them must all be found. Case, width and punctuation do not count.
//!
//! Kinds of tokens: one or two characters as they are; `^q` and `^qi` for the one or two letters that pinyin,
//! initials or the code begin with; `qim` for three letters in a row inside them, unless one syllable holds all three.
//! An institution has about 160 of them.

use std::{
    collections::{BTreeSet, HashSet},
    sync::LazyLock,
};

use pinyin::{ToPinyin, ToPinyinMulti};
use unicode_normalization::UnicodeNormalization;

/// Characters of a name that are indexed; no name of an institution comes near.
const NAME_CHARS: usize = 64;
/// Tokens of an institution beyond which parts of its address are left out.
const TOKENS: usize = 250;
/// Readings of one character that are taken, the commonest first; further ones are of old texts only.
const READINGS: usize = 3;
/// Readings of characters that stand in nearly every name, which dictionaries list and nobody uses: each would add
/// tokens to every institution.
const DEAD: [(char, &str); 22] = [
    ('市', "fu"),
    ('有', "wei"),
    ('限', "wen"),
    ('司', "ci"),
    ('校', "qiao"),
    ('培', "pi"),
    ('培', "pou"),
    ('育', "yo"),
    ('育', "zhou"),
    ('体', "ben"),
    ('体', "cui"),
    ('例', "lie"),
    ('术', "zhu"),
    ('技', "qi"),
    ('化', "huo"),
    ('路', "luo"),
    ('温', "yun"),
    ('台', "yi"),
    ('台', "si"),
    ('是', "ti"),
    ('造', "cao"),
    ('童', "zhong"),
];
/// Characters of a query that are looked at.
const QUERY_CHARS: usize = 64;

/// The tokens of an institution, sorted, each once.
///
/// At most 250 for names of usual length: the address yields where name and code take the room.
pub fn tokens(name: &str, address: &str, credit_code: &str) -> Vec<String> {
    let mut tokens = BTreeSet::new();
    let characters: Vec<char> = plain(name).into_iter().take(NAME_CHARS).collect();
    tokens.extend(characters.iter().map(char::to_string));
    tokens.extend(pairs(&characters));
    let syllables = syllables(&characters);
    let initials: Vec<Vec<String>> = syllables.iter().map(|readings| first_letters(readings)).collect();
    for stream in [&syllables, &initials] {
        add_letters(stream, &mut tokens);
    }
    let code: Vec<char> = plain(credit_code);
    if let [first, second, ..] = code[..] {
        tokens.extend([format!("^{first}"), format!("^{first}{second}")]);
    }
    tokens.extend(code.windows(3).map(String::from_iter).filter(|letters| !COMMON.contains(letters)));
    for pair in pairs(&plain(address)) {
        if tokens.len() >= TOKENS {
            break;
        }
        tokens.insert(pair);
    }
    tokens.into_iter().collect()
}

/// The tokens that an institution must have to be found; empty when the query says nothing.
pub fn query_tokens(q: &str) -> Vec<String> {
    let mut tokens = BTreeSet::new();
    for word in words(q) {
        let letters = word.iter().all(char::is_ascii);
        match (&word[..], letters) {
            ([one], false) => drop(tokens.insert(one.to_string())),
            (_, false) => tokens.extend(pairs(&word)),
            (_, true) => {
                tokens.insert(format!("^{}", word.iter().take(2).collect::<String>()));
                tokens.extend(word.windows(3).map(String::from_iter).filter(|letters| !COMMON.contains(letters)));
            }
        }
    }
    tokens.into_iter().collect()
}

/// Whether an institution is what the query asks for, as the head of this module says; a query that says nothing
/// asks for all.
pub fn matches(name: &str, address: &str, credit_code: &str, q: &str) -> bool {
    let words = words(q);
    if words.is_empty() {
        return true;
    }
    let characters: Vec<char> = plain(name).into_iter().take(NAME_CHARS).collect();
    let (address, code) = (plain(address), plain(credit_code));
    let syllables = syllables(&characters);
    let initials: Vec<Vec<String>> = syllables.iter().map(|readings| first_letters(readings)).collect();
    words.iter().all(|word| {
        if word.iter().all(char::is_ascii) {
            let letters: String = word.iter().collect();
            let begins = |stream: &[Vec<String>]| (0..stream.len()).any(|at| spells(&stream[at..], &letters));
            code.starts_with(word) || begins(&syllables) || begins(&initials)
        } else {
            characters.windows(word.len()).any(|part| part == word)
                || (word.len() > 1 && address.windows(word.len()).any(|part| part == word))
        }
    })
}

/// The name in pinyin for ordering, syllables apart, each character in its commonest reading.
pub fn latin(name: &str) -> String {
    let mut latin = String::new();
    let mut joined = false;
    for c in name.nfkc().flat_map(char::to_lowercase) {
        match c.to_pinyin() {
            Some(reading) => {
                if !latin.is_empty() {
                    latin.push(' ');
                }
                latin.push_str(reading.plain());
                joined = false;
            }
            None if c.is_alphanumeric() => {
                if !latin.is_empty() && !joined {
                    latin.push(' ');
                }
                latin.push(c);
                joined = true;
            }
            None => joined = false,
        }
    }
    latin
}

/// The characters that count: half width, lower case, letters and digits of any script.
fn plain(text: &str) -> Vec<char> {
    text.nfkc().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect()
}

fn words(q: &str) -> Vec<Vec<char>> {
    let query: String = q.nfkc().take(QUERY_CHARS).collect();
    query.split_whitespace().map(plain).filter(|word| !word.is_empty()).collect()
}

fn pairs(characters: &[char]) -> impl Iterator<Item = String> {
    characters.windows(2).map(String::from_iter)
}

/// The ways to spell each character in small letters; none for a character without pinyin.
fn syllables(characters: &[char]) -> Vec<Vec<String>> {
    characters
        .iter()
        .map(|c| {
            if c.is_ascii() {
                return vec![c.to_string()];
            }
            let mut readings: Vec<&str> = Vec::new();
            for reading in c.to_pinyin_multi().into_iter().flatten().map(|reading| reading.plain()) {
                if !readings.contains(&reading) && !DEAD.contains(&(*c, reading)) {
                    readings.push(reading);
                }
            }
            let spelt: BTreeSet<String> = readings.into_iter().take(READINGS).flat_map(spellings).collect();
            spelt.into_iter().collect()
        })
        .collect()
}

/// A reading in the letters of a keyboard: ü is typed v, or u where the form does not tell them apart.
fn spellings(reading: &str) -> Vec<String> {
    let typed = if reading.contains('ü') {
        vec![reading.replace('ü', "v"), reading.replace('ü', "u")]
    } else {
        vec![reading.to_owned()]
    };
    typed.into_iter().filter(|spelling| !spelling.is_empty() && spelling.is_ascii()).collect()
}

fn first_letters(readings: &[String]) -> Vec<String> {
    let letters: BTreeSet<&str> = readings.iter().filter_map(|reading| reading.get(..1)).collect();
    letters.into_iter().map(str::to_owned).collect()
}

/// Every three letters in a row inside one syllable of pinyin, such as `ang` and `hua`.
///
/// They stand in half of all names, so that they cost much room and narrow nothing down; neither an institution nor a
/// query has them as tokens.
static COMMON: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let every = ('\u{4e00}'..='\u{9fff}').filter_map(|c| c.to_pinyin()).map(|reading| reading.plain());
    let syllables: HashSet<&str> = every.collect();
    let letters = syllables.into_iter().flat_map(spellings);
    letters
        .flat_map(|syllable| (3..=syllable.len()).map(move |to| syllable[to - 3..to].to_owned()).collect::<Vec<_>>())
        .collect()
});

/// Adds what a stream of syllables begins with at every syllable, and every three letters in a row.
fn add_letters(stream: &[Vec<String>], tokens: &mut BTreeSet<String>) {
    for (at, readings) in stream.iter().enumerate() {
        for reading in readings {
            for from in 0..reading.len() {
                let mut found = BTreeSet::new();
                spell_on(stream, at + 1, &reading[from..], &mut found);
                for letters in found {
                    if from == 0 {
                        tokens.extend((1..=letters.len().min(2)).map(|length| format!("^{}", &letters[..length])));
                    }
                    if letters.len() == 3 && !COMMON.contains(&letters) {
                        tokens.insert(letters);
                    }
                }
            }
        }
    }
}

/// Every three letters that begin with `so_far` and go on with the syllables from `next`; fewer where the stream ends.
fn spell_on(stream: &[Vec<String>], next: usize, so_far: &str, found: &mut BTreeSet<String>) {
    if so_far.len() >= 3 {
        found.insert(so_far[..3].to_owned());
        return;
    }
    match stream.get(next) {
        Some(readings) if !readings.is_empty() => {
            for reading in readings {
                let head = &reading[..reading.len().min(3)];
                spell_on(stream, next + 1, &format!("{so_far}{head}"), found);
            }
        }
        _ => drop(found.insert(so_far.to_owned())),
    }
}

/// Whether `letters` spell the beginning of a stream; the last syllable may be cut off.
fn spells(stream: &[Vec<String>], letters: &str) -> bool {
    let mut reached = BTreeSet::from([0]);
    for readings in stream {
        let mut further = BTreeSet::new();
        for at in reached {
            let rest = &letters[at..];
            for reading in readings {
                if reading.starts_with(rest) {
                    return true;
                }
                if rest.starts_with(reading.as_str()) {
                    further.insert(at + reading.len());
                }
            }
        }
        reached = further;
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ADDRESS: &str = "台州市椒江区海门街道中山路31号2楼";
    const CODE: &str = "52331002MJ0000018U";

    /// Whether the index finds it and the exact look agrees.
    fn found(name: &str, q: &str) -> bool {
        let tokens = tokens(name, ADDRESS, CODE);
        let indexed = query_tokens(q).iter().all(|token| tokens.contains(token));
        let exact = matches(name, ADDRESS, CODE, q);
        assert!(indexed || !exact, "the index misses {q:?} of {name}");
        exact
    }

    #[test]
    fn what_a_parent_types() {
        let name = "台州市椒江区启明星艺术培训学校（样例）";
        for q in [
            "启明",
            "启",
            "明星艺",
            "qiming",
            "QiMing",
            "qimingx",
            "qimingxing",
            "qmx",
            "qmxys",
            "q",
            "qi",
            "ＱＭＸ",
            "tzs",
            "椒江 启明",
            "启明　qmx",
            "中山路31号",
            "海门",
            "路31",
            "52331002",
            "5",
            "52331002mj0000018u",
            "５２３３１００２ＭＪ",
            "启明星艺术培训学校(样例)",
            "学校（样例）",
            "",
            "（",
            " ",
        ] {
            assert!(found(name, q), "{q:?}");
        }
        for q in [
            "明启",
            "启星",
            "iming",
            "qimx",
            "qmy",
            "晨星",
            "启明 晨星",
            "2331002",
            "路32",
            "52331002MJ0000018V",
            "qimingxingg",
        ] {
            assert!(!found(name, q), "{q:?}");
        }
    }

    #[test]
    fn every_living_reading_of_a_character_is_found() {
        for (name, queries) in [
            ("重庆路培训", ["chongqing", "zhongqing", "cq", "zq"]),
            ("长沙行知学校", ["changsha", "zhangshaxing", "cshz", "hangzhi"]),
            ("单老师音乐", ["shanlaoshi", "danlaoshi", "yinyue", "yinle"]),
            ("女子绿岛", ["nvzi", "nuzi", "lvdao", "nzld"]),
            ("3D打印ABC乐园", ["3dda", "abcleyuan", "abcyue", "3ddyabc"]),
        ] {
            for q in queries {
                assert!(found(name, q), "{q} in {name}");
            }
        }
    }

    #[test]
    fn tokens_alone_may_find_too_much_and_the_exact_look_does_not() {
        let tokens = tokens("启明明星", "", "");
        assert!(query_tokens("明星明").iter().any(|token| !tokens.contains(token)));
        assert!(query_tokens("启明星").iter().all(|token| tokens.contains(token)));
        assert!(!matches("启明明星", "", "", "启明星"));
    }

    #[test]
    fn names_are_ordered_syllable_by_syllable() {
        assert_eq!(latin("启明星（样例）"), "qi ming xing yang li");
        assert_eq!(latin("ABC 英语３Ｄ"), "abc ying yu 3d");
        assert_eq!(latin(""), "");
    }

    #[test]
    fn the_tokens_of_an_institution_are_bounded() {
        let long: String = ('\u{4e00}'..='\u{9fff}').step_by(37).take(500).collect();
        assert!(tokens("台州市椒江区启明星艺术培训学校（样例）", &long, CODE).len() <= TOKENS);
        assert!(tokens(&long, &long, CODE).len() < 1_500);
    }

    /// Names of characters that institutions have, polyphones and Latin letters among them.
    fn name() -> impl Strategy<Value = String> {
        let letters: Vec<char> =
            "启明星重庆长行乐单会都海艺体育培训学校女绿台州市有限公司安恩西3DAbc（）样例".chars().collect();
        prop::collection::vec(prop::sample::select(letters), 1..24).prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn every_part_of_a_name_is_found(name in name(), at in any::<prop::sample::Index>(), length in 1usize..24) {
            let characters: Vec<char> = name.chars().collect();
            let from = at.index(characters.len());
            let part: String = characters[from..(from + length).min(characters.len())].iter().collect();
            prop_assert!(found(&name, &part), "{} in {}", part, name);
        }

        #[test]
        fn pinyin_is_found_from_any_character_and_cut_off_anywhere(
            name in name(), at in any::<prop::sample::Index>(), choice in any::<prop::sample::Index>(), length in 2usize..40,
        ) {
            let characters = plain(&name);
            prop_assume!(!characters.is_empty());
            let (mut spelt, mut initials) = (String::new(), String::new());
            for c in &characters[at.index(characters.len())..] {
                let readings: Vec<&str> = c.to_pinyin_multi().into_iter().flatten().map(|reading| reading.plain()).collect();
                let living: Vec<&str> = readings.into_iter().filter(|reading| !DEAD.contains(&(*c, *reading))).collect();
                let reading = if living.is_empty() { c.to_string() } else { living[choice.index(living.len())].replace('ü', "v") };
                initials.push_str(&reading[..1]);
                spelt.push_str(&reading);
            }
            for q in [&spelt[..length.min(spelt.len())], &initials[..length.min(initials.len())]] {
                prop_assert!(found(&name, q), "{} in {}", q, name);
            }
        }

        #[test]
        fn the_code_is_found_by_its_beginning(length in 1usize..=18, lower in any::<bool>()) {
            let q = if lower { CODE[..length].to_lowercase() } else { CODE[..length].to_owned() };
            prop_assert!(found("启明", &q));
        }

        #[test]
        fn no_query_and_no_name_panics(name in "\\PC{0,40}", q in "\\PC{0,90}") {
            found(&name, &q);
            prop_assert!(query_tokens(&q).len() <= 4 * QUERY_CHARS);
            let _ = latin(&name);
        }
    }
}
