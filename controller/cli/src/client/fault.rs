//! What went wrong below HTTP, told by its cause: the TLS library's error is looked for in the chain of sources.

use super::tls::Ca;
use crate::error::CliError;
use rustls::{CertificateError, Error as TlsError};
use std::{error::Error, io};

/// The error of an exchange that had no answer.
pub fn no_answer(error: &reqwest::Error, url: &str, ca: Option<&Ca>, seconds: u64) -> CliError {
    if let Some(tls) = find_tls(error) {
        return tls_fault(tls, url, ca);
    }
    if error.is_connect() {
        let cause = if error.is_timeout() { "no connection in time".to_owned() } else { root(error) };
        return CliError::Unreachable { url: url.to_owned(), cause, sent: false };
    }
    if error.is_timeout() {
        return CliError::Timeout { url: url.to_owned(), seconds };
    }
    CliError::Unreachable { url: url.to_owned(), cause: root(error), sent: true }
}

fn tls_fault(tls: &TlsError, url: &str, ca: Option<&Ca>) -> CliError {
    let TlsError::InvalidCertificate(fault) = tls else {
        return CliError::Tls { url: url.to_owned(), cause: tls.to_string() };
    };
    let known = "ask for the controller's ca.pem and give it with --ca-file or WHARDEN_CA_FILE";
    let (cause, hint) = match fault {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => match ca {
            Some(ca) => (
                format!("it is not signed by the CA in {}", ca.origin),
                "give the ca.pem of this controller's cluster; if it is the right one, somebody else answers in the \
                 controller's place",
            ),
            None => ("this machine knows no CA that signed it".to_owned(), known),
        },
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            "it has ended".to_owned(),
            "check this machine's clock; the controller makes a new one when it is restarted",
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("it is not valid yet".to_owned(), "check this machine's clock")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            format!("it is for another name: {fault}"),
            "use a name that the certificate has, or add this one to the controller's --advertise",
        ),
        other => (other.to_string(), known),
    };
    CliError::Certificate { url: url.to_owned(), cause, hint: hint.to_owned() }
}

fn find_tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a TlsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<TlsError>() {
            return Some(tls);
        }
        // An io::Error's source is its inner error's source: the inner error itself has to be asked for.
        if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref)
            && let Some(tls) = find_tls(inner)
        {
            return Some(tls);
        }
        next = error.source();
    }
    None
}

fn root(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
