//! `mingjian oidc`: identity providers and what their claims mean.

use super::{CommandResult, Outcome, Refusal, user::region_of};
use crate::{
    config::{Now, Storage},
    db::Database,
    identity::{
        Caller, Role,
        oidc::settings::{self, NewProvider},
    },
    kernel::RegionCode,
};

/// What to do with identity providers.
#[derive(Debug, clap::Subcommand)]
pub enum Oidc {
    /// Add a provider, or change all but its issuer
    #[command(after_help = "Example: mingjian oidc add --region 330000 --issuer https://id.example.gov.cn \
                            --client-id mingjian --secret-stdin --name 浙江政务 zwfw < secret")]
    Add(Add),
    /// Say which post a value of a claim means; the first line that somebody fulfils counts
    #[command(after_help = "Example: mingjian oidc map --region 330000 --claim groups --value edu-331002-approver \
                            --role approver --at 331002 zwfw")]
    Map(Map),
    /// Strike a line of the mapping table out
    #[command(
        after_help = "Example: mingjian oidc unmap --region 330000 --claim groups --value edu-331002-approver zwfw"
    )]
    Unmap(Unmap),
    /// Remove a provider
    #[command(after_help = "Example: mingjian oidc remove --region 330000 zwfw")]
    Remove(Which),
    /// List the providers with their mapping tables
    #[command(after_help = "Example: mingjian oidc list")]
    List(List),
}

/// Which provider.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// Division code of the bureau whose provider it is
    #[arg(long, value_name = "C")]
    region: String,
    /// The provider's name in addresses
    id: String,
    #[command(flatten)]
    now: Now,
    #[command(flatten)]
    storage: Storage,
}

/// Arguments of `oidc add`.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// Issuer, exactly as its discovery document says
    #[arg(long, value_name = "URL")]
    issuer: String,
    /// What the provider calls this service
    #[arg(long, value_name = "ID")]
    client_id: String,
    /// Take the client secret from standard input (one line)
    #[arg(long)]
    secret_stdin: bool,
    /// Name on the sign-in page [default: ID]
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// A host besides the issuer's at which the provider has endpoints, with its port if any; repeatable
    #[arg(long, value_name = "HOST")]
    endpoint_host: Vec<String>,
    #[command(flatten)]
    which: Which,
}

/// Arguments of `oidc map`.
#[derive(Debug, clap::Args)]
pub struct Map {
    #[command(flatten)]
    line: Line,
    /// Role of the post
    #[arg(long)]
    role: Role,
    /// Division code of the bureau of the post, within the provider's range
    #[arg(long, value_name = "C")]
    at: String,
    #[command(flatten)]
    which: Which,
}

/// Arguments of `oidc unmap`.
#[derive(Debug, clap::Args)]
pub struct Unmap {
    #[command(flatten)]
    line: Line,
    #[command(flatten)]
    which: Which,
}

/// A claim and a value of it.
#[derive(Debug, clap::Args)]
pub struct Line {
    /// Claim of the ID token or the userinfo; `a.b` is the member b of the claim a
    #[arg(long)]
    claim: String,
    /// Its value, or one of its list of values
    #[arg(long)]
    value: String,
}

/// Arguments of `oidc list`.
#[derive(Debug, clap::Args)]
pub struct List {
    #[command(flatten)]
    storage: Storage,
}

impl Which {
    fn region(&self) -> Result<RegionCode, Refusal> {
        region_of("--region", &self.region)?
            .ok_or_else(|| Refusal::new("--region: a provider belongs to a county, city or province"))
    }

    fn caller(&self) -> Result<Caller, Refusal> {
        Ok(super::caller(self.region()?.tenant_id(), self.now.get()))
    }
}

async fn open(storage: &Storage) -> Result<Database, Refusal> {
    Database::open(storage).await.map_err(Refusal::new)
}

fn secret_line() -> Result<String, Refusal> {
    match super::first_line(4096)?.trim() {
        "" => Err(Refusal::new("standard input: the first line is empty; put the client secret there")),
        line => Ok(line.to_owned()),
    }
}

/// Runs it.
pub fn run(command: Oidc) -> CommandResult {
    match command {
        Oidc::Add(args) => {
            let (region, caller) = (args.which.region()?, args.which.caller()?);
            let secret = args.secret_stdin.then(secret_line).transpose()?;
            super::runtime()?.block_on(async {
                let database = open(&args.which.storage).await?;
                let new = NewProvider {
                    region,
                    id: &args.which.id,
                    name: args.name.as_deref().unwrap_or(&args.which.id),
                    issuer: &args.issuer,
                    client_id: &args.client_id,
                    secret: secret.as_deref(),
                    hosts: args.endpoint_host,
                };
                settings::add(&database.pools, &database.secrets, &caller, new).await.map_err(Refusal::new)
            })?;
        }
        Oidc::Map(args) => {
            let (region, caller) = (args.which.region()?, args.which.caller()?);
            let at = region_of("--at", &args.at)?
                .ok_or_else(|| Refusal::new("--at: a post belongs to a county, city or province"))?;
            super::runtime()?.block_on(async {
                let database = open(&args.which.storage).await?;
                let (provider, line) =
                    ((region, args.which.id.as_str()), (args.line.claim.as_str(), args.line.value.as_str()));
                settings::map(&database.pools, &caller, provider, line, (args.role, at)).await.map_err(Refusal::new)
            })?;
        }
        Oidc::Unmap(args) => {
            let caller = args.which.caller()?;
            super::runtime()?.block_on(async {
                let database = open(&args.which.storage).await?;
                let line = (args.line.claim.as_str(), args.line.value.as_str());
                settings::unmap(&database.pools, &caller, &args.which.id, line).await.map_err(Refusal::new)
            })?;
        }
        Oidc::Remove(which) => {
            let caller = which.caller()?;
            super::runtime()?.block_on(async {
                let database = open(&which.storage).await?;
                settings::remove(&database.pools, &caller, &which.id).await.map_err(Refusal::new)
            })?;
        }
        Oidc::List(args) => {
            let listed = super::runtime()?.block_on(async {
                let database = open(&args.storage).await?;
                settings::list(&database.pools).await.map_err(Refusal::new)
            })?;
            super::print_json(&listed)?;
        }
    }
    Ok(Outcome::Done)
}
