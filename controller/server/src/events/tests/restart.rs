use super::*;
use std::fs;
use wharden_runtime::clock::{Clock, ManualClock};

/// A clock that the test moves.
struct Shared(std::sync::Arc<ManualClock>);

impl Clock for Shared {
    fn now(&self) -> u64 {
        self.0.now()
    }
}

fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir).expect("lists").map(|e| e.expect("entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "events"));
    files.sort();
    files
}

#[tokio::test]
async fn events_and_what_was_stored_of_each_run_survive_a_restart() {
    let dir = tempfile::tempdir().expect("dir");
    let store = open(dir.path(), SMALL).await;
    assert_eq!(store.append(&host(1), &boot(1), plain(1..=20)).await, Ok(20));
    assert_eq!(store.append(&host(2), &boot(1), plain(1..=2)).await, Ok(2));
    drop(store);
    let store = open(dir.path(), SMALL).await;
    assert!(files(dir.path()).len() > 1, "several segments");
    assert_eq!(store.append(&host(1), &boot(1), plain(15..=22)).await, Ok(22));
    assert_eq!(store.append(&host(1), &boot(2), plain(1..=1)).await, Ok(1), "another run begins at 1 again");
    assert_eq!(store.append(&host(1), &boot(1), plain(3..=4)).await, Ok(4), "stored long ago");
    assert_eq!(store.append(&host(1), &boot(1), Vec::new()).await, Ok(0));
    let expected = [named(1, 1, 1..=20), named(2, 1, 1..=2), named(1, 1, 21..=22), named(1, 2, [1])].concat();
    assert_eq!(all(&store).await, expected);
    assert_eq!(store.count(), 25);
}

#[tokio::test]
async fn a_torn_end_is_cut_off_wherever_it_was_torn() {
    let dir = tempfile::tempdir().expect("dir");
    let store = open(dir.path(), EventLimits::default()).await;
    store.append(&host(1), &boot(1), plain(1..=3)).await.expect("stored");
    let whole = fs::read(&files(dir.path())[0]).expect("reads");
    store.append(&host(1), &boot(1), plain([4])).await.expect("stored");
    drop(store);
    let longer = fs::read(&files(dir.path())[0]).expect("reads");
    for len in (whole.len()..longer.len()).step_by(37) {
        let dir = tempfile::tempdir_in(dir.path()).expect("dir");
        drop(open(dir.path(), EventLimits::default()).await);
        let file = dir.path().join("00000000000000000000.events");
        fs::write(&file, &longer[..len]).expect("torn");
        let store = open(dir.path(), EventLimits::default()).await;
        assert_eq!(all(&store).await, named(1, 1, 1..=3));
        assert_eq!(fs::read(&file).expect("reads"), whole);
        assert_eq!(store.append(&host(1), &boot(1), plain(4..=5)).await, Ok(5), "sent again");
        drop(store);
        assert_eq!(all(&open(dir.path(), EventLimits::default()).await).await, named(1, 1, 1..=5));
    }
}

#[tokio::test]
async fn damage_in_an_old_file_loses_its_rest_and_nothing_else() {
    let dir = tempfile::tempdir().expect("dir");
    let store = open(dir.path(), SMALL).await;
    for seq in 1..=30 {
        store.append(&host(1), &boot(1), plain([seq])).await.expect("stored");
    }
    let in_first = all(&store).await.len();
    drop(store);
    let first = &files(dir.path())[0];
    let mut bytes = fs::read(first).expect("reads");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(first, bytes).expect("damaged");
    let store = open(dir.path(), SMALL).await;
    let left = all(&store).await;
    assert!(left.len() < in_first && left.first() == Some(&(host(1), boot(1), 1)), "{left:?}");
    assert_eq!(left.last(), Some(&(host(1), boot(1), 30)));
    // A follower from the beginning sees the same.
    let query = EventQuery { after: Some(String::new()), limit: Some(1000), ..EventQuery::default() };
    let page = store.query(&query, &HostFilter::Any).await.expect("page");
    assert_eq!(page.events.len(), left.len());
}

#[tokio::test]
async fn the_oldest_files_go_and_followers_go_on_with_the_oldest_that_is_left() {
    let dir = tempfile::tempdir().expect("dir");
    let limits = EventLimits { segment_bytes: 4096, total_bytes: 20_000, max_age_ms: u64::MAX };
    let store = open(dir.path(), limits).await;
    store.append(&host(2), &boot(1), plain(1..=5)).await.expect("stored");
    let start = store
        .query(&EventQuery { limit: Some(1), ..EventQuery::default() }, &HostFilter::Any)
        .await
        .expect("page")
        .next;
    for seq in 1..=200 {
        store.append(&host(1), &boot(1), plain([seq])).await.expect("stored");
    }
    let size: u64 = files(dir.path()).iter().map(|f| fs::metadata(f).expect("file").len()).sum();
    assert!(size <= 20_000 + 4096, "{size}");
    let kept = all(&store).await;
    assert_eq!(store.count(), kept.len() as u64);
    assert_eq!(kept, named(1, 1, 200 - kept.len() as u64 + 1..=200));
    let query = EventQuery { after: Some(start), limit: Some(3), ..EventQuery::default() };
    let page = store.query(&query, &HostFilter::Any).await.expect("page");
    assert_eq!((page.events[0].seq, page.more), (kept[0].2, true));
    assert_eq!(store.append(&host(1), &boot(1), plain([1])).await, Ok(1), "its run is still known");
    drop(store);
    assert_eq!(all(&open(dir.path(), limits).await).await, kept);
}

#[tokio::test]
async fn a_folder_of_an_unknown_form_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().expect("dir");
    fs::write(dir.path().join("format"), "wharden events 3\n").expect("written");
    fs::write(dir.path().join("00000000000000000000.events"), "x").expect("written");
    let opened =
        EventStore::open(dir.path(), SMALL, &Metrics::new("test"), &Readiness::new(&["events"])).await.map(|_| ());
    let error = opened.expect_err("unknown").to_string();
    assert!(error.contains("wharden events 3") && error.contains("wharden events 2"), "{error}");
    fs::remove_file(dir.path().join("format")).expect("removed");
    assert!(
        EventStore::open(dir.path(), SMALL, &Metrics::new("test"), &Readiness::new(&["events"])).await.is_err(),
        "events without a form"
    );
    assert_eq!(fs::read(dir.path().join("00000000000000000000.events")).expect("there"), b"x");
}

#[tokio::test]
async fn a_folder_of_the_first_form_is_read_and_gone_on_with() {
    let dir = tempfile::tempdir().expect("dir");
    // What the version before wrote: one event of a user `alice`, without a stamp.
    fs::write(dir.path().join("format"), "wharden events 1\nid 0000abcd\n").expect("written");
    fs::write(dir.path().join("00000000000000000000.events"), include_bytes!("first-form.events")).expect("written");
    let store = open(dir.path(), SMALL).await;
    assert_eq!(all(&store).await, named(1, 1, 1..=3));
    assert_eq!(store.append(&host(1), &boot(1), plain(2..=5)).await, Ok(5));
    assert_eq!(all(&store).await, named(1, 1, 1..=5));
    drop(store);
    assert_eq!(fs::read(dir.path().join("format")).expect("reads"), b"wharden events 2\n", "older versions keep away");
    assert_eq!(all(&open(dir.path(), SMALL).await).await, named(1, 1, 1..=5));
}

#[tokio::test]
async fn what_is_too_old_goes_by_whole_files_and_is_not_taken_back() {
    let dir = tempfile::tempdir().expect("dir");
    let clock = std::sync::Arc::new(ManualClock::at(10_000));
    let limits = EventLimits { max_age_ms: 5000, segment_bytes: 1 << 20, ..SMALL };
    let (metrics, readiness) = (Metrics::new("test"), Readiness::new(&["events"]));
    let time = Box::new(Shared(clock.clone()));
    let store = EventStore::open_with(time, dir.path(), limits, &metrics, &readiness).await.expect("opens");
    // The hosts' times are 1001 and so on; the clock that counts for a host that is ahead is the controller's.
    store.append(&host(1), &boot(1), plain(1..=10)).await.expect("stored");
    let ahead = vec![(11, json(&event("alice", Action::ImagePull, Outcome::Allowed, u64::MAX)))];
    clock.advance(2000);
    store.append(&host(1), &boot(1), ahead).await.expect("stored");
    store.drop_old().await;
    assert_eq!(store.count(), 11, "the newest of the file is not too old");
    clock.advance(5001);
    store.drop_old().await;
    assert_eq!((store.count(), files(dir.path()).len()), (0, 0));
    assert!(metrics.encode().contains("test_events_dropped_by_age_total 11"), "{}", metrics.encode());
    assert_eq!(store.held(None, 10).horizon, 12_000, "copies of what has gone are not wanted");
    store.append(&host(1), &boot(1), plain([12])).await.expect("stored");
    assert_eq!(all(&store).await, named(1, 1, [12]));
}
