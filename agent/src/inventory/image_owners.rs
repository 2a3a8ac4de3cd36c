//! Who made an image on this host, by its id. Kept here, since labels of an image are whoever's who wrote them.
//!
//! An image becomes the caller's when a request made it: its id was not there before the request, nobody has it yet, and,
//! where the guard has put the maker's name on it, that name is on it. It is nobody's again once the engine says that it is
//! removed, or does not list it. What comes from a registry is nobody's, and so is everything once this register is lost.
//!
//! ```text
//! request ─▶ before: what is there? ─▶ engine ─▶ answer names an image ─▶ made: is it new? ─▶ memory, disk ─▶ client
//! archive: its ids ─▶ before ─▶ its end ─▶ engine ─▶ answer without an error ─▶ made
//! ```

use super::{Engine, lookup::look_up_image};
use crate::{
    enrolment::DataDir,
    limits::{IMAGE_OWNER_BYTES_MAX, IMAGE_OWNERS_MAX, LOOKUP_TIMEOUT},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{
    sync::Notify,
    task::spawn_blocking,
    time::{Instant, timeout_at},
};
use wharden_docker::{ImageView, OWNER_LABEL};

/// In the data folder.
pub const FILE: &str = "image-owners.json";
const VERSION: u32 = 1;
/// `sha256:` and the digits.
const ID_BYTES: usize = 7 + 64;

/// See the module.
pub struct ImageOwners {
    dir: DataDir,
    held: Mutex<Held>,
    /// One asks the engine for all images; those who want to know too wait for that answer.
    looking: tokio::sync::Mutex<()>,
    /// One writes; who waits for its turn writes what all before have changed.
    writing: Arc<tokio::sync::Mutex<()>>,
    /// An image got its owner.
    pub changed: Notify,
}

/// The images that were there when a request began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before(u64);

#[derive(Default)]
struct Held {
    owners: BTreeMap<String, Owned>,
    /// When each image was seen for the first time.
    seen: HashMap<String, u64>,
    /// Counts what happens, so that it can be told what came first.
    moment: u64,
    /// When the latest look began.
    looked: u64,
    /// The file says something else.
    unsaved: bool,
}

struct Owned {
    owner: Arc<str>,
    /// Looks that began before say nothing about whether it is gone.
    since: u64,
    /// The time, in milliseconds. What the engine removed before was another image of that id.
    given: u64,
}

/// On disk: images by their owners.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    owners: BTreeMap<String, Vec<String>>,
}

impl Held {
    fn next(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    /// What a look that began then has found. What is gone is nobody's any more.
    fn found(&mut self, began: u64, ids: Vec<String>) {
        let mut seen: HashMap<String, u64> = HashMap::with_capacity(ids.len());
        for id in ids {
            let first = self.seen.get(&id).copied().unwrap_or(began);
            seen.insert(id, first);
        }
        let before = self.owners.len();
        self.owners.retain(|id, owned| owned.since > began || seen.contains_key(id));
        self.unsaved |= self.owners.len() != before;
        (self.seen, self.looked) = (seen, began);
    }

    /// What the engine has removed, and when: should it come back, it is not whose it was.
    fn removed(&mut self, id: &str, at: u64) {
        if self.owners.get(id).is_some_and(|owned| owned.given <= at) {
            self.owners.remove(id);
            self.unsaved = true;
        }
    }

    /// Gives an image that came after that moment to its maker. False when it was there, is somebody's, or there is no room.
    fn give(&mut self, id: &str, owner: &str, before: Before, now: u64) -> bool {
        let was_there = self.seen.get(id).is_some_and(|first| *first <= before.0);
        if was_there || self.owners.contains_key(id) || owner.is_empty() || owner.len() > IMAGE_OWNER_BYTES_MAX {
            return false;
        }
        let of_owner = self.owners.values().filter(|owned| *owned.owner == *owner).count();
        // One account may fill half of what others have left, so that there is room for one more each time.
        let of_others = self.owners.len() - of_owner;
        if of_owner >= (IMAGE_OWNERS_MAX - of_others) / 2 {
            tracing::warn!(image = id, owner, "the register of images' owners is full: the image is nobody's");
            return false;
        }
        let since = self.next();
        self.owners.insert(id.to_owned(), Owned { owner: owner.into(), since, given: now });
        self.unsaved = true;
        true
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let file: File = serde_json::from_slice(bytes).ok()?;
        let mut held = Self::default();
        for (owner, ids) in file.owners {
            let owner: Arc<str> = owner.into();
            held.owners.extend(ids.into_iter().map(|id| (id, Owned { owner: Arc::clone(&owner), since: 0, given: 0 })));
        }
        (file.version == VERSION && held.owners.len() <= IMAGE_OWNERS_MAX).then_some(held)
    }

    fn written(&self) -> File {
        let mut owners: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (id, owned) in &self.owners {
            owners.entry(owned.owner.to_string()).or_default().push(id.clone());
        }
        File { version: VERSION, owners }
    }
}

impl ImageOwners {
    /// As it was kept. One that cannot be read says of no image whose it is.
    pub fn load(dir: &DataDir) -> Self {
        let held = match dir.read(FILE) {
            Ok(None) => Held::default(),
            Ok(Some(bytes)) => Held::read(&bytes).unwrap_or_else(|| {
                tracing::warn!("the file `{FILE}` in the data folder cannot be understood: images have no owners");
                Held::default()
            }),
            Err(error) => {
                tracing::warn!(%error, "the register of images' owners cannot be read: images have no owners");
                Held::default()
            }
        };
        Self {
            dir: dir.clone(),
            held: Mutex::new(held),
            looking: tokio::sync::Mutex::default(),
            writing: Arc::default(),
            changed: Notify::new(),
        }
    }

    /// Who made an image; empty when nobody is known to have.
    pub fn of(&self, id: &str) -> String {
        self.held().owners.get(id).map(|owned| owned.owner.to_string()).unwrap_or_default()
    }

    /// Looks at which images there are, before a request may make one. `None` when the engine does not say: then the
    /// request makes nothing its caller's.
    pub async fn before(&self, engine: &Engine) -> Option<Before> {
        let asked = self.held().next();
        let Ok(_turn) = timeout_at(Instant::now() + LOOKUP_TIMEOUT, self.looking.lock()).await else {
            tracing::warn!("the engine is slow to list its images: what is made now is nobody's");
            return None;
        };
        let began = {
            let mut held = self.held();
            if held.looked > asked {
                return Some(Before(held.looked));
            }
            held.next()
        };
        match engine.image_ids().await {
            Ok(ids) => self.held().found(began, ids),
            Err(error) => {
                tracing::warn!(%error, "the engine's images cannot be listed: what is made now is nobody's");
                return None;
            }
        }
        self.save().await;
        Some(Before(began))
    }

    /// Forgets images that are gone.
    pub async fn tidy(&self, engine: &Engine) {
        let empty = self.held().owners.is_empty();
        if !empty {
            self.before(engine).await;
        }
    }

    /// Forgets images that the engine has removed, with the times, in milliseconds.
    pub async fn removed(&self, images: Vec<(String, u64)>) {
        {
            let mut held = self.held();
            images.iter().for_each(|(id, at)| held.removed(id, *at));
        }
        self.save().await;
    }

    /// Takes note of what a request made, before its caller hears of it. `labelled`: the guard has put its maker on it.
    pub async fn made(
        &self,
        engine: &Engine,
        made: Vec<String>,
        owner: &str,
        before: Before,
        labelled: bool,
        now: u64,
    ) {
        let mut changed = false;
        for id in made {
            let Some(id) = whole_id(engine, id).await else { continue };
            match look_up_image(engine, &id).await {
                // A name may look like an id, and mean another image then.
                Ok(Some(image)) if image.id == id && may_be_of(&image, owner, labelled) => {
                    changed |= self.held().give(&id, owner, before, now);
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(image = id, %error, "an image cannot be looked at: it is nobody's"),
            }
        }
        if changed {
            self.save().await;
            self.changed.notify_one();
        }
    }

    /// Writes down what is not written yet.
    pub(super) async fn save(&self) {
        let turn = Arc::clone(&self.writing).lock_owned().await;
        let written = {
            let mut held = self.held();
            if !std::mem::take(&mut held.unsaved) {
                return;
            }
            held.written()
        };
        let dir = self.dir.clone();
        let saved = spawn_blocking(move || {
            // Held until it is written, whoever waits for that.
            let _turn = turn;
            let bytes = serde_json::to_vec(&written).map_err(|error| error.to_string())?;
            dir.write(FILE, &bytes).map_err(|error| error.to_string())
        });
        if let Err(error) = saved.await.unwrap_or_else(|error| Err(error.to_string())) {
            self.held().unsaved = true;
            tracing::warn!(error, "the register of images' owners cannot be written: it holds until the agent stops");
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // What is in it is whole after each of its steps.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one id that there is of this beginning. A name of an image may look like one too, but not like a whole one.
async fn whole_id(engine: &Engine, beginning: String) -> Option<String> {
    if beginning.len() == ID_BYTES {
        return Some(beginning);
    }
    match engine.image_ids().await {
        Ok(ids) => {
            let mut found = ids.into_iter().filter(|id| id.starts_with(&beginning));
            found.next().filter(|_| found.next().is_none())
        }
        Err(error) => {
            tracing::warn!(image = beginning, %error, "the engine's images cannot be listed: what was built is nobody's");
            None
        }
    }
}

/// The maker's name is on what was built, so that the image of another one, which the answer would have to name by
/// mistake, cannot be taken; and what says that it is somebody else's is not given away.
fn may_be_of(image: &ImageView, owner: &str, labelled: bool) -> bool {
    match image.labels.get(OWNER_LABEL) {
        Some(label) if !label.is_empty() => label == owner,
        _ => !labelled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: u64 = 1_900_000_000_000;

    fn ids(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn look(held: &mut Held, names: &[&str]) -> Before {
        let began = held.next();
        held.found(began, ids(names));
        Before(began)
    }

    fn owner(held: &Held, id: &str) -> Option<String> {
        held.owners.get(id).map(|owned| owned.owner.to_string())
    }

    #[test]
    fn what_was_there_is_nobodys_and_what_is_new_the_first_ones() {
        let mut held = Held::default();
        let alice = look(&mut held, &["old"]);
        assert!(!held.give("old", "alice", alice, NOW), "it was there");
        assert!(held.give("new", "alice", alice, NOW));
        // Seen by a request that came when it was there.
        let bob = look(&mut held, &["old", "new", "other"]);
        assert!(!held.give("new", "bob", bob, NOW));
        assert!(!held.give("other", "bob", bob, NOW));
        assert!(held.give("other", "alice", alice, NOW), "whose request began before it came");
        assert!(!held.give("other", "bob", Before(u64::MAX), NOW));
        assert!(!held.give("nameless", "", bob, NOW));
        assert!(!held.give("long", &"x".repeat(IMAGE_OWNER_BYTES_MAX + 1), bob, NOW));
        assert_eq!(owner(&held, "other").as_deref(), Some("alice"));
    }

    #[test]
    fn what_is_gone_is_forgotten_unless_it_came_after_the_look() {
        let mut held = Held::default();
        let before = look(&mut held, &[]);
        assert!(held.give("a", "alice", before, NOW));
        let began = held.next();
        assert!(held.give("b", "alice", before, NOW), "while the engine makes its list");
        held.found(began, ids(&["a"]));
        assert_eq!((owner(&held, "a"), owner(&held, "b")), (Some("alice".into()), Some("alice".into())));
        held.unsaved = false;
        let later = look(&mut held, &["b"]);
        assert_eq!((owner(&held, "a"), held.unsaved), (None, true));
        // Made again, it is whose it is made by then.
        assert!(held.give("a", "bob", later, NOW));
    }

    #[test]
    fn what_the_engine_removed_is_nobodys_unless_it_was_made_anew() {
        let mut held = Held::default();
        let before = look(&mut held, &[]);
        assert!(held.give("a", "alice", before, NOW) && held.give("b", "bob", before, NOW));
        held.unsaved = false;
        held.removed("a", NOW - 1);
        held.removed("unknown", NOW);
        assert_eq!((owner(&held, "a").as_deref(), held.unsaved), (Some("alice"), false));
        held.removed("a", NOW);
        assert_eq!((owner(&held, "a"), owner(&held, "b").as_deref(), held.unsaved), (None, Some("bob"), true));
    }

    #[test]
    fn what_is_full_leaves_images_to_nobody_and_one_account_leaves_room_for_others() {
        let mut held = Held::default();
        let before = look(&mut held, &[]);
        let fill = |held: &mut Held, owner: &str| {
            (0..).take_while(|n| held.give(&format!("{owner}{n}"), owner, before, NOW)).count()
        };
        assert_eq!(fill(&mut held, "mallory"), IMAGE_OWNERS_MAX / 2);
        assert_eq!(fill(&mut held, "her friend"), IMAGE_OWNERS_MAX / 4);
        assert_eq!(fill(&mut held, "bob"), IMAGE_OWNERS_MAX / 8);
        assert_eq!(fill(&mut held, "mallory"), 0);
    }

    #[test]
    fn the_largest_register_can_be_read_again() {
        let mut held = Held::default();
        let before = look(&mut held, &[]);
        // By so many accounts that there is room for each.
        let given = (0..IMAGE_OWNERS_MAX)
            .filter(|n| held.give(&format!("sha256:{n:064x}"), &format!("{n:0>IMAGE_OWNER_BYTES_MAX$}"), before, NOW));
        assert_eq!(given.count(), IMAGE_OWNERS_MAX - 1);
        let bytes = serde_json::to_vec(&held.written()).expect("JSON");
        assert!((bytes.len() as u64) < crate::limits::STATE_FILE_MAX, "{} bytes", bytes.len());
        assert_eq!(Held::read(&bytes).expect("whole").owners.len(), IMAGE_OWNERS_MAX - 1);
    }

    #[tokio::test]
    async fn it_outlives_the_agent_and_a_broken_one_says_nothing() {
        let parent = tempfile::tempdir().expect("dir");
        let dir = DataDir::create(&parent.path().join("d")).expect("made");
        let owners = ImageOwners::load(&dir);
        assert!(owners.held().give("a", "alice", Before(0), NOW));
        owners.save().await;
        let again = ImageOwners::load(&dir);
        assert_eq!((again.of("a"), again.of("b")), ("alice".to_owned(), String::new()));
        for broken in [
            b"{\"version\":1,\"owners\":{\"ali".to_vec(),
            b"\xff\x00".to_vec(),
            json!({"version": 2, "owners": {"alice": ["a"]}}).to_string().into_bytes(),
            json!({"version": 1, "owners": {"alice": "a"}}).to_string().into_bytes(),
            json!({"version": 1, "owners": {"alice": (0..=IMAGE_OWNERS_MAX).map(|n| n.to_string()).collect::<Vec<_>>()}}).to_string().into_bytes(),
            vec![b' '; 2 << 20],
        ] {
            dir.write(FILE, &broken).expect("written");
            assert_eq!(ImageOwners::load(&dir).of("a"), "");
        }
        // And is written anew.
        let owners = ImageOwners::load(&dir);
        assert!(owners.held().give("c", "bob", Before(0), NOW));
        owners.save().await;
        assert_eq!(ImageOwners::load(&dir).of("c"), "bob");
    }

    #[test]
    fn an_image_that_says_it_is_somebody_elses_is_given_to_nobody() {
        let image = |label: Option<&str>| ImageView {
            labels: label.map(|owner| (OWNER_LABEL.to_owned(), owner.to_owned())).into_iter().collect(),
            ..ImageView::default()
        };
        for (label, labelled, given) in [
            (Some("alice"), true, true),
            (Some("alice"), false, true),
            (Some("bob"), true, false),
            (Some("bob"), false, false),
            (None, true, false),
            (None, false, true),
            (Some(""), true, false),
            (Some(""), false, true),
        ] {
            assert_eq!(may_be_of(&image(label), "alice", labelled), given, "{label:?} {labelled}");
        }
    }
}
