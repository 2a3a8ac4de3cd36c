use super::verify::Offer;
use data_encoding::{BASE64, HEXLOWER};
use serde::{Deserialize, Serialize};
use std::{fs, io, path::Path};
use wharden_model::{Posture, Revision};

const FORMAT: u32 = 1;

/// Why a file of the bundle cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("it cannot be read: {0}")]
    Read(#[source] io::Error),
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    #[error("it is of format {0}, this build knows {FORMAT}: update the agent")]
    Format(u32),
}

/// First line of the bundle's file; the bundle's bytes follow it.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    format: u32,
    revision: Revision,
    digest: String,
    signature: String,
}

/// A bundle as it lies on disk.
#[derive(Debug)]
pub(super) struct Stored {
    revision: Revision,
    digest: [u8; 32],
    signature: Vec<u8>,
    payload: Vec<u8>,
}

impl Stored {
    pub(super) fn offer(&self) -> Offer<'_> {
        Offer { revision: self.revision, digest: self.digest, signature: &self.signature, payload: &self.payload }
    }

    pub(super) fn into_payload(self) -> Vec<u8> {
        self.payload
    }
}

/// Bytes of the file of a bundle.
pub(super) fn encode(offer: &Offer<'_>) -> Vec<u8> {
    let header = Header {
        format: FORMAT,
        revision: offer.revision,
        digest: HEXLOWER.encode(&offer.digest),
        signature: BASE64.encode(offer.signature),
    };
    // Four plain fields always serialise.
    let mut bytes = serde_json::to_vec(&header).unwrap_or_default();
    bytes.push(b'\n');
    bytes.extend_from_slice(offer.payload);
    bytes
}

/// Reads the file of a bundle; `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<Stored>, FileError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::Read(error)),
    };
    let end = bytes.iter().position(|b| *b == b'\n').ok_or(FileError::Damaged("it has no header"))?;
    let (header, payload) = bytes.split_at(end);
    let header: Header = serde_json::from_slice(header).map_err(|_| FileError::Damaged("its header is no JSON"))?;
    if header.format != FORMAT {
        return Err(FileError::Format(header.format));
    }
    let digest = HEXLOWER.decode(header.digest.as_bytes()).ok().and_then(|d| d.try_into().ok());
    Ok(Some(Stored {
        revision: header.revision,
        digest: digest.ok_or(FileError::Damaged("its digest is not 64 hex digits"))?,
        signature: BASE64
            .decode(header.signature.as_bytes())
            .map_err(|_| FileError::Damaged("its signature is not base64"))?,
        payload: payload.get(1..).unwrap_or_default().to_vec(),
    }))
}

/// What outlives a bundle that was lost: how far it had come, and whether the host was enforcing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Floor {
    pub revision: Revision,
    pub posture: Posture,
}

/// Reads the floor; `None` when there is none yet.
pub(super) fn read_floor(path: &Path) -> Result<Option<Floor>, FileError> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|_| FileError::Damaged("it is no JSON")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::Read(error)),
    }
}
