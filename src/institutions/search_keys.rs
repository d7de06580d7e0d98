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
//! initials or the code begin with; `qim` for three letters in a row inside them.

use std::{collections::{BTreeSet, HashSet}, sync::LazyLock};

use pinyin::{ToPinyin, ToPinyinMulti};
use unicode_normalization::UnicodeNormalization;

/// Characters of a name that are indexed; no name of an institution comes near.
const NAME_CHARS: usize = 64;
/// Tokens of an institution beyond which parts of its address are left out.
const TOKENS: usize = 2500;
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
            let readings = c.to_pinyin_multi().into_iter().flatten().map(|reading| reading.plain());
            let spelt: BTreeSet<String> = readings.flat_map(spellings).collect();
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
    letters.flat_map(|syllable| (3..=syllable.len()).map(move |to| syllable[to - 3..to].to_owned()).collect::<Vec<_>>()).collect()
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
