//! Which CA counts: the one that was given and no other; the machine's own when none was given.

use crate::error::CliError;
use reqwest::{Certificate, ClientBuilder};
use std::{fs, path::Path};

/// A CA, as PEM.
#[derive(Clone, Debug)]
pub struct Ca {
    /// One certificate or more.
    pub pem: String,
    /// Where it came from, for messages.
    pub origin: String,
}

/// Reads a CA file.
///
/// # Errors
/// [`CliError::CaFile`] when it cannot be read or holds no certificate.
pub fn read_ca(path: &Path) -> Result<Ca, CliError> {
    let origin = path.display().to_string();
    let wrong = |cause: String| CliError::CaFile { path: origin.clone(), cause };
    let pem = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    if certificates(&pem, &origin)?.is_empty() {
        return Err(wrong("it holds no certificate in PEM form".to_owned()));
    }
    Ok(Ca { pem, origin })
}

fn certificates(pem: &str, origin: &str) -> Result<Vec<Certificate>, CliError> {
    Certificate::from_pem_bundle(pem.as_bytes())
        .map_err(|error| CliError::CaFile { path: origin.to_owned(), cause: error.to_string() })
}

/// Sets what the client trusts.
///
/// # Errors
/// [`CliError::CaFile`] when the CA cannot be read.
pub fn trust(builder: ClientBuilder, ca: Option<&Ca>) -> Result<ClientBuilder, CliError> {
    // A second call finds the first one's provider, which is the same.
    let _already_there = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let builder = builder.tls_backend_rustls().tls_version_min(reqwest::tls::Version::TLS_1_3);
    Ok(match ca {
        Some(ca) => builder.tls_certs_only(certificates(&ca.pem, &ca.origin)?),
        None => builder,
    })
}
