//! Three controllers with slow disks: the leader stays, and writes go on.

mod leader;

use leader::Cluster;
use std::time::Duration;

/// Openraft 0.9 sends no heartbeat while it waits for its own disk. The others wait for the longest election timeout before
/// they even begin to wait for their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_leader_whose_disk_takes_two_seconds_stays() {
    stays(&[1]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_leader_stays_when_all_disks_take_two_seconds() {
    stays(&[1, 2, 3]).await;
}

async fn stays(slow: &[u64]) {
    let cluster = Cluster::start().await;
    let term = cluster.term();
    cluster.slow_down(slow, Duration::from_secs(2));
    for number in 0..6 {
        cluster.write(number).await;
    }
    assert_eq!((cluster.leader().await, cluster.term()), (1, term), "no election");
    cluster.slow_down(slow, Duration::ZERO);
    for number in 6..20 {
        cluster.write(number).await;
    }
    assert_eq!((cluster.leader().await, cluster.term()), (1, term), "no election");
    cluster.stop().await;
}
