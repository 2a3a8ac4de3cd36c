//! `wharden-controller join`: makes a data folder that `run` can start from.
//!
//! The key is written first and the cluster's key last: a folder without the latter is not a controller's, and with the
//! same key an answer that got lost can be asked for again.

use super::first;
use crate::{
    config::{Config, FILE_NAME, Overrides},
    data_dir::{self, CA_FILE, CLUSTER_KEY, STORE},
    peers::{Known, PeerIdentity, forget_key, load_key, store_key},
};
use anyhow::{Context, bail, ensure};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use std::{fmt, future::ready, io, net::IpAddr, path::Path, time::Duration};
use tokio::time::timeout;
use tonic::{
    Code, Status,
    transport::{Endpoint, Uri},
};
use tower::service_fn;
use wharden_model::{ClusterId, api::Secret};
use wharden_pki::{ClusterKeys, ControllerCode, KeyPair, fingerprint, pem};
use wharden_proto::{
    PEER_MESSAGE_MAX, PEER_VERSION,
    v1::{JoinRequest, JoinResponse, peer_client::PeerClient},
};
use wharden_runtime::{
    fsync::write_atomic,
    tls::{self, Connector, DialError, HTTP2},
};
use wharden_state::LEVEL;

/// Longest wait for the answer: it takes an entry of the log.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// What `join` made.
#[derive(Debug, Serialize)]
pub struct Joined {
    pub cluster_id: ClusterId,
    pub number: u64,
    pub data_dir: String,
}

impl fmt::Display for Joined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cluster_id, number, data_dir } = self;
        writeln!(f, "This is controller {number} of cluster {cluster_id}.\n")?;
        writeln!(f, "Its controller.toml is new: write backups and [alerts] into it as the others have them. Next:")?;
        write!(f, "  wharden-controller run --data-dir {data_dir}")
    }
}

/// Joins the cluster of the controller at `peer`.
///
/// # Errors
/// Why not, with what to do. A folder that was empty is empty again, unless the answer got lost.
pub async fn join(data_dir: &Path, code: &Secret, peer: &str, overrides: Overrides) -> anyhow::Result<Joined> {
    let code: ControllerCode = code.reveal().parse()?;
    let config = Config::default().with(overrides).checked()?;
    let (host, port) = crate::peers::split(peer).with_context(|| format!("--peer {peer:?} is not HOST:PORT"))?;
    ensure!(
        is_here(&host) || !is_here(&config.seat().name),
        "the others cannot reach this controller as {}: give --advertise the name or the address of this machine first",
        config.seat().name
    );
    tls::install_provider();
    let (key, is_new) = prepare(data_dir)?;
    let peer = (peer, host.as_str(), port);
    match ask(&code, peer, &config, &key).await {
        Ok(response) => finish(data_dir, &code, config, &key, response),
        Err(Failure::Refused(error)) => {
            // With the key of an earlier attempt, whose answer was lost, it may have been entered.
            if is_new {
                forget_key(data_dir);
            }
            Err(error)
        }
        Err(Failure::Lost(error)) => {
            Err(error.context("the answer got lost; run the same command again, it goes on with the same key"))
        }
    }
}

enum Failure {
    /// Nothing was done.
    Refused(anyhow::Error),
    /// It may have been done.
    Lost(anyhow::Error),
}

/// A name for this machine only.
fn is_here(name: &str) -> bool {
    name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// The folder with the key in it, the one of an earlier attempt if there is one; whether it was made now.
fn prepare(data_dir: &Path) -> anyhow::Result<(KeyPair, bool)> {
    ensure!(
        !data_dir.join(CLUSTER_KEY).exists() && !data_dir.join(STORE).exists(),
        "{} is the data folder of a controller already: give an empty or new folder",
        data_dir.display()
    );
    if let Some(key) = load_key(data_dir)? {
        return Ok((key, false));
    }
    data_dir::fresh(data_dir)?;
    let key = KeyPair::generate()?;
    store_key(data_dir, &key)?;
    Ok((key, true))
}

async fn ask(
    code: &ControllerCode,
    (peer, host, port): (&str, &str, u16),
    config: &Config,
    key: &KeyPair,
) -> Result<JoinResponse, Failure> {
    let refused = |error: anyhow::Error| Failure::Refused(error);
    let seat = config.seat();
    let request = JoinRequest {
        version: PEER_VERSION,
        code: code.text().reveal().to_owned(),
        csr: key.csr_der().map_err(|e| refused(e.into()))?.into(),
        names: config.advertise.clone(),
        peer_address: seat.peer,
        rest_url: seat.rest,
        agent_address: seat.agent,
        level: LEVEL,
    };
    let tls = tls::client_config_pinned(code.ca_fingerprint, &[HTTP2]).map_err(|e| refused(e.into()))?;
    let stream = Connector::new(tls).connect(host, port).await.map_err(|error| {
        let trust = matches!(error, DialError::Handshake { .. });
        let error = anyhow::Error::from(error);
        let why = format!("the code is not of the cluster of {peer}, or {host} is no name in the certificate there");
        refused(if trust { error.context(why) } else { error })
    })?;
    let mut once = Some(TokioIo::new(stream));
    let give = service_fn(move |_: Uri| ready(once.take().ok_or(io::Error::from(io::ErrorKind::NotConnected))));
    let channel = Endpoint::from_static("http://controller").connect_with_connector(give).await;
    let channel = channel.map_err(|e| refused(e.into()))?;
    let mut client = PeerClient::new(channel).max_decoding_message_size(PEER_MESSAGE_MAX);
    match timeout(ANSWER_LIMIT, client.join(request)).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(failure_of(peer, &status)),
        Err(_) => Err(Failure::Lost(anyhow::anyhow!("{peer} did not answer in {} s", ANSWER_LIMIT.as_secs()))),
    }
}

fn failure_of(peer: &str, status: &Status) -> Failure {
    let error = match (status.message(), status.code()) {
        // What a server says of itself to a service that it does not have.
        ("", Code::Unimplemented) => {
            anyhow::anyhow!("{peer} is not a port for controllers: give --peer the one that --peer-listen names, 7442")
        }
        // No controller says this: what came is no answer to such a question, as of the port for clients.
        (message, Code::Internal) => anyhow::anyhow!(
            "{peer} is not a port for controllers: give --peer the one that --peer-listen names, 7442 without it ({message})"
        ),
        ("", code) => anyhow::anyhow!("{peer} refused without a reason: {}", code.description()),
        (message, _) => anyhow::anyhow!("{message}"),
    };
    match status.code() {
        Code::PermissionDenied | Code::Unimplemented | Code::InvalidArgument | Code::Internal => {
            Failure::Refused(error)
        }
        _ => Failure::Lost(error),
    }
}

fn finish(
    data_dir: &Path,
    code: &ControllerCode,
    mut config: Config,
    key: &KeyPair,
    response: JoinResponse,
) -> anyhow::Result<Joined> {
    let JoinResponse { number, cluster_id, chain, cluster_key, controllers } = response;
    let cluster_key = zeroize::Zeroizing::new(cluster_key);
    ClusterKeys::from_file_text(&cluster_key)?;
    let identity = PeerIdentity::of(chain.iter().map(|der| der.to_vec()).collect(), key)?;
    if fingerprint(&identity.ca()) != code.ca_fingerprint || identity.number != number {
        bail!("the certificate that came is not for controller {number} of the code's cluster");
    }
    ensure!(identity.cluster.as_str() == cluster_id, "the certificate that came is of another cluster");
    config.node_id = number;
    let list: Vec<_> =
        controllers.into_iter().map(|c| Known { number: c.number, peer: c.peer_address, serial: c.serial }).collect();
    identity.store(data_dir)?;
    first::store(data_dir, &list)?;
    let ca = pem::encode(pem::CERTIFICATE, [identity.ca().as_slice()]);
    write_atomic(&data_dir.join(CA_FILE), ca.as_bytes(), 0o644)?;
    write_atomic(&data_dir.join(FILE_NAME), toml::to_string(&config)?.as_bytes(), 0o600)?;
    write_atomic(&data_dir.join(CLUSTER_KEY), cluster_key.as_bytes(), 0o600)?;
    Ok(Joined { cluster_id: identity.cluster, number, data_dir: data_dir.display().to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_without_words_is_told_in_words() {
        let told = |code, message| match failure_of("ctl1:7441", &Status::new(code, message)) {
            Failure::Refused(error) => format!("refused: {error}"),
            Failure::Lost(error) => format!("lost: {error}"),
        };
        let agents = told(Code::Unimplemented, "");
        assert!(agents.starts_with("refused: ctl1:7441 is not a port") && agents.contains("7442"), "{agents}");
        assert!(told(Code::Unavailable, "").starts_with("lost: ctl1:7441 refused without a reason"));
        let clients = told(Code::Internal, "invalid compression flag: 123");
        assert!(clients.starts_with("refused: ctl1:7441 is not a port for controllers"), "{clients}");
        assert_eq!(told(Code::PermissionDenied, "the code was used"), "refused: the code was used");
    }

    fn code() -> Secret {
        ControllerCode::generate([7; 32]).text()
    }

    #[tokio::test]
    async fn what_could_not_work_is_refused_before_the_code_is_used_up() {
        let dir = tempfile::tempdir().expect("temp dir");
        let folder = dir.path().join("controller");
        let refused = async |peer: &str, overrides: Overrides| {
            let error = join(&folder, &code(), peer, overrides).await.map(|joined| joined.number).expect_err("refused");
            assert!(!folder.exists(), "nothing was begun");
            error.to_string()
        };
        let why = refused("ctl1.example.org:7442", Overrides::default()).await;
        assert!(why.contains("as localhost: give --advertise"), "{why}");
        let backups = Overrides { backup_dir: Some("/backups".into()), ..Overrides::default() };
        let why = refused("127.0.0.1:1", backups).await;
        assert!(why.contains("backup_dir"), "{why}");
    }

    #[tokio::test]
    async fn a_key_whose_answer_was_lost_stays_until_it_is_answered() {
        let dir = tempfile::tempdir().expect("temp dir");
        let (new, lost) = (dir.path().join("new"), dir.path().join("lost"));
        prepare(&lost).expect("an attempt whose answer is lost");
        for folder in [&new, &lost] {
            // Nobody listens there.
            join(folder, &code(), "127.0.0.1:1", Overrides::default())
                .await
                .map(|joined| joined.number)
                .expect_err("away");
        }
        assert!(load_key(&new).expect("read").is_none(), "nothing is left of the first attempt");
        assert!(load_key(&lost).expect("read").is_some());
    }
}
