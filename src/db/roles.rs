//! The roles that the system uses inside PostgreSQL, and how each connects.
//!
//! Roles belong to a whole cluster, not to one database, so they are made here and not in a migration.

use tokio_postgres::{Client, Config};

use crate::secrets::Secrets;

/// Who the system is inside PostgreSQL. None is a superuser or passes by row-level security.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter, strum::AsRefStr)]
pub enum Role {
    /// Owns the schema; applies migrations and nothing else.
    #[strum(serialize = "mingjian_owner")]
    Owner,
    /// Serves signed-in users inside their scope.
    #[strum(serialize = "mingjian_app")]
    App,
    /// Signs people and machines in, before any scope is known.
    #[strum(serialize = "mingjian_auth")]
    Auth,
    /// Reads what is published.
    #[strum(serialize = "mingjian_public")]
    Public,
    /// Takes bank statements in.
    #[strum(serialize = "mingjian_ingest")]
    Ingest,
    /// Works in the background.
    #[strum(serialize = "mingjian_worker")]
    Worker,
}

impl Role {
    /// How this role connects to the database that `admin` connects to.
    pub fn config(self, admin: &Config, secrets: Option<&Secrets>) -> Config {
        let mut config = admin.clone();
        config.user(self.as_ref()).application_name(self.as_ref());
        // To compile a plan takes longer than what any page asks for.
        let options = [admin.get_options().unwrap_or_default(), "-c jit=off"].join(" ");
        config.options(options.trim_start());
        if let Some(secrets) = secrets {
            config.password(self.password(secrets));
        }
        config
    }

    fn password(self, secrets: &Secrets) -> String {
        hex::encode(secrets.derive(&format!("role:{}", self.as_ref())))
    }
}

/// Makes the roles that are missing; with `secrets` (a database that is not the private cluster) sets their passwords.
pub async fn ensure(admin: &Client, secrets: Option<&Secrets>) -> Result<(), tokio_postgres::Error> {
    use strum::IntoEnumIterator;
    for role in Role::iter() {
        let name = role.as_ref();
        // Two processes may start at once on an empty cluster; the one that comes second finds the role made.
        admin
            .batch_execute(&format!(
                "DO $$ BEGIN CREATE ROLE {name} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE; \
                 EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
            ))
            .await?;
        if let Some(secrets) = secrets {
            admin.batch_execute(&format!("ALTER ROLE {name} PASSWORD '{}'", role.password(secrets))).await?;
        }
    }
    Ok(())
}
