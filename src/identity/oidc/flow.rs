//! The dialogue with a provider: sending a person there, and finding out who came back.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use openidconnect::{
    AccessToken, AdditionalProviderMetadata, AuthenticationFlow, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    HttpRequest, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, ProviderMetadata,
    RedirectUrl, Scope, TokenResponse,
    core::{
        CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
        CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm, CoreResponseMode,
        CoreResponseType, CoreSubjectIdentifierType,
    },
    http::{Method, StatusCode, header},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::fetch::{FetchError, Fetcher, Hosts};

/// What a provider says of itself is asked again after this time,
const FRESH: Duration = Duration::from_secs(3600);
/// or after this one when a token names a key that was not there.
const RETRY: Duration = Duration::from_secs(60);

/// What our client reads of a provider's metadata beyond the usual.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct More {
    /// RFC 9207: its answers name the issuer, so that one provider's cannot be taken for another's.
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for More {}

type Metadata = ProviderMetadata<
    More,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// Signatures by a key of the provider's own; never `none`, and never by the secret that we share.
fn algorithms() -> [CoreJwsSigningAlgorithm; 9] {
    use CoreJwsSigningAlgorithm::*;
    [
        RsaSsaPkcs1V15Sha256,
        RsaSsaPkcs1V15Sha384,
        RsaSsaPkcs1V15Sha512,
        RsaSsaPssSha256,
        RsaSsaPssSha384,
        RsaSsaPssSha512,
        EcdsaP256Sha256,
        EcdsaP384Sha384,
        EdDsa,
    ]
}

/// A provider with what our client needs to talk to it.
#[derive(Debug, Clone)]
pub struct Client {
    pub issuer: String,
    pub id: String,
    pub secret: Option<String>,
    pub hosts: Vec<String>,
    /// Where the provider sends people back to.
    pub redirect: String,
}

/// Why somebody did not get in by a provider.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    #[error("the settings of the provider are not right: {0}")]
    Settings(String),
    #[error("the provider did not answer as it should: {0}")]
    Provider(String),
    #[error("the provider refused: {0}")]
    Refused(String),
    #[error("what the provider sent does not belong to this sign-in: {0}")]
    Mismatch(String),
}

impl From<FetchError> for FlowError {
    fn from(error: FetchError) -> Self {
        FlowError::Provider(error.to_string())
    }
}

/// What must be the same when the person comes back; sealed into a cookie meanwhile.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pending {
    state: String,
    nonce: String,
    verifier: String,
    /// Where to go on.
    pub next: String,
    pub until: DateTime<Utc>,
}

/// What a provider sent back with the person.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Returned {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    iss: Option<String>,
    error: Option<String>,
    #[serde(rename = "session_state")]
    _session_state: Option<String>,
}

/// Who came back.
#[derive(Debug, Clone)]
pub struct Identity {
    pub subject: String,
    /// Of the ID token, and of the userinfo endpoint if the provider has one.
    pub claims: Map<String, Value>,
}

impl Identity {
    /// A text among the claims.
    pub fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
    }
}

#[derive(Clone)]
struct Known {
    metadata: Arc<Metadata>,
    asked_at: Instant,
}

/// Talks to providers and remembers what they say of themselves. Cheap to clone.
#[derive(Clone)]
pub struct Oidc {
    fetcher: Fetcher,
    known: Arc<Mutex<HashMap<String, Known>>>,
}

impl std::fmt::Debug for Oidc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Oidc(…)")
    }
}

impl Oidc {
    /// Knows no provider yet.
    pub fn new() -> io::Result<Oidc> {
        Ok(Oidc { fetcher: Fetcher::new()?, known: Arc::default() })
    }

    fn hosts(client: &Client) -> Result<Hosts, FlowError> {
        Hosts::new(&client.issuer, &client.hosts)
            .ok_or_else(|| FlowError::Settings(format!("{} is no https address", client.issuer)))
    }

    /// What the provider says of itself, with its keys; asked again when older than `age_max`.
    async fn metadata(&self, client: &Client, age_max: Duration) -> Result<Arc<Metadata>, FlowError> {
        let known = self.known.lock().ok().and_then(|known| known.get(&client.issuer).cloned());
        if let Some(known) = known.filter(|known| known.asked_at.elapsed() < age_max) {
            return Ok(known.metadata);
        }
        let hosts = Oidc::hosts(client)?;
        let fetch = |request: HttpRequest| self.fetcher.send(&hosts, request);
        let issuer = IssuerUrl::new(client.issuer.clone()).map_err(|e| FlowError::Settings(e.to_string()))?;
        let found = Metadata::discover_async(issuer, &fetch).await.map_err(|e| FlowError::Provider(with_causes(&e)))?;
        let metadata = Arc::new(found);
        if let Ok(mut known) = self.known.lock() {
            let fresh = Known { metadata: Arc::clone(&metadata), asked_at: Instant::now() };
            known.insert(client.issuer.clone(), fresh);
        }
        Ok(metadata)
    }

    /// The address at the provider to send a person to, and what to remember meanwhile.
    pub async fn begin(
        &self,
        client: &Client,
        next: String,
        until: DateTime<Utc>,
    ) -> Result<(String, Pending), FlowError> {
        let metadata = self.metadata(client, FRESH).await?;
        let own = CoreClient::from_provider_metadata((*metadata).clone(), ClientId::new(client.id.clone()), None)
            .set_redirect_uri(redirect(client)?);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
        let (address, state, nonce) = own
            .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
            .add_scope(Scope::new("profile".to_owned()))
            .add_scope(Scope::new("email".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        let pending = Pending {
            state: state.secret().clone(),
            nonce: nonce.secret().clone(),
            verifier: verifier.secret().clone(),
            next,
            until,
        };
        Ok((address.to_string(), pending))
    }

    /// Who came back, when everything that was sent belongs to the sign-in that began.
    pub async fn finish(
        &self,
        client: &Client,
        pending: &Pending,
        returned: &Returned,
        now: DateTime<Utc>,
    ) -> Result<Identity, FlowError> {
        let mismatch = |what: &str| FlowError::Mismatch(what.to_owned());
        if pending.until <= now {
            return Err(mismatch("it took too long"));
        }
        if !bool::from(subtle::ConstantTimeEq::ct_eq(pending.state.as_bytes(), returned.state.as_bytes())) {
            return Err(mismatch("state"));
        }
        let metadata = self.metadata(client, FRESH).await?;
        match &returned.iss {
            Some(issuer) if *issuer == client.issuer => {}
            None if !metadata.additional_metadata().authorization_response_iss_parameter_supported => {}
            _ => return Err(mismatch("iss")),
        }
        if let Some(error) = &returned.error {
            return Err(FlowError::Refused(one_line(error)));
        }
        let hosts = Oidc::hosts(client)?;
        let fetch = |request: HttpRequest| self.fetcher.send(&hosts, request);
        let own = |metadata: &Metadata| {
            let secret = client.secret.clone().map(ClientSecret::new);
            CoreClient::from_provider_metadata(metadata.clone(), ClientId::new(client.id.clone()), secret)
        };
        let tokens = own(&metadata)
            .set_redirect_uri(redirect(client)?)
            .exchange_code(AuthorizationCode::new(returned.code.clone()))
            .map_err(|e| FlowError::Provider(e.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(pending.verifier.clone()))
            .request_async(&fetch)
            .await
            .map_err(|error| match error {
                openidconnect::RequestTokenError::ServerResponse(told) => {
                    FlowError::Refused(one_line(told.error().as_ref()))
                }
                other => FlowError::Provider(with_causes(&other)),
            })?;
        let id_token = tokens.id_token().ok_or_else(|| FlowError::Provider("there is no ID token".to_owned()))?;
        let nonce = Nonce::new(pending.nonce.clone());
        let verified = |metadata: &Metadata| {
            let own = own(metadata);
            let verifier = own.id_token_verifier().set_allowed_algs(algorithms()).set_time_fn(|| now);
            id_token.claims(&verifier, &nonce).map(|claims| claims.subject().to_string())
        };
        let subject = match verified(&metadata) {
            // The provider may have changed its keys since it was asked.
            Err(openidconnect::ClaimsVerificationError::SignatureVerification(_)) => {
                verified(&*self.metadata(client, RETRY).await?)
            }
            other => other,
        }
        .map_err(|error| FlowError::Mismatch(error.to_string()))?;
        let mut claims = payload(&id_token.to_string()).ok_or_else(|| mismatch("ID token"))?;
        if let Some(endpoint) = metadata.userinfo_endpoint() {
            let more = self.userinfo(&hosts, endpoint.as_str(), tokens.access_token()).await?;
            if more.get("sub").and_then(Value::as_str) != Some(&subject) {
                return Err(mismatch("sub of the userinfo"));
            }
            // What was signed counts before what was only told.
            for (claim, value) in more {
                claims.entry(claim).or_insert(value);
            }
        }
        Ok(Identity { subject, claims })
    }

    async fn userinfo(
        &self,
        hosts: &Hosts,
        endpoint: &str,
        token: &AccessToken,
    ) -> Result<Map<String, Value>, FlowError> {
        let request = openidconnect::http::Request::builder()
            .method(Method::GET)
            .uri(endpoint)
            .header(header::ACCEPT, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", token.secret()))
            .body(Vec::new())
            .map_err(FetchError::from)?;
        let answer = self.fetcher.send(hosts, request).await?;
        if answer.status() != StatusCode::OK {
            return Err(FlowError::Provider(format!("userinfo answers {}", answer.status())));
        }
        serde_json::from_slice(answer.body()).map_err(|e| FlowError::Provider(format!("userinfo: {e}")))
    }
}

/// An error with what caused it, for the log.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn redirect(client: &Client) -> Result<RedirectUrl, FlowError> {
    RedirectUrl::new(client.redirect.clone()).map_err(|e| FlowError::Settings(e.to_string()))
}

/// The claims of a token whose signature was found right.
fn payload(token: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?).ok()
}
/// What somebody else said, short and without what could begin a line of its own in a log.
fn one_line(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(100).collect()
}
