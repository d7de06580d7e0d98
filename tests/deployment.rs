//! The container files say what is true: variables exist, files and stages are there, nothing runs as root or unpinned.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![expect(clippy::expect_used, reason = "an expectation that does not hold is how a test fails")]

#[path = "deployment/dockerfile.rs"]
mod dockerfile;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use dockerfile::{Dockerfile, Stage};
use serde_yaml_ng::Value;

fn project(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
}

fn compose() -> Value {
    serde_yaml_ng::from_str(&project("docker-compose.yml")).expect("docker-compose.yml is YAML")
}

fn dockerfile() -> Dockerfile {
    Dockerfile::parse(&project("Dockerfile")).expect("Dockerfile can be read")
}

/// The variables that the program reads, from the `env = "…"` attributes of its configuration.
fn known_variables() -> BTreeSet<String> {
    let source = project("src/config.rs");
    let names: BTreeSet<String> =
        source.split("env = \"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect();
    assert!(names.contains("DATABASE_URL") && 8 < names.len(), "src/config.rs names only {names:?}");
    names
}

/// The keys of a mapping, or an empty list when the field is absent.
fn keys(value: &Value) -> Vec<String> {
    value.as_mapping().into_iter().flatten().filter_map(|(key, _)| key.as_str()).map(str::to_owned).collect()
}

fn strings(value: &Value) -> Vec<String> {
    value.as_sequence().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The value of an environment variable with `${NAME:-default}` read as its default.
fn settled(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let end = start + rest[start..].find('}').expect("a substitution ends");
        let (name, default) =
            rest[start + 2..end].split_once(":-").unwrap_or_else(|| panic!("{text}: a variable without a default"));
        assert!(!name.is_empty(), "{text}");
        out.push_str(&rest[..start]);
        out.push_str(default);
        rest = &rest[end + 1..];
    }
    out + rest
}

fn environment(service: &Value) -> BTreeMap<String, String> {
    let mapping = service["environment"].as_mapping().expect("the environment is a mapping");
    mapping
        .iter()
        .map(|(name, value)| {
            let value = value.as_str().map(str::to_owned).or_else(|| value.as_i64().map(|n| n.to_string()));
            (name.as_str().expect("a name").to_owned(), settled(&value.expect("a text or a number")))
        })
        .collect()
}

/// A tag is pinned when it is there and says which version it is.
fn is_pinned(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split_once(':').is_some_and(|(_, tag)| {
        !tag.is_empty() && !["latest", "stable", "edge", "nightly", "main"].contains(&tag) && !tag.contains('$')
    })
}

#[test]
fn a_floating_image_is_not_pinned() {
    for (image, pinned) in [
        ("postgres:15", true),
        ("rust:1.95-bookworm", true),
        ("axllent/mailpit:v1.21.8", true),
        ("registry.example:5000/postgres:15", true),
        ("registry.example:5000/postgres", false),
        ("postgres", false),
        ("postgres:", false),
        ("postgres:latest", false),
        ("postgres:${TAG}", false),
    ] {
        assert_eq!(is_pinned(image), pinned, "{image}");
    }
}

#[test]
fn every_variable_that_is_set_exists() {
    let known = known_variables();
    for (name, _) in environment(&compose()["services"]["app"]) {
        assert!(known.contains(&name), "docker-compose.yml sets {name}, which src/config.rs does not read");
    }
    let set = dockerfile().last_stage().variables();
    assert!(!set.is_empty(), "the image sets where it listens and keeps its data");
    for name in set.keys() {
        assert!(known.contains(name), "Dockerfile sets {name}, which src/config.rs does not read");
    }
}

#[test]
fn every_image_is_pinned() {
    let compose = compose();
    for name in keys(&compose["services"]) {
        let service = &compose["services"][&name];
        match service["image"].as_str() {
            Some(image) => assert!(is_pinned(image), "{name}: {image}"),
            None => assert_eq!(service["build"].as_str(), Some("."), "{name} has neither an image nor our build"),
        }
    }
    let file = dockerfile();
    for (position, stage) in file.stages.iter().enumerate() {
        let earlier = file.stages[..position].iter().any(|before| before.name.as_deref() == Some(&stage.image));
        assert!(earlier || is_pinned(&stage.image), "{}", stage.image);
    }
}

#[test]
fn every_file_that_is_copied_exists() {
    let file = dockerfile();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut copies = 0;
    for (position, stage) in file.stages.iter().enumerate() {
        for copy in stage.copies() {
            copies += 1;
            match copy.from {
                Some(from) => {
                    let before = &file.stages[..position];
                    let source: Vec<&Stage> =
                        before.iter().filter(|stage| stage.name.as_deref() == Some(from)).collect();
                    assert_eq!(source.len(), 1, "COPY --from={from}: no earlier stage has that name");
                    for path in &copy.sources {
                        assert!(source[0].mentions(path), "stage {from} makes no {path}");
                    }
                }
                None => {
                    for path in &copy.sources {
                        assert!(root.join(path).exists(), "COPY {path}: no such file in the project");
                    }
                }
            }
        }
    }
    assert!(2 <= copies, "the sources are copied in, and the program is copied out");
}

#[test]
fn the_image_runs_an_unprivileged_user_with_the_program_that_was_built() {
    let file = dockerfile();
    let stage = file.last_stage();
    let user = stage.last("USER").expect("the image names its user");
    assert!(!["root", "0"].contains(&user.split(':').next().unwrap_or("")), "the container would run as root");
    assert!(stage.mentions(&format!("useradd --system --uid 10001 --gid {user}")), "nothing makes the user {user}");
    let entry: Vec<String> =
        serde_json::from_str(stage.last("ENTRYPOINT").expect("an entry point")).expect("in exec form");
    let program =
        stage.copies().into_iter().find(|copy| copy.from.is_some()).expect("the program is copied from its stage");
    assert_eq!(entry, [program.target]);
    let builder = &file.stages[0];
    assert!(builder.mentions("cargo build --release --locked"), "the build ignores Cargo.lock");
    let toolchain = builder.image.trim_start_matches("rust:").split('-').next().unwrap_or("");
    assert!(
        project("Cargo.toml").contains(&format!("rust-version = \"{toolchain}\"")),
        "Cargo.toml wants another Rust than {}",
        builder.image
    );
}

#[test]
fn ports_agree() {
    let stage_variables = dockerfile().last_stage().variables();
    let compose = compose();
    let app = &compose["services"]["app"];
    let variables = environment(app);
    let port = |address: &str| address.rsplit(':').next().unwrap_or("").to_owned();
    let listens = port(&variables["MINGJIAN_LISTEN"]);
    assert_eq!(port(&stage_variables["MINGJIAN_LISTEN"]), listens);
    assert_eq!(dockerfile().last_stage().last("EXPOSE"), Some(listens.as_str()));
    assert!(
        dockerfile()
            .last_stage()
            .last("HEALTHCHECK")
            .expect("a health check")
            .contains(&format!("/127.0.0.1/{listens} "))
    );
    let published = strings(&app["ports"]);
    assert!(published.iter().any(|mapping| port(mapping) == listens), "{published:?} does not publish {listens}");
    for name in keys(&compose["services"]) {
        for mapping in strings(&compose["services"][&name]["ports"]) {
            assert!(mapping.starts_with("127.0.0.1:"), "{name} would be open to the network: {mapping}");
        }
    }
}

#[test]
fn the_parts_find_each_other() {
    let compose = compose();
    let services = keys(&compose["services"]);
    let variables = environment(&compose["services"]["app"]);
    let postgres = environment(&compose["services"]["postgres"]);
    let expected = format!(
        "postgres://{}:{}@postgres:5432/{}",
        postgres["POSTGRES_USER"], postgres["POSTGRES_PASSWORD"], postgres["POSTGRES_DB"]
    );
    assert_eq!(variables["DATABASE_URL"], expected);
    let host = variables["MINGJIAN_SMTP_URL"].trim_start_matches("smtp://").split(':').next().unwrap_or("").to_owned();
    assert!(services.contains(&host), "mail goes to {host}, which is no service here");
    for name in &services {
        let service = &compose["services"][name];
        for needed in keys(&service["depends_on"]) {
            assert!(services.contains(&needed), "{name} waits for {needed}, which is no service here");
        }
        for volume in strings(&service["volumes"]) {
            let source = volume.split(':').next().unwrap_or("").to_owned();
            assert!(
                keys(&compose["volumes"]).contains(&source),
                "{name} uses the volume {source}, which is not declared"
            );
        }
        for network in strings(&service["networks"]) {
            assert!(
                keys(&compose["networks"]).contains(&network),
                "{name} is on the network {network}, which is not declared"
            );
        }
    }
}

#[test]
fn nothing_private_goes_into_the_image() {
    let ignored = project(".dockerignore");
    for private in [".git", "target", "data", ".env"] {
        assert!(ignored.lines().any(|line| line == private), "{private} would be sent to the builder");
    }
}
