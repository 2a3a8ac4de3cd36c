//! Who the hosts are: made by enrolling, kept in one file a process, so that the next run connects at once.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use std::{
    io::{BufRead, BufReader, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};
use wharden_agent::{
    bundle::Owner,
    enrolment::{HostFile, HostIdentity},
};
use wharden_model::{HostId, Timestamp};
use wharden_pki::KeyPair;
use wharden_runtime::tls::{ClientConfig, HTTP2, client_config};

/// One host, as it lies on disk.
#[derive(Serialize, Deserialize)]
struct Line {
    index: usize,
    host: HostFile,
    chain: Vec<String>,
    bundle_keys: Vec<String>,
    key: String,
}

/// An enrolled host.
pub struct Identity {
    pub id: HostId,
    pub owner: Owner,
    pub ends: Timestamp,
    pub tls: Arc<ClientConfig>,
}

impl Identity {
    /// Of what the agent's code has checked.
    ///
    /// # Errors
    /// When the certificate cannot be used.
    pub fn of(identity: &HostIdentity) -> anyhow::Result<Self> {
        let mut tls = client_config(&[identity.ca().to_vec()], Some(&identity.tls()), &[HTTP2])?;
        // Controllers resume no sessions, and room for thirty of them in each host is a megabyte a hundred hosts.
        if let Some(tls) = Arc::get_mut(&mut tls) {
            tls.resumption = rustls::client::Resumption::disabled();
        }
        Ok(Self { id: identity.host.host_id.clone(), owner: identity.owner(), ends: identity.cert.not_after, tls })
    }
}

/// Reads the hosts of a file, each with its place; none when there is no file.
///
/// # Errors
/// When it is damaged.
pub fn read(path: &Path) -> anyhow::Result<Vec<(usize, Identity)>> {
    let file = match std::fs::File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let mut all = Vec::new();
    for line in BufReader::new(file).lines() {
        let Line { index, host, chain, bundle_keys, key } = serde_json::from_str(&line?)?;
        let chain = chain.iter().map(|der| BASE64.decode(der.as_bytes())).collect::<Result<_, _>>()?;
        let keys = bundle_keys.iter().map(|key| BASE64.decode(key.as_bytes()));
        let keys = keys.map(|key| key.ok()?.try_into().ok()).collect::<Option<Vec<[u8; 32]>>>();
        let keys = keys.ok_or_else(|| anyhow::anyhow!("{}: a key of bundles is damaged", path.display()))?;
        let key = KeyPair::from_pkcs8(&BASE64.decode(key.as_bytes())?)?;
        all.push((index, Identity::of(&HostIdentity::new(host, chain, keys, &key)?)?));
    }
    Ok(all)
}

/// Adds hosts to a file that only its owner can read.
///
/// # Errors
/// Those of the disk.
pub fn append<'i>(path: &Path, hosts: impl Iterator<Item = (usize, &'i HostIdentity)>) -> anyhow::Result<()> {
    let file = std::fs::File::options().create(true).append(true).mode(0o600).open(path)?;
    let mut file = std::io::BufWriter::new(file);
    for (index, identity) in hosts {
        let line = Line {
            index,
            host: identity.host.clone(),
            chain: identity.chain.iter().map(|der| BASE64.encode(der)).collect(),
            bundle_keys: identity.bundle_keys.iter().map(|key| BASE64.encode(key)).collect(),
            key: BASE64.encode(&identity.key()?.pkcs8_der()),
        };
        serde_json::to_writer(&mut file, &line)?;
        file.write_all(b"\n")?;
    }
    Ok(file.flush()?)
}
