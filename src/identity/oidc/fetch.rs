//! Asking a provider: over TLS, only hosts that its operator named, no redirects, little time, few bytes.

use std::{io, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use openidconnect::{
    HttpRequest, HttpResponse,
    http::{self, Uri},
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// A request takes no longer, from the first packet to the last.
const TIME_MAX: Duration = Duration::from_secs(10);
/// No answer of a provider is larger.
const BYTES_MAX: usize = 256 << 10;

/// Why a provider could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("{0} is not one of the provider's hosts, or not reached over https")]
    Host(String),
    #[error("no answer within {} s", TIME_MAX.as_secs())]
    Time,
    #[error("the provider cannot be reached: {0}")]
    Connect(#[from] hyper_util::client::legacy::Error),
    #[error("the answer broke off or is larger than {} KiB", BYTES_MAX >> 10)]
    Body,
    #[error("the request cannot be made: {0}")]
    Request(#[from] http::Error),
}

/// The hosts that a provider may be asked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    /// The issuer's, with its port, and whether it is this machine itself, which alone may be asked without TLS.
    issuer: String,
    loopback: bool,
    others: Vec<String>,
}

fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Hosts {
    /// The issuer's own and the others that the operator named; `None` for an issuer that is no https address.
    pub fn new(issuer: &str, others: &[String]) -> Option<Hosts> {
        let uri: Uri = issuer.parse().ok()?;
        let loopback = uri.scheme_str() == Some("http") && is_loopback(&uri);
        let fine = uri.query().is_none() && (loopback || uri.scheme_str() == Some("https"));
        let issuer = uri.authority().filter(|authority| fine && !authority.as_str().contains('@'))?.to_string();
        Some(Hosts { issuer, loopback, others: others.to_vec() })
    }

    fn admit(&self, uri: &Uri) -> bool {
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        let known = authority == self.issuer || self.others.contains(&authority);
        known && (uri.scheme_str() == Some("https") || (self.loopback && authority == self.issuer))
    }
}

/// The client; cheap to clone.
#[derive(Debug, Clone)]
pub struct Fetcher(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Fetcher {
    /// Trusts the usual authorities and those that this machine's operator added.
    pub fn new() -> io::Result<Fetcher> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let config = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build();
        // Sign-ins are rare: a connection that was kept would mostly be closed at the other end when it is used again.
        Ok(Fetcher(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector)))
    }

    /// Sends one request to one of `hosts` and takes its whole answer in, whatever its status.
    pub async fn send(&self, hosts: &Hosts, request: HttpRequest) -> Result<HttpResponse, FetchError> {
        if !hosts.admit(request.uri()) {
            return Err(FetchError::Host(request.uri().to_string()));
        }
        let answered = async {
            let response = self.0.request(request.map(|body| Full::new(Bytes::from(body)))).await?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, BYTES_MAX).collect().await.map_err(|_| FetchError::Body)?;
            Ok(HttpResponse::from_parts(head, body.to_bytes().to_vec()))
        };
        tokio::time::timeout(TIME_MAX, answered).await.unwrap_or(Err(FetchError::Time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_providers_own_hosts_are_asked_and_only_over_tls() {
        let province = Hosts::new("https://id.example.gov.cn/realms/edu", &["keys.example.gov.cn".to_owned()]).unwrap();
        let local = Hosts::new("http://127.0.0.1:4000", &["keys.example.gov.cn".to_owned()]).unwrap();
        for (hosts, uri, admitted) in [
            (&province, "https://id.example.gov.cn/token", true),
            (&province, "https://keys.example.gov.cn/jwks", true),
            (&province, "http://id.example.gov.cn/token", false),
            (&province, "https://id.example.gov.cn:8443/token", false),
            (&province, "https://id.example.gov.cn.evil.example/token", false),
            (&province, "https://user@id.example.gov.cn/token", false),
            (&province, "http://127.0.0.1:5432/", false),
            (&province, "https://169.254.169.254/latest/meta-data", false),
            (&local, "http://127.0.0.1:4000/token", true),
            (&local, "http://127.0.0.1:5432/", false),
            (&local, "http://localhost:4000/token", false),
            (&local, "http://keys.example.gov.cn/jwks", false),
        ] {
            assert_eq!(hosts.admit(&uri.parse().unwrap()), admitted, "{uri}");
        }
    }

    #[test]
    fn an_issuer_is_an_https_address() {
        for (issuer, fine) in [
            ("https://id.example.gov.cn", true),
            ("http://127.0.0.1:4000", true),
            ("http://id.example.gov.cn", false),
            ("https://id.example.gov.cn?x=1", false),
            ("https://user:secret@id.example.gov.cn", false),
            ("file:///etc/passwd", false),
            ("id.example.gov.cn", false),
        ] {
            assert_eq!(Hosts::new(issuer, &[]).is_some(), fine, "{issuer}");
        }
    }
}
