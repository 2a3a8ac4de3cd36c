use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// `[audit_export]` of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditExport {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syslog: Option<SyslogSink>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookSink>,
}

impl AuditExport {
    /// Nothing is exported.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A syslog server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyslogSink {
    /// Name or address; it must be in the server's certificate.
    pub host: String,
    /// TCP port, 6514 by custom (RFC 5425).
    #[serde(default = "syslog_port")]
    pub port: u16,
    /// The CAs to trust, PEM.
    pub ca_file: PathBuf,
}

/// A program that takes records over HTTPS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSink {
    /// `https://…`.
    pub url: String,
    /// The only CAs to trust, PEM.
    pub ca_file: PathBuf,
    /// File with the secret that requests are signed with; white space around it does not count.
    pub secret_file: PathBuf,
}

const fn syslog_port() -> u16 {
    6514
}
