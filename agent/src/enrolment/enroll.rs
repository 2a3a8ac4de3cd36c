use super::{
    data_dir::{DataDir, DataDirError},
    guard_identity,
    identity::{HOST_FILE, HostFile, HostIdentity, IdentityError, KEY_FILE, KEY_LABEL, blocks},
    of_cluster::{self, ClearError},
};
use crate::{
    bundle,
    limits::{CALL_TIMEOUT, ENROLL_TURNS},
    session::{Address, ChannelError, open_channel, retry_after},
};
use serde::{Deserialize, Serialize};
use std::{io, path::PathBuf};
use tokio::time::sleep;
use tonic::Code;
use wharden_model::{ClusterId, HostId, IdError, Posture, RequestId, Timestamp, TokenId, api::Secret};
use wharden_pki::{KeyError, KeyPair, fingerprint, token::JoinToken};
use wharden_proto::v1::{EnrollRequest, EnrollResponse, agent_client::AgentClient};
use wharden_runtime::tls::{Connector, DialError, HTTP2, TlsError, client_config_pinned};
use zeroize::Zeroizing;

/// An enrolment that has begun and may have been answered: a retry must be the same one.
const PENDING_FILE: &str = "enrolling.json";
const PENDING_KEY_FILE: &str = "enrolling.key";

/// What `wharden-agent enroll` was told.
#[derive(Clone, Debug)]
pub struct EnrollOptions {
    pub data_dir: PathBuf,
    pub controllers: Vec<Address>,
    pub token: Secret,
    pub hostname: String,
    /// Replace an enrolment.
    pub force: bool,
    pub now: Timestamp,
}

/// Why the host is not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    #[error(transparent)]
    Token(#[from] wharden_pki::token::TokenError),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("{path} already holds the enrolment of {host}: use --force to replace it")]
    AlreadyEnrolled { path: PathBuf, host: String },
    #[error("no controller was given: add --controller HOST:7441")]
    NoController,
    #[error(
        "the controller at {address} is not of the cluster that made this token ({error}): check the address, or make \
         a token there with wharden token create"
    )]
    OtherCa { address: Address, error: io::Error },
    #[error("no controller can be reached: {0}. Check the address, and that port 7441 is open from here")]
    Unreachable(#[source] ChannelError),
    #[error(
        "{0} is not a controller's port for agents: give --controller the one that its --agent-listen names, 7441 without it"
    )]
    OtherPort(Address),
    #[error("the controller refused the token: {0}. Make a new one with wharden token create")]
    Refused(String),
    #[error("the controller cannot enroll hosts now: {0}. Try again; this attempt takes no second use of the token")]
    Unavailable(String),
    #[error("the controller refused the request: {0}")]
    Invalid(String),
    #[error("the controller answered {code:?}: {message}")]
    Failed { code: Code, message: String },
    #[error("the controller's answer cannot be used: {0}")]
    Answer(String),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("the earlier enrolment's bundle cannot be removed: {0}")]
    Clear(#[source] io::Error),
    #[error("what is of the earlier enrolment's cluster cannot be removed: {0}")]
    OtherCluster(#[from] ClearError),
}

impl From<IdError> for EnrollError {
    fn from(error: IdError) -> Self {
        Self::Answer(error.to_string())
    }
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pending {
    request_id: RequestId,
    token_id: TokenId,
}

/// Enrolls this host: key, request, certificate, files. Safe to repeat after any failure: the same key and request are
/// used until one was answered.
///
/// # Errors
/// [`EnrollError`]; an earlier enrolment is untouched.
pub async fn enroll(options: &EnrollOptions) -> Result<HostIdentity, EnrollError> {
    let token: JoinToken = options.token.reveal().parse()?;
    let dir = DataDir::create(&options.data_dir)?;
    let _lock = dir.lock()?;
    let held = dir.read(HOST_FILE)?.map(|bytes| serde_json::from_slice::<HostFile>(&bytes).ok());
    if !options.force
        && let Some(held) = held
    {
        let host = held.map_or_else(|| "a host".to_owned(), |held| held.host_id.into());
        return Err(EnrollError::AlreadyEnrolled { path: dir.path().to_owned(), host });
    }
    let (pending, key) = begin(&dir, &token)?;
    let request = EnrollRequest {
        token: token.text().reveal().to_owned(),
        csr: key.csr_der()?.into(),
        hostname: options.hostname.clone(),
        request_id: pending.request_id.to_string(),
    };
    let answer = ask(options, &token, request).await?;
    let identity = check(options, &token, answer, &key)?;
    if options.force {
        bundle::clear(dir.path()).map_err(EnrollError::Clear)?;
        guard_identity::clear(&dir)?;
        // Of a damaged enrolment it is not known whose it was: the epoch is a fence and the events may be wanted.
        if let Some(old) = held.flatten().map(|held| held.cluster_id).filter(|old| *old != identity.host.cluster_id) {
            let unsent = of_cluster::clear(&dir)?;
            if unsent > 0 {
                eprintln!("{unsent} decision events that cluster {old} had not got yet are dropped");
            }
        }
    }
    HostIdentity::store_key(&dir, KEY_FILE, &key)?;
    identity.store(&dir)?;
    dir.remove(PENDING_FILE)?;
    dir.remove(PENDING_KEY_FILE)?;
    Ok(identity)
}

/// Goes on with the enrolment that was begun with this token, or begins one.
fn begin(dir: &DataDir, token: &JoinToken) -> Result<(Pending, KeyPair), EnrollError> {
    let stored = dir.read(PENDING_FILE)?.and_then(|bytes| serde_json::from_slice::<Pending>(&bytes).ok());
    if let Some(pending) = stored.filter(|pending| pending.token_id == token.id) {
        let der = blocks(dir, PENDING_KEY_FILE, KEY_LABEL).ok().and_then(|mut blocks| blocks.pop()).map(Zeroizing::new);
        if let Some(key) = der.and_then(|der| KeyPair::from_pkcs8(&der).ok()) {
            return Ok((pending, key));
        }
    }
    let key = KeyPair::generate()?;
    let pending = Pending { request_id: draw_request_id()?, token_id: token.id.clone() };
    HostIdentity::store_key(dir, PENDING_KEY_FILE, &key)?;
    // Two ids always serialise.
    dir.write(PENDING_FILE, &serde_json::to_vec(&pending).unwrap_or_default())?;
    Ok((pending, key))
}

fn draw_request_id() -> Result<RequestId, IdError> {
    RequestId::new(format!("{:032x}", rand::random::<u128>()))
}

async fn ask(
    options: &EnrollOptions,
    token: &JoinToken,
    request: EnrollRequest,
) -> Result<EnrollResponse, EnrollError> {
    let connector = Connector::new(client_config_pinned(token.ca_fingerprint, &[HTTP2])?);
    let mut last = EnrollError::NoController;
    for address in &options.controllers {
        let channel = match open_channel(&connector, address).await {
            Ok(channel) => channel,
            Err(ChannelError::Dial(DialError::Handshake { error, .. })) => {
                last = EnrollError::OtherCa { address: address.clone(), error };
                continue;
            }
            Err(error) => {
                last = EnrollError::Unreachable(error);
                continue;
            }
        };
        let mut turns = 0;
        let status = loop {
            let mut call = tonic::Request::new(request.clone());
            call.set_timeout(CALL_TIMEOUT);
            let status = match AgentClient::new(channel.clone()).enroll(call).await {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(status) => status,
            };
            turns += 1;
            match retry_after(&status) {
                Some(told) if turns < ENROLL_TURNS => sleep(told).await,
                _ => break status,
            }
        };
        let message = status.message().to_owned();
        last = match status.code() {
            Code::Unauthenticated | Code::PermissionDenied | Code::NotFound => {
                return Err(EnrollError::Refused(message));
            }
            Code::InvalidArgument | Code::FailedPrecondition => return Err(EnrollError::Invalid(message)),
            // The port for controllers knows no such service; what the one for clients answers is no answer to such a question.
            Code::Unimplemented | Code::Internal => EnrollError::OtherPort(address.clone()),
            Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::Cancelled => {
                EnrollError::Unavailable(message)
            }
            code => return Err(EnrollError::Failed { code, message }),
        };
    }
    Err(last)
}

/// Believes nothing of the answer that does not fit the token and the key.
///
/// # Errors
/// [`EnrollError`].
pub fn check(
    options: &EnrollOptions,
    token: &JoinToken,
    answer: EnrollResponse,
    key: &KeyPair,
) -> Result<HostIdentity, EnrollError> {
    let chain: Vec<Vec<u8>> = answer.chain.iter().map(|der| der.to_vec()).collect();
    let ca = chain.get(1).map(|der| fingerprint(der));
    if ca != Some(token.ca_fingerprint) {
        return Err(EnrollError::Answer("its CA is not the one that the token names".into()));
    }
    let bundle_keys = public_keys(&answer.bundle_keys).ok_or_else(|| EnrollError::Answer("no bundle keys".into()))?;
    let host = HostFile {
        format: HostFile::format(),
        host_id: HostId::new(answer.host_id)?,
        cluster_id: ClusterId::new(answer.cluster_id)?,
        hostname: options.hostname.clone(),
        controllers: options.controllers.iter().map(ToString::to_string).collect(),
        posture: answer.posture.parse::<Posture>().map_err(EnrollError::Answer)?,
        enrolled_at: options.now,
    };
    Ok(HostIdentity::new(host, chain, bundle_keys, key)?)
}

/// Keys as they come over the wire; `None` when there are none or one has the wrong length.
pub(super) fn public_keys(keys: &[bytes::Bytes]) -> Option<Vec<[u8; 32]>> {
    let keys: Option<Vec<[u8; 32]>> = keys.iter().map(|key| key.as_ref().try_into().ok()).collect();
    keys.filter(|keys| !keys.is_empty())
}
