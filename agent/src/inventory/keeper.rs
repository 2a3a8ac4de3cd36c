//! Keeps the inventory as the engine has it: a look at everything, then at what its events name.

use super::{
    Engine, EngineError, ImageOwners, LastLabels,
    changes::{Changes, Dirty},
    described,
    facts::machine_facts,
    told::Told,
};
use crate::limits::{
    CONTAINERS_AT_A_TIME, ENGINE_RETRY, FULL_LOOK, INVENTORY_LATEST, INVENTORY_QUIET, INVENTORY_STRAINED_WAIT,
};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use std::sync::{Arc, Once};
use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep, sleep_until},
};
use wharden_docker::{NetworkView, VolumeView};
use wharden_model::{
    Action, ResourceKind,
    inventory::{EngineFacts, Image},
    limits::INVENTORY_CONTAINERS_MAX,
};

/// See the module.
pub struct Keeper {
    engine: Arc<Engine>,
    owners: Arc<ImageOwners>,
    told: Arc<Told>,
    labels: Arc<LastLabels>,
    said: Once,
    said_of_runtime: Once,
}

impl Keeper {
    /// Does not look yet.
    pub fn new(engine: Arc<Engine>, owners: Arc<ImageOwners>, told: Arc<Told>, labels: Arc<LastLabels>) -> Self {
        Self { engine, owners, told, labels, said: Once::new(), said_of_runtime: Once::new() }
    }

    /// Keeps it, for ever.
    pub async fn run(self) {
        loop {
            if let Err(error) = self.follow().await {
                tracing::debug!(%error, "the inventory waits for the engine");
                // What ran is kept as it was; that the engine is away is told.
                self.host(EngineFacts::default()).await;
            }
            sleep(ENGINE_RETRY).await;
        }
    }

    /// Follows the engine until it goes away.
    async fn follow(&self) -> Result<(), EngineError> {
        // First, so that nothing happens between the look and the first event.
        let mut changes = Changes::open(&self.engine).await?;
        let mut dirty = Dirty::default();
        self.meanwhile(&mut changes, &mut dirty, self.look_at_everything()).await?;
        let mut next_full = Instant::now() + FULL_LOOK;
        let (mut first, mut last) = (None, Instant::now());
        loop {
            if first.is_none() && dirty != Dirty::default() {
                last = Instant::now();
                first = Some(last);
            }
            let quiet = if self.told.is_strained() { INVENTORY_STRAINED_WAIT } else { INVENTORY_QUIET };
            let latest = if self.told.is_strained() { INVENTORY_STRAINED_WAIT } else { INVENTORY_LATEST };
            let due = first.map(|first| (last + quiet).min(first + latest));
            tokio::select! {
                changed = changes.note(&mut dirty) => if changed? {
                    last = Instant::now();
                    first.get_or_insert(last);
                    self.owners.removed(std::mem::take(&mut dirty.removed)).await;
                },
                () = self.owners.changed.notified() => {
                    dirty.images = true;
                    last = Instant::now();
                    first.get_or_insert(last);
                }
                () = sleep_until(due.map_or(next_full, |due| due.min(next_full))) => {
                    let full = Instant::now() >= next_full;
                    if full {
                        next_full = Instant::now() + FULL_LOOK;
                    }
                    if full && self.told.is_strained() {
                        self.told.put_off();
                        continue;
                    }
                    first = None;
                    let seen = std::mem::take(&mut dirty);
                    let look = async {
                        if full || seen.everything { self.look_at_everything().await } else { self.look_at(&seen).await }
                    };
                    self.meanwhile(&mut changes, &mut dirty, look).await?;
                }
            }
        }
    }

    /// Looks, and follows the engine while it does: an image that is removed and comes back within a look is not whose it was.
    async fn meanwhile(
        &self,
        changes: &mut Changes,
        dirty: &mut Dirty,
        look: impl Future<Output = Result<(), EngineError>>,
    ) -> Result<(), EngineError> {
        let follow = async {
            loop {
                changes.note(dirty).await?;
                self.owners.removed(std::mem::take(&mut dirty.removed)).await;
            }
        };
        // Both go on at any time: each may wait for what the other is writing.
        let looked = tokio::select! {
            looked = look => looked,
            lost = follow => lost,
        };
        // What the end of the look has cut short.
        self.owners.save().await;
        looked
    }

    async fn look_at(&self, dirty: &Dirty) -> Result<(), EngineError> {
        if dirty.images {
            self.images().await?;
        }
        if dirty.volumes {
            self.volumes().await?;
        }
        if dirty.networks {
            self.networks().await?;
        }
        self.told.announce();
        self.containers(&dirty.containers).await?;
        self.told.announce();
        Ok(())
    }

    async fn look_at_everything(&self) -> Result<(), EngineError> {
        let (version, info) = (self.engine.get("/version").await?, self.engine.get("/info").await?);
        let engine = described::engine(&version, &info);
        if !engine.maps_users() {
            self.said.call_once(|| {
                tracing::warn!(
                    "the engine maps no users: whoever may make containers and has an account on this host can become other \
                     accounts of it; turn userns-remap on (docs/security.md, \"Accounts, images and the engine\")"
                );
            });
        }
        if engine.trusts_images() {
            self.said_of_runtime.call_once(|| {
                tracing::warn!(
                    runc = engine.runc,
                    "this runtime lets images reach the host, unless the distribution has mended CVE-2025-31133 in it: update it \
                     (docs/security.md, \"Accounts, images and the engine\")"
                );
            });
        }
        self.host(engine).await;
        let mut ids = Vec::new();
        let id = |it: &Value| Some(it.get("Id")?.as_str()?.to_owned());
        self.engine.list("/containers/json?all=1", Action::ContainerList, |it| ids.extend(id(it))).await?;
        ids.truncate(INVENTORY_CONTAINERS_MAX);
        self.told.change(|ledger| ledger.keep_containers(&ids));
        self.told.keep_processes(&ids);
        self.owners.tidy(&self.engine).await;
        self.images().await?;
        self.volumes().await?;
        self.networks().await?;
        self.told.announce();
        self.containers(&ids).await?;
        self.told.announce();
        Ok(())
    }

    /// After all else, and some at a time: whoever copies into a container has its lock, for as long as that takes.
    async fn containers(&self, ids: impl IntoIterator<Item = &String>) -> Result<(), EngineError> {
        let each = stream::iter(ids).map(Ok);
        each.try_for_each_concurrent(CONTAINERS_AT_A_TIME, |id| self.container(id)).await
    }

    async fn host(&self, engine: EngineFacts) {
        let facts = spawn_blocking(move || machine_facts(engine)).await;
        if let Ok(facts) = facts {
            self.told.put_host(facts);
            self.told.announce();
        }
    }

    async fn container(&self, id: &str) -> Result<(), EngineError> {
        match self.engine.get(&format!("/containers/{id}/json")).await {
            Ok(json) => {
                if let Some((container, process)) = described::container(&json) {
                    self.told.put_process(&container.id, process);
                    self.told.change(|ledger| ledger.put_container(container));
                }
            }
            Err(EngineError::Status { status: 404, .. }) => {
                self.told.put_process(id, None);
                self.told.change(|ledger| ledger.drop_container(id));
            }
            // One container that the engine stumbles over, or has too much to say about, does not hide the others.
            Err(error) if error.is_of_one_thing() => {
                tracing::debug!(container = id, %error, "a container could not be looked at");
            }
            // Nor does one whose lock somebody has, while the engine answers.
            Err(EngineError::Timeout { .. }) => {
                self.engine.get("/version").await?;
                tracing::debug!(container = id, "a container could not be looked at in time");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Everything about an image but its names is asked once: it is known by its content.
    async fn images(&self) -> Result<(), EngineError> {
        let (mut listed, mut images) = (Vec::new(), Vec::new());
        self.engine.list("/images/json", Action::ImageList, |it| listed.extend(described::image_names(it))).await?;
        for (id, tags, digests) in listed {
            let known = self.told.look(|ledger| ledger.image(&id).cloned());
            let image = match known {
                Some(image) => Some(image),
                None => match self.engine.get(&format!("/images/{id}/json")).await {
                    Ok(json) => described::image(&json),
                    Err(error) if error.is_of_one_thing() => None,
                    Err(error) => return Err(error),
                },
            };
            if let Some(image) = image {
                let mut image = Image { tags, digests, owner: self.owners.of(&id), ..image };
                image.bound();
                images.push(image);
            }
        }
        self.told.change(|ledger| ledger.set_images(images));
        Ok(())
    }

    async fn volumes(&self) -> Result<(), EngineError> {
        let (mut volumes, mut labels) = (Vec::new(), Vec::new());
        let mut each = |it: &Value| {
            volumes.extend(described::volume(it));
            labels.extend(VolumeView::from_inspect(it).map(|volume| (volume.name, volume.labels)));
        };
        self.engine.list("/volumes", Action::VolumeList, &mut each).await?;
        self.labels.set(ResourceKind::Volume, labels);
        self.told.change(|ledger| ledger.set_volumes(volumes));
        Ok(())
    }

    async fn networks(&self) -> Result<(), EngineError> {
        let (mut networks, mut labels) = (Vec::new(), Vec::new());
        let mut each = |it: &Value| {
            networks.extend(described::network(it));
            labels.extend(NetworkView::from_inspect(it).map(|network| (network.id, network.labels)));
        };
        self.engine.list("/networks", Action::NetworkList, &mut each).await?;
        self.labels.set(ResourceKind::Network, labels);
        self.told.change(|ledger| ledger.set_networks(networks));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{enrolment::DataDir, inventory::IMAGE_OWNERS_FILE, limits::LOOKUP_TIMEOUT};
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{UnixListener, UnixStream},
        time::timeout,
    };

    const IMAGE: &str = "sha256:a";

    /// An engine that has removed an image, and takes its time to tell of anything else.
    async fn busy_engine(listener: UnixListener) {
        let event = format!("{{\"Type\":\"image\",\"Action\":\"delete\",\"Actor\":{{\"ID\":\"{IMAGE}\"}}}}\n");
        let events = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{event}\r\n", event.len());
        let mut open: Vec<UnixStream> = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await.expect("a request");
            if request[..read].starts_with(b"GET /events") {
                stream.write_all(events.as_bytes()).await.expect("taken");
            }
            open.push(stream);
        }
    }

    /// An engine that says nothing of the container `held`, as when somebody copies into it.
    async fn engine_with_a_held_container(listener: UnixListener, versions: Arc<AtomicUsize>, begun: Arc<AtomicUsize>) {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let (versions, begun) = (Arc::clone(&versions), Arc::clone(&begun));
            tokio::spawn(async move {
                let mut request = [0; 4096];
                loop {
                    let read = stream.read(&mut request).await.unwrap_or_default();
                    let line = String::from_utf8_lossy(&request[..read]).lines().next().unwrap_or_default().to_owned();
                    let json = match line.split(' ').nth(1).unwrap_or_default() {
                        "" => return,
                        path if path.starts_with("/events") => {
                            begun.fetch_add(1, Ordering::SeqCst);
                            let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
                            stream.write_all(head).await.expect("taken");
                            continue;
                        }
                        path if path.contains("/containers/held/") => continue,
                        path if path.contains("/containers/other/") => r#"{"Id":"other","Name":"/other"}"#,
                        path if path.contains("/containers/json") => r#"[{"Id":"held"},{"Id":"other"}]"#,
                        path if path.contains("/volumes") => r#"{"Volumes":[]}"#,
                        path if path.contains("/version") => {
                            versions.fetch_add(1, Ordering::SeqCst);
                            r#"{"Version":"20.10.24","ApiVersion":"1.41"}"#
                        }
                        path if path.contains("/info") => "{}",
                        _ => "[]",
                    };
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{json}", json.len());
                    stream.write_all(answer.as_bytes()).await.expect("taken");
                }
            });
        }
    }

    #[tokio::test]
    async fn one_container_whose_lock_somebody_has_hides_nothing_else() {
        let dir = tempfile::tempdir().expect("a folder");
        let socket = dir.path().join("engine.sock");
        let (versions, begun) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let listener = UnixListener::bind(&socket).expect("bound");
        let engine = tokio::spawn(engine_with_a_held_container(listener, Arc::clone(&versions), Arc::clone(&begun)));
        let data = DataDir::create(&dir.path().join("data")).expect("data");
        let (told, owners) = (Arc::new(Told::default()), Arc::new(ImageOwners::load(&data)));
        let keeper = Keeper::new(Arc::new(Engine::new(&socket)), owners, Arc::clone(&told), Arc::default());
        let keeper = tokio::spawn(keeper.run());
        let is_known = || told.look(|ledger| ledger.container_ids().any(|id| id == "other"));
        let seen = async {
            while !is_known() {
                sleep(Duration::from_millis(10)).await;
            }
            let before = versions.load(Ordering::SeqCst);
            // It is given up, and the engine is asked whether it is there.
            while versions.load(Ordering::SeqCst) == before {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(LOOKUP_TIMEOUT * 3, seen).await.expect("while the container is held");
        assert_eq!(begun.load(Ordering::SeqCst), 1, "it is not begun from the top");
        keeper.abort();
        engine.abort();
    }

    #[tokio::test]
    async fn what_is_removed_while_the_engine_is_looked_at_is_nobodys_at_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let socket = dir.path().join("engine.sock");
        let engine = tokio::spawn(busy_engine(UnixListener::bind(&socket).expect("bound")));
        let data = DataDir::create(&dir.path().join("data")).expect("data");
        let held = format!("{{\"version\":1,\"owners\":{{\"alice\":[\"{IMAGE}\"]}}}}");
        data.write(IMAGE_OWNERS_FILE, held.as_bytes()).expect("written");
        let owners = Arc::new(ImageOwners::load(&data));
        assert_eq!(owners.of(IMAGE), "alice");
        let keeper = Keeper::new(Arc::new(Engine::new(&socket)), Arc::clone(&owners), Arc::default(), Arc::default());
        let keeper = tokio::spawn(keeper.run());
        let told = async {
            let written = || data.read(IMAGE_OWNERS_FILE).expect("read").expect("there");
            while !owners.of(IMAGE).is_empty() || written() == held.as_bytes() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(5), told).await.expect("while the first look goes on");
        keeper.abort();
        engine.abort();
    }
}
