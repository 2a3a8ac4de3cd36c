use super::{link::Link, stream::Stream};
use crate::limits::{ANSWER_TIMEOUT, LINGER, LINGER_BYTES};
use http::StatusCode;
use serde_json::json;
use std::io;
use tokio::{
    io::AsyncWriteExt,
    time::{sleep, timeout},
};
use wharden_docker::ApiVersion;

/// An answer of the guard's own, in the form of the engine's errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub message: String,
    /// The request was `HEAD`: the body stays away.
    pub head_request: bool,
    /// The connection ends after it.
    pub close: bool,
    /// The engine's API version, so that clients can still negotiate; `None` while it is unknown.
    pub api: Option<ApiVersion>,
}

impl Answer {
    fn bytes(&self) -> Vec<u8> {
        let reason = StatusCode::from_u16(self.status).ok().and_then(|s| s.canonical_reason()).unwrap_or("Error");
        let body = json!({ "message": self.message }).to_string() + "\n";
        let api = self.api.map_or_else(String::new, |api| format!("Api-Version: {api}\r\nOstype: linux\r\n"));
        let close = if self.close { "Connection: close\r\n" } else { "" };
        format!(
            "HTTP/1.1 {} {reason}\r\n{api}Content-Type: application/json\r\nContent-Length: {}\r\n\
             Server: Wharden\r\n{close}\r\n{}",
            self.status,
            body.len(),
            if self.head_request { "" } else { &body }
        )
        .into_bytes()
    }

    /// Sends it. When the connection is to be closed, goes on reading for a moment what the client still sends, so that
    /// the client gets to read the answer instead of a broken pipe.
    ///
    /// # Errors
    /// Those of the client's stream.
    pub async fn send(&self, client: &mut Link) -> io::Result<()> {
        timeout(ANSWER_TIMEOUT, client.stream.write_all(&self.bytes())).await.map_err(io::Error::from)??;
        if self.close {
            linger(client).await?;
        }
        Ok(())
    }
}

/// Answers a connection that will not be served, once it has asked for something: a client that is answered before it
/// has written would only see a broken pipe.
///
/// # Errors
/// Those of the client's stream.
pub async fn turn_away(stream: Stream, status: u16, why: &str) -> io::Result<()> {
    let mut client = Link::new(stream);
    timeout(LINGER, client.inbox.fill(&mut client.stream)).await.map_err(io::Error::from)??;
    let message = format!("Wharden: {why}");
    Answer { status, message, head_request: false, close: true, api: None }.send(&mut client).await
}

/// Ends our side and reads on until the client ends its own, within limits.
///
/// # Errors
/// Those of the client's stream.
pub async fn linger(client: &mut Link) -> io::Result<()> {
    client.stream.shutdown().await?;
    let drain = async {
        let mut read = 0;
        while read < LINGER_BYTES {
            client.inbox.consume(usize::MAX);
            client.inbox.shrink();
            match client.inbox.fill(&mut client.stream).await {
                Ok(0) | Err(_) => return,
                Ok(n) => read += n,
            }
        }
    };
    tokio::select! {
        () = drain => {}
        () = sleep(LINGER) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_an_engines_error() {
        let answer = Answer {
            status: 403,
            message: "no \"x\"\r\nInjected: y".into(),
            head_request: false,
            close: true,
            api: Some(ApiVersion { major: 1, minor: 41 }),
        };
        let text = String::from_utf8(answer.bytes()).expect("text");
        assert_eq!(
            text,
            "HTTP/1.1 403 Forbidden\r\nApi-Version: 1.41\r\nOstype: linux\r\nContent-Type: application/json\r\n\
             Content-Length: 38\r\nServer: Wharden\r\nConnection: close\r\n\r\n\
             {\"message\":\"no \\\"x\\\"\\r\\nInjected: y\"}\n"
        );
        let head = Answer { head_request: true, ..answer };
        assert!(String::from_utf8(head.bytes()).expect("text").ends_with("\r\n\r\n"));
    }
}
