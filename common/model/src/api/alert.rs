use super::Secret;
use crate::{
    alert::{AlertState, Severity},
    id::{AlertId, AlertKind, ChannelName},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// `GET /v1/alerts`, `GET /v1/alerts/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Alert {
    pub id: AlertId,
    pub kind: AlertKind,
    pub severity: Severity,
    pub state: AlertState,
    /// What it is about, for people.
    pub subject: String,
    /// One line.
    pub summary: String,
    /// What was seen when it was raised.
    pub detail: String,
    /// What to do.
    pub advice: String,
    pub raised_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
    /// Who takes care of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_by: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// It is silent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snoozed_until: Option<Timestamp>,
    /// Channels that took a message about it.
    pub told: Vec<ChannelName>,
}

/// `POST /v1/alerts/{id}/acknowledge`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Acknowledge {
    /// For the others.
    pub note: String,
}

/// `POST /v1/alerts/{id}/snooze`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Snooze {
    /// Seconds of silence.
    pub seconds: u64,
}

/// How a mail server is spoken to. There is no way without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum MailSecurity {
    /// TLS after a greeting in the clear, which must not be refused.
    Starttls,
    /// TLS from the first byte.
    Tls,
}

/// Where a channel leads, without what is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ChannelTarget {
    Webhook {
        /// Host and port; the rest of the URL may be a secret and is not shown.
        server: String,
    },
    Email {
        host: String,
        port: u16,
        security: MailSecurity,
        from: String,
        to: Vec<String>,
        /// Empty for a server that wants none.
        username: String,
    },
}

/// `GET /v1/channels`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Channel {
    pub name: ChannelName,
    pub target: ChannelTarget,
    /// Alerts below this are not sent.
    pub min_severity: Severity,
    /// Only these kinds; all of them when it is empty.
    pub kinds: Vec<AlertKind>,
    /// Seconds after which an alert that still is, and that nobody acknowledged, is sent again; 0 for never.
    pub repeat_s: u64,
    /// Its server's certificate must be of the CA that was given with it, not of those that the machine knows.
    pub own_ca: bool,
    pub created_at: Timestamp,
    pub created_by: String,
}

/// Where a new channel leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum NewTarget {
    Webhook {
        /// `https://…`.
        url: Secret,
        /// What requests are signed with, at least 16 bytes; made, and shown once, when there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret: Option<Secret>,
    },
    Email {
        host: String,
        port: u16,
        security: MailSecurity,
        from: String,
        to: Vec<String>,
        #[serde(default)]
        username: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<Secret>,
    },
}

/// `POST /v1/channels`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewChannel {
    pub name: ChannelName,
    pub target: NewTarget,
    #[serde(default = "warning")]
    pub min_severity: Severity,
    #[serde(default)]
    pub kinds: Vec<AlertKind>,
    /// 60 seconds to 30 days, or 0 for never.
    #[serde(default)]
    pub repeat_s: u64,
    /// The only CAs to trust, PEM; those that the controllers' machines know when it is empty.
    #[serde(default)]
    pub ca_pem: String,
}

const fn warning() -> Severity {
    Severity::Warning
}

/// Answer to [`NewChannel`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreatedChannel {
    /// What the webhook's requests are signed with, when it was made here. Shown this once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    pub info: Channel,
}

/// `POST /v1/channels/{name}/test`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChannelTested {
    /// The other side took it.
    pub delivered: bool,
    /// What the other side said, or why nothing was heard.
    pub answer: String,
    /// Milliseconds that it took.
    pub took_ms: u64,
}
