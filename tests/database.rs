//! The database itself: what the schema promises, and what the runtime roles cannot do.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "api/app.rs"]
#[allow(dead_code, reason = "this program needs only some of what the harness offers")]
mod app;

use app::app;
use mingjian::db::{
    migrate::{self, Direction},
    open::connect,
};
use tokio_postgres::{Client, Config};

fn config(user: &str, database: &str) -> Config {
    let mut config = Config::new();
    config.host_path(app().data.join("run")).user(user).dbname(database);
    config
}

async fn root() -> Client {
    connect(&config("mingjian_root", "mingjian")).await.unwrap()
}

async fn column(client: &Client, sql: &str) -> Vec<String> {
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// The rules that keep the schema ready for Citus and closed between bureaus (migrations/README.md).
#[tokio::test]
async fn the_schema_keeps_its_rules() {
    let broken = column(&root().await, LINT).await;
    assert!(broken.is_empty(), "{broken:#?}");
}

const LINT: &str = "
WITH tenant_tables AS (
    SELECT c.oid, c.relname::text AS name, a.attnum, c.relrowsecurity AND c.relforcerowsecurity AS forced
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace)
SELECT name || ': tenant_id is nullable or not int4' FROM tenant_tables t
  JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = t.attnum WHERE NOT a.attnotnull OR a.atttypid <> 'int4'::regtype
UNION ALL SELECT name || ': unique without tenant_id: ' || i.indexrelid::regclass FROM tenant_tables t
  JOIN pg_index i ON i.indrelid = t.oid WHERE i.indisunique AND NOT t.attnum = ANY (i.indkey::int2[])
UNION ALL SELECT name || ': tenant_id is not first in the primary key' FROM tenant_tables t
  WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = t.oid AND k.contype = 'p' AND k.conkey[1] = t.attnum)
UNION ALL SELECT a.name || ': foreign key without tenant_id: ' || k.conname FROM tenant_tables a
  JOIN pg_constraint k ON k.conrelid = a.oid AND k.contype = 'f' AND k.conparentid = 0 JOIN tenant_tables b ON b.oid = k.confrelid
  WHERE NOT EXISTS (SELECT FROM unnest(k.conkey, k.confkey) u (x, y) WHERE u.x = a.attnum AND u.y = b.attnum)
UNION ALL SELECT a.name || ': foreign key action that Citus refuses: ' || k.conname FROM tenant_tables a
  JOIN pg_constraint k ON k.conrelid = a.oid AND k.contype = 'f' WHERE k.confdeltype IN ('n', 'd') OR k.confupdtype IN ('c', 'n', 'd')
UNION ALL SELECT k.conrelid::regclass || ': foreign key from a shared table: ' || k.conname FROM pg_constraint k
  JOIN tenant_tables t ON t.oid = k.confrelid WHERE k.contype = 'f' AND k.conparentid = 0 AND k.conrelid NOT IN (SELECT oid FROM tenant_tables)
UNION ALL SELECT name || ': trigger ' || g.tgname FROM tenant_tables t JOIN pg_trigger g ON g.tgrelid = t.oid WHERE NOT g.tgisinternal
UNION ALL SELECT name || ': row-level security is not forced' FROM tenant_tables WHERE NOT forced
UNION ALL SELECT name || ': no policy' FROM tenant_tables t WHERE NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = t.oid)
UNION ALL SELECT name || ': sub-select in policy ' || p.polname FROM tenant_tables t JOIN pg_policy p ON p.polrelid = t.oid
  WHERE concat(pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) ~* '\\mselect\\M'
UNION ALL SELECT name || ': rule' FROM tenant_tables t JOIN pg_rewrite r ON r.ev_class = t.oid
UNION ALL SELECT c.relname || ': neither a tenant table nor known as shared' FROM pg_class c
  WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace
    AND c.oid NOT IN (SELECT oid FROM tenant_tables) AND c.relname NOT IN
        ('people', 'signing_keys', 'attempts', 'steps', 'totp_secrets', 'recovery_codes', 'passkeys', '__diesel_schema_migrations')";

/// Everything that a migration can make, in words.
const SHAPE: &str = "
SELECT format('column %s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default)
  FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT format('policy %s.%s %s %s %s %s', tablename, policyname, roles, cmd, qual, with_check) FROM pg_policies WHERE schemaname = 'public'
UNION ALL SELECT format('grant %s %s %s', c.relname, c.relacl, c.relforcerowsecurity) FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
UNION ALL SELECT 'function ' || pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
ORDER BY 1";

#[tokio::test(flavor = "multi_thread")]
async fn migrations_go_up_down_and_up_to_the_same_schema() {
    let root = root().await;
    root.batch_execute("CREATE DATABASE updown").await.unwrap();
    let admin = connect(&config("mingjian_root", "updown")).await.unwrap();
    admin
        .batch_execute("GRANT CREATE ON DATABASE updown TO mingjian_owner; ALTER SCHEMA public OWNER TO mingjian_owner")
        .await
        .unwrap();
    let owner = config("mingjian_owner", "updown");
    let up = migrate::run(&owner, Direction::Up).await.unwrap();
    let before = column(&admin, SHAPE).await;
    assert!(before.len() > 100, "the schema was read: {}", before.len());
    assert_eq!(migrate::run(&owner, Direction::Down).await.unwrap(), up);
    let left = column(
        &admin,
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')",
    )
    .await;
    assert_eq!(left, ["__diesel_schema_migrations"]);
    migrate::run(&owner, Direction::Up).await.unwrap();
    let after = column(&admin, SHAPE).await;
    let lost: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
    let new: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
    assert!(lost.is_empty() && new.is_empty(), "lost {lost:#?}, new {new:#?}");
}

#[tokio::test]
async fn runtime_roles_own_nothing_and_bypass_nothing() {
    let root = root().await;
    let owned = column(
        &root,
        "SELECT c.relname::text FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
        WHERE r.rolname IN ('mingjian_app', 'mingjian_auth', 'mingjian_public', 'mingjian_ingest', 'mingjian_worker')",
    )
    .await;
    assert_eq!(owned, Vec::<String>::new());
    let strong = column(
        &root,
        "SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'mingjian\\_%' AND rolname <> 'mingjian_root'
        AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb)",
    )
    .await;
    assert_eq!(strong, Vec::<String>::new());
    let members = column(&root, "SELECT m.rolname::text FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member WHERE m.rolname LIKE 'mingjian\\_%'
        AND m.rolname <> 'mingjian_root'").await;
    assert_eq!(members, Vec::<String>::new(), "SET ROLE leads nowhere");
}

#[tokio::test]
async fn without_a_scope_no_row_is_visible_and_with_one_only_its_own() {
    let app = app();
    let (one, other) = (app.county(), app.county());
    app.user("approver", one).await;
    app.user("approver", other).await;
    let client = connect(&config("mingjian_app", "mingjian")).await.unwrap();
    let seen = "SELECT count(*) FROM users";
    let count = |row: tokio_postgres::Row| row.get::<_, i64>(0);
    assert_eq!(count(client.query_one(seen, &[]).await.unwrap()), 0);
    let scope = |region: mingjian::kernel::RegionCode| mingjian::db::Scope::official(region, 0).statement();
    client.batch_execute(&scope(one)).await.unwrap();
    assert_eq!(count(client.query_one(seen, &[]).await.unwrap()), 1);
    client.batch_execute("COMMIT").await.unwrap();
    assert_eq!(count(client.query_one(seen, &[]).await.unwrap()), 0, "after the transaction the scope is gone");
    client.batch_execute(&scope("130000".parse().unwrap())).await.unwrap();
    assert!(count(client.query_one(seen, &[]).await.unwrap()) >= 2, "the province sees its counties");
    client.batch_execute("ROLLBACK").await.unwrap();
    for sql in [
        "SET ROLE mingjian_owner",
        "SET ROLE mingjian_root",
        "DELETE FROM audit_events",
        "UPDATE audit_events SET reason = 'x'",
    ] {
        assert!(client.batch_execute(sql).await.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn the_public_role_reads_what_is_published_and_nothing_else() {
    let client = connect(&config("mingjian_public", "mingjian")).await.unwrap();
    client.query("SELECT 1 FROM public_institutions LIMIT 1", &[]).await.unwrap();
    for table in
        ["institutions", "users", "warnings", "entries", "escrow_accounts", "audit_events", "courses", "outbox"]
    {
        let error = client.query(&format!("SELECT 1 FROM {table} LIMIT 1"), &[]).await.unwrap_err();
        assert_eq!(error.code(), Some(&tokio_postgres::error::SqlState::INSUFFICIENT_PRIVILEGE), "{table}");
    }
}

/// A county reads what its city, its province and the ministry have set, and nothing of its neighbours; it writes its own.
#[tokio::test]
async fn policies_are_read_from_above_and_written_by_nobody_else() {
    let app = app();
    let (one, other) = (app.county(), app.county());
    let own = i32::try_from(one.number()).unwrap();
    let levels = [0, own / 10_000 * 10_000, own / 100 * 100, own];
    let root = root().await;
    // Rows alone, without the bureaus and approvals behind them.
    root.batch_execute("SET session_replication_role = replica").await.unwrap();
    let row = |tenant: i32| {
        format!(
            "INSERT INTO policy_values (tenant_id, parameter, version, effective_from, value, reason, approval_id, proposed_by, \
             proposed_by_name, approved_by, approved_by_name, adopted_at) \
             VALUES ({tenant}, 'approvals.days', 1, '2026-01-01', '7', 'x', 1, 1, '甲', 2, '乙', now())"
        )
    };
    for tenant in levels.into_iter().chain([i32::try_from(other.number()).unwrap(), 330_000, 331_002]) {
        root.batch_execute(&row(tenant)).await.unwrap();
    }
    let seen = "SELECT DISTINCT tenant_id FROM policy_values ORDER BY 1";
    for role in ["mingjian_app", "mingjian_ingest"] {
        let client = connect(&config(role, "mingjian")).await.unwrap();
        assert!(client.query(seen, &[]).await.unwrap().is_empty(), "{role} without a scope");
        client.batch_execute(&mingjian::db::Scope::official(one, 0).statement()).await.unwrap();
        let tenants: Vec<i32> = client.query(seen, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
        assert_eq!(tenants, levels, "{role}");
        client.batch_execute("COMMIT").await.unwrap();
        assert!(client.query(seen, &[]).await.unwrap().is_empty(), "{role} after its scope");
        for tenant in [levels[2], i32::try_from(other.number()).unwrap()] {
            client.batch_execute(&mingjian::db::Scope::official(one, 0).statement()).await.unwrap();
            assert!(client.batch_execute(&row(tenant)).await.is_err(), "{role} writes for {tenant}");
            client.batch_execute("ROLLBACK").await.unwrap();
        }
        for sql in ["UPDATE policy_values SET value = '30'", "DELETE FROM policy_values"] {
            client.batch_execute(&mingjian::db::Scope::official(one, 0).statement()).await.unwrap();
            assert!(client.batch_execute(sql).await.is_err(), "{role}: {sql}");
            client.batch_execute("ROLLBACK").await.unwrap();
        }
    }
}
