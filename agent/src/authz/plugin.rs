use super::message::{Answer, Question};
use crate::{
    guard::{Case, Guard, Refused, Who},
    inventory::MARK_HEADER,
    limits::{AUTHZ_BODIES, AUTHZ_BUFFERED, AUTHZ_CASES, AUTHZ_LARGE, AUTHZ_WAITING},
};
use std::{sync::Arc, time::Instant};
use tokio::sync::Semaphore;
use wharden_docker::{BodyKind, Head, Request};
use wharden_model::{Action, Principal};

/// Who calls over the engine's own socket, or over TCP without a verified certificate: the protocol does not say.
pub const SOCKET_USER: &str = "engine-socket";

const FORM: &str = "the request has a body that the engine does not show, and that it may read as a form, which counts before the \
                    query; use the guard's socket, or send no Content-Type";

/// Answers the engine's questions.
pub struct Plugin {
    guard: Arc<Guard>,
    /// Places of those that wait, or are judged.
    waiting: Semaphore,
    cases: Semaphore,
    bodies: Semaphore,
    /// Places of large questions.
    pub(super) large: Semaphore,
    /// Bytes of them that may be held.
    pub(super) room: Semaphore,
}

/// What is known of the body of a request.
#[derive(Debug, PartialEq, Eq)]
enum Body {
    /// Nothing is decided by it, or there is none.
    Without,
    Whole(Vec<u8>),
    /// It would have to be judged, and is not here: why.
    Unseen(&'static str),
}

impl Plugin {
    /// Decides with everything that the guard decides with.
    pub fn new(guard: Arc<Guard>) -> Self {
        let [waiting, cases, bodies] = [AUTHZ_WAITING, AUTHZ_CASES, AUTHZ_BODIES].map(Semaphore::new);
        let [large, room] = [AUTHZ_LARGE, AUTHZ_BUFFERED].map(Semaphore::new);
        Self { guard, waiting, cases, bodies, large, room }
    }

    /// Answers one question.
    pub(super) async fn answer(&self, question: &[u8]) -> Answer {
        let started = Instant::now();
        let question: Question = match serde_json::from_slice(question) {
            Ok(question) => question,
            Err(error) => {
                tracing::error!(%error, "the engine's question cannot be read");
                return Answer::deny("Wharden: the engine's question cannot be read. What to do: see the agent's log.");
            }
        };
        if question.request_headers.get(MARK_HEADER).is_some_and(|value| self.guard.engine.knows(value)) {
            return Answer::allow();
        }
        let Ok(_place) = self.waiting.try_acquire() else {
            return Self::busy();
        };
        // First, so that those who wait with a body take no case's place from those without. It is never closed.
        let has_body = question.request_body.as_ref().is_some_and(|body| !body.is_empty());
        let _body = if has_body { self.bodies.acquire().await.ok() } else { None };
        let Ok(_room) = self.cases.acquire().await else {
            return Answer::deny("Wharden: the agent is stopping. What to do: try again.");
        };
        match self.review(started, question).await {
            Ok(()) => Answer::allow(),
            Err(refused) => Answer::deny(refused.message),
        }
    }

    /// The answer where there is no place for one more.
    pub(super) fn busy() -> Answer {
        Answer::deny("Wharden: too many requests wait for a decision past the guard. What to do: try again.")
    }

    async fn review(&self, started: Instant, question: Question) -> Result<(), Refused> {
        let api = self.guard.engine.api().await.map_err(|error| self.guard.engine_failed(&error, false))?;
        let (head, who) = (head(&question), who(&question));
        let mut case = Case::new(&self.guard, started, &head, who).unserved();
        let request = case.begin(&head, api)?;
        match body(&request, &head, question.request_body) {
            Body::Without => case.decide(request, None).await.map(drop),
            Body::Whole(bytes) => case.decide(request, Some(bytes)).await.map(drop),
            Body::Unseen(why) => case.decide_unseen(request.endpoint().action, why),
        }
    }
}

/// The request's head, as far as the engine tells it.
fn head(question: &Question) -> Head {
    let mut headers: Vec<_> = question
        .request_headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone().into_bytes()))
        .filter(|(name, _)| name != "host")
        .collect();
    // The engine has taken it out, and does nothing by it.
    headers.push(("host".to_owned(), b"docker".to_vec()));
    Head { method: question.request_method.clone(), target: question.uri.clone(), headers }
}

fn who(question: &Question) -> Who {
    let user = |name: &str| Arc::new(Principal::User { name: name.to_owned() });
    match (question.authn.as_str(), question.user.as_str()) {
        ("TLS", "") => {
            let nobody = Some("the client's certificate has no common name".to_owned());
            Who { principal: user(SOCKET_USER), nobody, uid: None }
        }
        ("TLS", name) => Who { principal: user(name), nobody: None, uid: None },
        _ => Who { principal: user(SOCKET_USER), nobody: None, uid: None },
    }
}

/// Not by a body, nor by what it names beside one: whoever brings a form in the place of an archive brings no archive.
fn is_decided_by_query(request: &Request) -> bool {
    let endpoint = request.endpoint();
    endpoint.body == BodyKind::None || matches!(endpoint.action, Action::ImageBuild | Action::ImagePull)
}

fn body(request: &Request, head: &Head, handed_over: Option<Vec<u8>>) -> Body {
    let header = |wanted: &str| head.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
    let length = header("content-length").and_then(|value| std::str::from_utf8(value).ok()?.parse::<usize>().ok());
    if request.endpoint().body != BodyKind::Json {
        // Of two types the engine goes by the first and shows the last. A form counts before the query.
        let is_read = matches!(head.method.as_str(), "POST" | "PUT" | "PATCH") && is_decided_by_query(request);
        let may_be_form = is_read && length != Some(0) && handed_over.is_none() && header("content-type").is_some();
        return if may_be_form { Body::Unseen(FORM) } else { Body::Without };
    }
    match (length, handed_over) {
        (Some(0), None) => Body::Without,
        (Some(length), Some(body)) if body.len() == length => match length {
            0 => Body::Without,
            _ => Body::Whole(body),
        },
        (Some(_), _) => Body::Unseen(
            "the request is decided by its body, which the engine does not show: it is 1 MiB or larger, or its \
             Content-Type is not application/json, or the address ends in /auth; use the guard's socket",
        ),
        (None, _) => Body::Unseen(
            "the request is decided by its body, and the engine shows none that comes without a Content-Length; use the \
             guard's socket",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharden_docker::{ApiVersion, begin};

    fn question(method: &str, uri: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Question {
        Question {
            request_method: method.into(),
            uri: uri.into(),
            request_headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            request_body: body.map(<[u8]>::to_vec),
            ..Question::default()
        }
    }

    fn seen(question: Question) -> Body {
        let head = head(&question);
        let request = begin(&head, ApiVersion { major: 1, minor: 41 }).expect("a good head");
        body(&request, &head, question.request_body)
    }

    #[test]
    fn a_body_that_decides_and_is_not_whole_is_unseen() {
        const JSON: (&str, &str) = ("Content-Type", "application/json");
        let create = |headers: &[(&str, &str)], body| seen(question("POST", "/v1.41/containers/create", headers, body));
        assert_eq!(create(&[JSON, ("Content-Length", "2")], Some(b"{}")), Body::Whole(b"{}".to_vec()));
        assert_eq!(create(&[("Content-Length", "0")], None), Body::Without);
        for unseen in [
            // Chunked, which the engine reads and does not show.
            create(&[JSON], None),
            create(&[JSON, ("Content-Length", "1048576")], None),
            create(&[("Content-Type", "text/plain"), ("Content-Length", "2")], None),
            create(&[JSON, ("Content-Length", "9")], Some(b"{}")),
            create(&[JSON], Some(b"{}")),
        ] {
            assert!(matches!(unseen, Body::Unseen(_)), "{unseen:?}");
        }
        // A second type, which the engine goes by, is not shown; here it would read another tag than the one that is judged.
        let form = [("Content-Type", "application/x-tar"), ("Content-Length", "9")];
        for uri in ["/v1.41/images/x/tag?repo=a", "/v1.41/build?t=a", "/v1.41/images/create?fromImage=a"] {
            assert!(matches!(seen(question("POST", uri, &form, None)), Body::Unseen(_)), "{uri}");
            assert_eq!(seen(question("POST", uri, &form[1..], None)), Body::Without);
            assert_eq!(seen(question("POST", uri, &[form[0], ("Content-Length", "0")], None)), Body::Without);
        }
        assert!(matches!(seen(question("POST", "/v1.41/build", &form[..1], None)), Body::Unseen(_)), "chunked");
        assert_eq!(seen(question("POST", "/v1.41/images/load", &form, None)), Body::Without);
        assert_eq!(seen(question("GET", "/v1.41/images/json", &form, None)), Body::Without);
        // Nothing is decided by what streams, nor by what the engine does not read.
        assert_eq!(seen(question("POST", "/v1.41/images/load", &[], None)), Body::Without);
        assert_eq!(seen(question("POST", "/v1.41/containers/x/start", &[], None)), Body::Without);
    }

    #[test]
    fn a_name_is_believed_only_from_a_verified_certificate() {
        let named =
            |user: &str, authn: &str| who(&Question { user: user.into(), authn: authn.into(), ..Question::default() });
        let user = |name: &str| Arc::new(Principal::User { name: name.into() });
        assert_eq!(named("alice", "TLS").principal, user("alice"));
        assert_eq!(named("alice", "").principal, user(SOCKET_USER));
        assert!(named("", "").nobody.is_none());
        assert!(named("", "TLS").nobody.is_some());
    }
}
