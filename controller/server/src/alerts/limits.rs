//! Limits of alerts, each with its reason.

use std::time::Duration;

/// Wishes gathered before they go to the log as one change.
pub const GATHER: Duration = Duration::from_millis(200);
/// Pause before a change that the log did not take is tried again.
pub const RETRY: Duration = Duration::from_secs(1);
/// Wishes that wait for the log, one for each alert; more are counted and dropped. Whoever raised them raises them again.
pub const WAITING_MAX: usize = 4096;
/// Alerts raised in one change: each has up to 3 KiB, and a change 64.
pub const RAISED_PER_CHANGE: usize = 8;
/// Alerts resolved in one change.
pub const RESOLVED_PER_CHANGE: usize = 100;
/// Between two looks of the leader at the whole cluster.
pub const LOOK: Duration = Duration::from_secs(5);
/// Between two looks of a controller at itself.
pub const SAMPLE: Duration = Duration::from_secs(1);
/// Between two trials of the disk: one small write and one fsync.
pub const DISK_TRIAL: Duration = Duration::from_secs(10);
/// Trials of the disk that the slowest is taken of: a minute.
pub const DISK_TRIALS: usize = 6;
/// Between two looks into the folder of backups.
pub const BACKUP_LOOK: Duration = Duration::from_secs(30);
/// Things of one kind that get an alert of their own; when there are more, one alert speaks of all.
pub const NAMED_MAX: usize = 20;
/// Alerts that are gone for good when nobody raised them for so long. What flickers is one alert.
pub const OVER_AFTER: Duration = Duration::from_secs(30);
/// Seconds after which an alert about something that happened once is over: a day, so that every shift sees it.
pub const HAPPENED_KEPT_S: u64 = 24 * 3600;
