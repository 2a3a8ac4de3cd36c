//! RFC 5424 messages in RFC 5425 frames over TLS. The protocol has no acknowledgement: what was under way when a connection
//! broke may be missing at the other end, and the numbers of the records show it.

use super::{Sink, SyslogSink};
use std::{fmt::Write as _, time::Duration};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use tokio_rustls::client::TlsStream;
use wharden_model::{ClusterId, api::AuditRecord};
use wharden_pki::pem;
use wharden_runtime::tls::{Connector, client_config};

/// Facility 13, "log audit".
const FACILITY: u8 = 13;
const WARNING: u8 = 4;
const INFORMATIONAL: u8 = 6;
/// Longest MSGID (RFC 5424 §6).
const MSGID_MAX: usize = 32;

pub(super) struct Syslog {
    host: String,
    port: u16,
    connector: Connector,
    cluster: String,
    open: Option<TlsStream<TcpStream>>,
}

impl Syslog {
    pub fn new(sink: &SyslogSink, cluster: &ClusterId) -> Result<Self, String> {
        let (host, port, cluster) = (sink.host.clone(), sink.port, cluster.to_string());
        Ok(Self { host, port, connector: connector(sink)?, cluster, open: None })
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        if self.open.is_none() {
            self.open = Some(self.connector.connect(&self.host, self.port).await.map_err(|e| e.to_string())?);
        }
        let Some(stream) = &mut self.open else { return Err("not connected".to_owned()) };
        stream.write_all(bytes).await.map_err(|e| e.to_string())?;
        stream.flush().await.map_err(|e| e.to_string())
    }
}

/// What trusts the configured CAs and nobody else; the key that is wrong when there is none.
pub(super) fn connector(sink: &SyslogSink) -> Result<Connector, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("ca_file: {}: {why}", sink.ca_file.display());
    let text = std::fs::read_to_string(&sink.ca_file).map_err(|e| wrong(&e))?;
    let cas = pem::decode(pem::CERTIFICATE, &text).filter(|cas| !cas.is_empty());
    let cas = cas.ok_or_else(|| wrong(&"it holds no certificate in PEM"))?;
    client_config(&cas, None, &[]).map(Connector::new).map_err(|e| wrong(&e))
}

impl Sink for Syslog {
    async fn send(&mut self, records: &[AuditRecord]) -> Result<(), String> {
        let mut frames = String::new();
        for record in records {
            let message = message(&self.cluster, record)?;
            // Writing to a string cannot fail.
            let _ = write!(frames, "{} {message}", message.len());
        }
        let time = Duration::from_secs(crate::limits::EXPORT_TIMEOUT_S);
        let sent = timeout(time, self.write(frames.as_bytes())).await.unwrap_or_else(|_| Err("too slow".to_owned()));
        if sent.is_err() {
            self.open = None;
        }
        sent
    }
}

/// One record as a message. The text is its JSON, which has no control character.
fn message(cluster: &str, record: &AuditRecord) -> Result<String, String> {
    let severity = if record.outcome == "applied" { INFORMATIONAL } else { WARNING };
    let id: String = record.action.chars().filter(char::is_ascii_graphic).take(MSGID_MAX).collect();
    let id = if id.is_empty() { "-" } else { &id };
    let json = serde_json::to_string(record).map_err(|e| e.to_string())?;
    let priority = FACILITY * 8 + severity;
    Ok(format!("<{priority}>1 {} {cluster} wharden-controller - {id} - {json}", record.at))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use wharden_model::Timestamp;

    pub fn record(seq: u64) -> AuditRecord {
        AuditRecord {
            seq,
            at: Timestamp(5),
            actor: "user ada".into(),
            action: "policy.put".into(),
            resource: "policy p".into(),
            outcome: "applied".into(),
            detail: "line\nbreak".into(),
            request_id: String::new(),
            source: "192.0.2.1".into(),
            factors: String::new(),
            before: String::new(),
            hash: "00".into(),
        }
    }

    #[test]
    fn a_message_has_the_form_of_the_rfc() {
        let text = message("c-01", &record(7)).expect("written");
        assert!(
            text.starts_with("<110>1 1970-01-01T00:00:00.005Z c-01 wharden-controller - policy.put - {\"seq\":7,"),
            "{text}"
        );
        assert!(!text.chars().any(char::is_control), "{text}");
        let refused = AuditRecord { outcome: "refused: no".into(), action: "ä b".into(), ..record(8) };
        assert!(message("c-01", &refused).expect("written").starts_with("<108>1 "));
    }
}
