//! What an operator may set: by flag, by environment variable, or not at all.

use std::path::PathBuf;

use chrono::{DateTime, FixedOffset, NaiveDate, Utc};
use clap::Args;
use nix::unistd::Uid;

use crate::kernel::Clock;

/// Where the system keeps its files and finds its database. Taken by every command that needs them.
#[derive(Debug, Clone, Args)]
pub struct Storage {
    /// Data directory: private database cluster, keys, mails as files [default: ./data, as root /var/lib/mingjian]
    #[arg(long, env = "MINGJIAN_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// PostgreSQL to use instead of the private cluster; its user must be allowed to create roles and a schema
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// Keys that seal personal data, `number:64 hex digits` with commas between, the last one seals [default: keys/data
    /// under the data directory, made at first start]
    #[arg(long, env = "MINGJIAN_DATA_KEYS", value_name = "KEYS", hide_env_values = true)]
    pub data_keys: Option<String>,

    /// Directory with initdb and postgres for the private cluster [default: PATH, then Debian's directories]
    #[arg(long, env = "MINGJIAN_PG_BIN", value_name = "DIR")]
    pub pg_bin: Option<PathBuf>,

    /// Unprivileged user that owns the private cluster when started as root [default: postgres, else nobody]
    #[arg(long, env = "MINGJIAN_USER", value_name = "USER")]
    pub user: Option<String>,
}

impl Storage {
    /// The data directory, made absolute.
    pub fn directory(&self) -> std::io::Result<PathBuf> {
        let chosen = self.data.clone().unwrap_or_else(|| {
            // A private cluster cannot live under /root, where its unprivileged user may not go.
            PathBuf::from(if Uid::effective().is_root() { "/var/lib/mingjian" } else { "data" })
        });
        std::path::absolute(chosen)
    }
}

/// How the service listens, sends mail and limits what it takes in.
#[derive(Debug, Clone, Args)]
pub struct Service {
    /// Address to listen on
    #[arg(long, env = "MINGJIAN_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: String,

    /// Separate address for Prometheus metrics; none when absent
    #[arg(long, env = "MINGJIAN_METRICS_LISTEN", value_name = "ADDR")]
    pub metrics_listen: Option<String>,

    /// Address under which people reach the service, for links in mails [default: from the listening address]
    #[arg(long, env = "MINGJIAN_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,

    /// Networks of the proxies in front of the service, e.g. 10.0.0.0/8,127.0.0.1/32; only what they say of the visitor's
    /// address (X-Forwarded-For) is believed
    #[arg(long, env = "MINGJIAN_TRUSTED_PROXIES", value_name = "NETWORKS", value_delimiter = ',')]
    pub trusted_proxies: Vec<ipnet::IpNet>,

    /// Requests a second that one address may make in the long run, ten times as many at once; 0 is no limit, and the
    /// machine's own addresses have none
    #[arg(long, env = "MINGJIAN_REQUESTS_PER_SECOND", value_name = "N", default_value_t = 50)]
    pub requests_per_second: u32,
    /// Minutes after which an official's session that is not used ends; longer than the 15 of an access token
    #[arg(long, env = "MINGJIAN_IDLE_MINUTES", value_name = "MINUTES", default_value_t = 60,
          value_parser = clap::value_parser!(u32).range(16..=720))]
    pub idle_minutes: u32,

    /// Whom to tell of a vulnerability: mailto:, https: or tel:, for /.well-known/security.txt
    #[arg(long, env = "MINGJIAN_SECURITY_CONTACT", value_name = "URI", value_parser = contact)]
    pub security_contact: Option<String>,

    /// Day after which security.txt is to be looked at again [default: in half a year]
    #[arg(long, env = "MINGJIAN_SECURITY_EXPIRES", value_name = "DATE")]
    pub security_expires: Option<NaiveDate>,

    /// Threads that serve requests
    #[arg(long, env = "MINGJIAN_WORKERS", value_name = "N", default_value_t = 2)]
    pub workers: usize,

    /// Largest upload in mebibytes
    #[arg(long, env = "MINGJIAN_MAX_UPLOAD_MB", value_name = "MIB", default_value_t = 64)]
    pub max_upload_mb: u64,

    /// Largest size that an upload may unpack to, in mebibytes
    #[arg(long, env = "MINGJIAN_MAX_UNPACKED_MB", value_name = "MIB", default_value_t = 256)]
    pub max_unpacked_mb: u64,

    /// Most entries of one statement file
    #[arg(long, env = "MINGJIAN_MAX_ENTRIES", value_name = "N", default_value_t = 2_000_000)]
    pub max_entries: usize,

    /// Instant at which the service's clock stands still, e.g. 2026-03-18T09:00:00+08:00; for drills and tests
    #[arg(long, env = "MINGJIAN_CLOCK", value_name = "INSTANT", hide = true)]
    pub clock: Option<DateTime<FixedOffset>>,

    /// Private networks to which warnings may be sent, e.g. 10.8.0.0/16; else only addresses of the internet are called
    #[arg(long, env = "MINGJIAN_WEBHOOK_PRIVATE", value_name = "NETWORKS", value_delimiter = ',')]
    pub webhook_private: Vec<ipnet::IpNet>,

    #[command(flatten)]
    pub mail: Mail,
}

impl Service {
    /// The machine's clock, unless one was set to stand still.
    pub fn clock(&self) -> Clock {
        self.clock.map_or_else(Clock::system, |at| Clock::fixed(at.to_utc()))
    }
}

/// The clock of a command that writes down when.
#[derive(Debug, Clone, Args)]
pub struct Now {
    /// Instant at which the command's clock stands still, as that of the service; for drills and tests
    #[arg(long, env = "MINGJIAN_CLOCK", value_name = "INSTANT", hide = true)]
    clock: Option<DateTime<FixedOffset>>,
}

impl Now {
    /// The present instant.
    pub fn get(&self) -> DateTime<Utc> {
        self.clock.map_or_else(|| Clock::system().now(), |at| at.to_utc())
    }
}

fn contact(text: &str) -> Result<String, String> {
    let fine = ["mailto:", "https:", "tel:"].iter().any(|scheme| text.starts_with(scheme))
        && !text.contains(char::is_whitespace);
    if fine { Ok(text.to_owned()) } else { Err("write an address as mailto:…, https:… or tel:…".to_owned()) }
}

/// How mail leaves the system.
#[derive(Debug, Clone, Args)]
pub struct Mail {
    /// Mail server, e.g. smtp://user:password@mail.example:587?tls=required; files under the data directory when absent
    #[arg(long, env = "MINGJIAN_SMTP_URL", value_name = "URL", hide_env_values = true)]
    pub smtp_url: Option<String>,

    /// Sender of mails
    #[arg(long, env = "MINGJIAN_MAIL_FROM", value_name = "ADDRESS", default_value = "mingjian@localhost")]
    pub mail_from: String,
}
