//! Calls to bureaus' own systems: a signed POST, over TLS, to addresses of the internet and the networks that the operator
//! named. Redirects are not followed.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{Request, Uri};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{HttpConnector, dns::Name},
    },
    rt::TokioExecutor,
};
use ipnet::IpNet;
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tower_service::Service;

use crate::{
    escrow::oversight::webhook::{Receiver, address, reachable},
    identity::machine::signature,
};

/// A call takes no longer, from the first packet to the answer's head.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Why a call did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("the bureau has set no address any more, the officer is off duty, or a seal does not open")]
    NoReceiver,
    #[error("the address may not be called: {0}")]
    Address(#[from] address::AddressError),
    #[error("the request cannot be made: {0}")]
    Request(#[from] http::Error),
    #[error("the system cannot be reached: {0}")]
    Connect(#[from] hyper_util::client::legacy::Error),
    #[error("the system answered {0}")]
    Status(http::StatusCode),
    #[error("no answer within {} s", TIME_MAX.as_secs())]
    Time,
}

/// Gives of a name only the addresses that may be called, at the very moment of the connection.
#[derive(Debug, Clone)]
struct Resolver(Vec<IpNet>);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let private = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let fine: Vec<SocketAddr> = found.filter(|found| reachable(found.ip(), &private)).collect();
            if fine.is_empty() {
                return Err(io::Error::other("the name leads to private addresses only"));
            }
            Ok(fine.into_iter())
        })
    }
}

/// Makes the calls.
#[derive(Debug, Clone)]
pub struct Webhooks {
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    private: Vec<IpNet>,
}

impl Webhooks {
    /// `private`: the networks that the operator named.
    pub fn new(private: &[IpNet]) -> io::Result<Webhooks> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let config = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut connector = HttpConnector::new_with_resolver(Resolver(private.to_vec()));
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(TIME_MAX));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Webhooks { client, private: private.to_vec() })
    }

    /// Sends one message; any answer of 200 to 299 is taken as its receipt. `id` is the same whenever it is tried again.
    pub async fn send(&self, receiver: &Receiver, id: &str, body: &str, now: DateTime<Utc>) -> Result<(), CallError> {
        // An address in figures is asked of no resolver, so it is looked at here.
        let uri: Uri = address::check(&receiver.url, &self.private)?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let timestamp = now.timestamp().to_string();
        let signed = signature(&receiver.secret, &timestamp, id, "POST", &path, body.as_bytes());
        let request = Request::post(uri)
            .header("content-type", "application/json")
            .header("user-agent", "mingjian")
            .header("x-mj-timestamp", timestamp)
            .header("x-mj-nonce", id)
            .header("x-mj-signature", signed)
            .body(Full::new(Bytes::from(body.to_owned())))?;
        let answered = tokio::time::timeout(TIME_MAX, self.client.request(request)).await;
        let answer = answered.map_err(|_| CallError::Time)??;
        if answer.status().is_success() { Ok(()) } else { Err(CallError::Status(answer.status())) }
    }
}
