//! Keeping the trail: who may remove what, and that the rest stays verifiable; and that nothing is changed untold.

use std::{collections::BTreeSet, fs, path::PathBuf};

use mingjian::db::trail::Draft;
use serde_json::{Value, json};

use crate::{
    app::app,
    audit_chain::{append, busy, event, verify},
};

#[tokio::test]
async fn what_is_over_is_removed_and_the_rest_stays_verifiable() {
    let county = app().county();
    let tenant = county.tenant_id();
    let at = |at: &str, subject: &str| Draft { at: at.parse().unwrap(), ..event(county, subject) };
    append(
        county,
        vec![
            at("2019-01-01T00:00:00Z", "a"),
            at("2020-01-01T00:00:00Z", "b"),
            // A request that took long was written after a later one: it is as old as the youngest before it.
            at("2019-06-01T00:00:00Z", "c"),
            at("2099-01-01T00:00:00Z", "young"),
            at("2019-01-01T00:00:00Z", "old, but after a young one"),
        ],
    )
    .await;
    let region = county.to_string();
    let kept = app().run(&["audit", "checkpoint", "--region", &region], "");
    let elsewhere = tempfile::NamedTempFile::new().unwrap();
    fs::write(elsewhere.path(), kept).unwrap();
    let told = app().run(&["audit", "expire", "--region", &region, "--keep-months", "36"], "");
    assert_eq!(serde_json::from_str::<Value>(&told).unwrap()["removed"], 3);
    let root = app().database("mingjian_root").await;
    let left = root
        .query("SELECT seq, action, before::text FROM audit_events WHERE tenant_id = $1 ORDER BY seq", &[&tenant])
        .await
        .unwrap();
    let left: Vec<(i64, String)> = left.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(left.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [4, 5, 6]);
    assert_eq!(left[2].1, "audit.expired", "the removal is itself on record");
    let (status, verdict) = verify(app(), county, &["--checkpoint", elsewhere.path().to_str().unwrap()]);
    assert_eq!((status, &verdict["events"], &verdict["through"]), (0, &json!(3), &json!(6)), "{verdict}");
    let again = app().run(&["audit", "expire", "--region", &region, "--keep-months", "36"], "");
    assert_eq!(serde_json::from_str::<Value>(&again).unwrap()["removed"], 0);
    // Whoever makes up an archive record in the database gets nowhere.
    root.batch_execute(&format!(
        "INSERT INTO audit_archives SELECT tenant_id, seq, hash, 1, at, at, at, sha256('x') FROM audit_events WHERE tenant_id = {tenant} AND seq = 5; \
         DELETE FROM audit_events WHERE tenant_id = {tenant} AND seq <= 5"
    ))
    .await
    .unwrap();
    assert_eq!(verify(app(), county, &[]).1["what"], "unsigned");
}

#[tokio::test]
async fn no_runtime_role_removes_or_changes_an_event_but_the_worker_below_an_archive_record() {
    let county = app().county();
    let tenant = county.tenant_id();
    append(county, vec![event(county, "a"), Draft { at: chrono::Utc::now(), ..event(county, "young") }]).await;
    let scope = mingjian::db::Scope::system(tenant).statement();
    for role in ["mingjian_app", "mingjian_auth", "mingjian_public", "mingjian_ingest", "mingjian_worker"] {
        let client = app().database(role).await;
        for sql in [
            format!("DELETE FROM audit_events WHERE tenant_id = {tenant}"),
            format!("UPDATE audit_events SET reason = 'x' WHERE tenant_id = {tenant}"),
            "TRUNCATE audit_events".to_owned(),
            format!("DELETE FROM audit_heads WHERE tenant_id = {tenant}"),
            format!("DELETE FROM audit_checkpoints WHERE tenant_id = {tenant}"),
            format!("DELETE FROM audit_archives WHERE tenant_id = {tenant}"),
            format!("SELECT audit_forget({tenant}, 1)"),
        ] {
            client.batch_execute(&scope).await.unwrap();
            let error = client.batch_execute(&sql).await.expect_err(&format!("{role}: {sql}"));
            assert_eq!(error.code().unwrap().code(), "42501", "{role}: {sql}");
            client.batch_execute("ROLLBACK").await.unwrap();
        }
    }
    let worker = app().database("mingjian_worker").await;
    worker.batch_execute(&scope).await.unwrap();
    for seq in [1, 2] {
        let archive = format!(
            "INSERT INTO audit_archives SELECT tenant_id, seq, hash, seq, at, at, at, '' FROM audit_events WHERE tenant_id = {tenant} AND seq = {seq}"
        );
        worker.batch_execute(&archive).await.unwrap();
    }
    worker.batch_execute("SAVEPOINT s").await.unwrap();
    let young = worker.batch_execute(&format!("SELECT audit_forget({tenant}, 2)")).await.unwrap_err();
    assert!(young.as_db_error().unwrap().message().contains("six months"), "{young:?}");
    worker.batch_execute("ROLLBACK TO s").await.unwrap();
    let removed: i64 = worker.query_one("SELECT audit_forget($1, 1)", &[&tenant]).await.unwrap().get(0);
    assert_eq!(removed, 1);
    worker.batch_execute("ROLLBACK").await.unwrap();
}

/// Every table, and the kinds of subject under which its changes are told; or why they are not. A new table needs a line
/// here.
const TOLD: &[(&str, &[&str])] = &[
    ("tenants", &["bureau"]),
    ("users", &["user"]),
    ("people", &["user"]),
    ("invitations", &["user"]),
    ("passkeys", &["user"]),
    ("totp_secrets", &["user"]),
    ("recovery_codes", &["user"]),
    ("department_routes", &["bureau", "departments"]),
    ("policy_values", &["policy"]),
    ("access_requests", &["access_request"]),
    ("identity_providers", &["identity_provider"]),
    ("idp_role_mappings", &["identity_provider"]),
    ("idp_links", &["user"]),
    ("sessions", &["session"]),
    ("machine_keys", &["machine_key"]),
    ("institutions", &["institution"]),
    ("sponsors", &["institution"]),
    ("imports", &["import"]),
    ("approvals", &["approval"]),
    ("list_decisions", &["approval"]),
    ("courses", &["course"]),
    ("school_calendars", &["school_calendar"]),
    ("escrow_accounts", &["escrow_account"]),
    ("entries", &["escrow_account"]),
    ("own_transfers", &["escrow_account"]),
    ("account_amendments", &["escrow_account"]),
    ("statements", &["escrow_account", "statement"]),
    ("proof_days", &["proof"]),
    ("proof_items", &["proof"]),
    ("statement_layouts", &["statement_layout"]),
    ("statement_drafts", &["statement_draft"]),
    ("warnings", &["warning"]),
    ("contracts", &["contract"]),
    ("payments", &["contract"]),
    ("lessons", &["lesson", "contract"]),
    ("refunds", &["refund"]),
    ("refunds_astray", &["refund"]),
    ("release_orders", &["release_order"]),
    // Sums of contracts, payments, lessons and refunds.
    ("owed_days", &[]),
    // Of what banks pushed.
    ("feed_days", &[]),
    ("statement_faults", &["escrow_account"]),
    ("warning_actions", &["warning"]),
    ("warning_documents", &["warning"]),
    ("complaints", &["complaint"]),
    ("webhooks", &["webhook"]),
    ("sms_gateways", &["sms"]),
    ("duty_phones", &["sms"]),
    // Drawn from facts whose changes are told.
    ("public_institutions", &[]),
    ("published_coverage", &[]),
    ("outbox", &[]),
    // Of the technique: each is used once or goes by itself, and none says anything about anybody.
    ("refresh_tokens", &[]),
    ("machine_nonces", &[]),
    ("sweeps", &[]),
    // Sums of accounts.
    ("county_sums", &[]),
    ("idempotency_keys", &[]),
    ("attempts", &[]),
    ("steps", &[]),
    // Of no one bureau: a change of it is told in the trail of each bureau, or of the ministry.
    ("signing_keys", &[]),
    // The trail itself.
    ("audit_events", &[]),
    ("audit_heads", &[]),
    ("audit_checkpoints", &[]),
    ("audit_archives", &[]),
    ("audit_checks", &[]),
];

/// The tables that the migrations make.
fn tables() -> BTreeSet<String> {
    let folders = fs::read_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("migrations")).unwrap().flatten();
    let texts = folders.filter_map(|folder| fs::read_to_string(folder.path().join("up.sql")).ok());
    let made = |text: String| -> Vec<String> {
        let names = text.lines().filter_map(|line| line.strip_prefix("CREATE TABLE "));
        names.map(|rest| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect()).collect()
    };
    texts.flat_map(made).collect()
}

#[test]
fn every_table_is_told_of_or_says_why_not() {
    let known: BTreeSet<String> = TOLD.iter().map(|(table, _)| (*table).to_owned()).collect();
    let made = tables();
    assert!(made.len() > 15, "tables were found: {made:?}");
    assert_eq!(made.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new(), "made, and not told of");
    assert_eq!(known.difference(&made).collect::<Vec<_>>(), Vec::<&String>::new(), "told of, and not made");
}

#[tokio::test]
async fn a_story_leaves_events_about_every_table_that_it_changed() {
    let world = busy().await;
    let (root, tenant) = (app().database("mingjian_root").await, world.county.tenant_id());
    let kinds =
        root.query("SELECT DISTINCT subject_kind FROM audit_events WHERE tenant_id = $1", &[&tenant]).await.unwrap();
    let kinds: BTreeSet<String> = kinds.iter().map(|row| row.get(0)).collect();
    let mut changed = 0;
    for (table, subjects) in TOLD.iter().filter(|(_, subjects)| !subjects.is_empty()) {
        let sql = match *table {
            "people" => {
                "SELECT count(*) FROM people p JOIN users u ON u.person_id = p.id WHERE u.tenant_id = $1".to_owned()
            }
            table @ ("passkeys" | "totp_secrets" | "recovery_codes") => {
                format!(
                    "SELECT count(*) FROM {table} p JOIN users u ON u.person_id = p.person_id WHERE u.tenant_id = $1"
                )
            }
            table => format!("SELECT count(*) FROM {table} WHERE tenant_id = $1"),
        };
        let rows: i64 = root.query_one(&sql, &[&tenant]).await.unwrap().get(0);
        changed += i32::from(rows > 0);
        assert!(
            rows == 0 || subjects.iter().any(|kind| kinds.contains(*kind)),
            "{rows} rows of {table}, told of: {kinds:?}"
        );
    }
    assert!(changed > 12, "the story changes {changed} tables");
}
