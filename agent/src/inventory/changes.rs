//! The engine's events: what has to be looked at again.

use super::{Engine, EngineError};
use crate::{
    limits::{EVENT_LINE_MAX, HEAD_MAX, INVENTORY_DIRTY_MAX, LOOKUP_TIMEOUT},
    wire::{self, Body, Inbox, Lines, ResponseError, Socket},
};
use serde_json::Value;
use std::{collections::BTreeSet, io};
use tokio::{io::AsyncWriteExt, time::timeout};

/// Of containers, images, volumes and networks.
const PATH: &str =
    "/events?filters=%7B%22type%22%3A%5B%22container%22%2C%22image%22%2C%22volume%22%2C%22network%22%5D%7D";

/// What has changed and was not looked at yet.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Dirty {
    pub containers: BTreeSet<String>,
    pub images: bool,
    /// Images that were removed, and when, in milliseconds: more than a look could tell, since they may be back.
    pub removed: Vec<(String, u64)>,
    pub volumes: bool,
    pub networks: bool,
    /// More containers than can be remembered: look at all.
    pub everything: bool,
}

impl Dirty {
    /// Takes note of an event. True when it changes something.
    pub fn note(&mut self, event: &Value) -> bool {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (kind, action) = (text("/Type"), text("/Action"));
        match kind {
            "container" if is_change(action) => self.container(text("/Actor/ID")),
            "image" => {
                if action == "delete" {
                    self.removed.push((text("/Actor/ID").to_owned(), at_ms(event)));
                }
                self.images = true;
            }
            "volume" if !matches!(action, "mount" | "unmount") => self.volumes = true,
            "network" if matches!(action, "connect" | "disconnect") => {
                self.container(text("/Actor/Attributes/container"));
            }
            "network" => self.networks = true,
            _ => return false,
        }
        true
    }

    fn container(&mut self, id: &str) {
        if id.is_empty() || self.containers.len() >= INVENTORY_DIRTY_MAX {
            self.everything = true;
        } else {
            self.containers.insert(id.to_owned());
        }
    }
}

/// When it happened. What does not say so is just now.
fn at_ms(event: &Value) -> u64 {
    event.get("timeNano").and_then(Value::as_u64).map_or(u64::MAX, |nanos| nanos / 1_000_000)
}

/// Most of what happens to a container changes nothing that is told of it.
fn is_change(action: &str) -> bool {
    let word = action.split(':').next().unwrap_or_default();
    matches!(
        word,
        "create" | "start" | "restart" | "die" | "stop" | "pause" | "unpause" | "rename" | "update" | "destroy" | "oom"
    ) || word == "health_status"
}

/// An open stream of events.
pub struct Changes {
    stream: Socket,
    inbox: Inbox,
    body: Body,
    lines: Lines,
}

impl Changes {
    /// Everything that happens from now on.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn open(engine: &Engine) -> Result<Self, EngineError> {
        let late = |_| EngineError::Timeout { path: PATH.to_owned() };
        timeout(LOOKUP_TIMEOUT, Self::begin(engine)).await.map_err(late)?
    }

    async fn begin(engine: &Engine) -> Result<Self, EngineError> {
        let broken = |source| EngineError::Broken { path: PATH.to_owned(), source };
        let mut stream = engine.connect().await?;
        let request = format!("GET {PATH} HTTP/1.1\r\nHost: docker\r\nUser-Agent: wharden-agent\r\n\r\n");
        stream.write_all(&engine.marked(request.into_bytes())).await.map_err(broken)?;
        let mut inbox = Inbox::default();
        loop {
            let head = wire::parse_response(inbox.bytes(), false)
                .map_err(|source| EngineError::Head { path: PATH.to_owned(), source })?;
            if let Some(head) = head {
                if head.status != 200 {
                    return Err(EngineError::Status {
                        path: PATH.to_owned(),
                        status: head.status,
                        message: String::new(),
                    });
                }
                inbox.consume(head.bytes);
                return Ok(Self { stream, inbox, body: Body::new(head.framing), lines: Lines::new(EVENT_LINE_MAX) });
            }
            if inbox.len() > HEAD_MAX {
                return Err(EngineError::Head { path: PATH.to_owned(), source: ResponseError::Malformed });
            }
            if inbox.fill(&mut stream).await.map_err(broken)? == 0 {
                return Err(broken(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// Waits for events and takes note of them. May be given up at any time without losing one.
    ///
    /// # Errors
    /// [`EngineError`] when the stream has ended.
    pub async fn note(&mut self, dirty: &mut Dirty) -> Result<bool, EngineError> {
        let next = self.body.next(&mut self.inbox, &mut self.stream).await;
        let at_hand = next.map_err(|source| EngineError::Body { path: PATH.to_owned(), source })?;
        let (mut part, mut changed) = (self.inbox.bytes().get(..at_hand.data).unwrap_or_default(), false);
        while !part.is_empty() {
            match self.lines.next(&mut part) {
                None => {}
                Some(line) => match line.and_then(|line| serde_json::from_slice::<Value>(&line).ok()) {
                    Some(event) => changed |= dirty.note(&event),
                    // Something happened; what it was cannot be told.
                    None => (dirty.everything, changed) = (true, true),
                },
            }
        }
        Body::used(&mut self.inbox, &at_hand);
        if at_hand.is_last {
            let source = io::ErrorKind::UnexpectedEof.into();
            return Err(EngineError::Broken { path: PATH.to_owned(), source });
        }
        Ok(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(kind: &str, action: &str, id: &str) -> Value {
        json!({"Type": kind, "Action": action, "Actor": {"ID": id, "Attributes": {"container": "joined"}}})
    }

    #[test]
    fn only_what_changes_something_is_looked_at() {
        let mut dirty = Dirty::default();
        for (kind, action) in [
            ("container", "exec_start: sh"),
            ("container", "top"),
            ("container", "attach"),
            ("volume", "mount"),
            ("daemon", "reload"),
        ] {
            assert!(!dirty.note(&event(kind, action, "x")), "{kind} {action}");
        }
        assert_eq!(dirty, Dirty::default());
        for (kind, action, id) in [
            ("container", "health_status: healthy", "a"),
            ("container", "rename", "b"),
            ("network", "connect", "n"),
            ("volume", "create", "v"),
        ] {
            assert!(dirty.note(&event(kind, action, id)), "{kind} {action}");
        }
        let containers = ["a", "b", "joined"].map(str::to_owned).into();
        assert_eq!(dirty, Dirty { containers, volumes: true, ..Dirty::default() });
    }

    #[test]
    fn images_that_were_removed_are_named_with_the_time() {
        let mut dirty = Dirty::default();
        for (action, id) in [("untag", "sha256:a"), ("delete", "sha256:a"), ("delete", "sha256:b"), ("pull", "app:1")] {
            let mut event = event("image", action, id);
            if id == "sha256:a" {
                event["timeNano"] = json!(1_900_000_000_123_456_789_u64);
            }
            assert!(dirty.note(&event), "{action}");
        }
        let removed = vec![("sha256:a".to_owned(), 1_900_000_000_123), ("sha256:b".to_owned(), u64::MAX)];
        assert_eq!(dirty, Dirty { images: true, removed, ..Dirty::default() });
    }

    #[test]
    fn a_flood_of_events_makes_one_look_at_everything() {
        let mut dirty = Dirty::default();
        for n in 0..=INVENTORY_DIRTY_MAX {
            assert!(dirty.note(&event("container", "start", &n.to_string())));
        }
        assert_eq!((dirty.containers.len(), dirty.everything), (INVENTORY_DIRTY_MAX, true));
    }
}
