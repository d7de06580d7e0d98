//! What an operator writes down about a provider: who it is, and what its claims mean.

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    fetch::Hosts,
    flow::Client,
    mapping::may_be_given,
    store::{self, MappingRow, Provider},
};
use crate::{
    audit::{self, Event},
    db::{AuthConn, DbError, Pools},
    identity::{Caller, Role, commands},
    kernel::RegionCode,
    secrets::{Secrets, Unsealable},
};

/// Why settings were not taken; each says how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("a provider's name in addresses has 2 to 32 lower-case letters, digits or hyphens")]
    Id,
    #[error("{0} is no issuer: give its https address as it stands in its own discovery document, without a query")]
    Issuer(String),
    #[error(
        "{0} is there already with another issuer; the people that it knows belong to that one, so choose another name"
    )]
    IssuerChanged(String),
    #[error("there is no provider {0} in this bureau; add it first")]
    NoProvider(String),
    #[error("there is no such line in the mapping table")]
    NoLine,
    #[error("a provider cannot give the role {0}; it gives officials' roles that need nothing but a bureau")]
    Role(Role),
    #[error("{0} is not within the range of the provider's bureau")]
    Range(RegionCode),
    #[error("the role {0} does not belong to a bureau of this level")]
    Level(Role),
    #[error(transparent)]
    Seal(#[from] Unsealable),
    #[error(transparent)]
    Db(#[from] DbError),
}

/// A provider to add or to change.
#[derive(Debug, Clone)]
pub struct NewProvider<'a> {
    pub region: RegionCode,
    pub id: &'a str,
    pub name: &'a str,
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub secret: Option<&'a str>,
    pub hosts: Vec<String>,
}

fn label(tenant: i32, id: &str) -> String {
    format!("identity-provider:{tenant}:{id}")
}

fn is_id(id: &str) -> bool {
    (2..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn record(conn: &mut AuthConn, caller: &Caller, action: &str, id: &str, before: Option<Value>, after: Option<Value>) {
    let event = Event {
        action,
        subject_kind: "identity_provider",
        subject_id: id.to_owned(),
        before,
        after,
        ..Event::default()
    };
    audit::store::record_own(conn, caller, event);
}

/// Adds a provider or changes one; its issuer stays.
pub async fn add(pools: &Pools, secrets: &Secrets, caller: &Caller, new: NewProvider<'_>) -> Result<(), SettingsError> {
    if !is_id(new.id) {
        return Err(SettingsError::Id);
    }
    if Hosts::new(new.issuer, &new.hosts).is_none() {
        return Err(SettingsError::Issuer(new.issuer.to_owned()));
    }
    let tenant = new.region.tenant_id();
    let sealed_secret = new.secret.map(|secret| secrets.seal(&label(tenant, new.id), secret.as_bytes())).transpose()?;
    let provider = Provider {
        tenant_id: tenant,
        id: new.id.to_owned(),
        name: new.name.to_owned(),
        issuer: new.issuer.to_owned(),
        client_id: new.client_id.to_owned(),
        sealed_secret,
        hosts: new.hosts,
    };
    commands::establish_bureau(pools, new.region, caller.now).await?;
    AuthConn::transaction(pools, async |conn: &mut AuthConn| -> Result<(), SettingsError> {
        if !store::put(conn.sql(), &provider, caller.now).await? {
            return Err(SettingsError::IssuerChanged(provider.id.clone()));
        }
        let after = json!({"name": provider.name, "issuer": provider.issuer, "client_id": provider.client_id, "hosts": provider.hosts});
        record(conn, caller, "provider.set", &provider.id, None, Some(after));
        Ok(())
    })
    .await
}

/// Writes down what a claim's value means.
pub async fn map(
    pools: &Pools,
    caller: &Caller,
    provider: (RegionCode, &str),
    (claim, value): (&str, &str),
    (role, at): (Role, RegionCode),
) -> Result<(), SettingsError> {
    let (region, id) = provider;
    if !may_be_given(role) {
        return Err(SettingsError::Role(role));
    }
    let (lo, hi) = region.range();
    if !(lo..=hi).contains(&at.tenant_id()) || at.name().is_none() {
        return Err(SettingsError::Range(at));
    }
    if !role.fits(Some(at.level())) {
        return Err(SettingsError::Level(role));
    }
    commands::establish_bureau(pools, at, caller.now).await?;
    let tenant = region.tenant_id();
    let row = MappingRow {
        claim: claim.to_owned(),
        value: value.to_owned(),
        role: role.to_string(),
        post_tenant: at.tenant_id(),
    };
    AuthConn::transaction(pools, async |conn: &mut AuthConn| -> Result<(), SettingsError> {
        store::provider(conn.sql(), tenant, id).await?.ok_or_else(|| SettingsError::NoProvider(id.to_owned()))?;
        store::map(conn.sql(), tenant, id, &row).await?;
        let after = json!({"claim": claim, "value": value, "role": role, "region": at.to_string()});
        record(conn, caller, "provider.mapped", id, None, Some(after));
        Ok(())
    })
    .await
}

/// Strikes a line out; who came by it is refused at the next sign-in.
pub async fn unmap(
    pools: &Pools,
    caller: &Caller,
    id: &str,
    (claim, value): (&str, &str),
) -> Result<(), SettingsError> {
    AuthConn::transaction(pools, async |conn: &mut AuthConn| -> Result<(), SettingsError> {
        if !store::unmap(conn.sql(), caller.actor.tenant, id, claim, value).await? {
            return Err(SettingsError::NoLine);
        }
        record(conn, caller, "provider.unmapped", id, Some(json!({"claim": claim, "value": value})), None);
        Ok(())
    })
    .await
}

/// Removes a provider; the people that it knows keep their posts and need another way in.
pub async fn remove(pools: &Pools, caller: &Caller, id: &str) -> Result<(), SettingsError> {
    AuthConn::transaction(pools, async |conn: &mut AuthConn| -> Result<(), SettingsError> {
        if !store::remove(conn.sql(), caller.actor.tenant, id).await? {
            return Err(SettingsError::NoProvider(id.to_owned()));
        }
        record(conn, caller, "provider.removed", id, None, None);
        Ok(())
    })
    .await
}

/// A provider with its table, as the command line lists it.
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    pub region: String,
    pub id: String,
    pub name: String,
    pub issuer: String,
    pub client_id: String,
    pub has_secret: bool,
    pub hosts: Vec<String>,
    /// To be registered with the provider.
    pub redirect_path: String,
    pub mappings: Vec<Line>,
}

/// A line of the mapping table.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    pub claim: String,
    pub value: String,
    pub role: String,
    pub region: String,
}

/// All providers with their tables.
pub async fn list(pools: &Pools) -> Result<Vec<Listed>, DbError> {
    let mut conn = pools.auth().get().await?;
    let mut listed = Vec::new();
    for provider in store::providers(&mut conn).await? {
        let rows = store::mappings(&mut conn, provider.tenant_id, &provider.id).await?;
        let line = |row: MappingRow| Line {
            claim: row.claim,
            value: row.value,
            role: row.role,
            region: format!("{:06}", row.post_tenant),
        };
        listed.push(Listed {
            region: format!("{:06}", provider.tenant_id),
            redirect_path: redirect_path(&provider),
            has_secret: provider.sealed_secret.is_some(),
            id: provider.id,
            name: provider.name,
            issuer: provider.issuer,
            client_id: provider.client_id,
            hosts: provider.hosts,
            mappings: rows.into_iter().map(line).collect(),
        });
    }
    Ok(listed)
}

fn redirect_path(provider: &Provider) -> String {
    format!("/login/oidc/{:06}/{}/callback", provider.tenant_id, provider.id)
}

/// What the client needs to talk to a provider; its secret is opened here.
pub(super) fn client(secrets: &Secrets, public_url: &str, provider: &Provider) -> Result<Client, Unsealable> {
    let open = |sealed: &Vec<u8>| {
        let plain = secrets.open(&label(provider.tenant_id, &provider.id), sealed)?;
        String::from_utf8(plain).map_err(|_| Unsealable)
    };
    Ok(Client {
        issuer: provider.issuer.clone(),
        id: provider.client_id.clone(),
        secret: provider.sealed_secret.as_ref().map(open).transpose()?,
        hosts: provider.hosts.clone(),
        redirect: format!("{public_url}{}", redirect_path(provider)),
    })
}
