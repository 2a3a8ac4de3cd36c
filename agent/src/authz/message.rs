//! The protocol's messages: JSON with names of Go's making.

use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use std::{collections::BTreeMap, fmt};

/// Media type of the plugin protocol.
pub const MEDIA_TYPE: &str = "application/vnd.docker.plugins.v1.1+json";
/// The answer to `Plugin.Activate`.
pub const ACTIVATION: &str = r#"{"Implements":["authz"]}"#;

/// What the engine says about a request that it is about to serve.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Question {
    /// Common name of the client's certificate.
    pub user: String,
    /// `TLS` when `user` comes from a certificate that the engine has verified; empty otherwise.
    #[serde(rename = "UserAuthNMethod")]
    pub authn: String,
    /// Method.
    pub request_method: String,
    /// Path and query as they were sent.
    #[serde(rename = "RequestUri", alias = "RequestURI")]
    pub uri: String,
    /// The body, where the engine hands it over.
    #[serde(deserialize_with = "base64")]
    pub request_body: Option<Vec<u8>>,
    /// Headers without those that hold credentials; the last of several of a name.
    #[serde(deserialize_with = "or_default")]
    pub request_headers: BTreeMap<String, String>,
}

/// Bodies, queries and headers carry secrets.
impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question").field("method", &self.request_method).finish_non_exhaustive()
    }
}

/// What the engine is told.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Answer {
    /// Whether it may serve the request.
    pub allow: bool,
    /// Why not, for the caller.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub msg: String,
}

impl Answer {
    /// Go on.
    pub fn allow() -> Self {
        Self { allow: true, msg: String::new() }
    }

    /// Stop, and tell the caller this.
    pub fn deny(msg: impl Into<String>) -> Self {
        Self { allow: false, msg: msg.into() }
    }

    /// As JSON. One bool and one string always are.
    pub fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_else(|_| br#"{"Allow":false}"#.to_vec())
    }
}

fn base64<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<u8>>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| BASE64.decode(text.as_bytes()).map_err(|_| D::Error::custom("RequestBody is not base64")))
        .transpose()
}

fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_read_as_the_engine_writes_them() {
        let text = r#"{"RequestMethod":"POST","RequestUri":"/v1.41/containers/create?name=x","RequestBody":"e30=",
            "RequestHeaders":{"Content-Length":"2"},"ResponseStatusCode":0}"#;
        let question: Question = serde_json::from_str(text).expect("read");
        assert_eq!((question.user.as_str(), question.authn.as_str()), ("", ""));
        assert_eq!(question.uri, "/v1.41/containers/create?name=x");
        assert_eq!(question.request_body.as_deref(), Some(b"{}".as_slice()));
        assert_eq!(question.request_headers["Content-Length"], "2");
        let bare: Question = serde_json::from_str(r#"{"RequestBody":null,"RequestHeaders":null}"#).expect("read");
        assert_eq!(bare.request_body, None);
        assert!(serde_json::from_str::<Question>(r#"{"RequestBody":"*"}"#).is_err());
    }

    #[test]
    fn answers_are_what_the_engine_reads() {
        assert_eq!(Answer::allow().json(), br#"{"Allow":true}"#);
        assert_eq!(Answer::deny("no").json(), br#"{"Allow":false,"Msg":"no"}"#);
    }
}
