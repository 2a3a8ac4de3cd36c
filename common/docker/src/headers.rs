//! Headers: how a request is framed, and which of them are passed on. Everything that is not on the list stays here.

use crate::{
    endpoint::{Endpoint, ResponseKind},
    head::Head,
    limits::{ACCEPT_MAX, USER_AGENT_MAX},
    refusal::{Refusal, shorten},
    request::Framing,
};
use wharden_model::Action;

/// Reads the framing of a body.
///
/// # Errors
/// 400 or 501 for every framing that two parsers could read in two ways.
pub fn framing(head: &Head) -> Result<Framing, Refusal> {
    let length = head.one("content-length")?;
    let coding = head.one("transfer-encoding")?;
    match (length, coding) {
        (Some(_), Some(_)) => Err(Refusal::bad("both Content-Length and Transfer-Encoding: send one")),
        (None, Some("chunked")) => Ok(Framing::Chunked),
        (None, Some(other)) => Err(Refusal::with(
            501,
            format!("Transfer-Encoding {:?}: only chunked is understood, in small letters", shorten(other)),
        )),
        (Some(text), None) => {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            match text.parse::<u64>() {
                Ok(0) if digits => Ok(Framing::None),
                Ok(length) if digits && length <= i64::MAX as u64 => Ok(Framing::Length(length)),
                _ => Err(Refusal::bad(format!("Content-Length {:?} is not one decimal number", shorten(text)))),
            }
        }
        (None, None) => Ok(Framing::None),
    }
}

/// The tokens of `Connection`, in lower case.
fn connection(head: &Head) -> Result<Vec<String>, Refusal> {
    let mut tokens = Vec::new();
    for value in head.all("connection") {
        for token in String::from_utf8_lossy(value).split(',') {
            let token = token.trim().to_ascii_lowercase();
            match token.as_str() {
                "" => {}
                "close" | "keep-alive" | "upgrade" | "te" | "http2-settings" | "proxy-connection" => tokens.push(token),
                _ => {
                    return Err(Refusal::bad(format!(
                        "Connection names {:?}, which must reach the engine or not be sent",
                        shorten(&token)
                    )));
                }
            }
        }
    }
    Ok(tokens)
}

/// What the headers say about the connection and the body.
#[derive(Clone)]
pub struct Manners {
    pub closes: bool,
    pub expects_continue: bool,
    /// The media type of the body in lower case, without parameters.
    pub content_type: Option<String>,
    /// Headers for the engine, framing and content type not among them.
    pub forward: Vec<(&'static str, String)>,
}

impl Manners {
    /// Checks the headers against a route.
    ///
    /// # Errors
    /// 400, 415 or 417 for headers that must not be there, or not twice, or not with this value.
    pub fn read(head: &Head, endpoint: &Endpoint) -> Result<Self, Refusal> {
        if head.all("host").count() != 1 {
            return Err(Refusal::bad("exactly one Host header is needed"));
        }
        let connection = connection(head)?;
        let upgrade = upgrade(head, endpoint)?;
        let expects_continue = match head.one("expect")? {
            None => false,
            Some(value) if value.eq_ignore_ascii_case("100-continue") => true,
            Some(other) => return Err(Refusal::with(417, format!("Expect {:?} is not supported", shorten(other)))),
        };
        let mut forward = passed_on(head, endpoint)?;
        if let Some(protocol) = upgrade.filter(|_| connection.iter().any(|t| t == "upgrade")) {
            forward.push(("Connection", "Upgrade".to_owned()));
            forward.push(("Upgrade", protocol.to_owned()));
        }
        Ok(Self {
            closes: connection.iter().any(|t| t == "close"),
            expects_continue,
            content_type: content_type(head)?,
            forward,
        })
    }
}

/// The protocol to upgrade to, where the route hijacks and knows it. Others are not passed on: a server may ignore an
/// upgrade (RFC 9110 §7.8), and some clients offer TLS or WebSocket on every request.
fn upgrade(head: &Head, endpoint: &Endpoint) -> Result<Option<&'static str>, Refusal> {
    let Some(value) = head.one("upgrade")? else { return Ok(None) };
    let asked = value.trim().to_ascii_lowercase();
    let offered: &[&'static str] = match (endpoint.response, endpoint.action, endpoint.method) {
        (ResponseKind::Hijack, Action::BuildSession | Action::BuildGrpc, _) => &["h2c"],
        (ResponseKind::Hijack, Action::ContainerAttach, "GET") => &["websocket"],
        (ResponseKind::Hijack, _, _) => &["tcp"],
        _ => &[],
    };
    let found = offered.iter().find(|o| **o == asked).copied();
    if found.is_none() && asked.split(',').any(|p| p.trim().starts_with("h2")) {
        return Err(Refusal::bad("an upgrade to HTTP/2 is possible on /session and /grpc only"));
    }
    Ok(found)
}

fn content_type(head: &Head) -> Result<Option<String>, Refusal> {
    let Some(value) = head.one("content-type")? else { return Ok(None) };
    let media = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media.starts_with("application/grpc") {
        return Err(Refusal::with(415, "gRPC is possible through the upgrade on /grpc only"));
    }
    if media == "application/x-www-form-urlencoded" || media.starts_with("multipart/") {
        return Err(Refusal::with(
            415,
            format!("Content-Type {media}: parameters in a form body are not accepted, put them into the query"),
        ));
    }
    Ok(Some(media).filter(|m| !m.is_empty()))
}

/// Content types of a body that streams, as they are passed on.
pub fn stream_type(media: Option<&str>) -> Option<&'static str> {
    ["application/x-tar", "application/tar", "application/octet-stream", "application/gzip", "application/x-gzip"]
        .into_iter()
        .find(|known| Some(*known) == media)
}

fn passed_on(head: &Head, endpoint: &Endpoint) -> Result<Vec<(&'static str, String)>, Refusal> {
    let mut out = Vec::new();
    if let Some(agent) = head.one("user-agent")? {
        out.push(("User-Agent", agent.chars().take(USER_AGENT_MAX).collect()));
    }
    let accept: Vec<_> = head.all("accept").filter_map(|value| std::str::from_utf8(value).ok()).collect();
    let plain = |text: &str| text.len() <= ACCEPT_MAX && text.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
    if !accept.is_empty() && accept.iter().all(|a| plain(a)) {
        out.push(("Accept", accept.join(", ")));
    }
    let registry: &[&'static str] = match endpoint.action {
        Action::ImageBuild => &["X-Registry-Config", "X-Registry-Auth"],
        Action::ImagePull
        | Action::ImagePush
        | Action::ImageSearch
        | Action::DistributionInspect
        | Action::PluginPrivileges
        | Action::PluginPull
        | Action::PluginUpgrade
        | Action::PluginPush
        | Action::ServiceCreate
        | Action::ServiceUpdate => &["X-Registry-Auth"],
        _ => &[],
    };
    for name in registry {
        if let Some(value) = head.one(&name.to_ascii_lowercase())? {
            if !value.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=_-".contains(&b)) {
                return Err(Refusal::bad(format!("header {name} is not base64")));
            }
            out.push((*name, value.to_owned()));
        }
    }
    let once: &[&'static str] = match (endpoint.action, endpoint.method) {
        (Action::ContainerAttach, "GET") => {
            &["Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol", "Origin"]
        }
        (Action::BuildSession | Action::BuildGrpc, _) => {
            &["X-Docker-Expose-Session-Uuid", "X-Docker-Expose-Session-Name", "X-Docker-Expose-Session-Sharedkey"]
        }
        _ => &[],
    };
    for name in once {
        if let Some(value) = head.one(&name.to_ascii_lowercase())? {
            out.push((*name, value.to_owned()));
        }
    }
    if matches!(endpoint.action, Action::BuildSession | Action::BuildGrpc) {
        for value in head.all("x-docker-expose-session-grpc-method") {
            let value = std::str::from_utf8(value).ok().filter(|v| v.bytes().all(|b| b.is_ascii_graphic()));
            let Some(value) = value else {
                return Err(Refusal::bad("header X-Docker-Expose-Session-Grpc-Method is not visible ASCII"));
            };
            out.push(("X-Docker-Expose-Session-Grpc-Method", value.to_owned()));
        }
    }
    Ok(out)
}
