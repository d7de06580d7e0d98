//! Every dependency may be used under a licence that we have looked at, and no licence is allowed without need.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![expect(clippy::expect_used, reason = "an expectation that does not hold is how a test fails")]

use std::collections::BTreeSet;

use cargo_metadata::{CargoOpt, Metadata, MetadataCommand, Package};
use spdx::{Expression, LicenseReq, ParseMode};

/// What a dependency may be under: permissive, or copyleft of single files that we do not change.
const ALLOWED: &[&str] =
    &["MIT", "Apache-2.0", "BSD-3-Clause", "ISC", "Zlib", "0BSD", "Unicode-3.0", "MPL-2.0", "CDLA-Permissive-2.0"];

/// All packages that the program, its tests and its build scripts take on Linux.
fn metadata() -> Metadata {
    MetadataCommand::new()
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .features(CargoOpt::AllFeatures)
        .other_options(["--locked", "--filter-platform", "x86_64-unknown-linux-gnu"].map(str::to_owned))
        .exec()
        .expect("cargo metadata tells the dependencies")
}

fn allowed(requirement: &LicenseReq, except: Option<&str>) -> bool {
    let name = requirement.to_string();
    except != Some(name.as_str()) && ALLOWED.contains(&name.as_str())
}

/// The licence expression of a package; older packages write `/` for `OR`.
fn expression(package: &Package) -> Result<Expression, String> {
    let text = package.license.as_deref().ok_or("names no licence")?;
    Expression::parse_mode(text, ParseMode::LAX).map_err(|e| format!("{text}: {}", e.reason))
}

#[test]
fn every_dependency_may_be_used() {
    let metadata = metadata();
    let others: Vec<&Package> = metadata.packages.iter().filter(|package| package.source.is_some()).collect();
    assert!(100 < others.len(), "only {} dependencies were looked at", others.len());
    let refused: Vec<String> = others
        .iter()
        .filter_map(|package| {
            let reason = match expression(package) {
                Ok(expression) if expression.evaluate(|requirement| allowed(requirement, None)) => return None,
                Ok(expression) => format!("is under {expression}"),
                Err(reason) => reason,
            };
            Some(format!("{} {} {reason}", package.name, package.version))
        })
        .collect();
    assert!(refused.is_empty(), "not under an allowed licence:\n  {}", refused.join("\n  "));
}

#[test]
fn every_allowed_licence_is_needed() {
    let expressions: Vec<Expression> =
        metadata().packages.iter().filter_map(|package| expression(package).ok()).collect();
    let idle: BTreeSet<&str> = ALLOWED
        .iter()
        .copied()
        .filter(|licence| {
            expressions.iter().all(|expression| expression.evaluate(|requirement| allowed(requirement, Some(licence))))
        })
        .collect();
    assert!(idle.is_empty(), "allowed, but nothing needs it: {idle:?}");
}

#[test]
fn an_unknown_licence_is_refused() {
    for (text, passes) in [
        ("MIT", true),
        ("MIT/Apache-2.0", true),
        ("GPL-3.0-only OR MIT", true),
        ("GPL-3.0-only AND MIT", false),
        ("AGPL-3.0-only", false),
        ("Apache-2.0 WITH LLVM-exception", false),
        ("GPL-2.0-only WITH Classpath-exception-2.0", false),
    ] {
        let expression = Expression::parse_mode(text, ParseMode::LAX).expect(text);
        assert_eq!(expression.evaluate(|requirement| allowed(requirement, None)), passes, "{text}");
    }
}
