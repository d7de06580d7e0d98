//! Enough of a Dockerfile reader to check ours: stages, and the instructions that the checks look at.

use std::collections::BTreeMap;

const INSTRUCTIONS: &[&str] =
    &["FROM", "WORKDIR", "COPY", "RUN", "ENV", "VOLUME", "EXPOSE", "USER", "HEALTHCHECK", "ENTRYPOINT", "CMD"];

/// A Dockerfile as its stages, in order.
#[derive(Debug)]
pub struct Dockerfile {
    pub stages: Vec<Stage>,
}

/// What stands between one FROM and the next.
#[derive(Debug)]
pub struct Stage {
    pub image: String,
    pub name: Option<String>,
    instructions: Vec<(String, String)>,
}

/// One COPY instruction.
#[derive(Debug, PartialEq, Eq)]
pub struct Copy<'a> {
    pub from: Option<&'a str>,
    pub sources: Vec<&'a str>,
    pub target: &'a str,
}

impl Dockerfile {
    /// Reads instructions over continued lines; refuses one that these checks do not know.
    pub fn parse(text: &str) -> Result<Dockerfile, String> {
        let mut stages: Vec<Stage> = Vec::new();
        for line in logical_lines(text) {
            let (instruction, rest) =
                line.split_once(char::is_whitespace).ok_or_else(|| format!("{line}: no argument"))?;
            let instruction = instruction.to_uppercase();
            if !INSTRUCTIONS.contains(&instruction.as_str()) {
                return Err(format!("{instruction} is not an instruction that the checks know"));
            }
            if instruction == "FROM" {
                let words: Vec<&str> = rest.split_whitespace().collect();
                let name = match words[..] {
                    [_] => None,
                    [_, as_word, name] if as_word.eq_ignore_ascii_case("as") => Some(name.to_owned()),
                    _ => return Err(format!("{line}: not IMAGE or IMAGE AS NAME")),
                };
                stages.push(Stage { image: words[0].to_owned(), name, instructions: Vec::new() });
            } else {
                let stage = stages.last_mut().ok_or_else(|| format!("{line} stands before the first FROM"))?;
                stage.instructions.push((instruction, rest.trim().to_owned()));
            }
        }
        if stages.is_empty() { Err("no FROM".to_owned()) } else { Ok(Dockerfile { stages }) }
    }

    /// The stage that becomes the image.
    pub fn last_stage(&self) -> &Stage {
        &self.stages[self.stages.len() - 1]
    }
}

impl Stage {
    /// The argument of the last such instruction.
    pub fn last(&self, instruction: &str) -> Option<&str> {
        self.instructions.iter().rev().find(|(name, _)| name == instruction).map(|(_, rest)| rest.as_str())
    }

    /// Whether any instruction holds `text`.
    pub fn mentions(&self, text: &str) -> bool {
        self.instructions.iter().any(|(_, rest)| rest.contains(text))
    }

    /// Variables set by ENV, in the form `NAME=value`.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let settings = self.instructions.iter().filter(|(name, _)| name == "ENV");
        settings
            .flat_map(|(_, rest)| rest.split_whitespace())
            .map(|pair| pair.split_once('=').unwrap_or_else(|| panic!("ENV {pair}: not NAME=value")))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// The COPY instructions in plain form.
    pub fn copies(&self) -> Vec<Copy<'_>> {
        let copies = self.instructions.iter().filter(|(name, _)| name == "COPY");
        copies
            .map(|(_, rest)| {
                let (options, mut paths): (Vec<&str>, Vec<&str>) =
                    rest.split_whitespace().partition(|word| word.starts_with("--"));
                let from = options.iter().find_map(|option| option.strip_prefix("--from="));
                let target = paths.pop().unwrap_or_else(|| panic!("COPY {rest}: no target"));
                Copy { from, sources: paths, target }
            })
            .collect()
    }
}

/// Lines with comments taken out and continuations joined.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut continues = false;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (part, more) = line.strip_suffix('\\').map_or((line, false), |part| (part.trim_end(), true));
        match lines.last_mut().filter(|_| continues) {
            Some(before) => {
                before.push(' ');
                before.push_str(part);
            }
            None => lines.push(part.to_owned()),
        }
        continues = more;
    }
    lines
}

#[test]
fn a_dockerfile_is_read_as_stages() {
    let text = "# one\nFROM a:1 AS build\nRUN x \\\n    # inside\n    && y\nFROM b:2\nENV A=1 \\\n  B=2\nCOPY --from=build /x /y /z\nUSER u\nUSER v\n";
    let file = Dockerfile::parse(text).expect("it is well formed");
    assert_eq!(file.stages[0].name.as_deref(), Some("build"));
    assert_eq!(file.stages[0].last("RUN"), Some("x && y"));
    let last = file.last_stage();
    assert_eq!(last.variables(), BTreeMap::from([("A".to_owned(), "1".to_owned()), ("B".to_owned(), "2".to_owned())]));
    assert_eq!(last.copies(), [Copy { from: Some("build"), sources: vec!["/x", "/y"], target: "/z" }]);
    assert_eq!(last.last("USER"), Some("v"));
}

#[test]
fn a_malformed_dockerfile_is_refused() {
    for text in ["", "RUN x\n", "FROM a:1\nFETCH x\n", "FROM a:1 build\n", "FROM\n"] {
        assert!(Dockerfile::parse(text).is_err(), "{text}");
    }
}
