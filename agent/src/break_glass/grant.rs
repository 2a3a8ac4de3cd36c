use super::Notices;
use crate::enrolment::{DataDir, DataDirError};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io,
};
use wharden_model::{BreakGlassEnd, BreakGlassNotice, BreakGlassStep, Timestamp, decision::Rule};

const FILE: &str = "break-glass.json";
const LOCK: &str = "break-glass.lock";
/// The rule that is named when something passes. The name `builtin` is taken by no policy.
const RULE: &str = "builtin/break-glass";

/// A point in time, by the clock and by what cannot be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    pub wall: Timestamp,
    /// Names this run of the kernel.
    pub kernel_boot: String,
    /// Milliseconds since it began, sleep included.
    pub uptime_ms: u64,
}

impl Moment {
    /// Now.
    ///
    /// # Errors
    /// When `/proc` is not there.
    pub fn now(wall: Timestamp) -> io::Result<Self> {
        let up = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let (seconds, nanos) = (u64::try_from(up.tv_sec).unwrap_or(0), u64::try_from(up.tv_nsec).unwrap_or(0));
        let kernel_boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
        Ok(Self { wall, kernel_boot, uptime_ms: seconds * 1000 + nanos / 1_000_000 })
    }
}

/// Who passes, why, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// 32 hex digits.
    pub id: String,
    pub user: String,
    pub uid: u32,
    pub reason: String,
    pub begun_at: Timestamp,
    pub until: Timestamp,
    /// Of the moment when it began.
    pub kernel_boot: String,
    /// See [`Grant::kernel_boot`].
    pub begun_uptime_ms: u64,
}

impl Grant {
    /// Why it is over at a moment; `None` while it lasts.
    pub fn over(&self, now: &Moment) -> Option<BreakGlassEnd> {
        let lasts_ms = self.until.0.saturating_sub(self.begun_at.0);
        if now.kernel_boot != self.kernel_boot {
            return Some(BreakGlassEnd::Reboot);
        }
        let ran_ms = now.uptime_ms.saturating_sub(self.begun_uptime_ms);
        (now.wall >= self.until || ran_ms >= lasts_ms).then_some(BreakGlassEnd::Time)
    }

    /// The rule that an event names beside those that would have refused.
    pub fn rule(&self) -> Rule {
        Rule {
            id: RULE.to_owned(),
            reason: format!("{} passes until {}, by break-glass: {}", self.user, self.until, self.reason),
            severity: "critical".to_owned(),
            ..Rule::default()
        }
    }

    /// What the audit is told.
    pub fn notice(&self, at: Timestamp, step: BreakGlassStep) -> BreakGlassNotice {
        BreakGlassNotice { at, user: self.user.clone(), step }
    }
}

/// What is on disk.
#[derive(Clone, Debug)]
pub struct BreakGlass {
    dir: DataDir,
}

impl BreakGlass {
    /// In the agent's folder.
    pub fn new(dir: DataDir) -> Self {
        Self { dir }
    }

    /// The notices that wait.
    pub fn notices(&self) -> Notices {
        Notices::new(&self.dir)
    }

    /// What was granted last and not taken back, over or not.
    ///
    /// # Errors
    /// [`DataDirError`], also for a file that cannot be understood.
    pub fn load(&self) -> Result<Option<Grant>, DataDirError> {
        let Some(bytes) = self.dir.read(FILE)? else { return Ok(None) };
        let grant = serde_json::from_slice(&bytes);
        grant.map(Some).map_err(|error| DataDirError::Io { path: self.dir.file(FILE), source: error.into() })
    }

    /// What lets somebody pass now. What cannot be read lets nobody pass.
    pub fn lasting(&self, wall: Timestamp) -> Option<Grant> {
        let grant = self.load().ok()??;
        grant.over(&Moment::now(wall).ok()?).is_none().then_some(grant)
    }

    /// What lets this OS user pass now.
    pub fn covers(&self, uid: u32, wall: Timestamp) -> Option<Grant> {
        self.lasting(wall).filter(|grant| grant.uid == uid)
    }

    /// Begins one. Another that lasts is ended by it.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn begin(&self, grant: &Grant) -> Result<(), DataDirError> {
        let _lock = self.lock()?;
        self.end_locked(grant.begun_at, |_| Some(BreakGlassEnd::Command))?;
        let begin = BreakGlassStep::Begin { until: grant.until, reason: grant.reason.clone() };
        // First what tells, then what lets pass.
        self.notices().add(&grant.notice(grant.begun_at, begin))?;
        let json = serde_json::to_vec(grant);
        let json = json.map_err(|error| DataDirError::Io { path: self.dir.file(FILE), source: error.into() })?;
        self.dir.write(FILE, &json)
    }

    /// Ends what is there where `over` says why. Gives what it was.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn end(
        &self,
        at: Timestamp,
        over: impl FnOnce(&Grant) -> Option<BreakGlassEnd>,
    ) -> Result<Option<(Grant, BreakGlassEnd)>, DataDirError> {
        let _lock = self.lock()?;
        self.end_locked(at, over)
    }

    fn end_locked(
        &self,
        at: Timestamp,
        over: impl FnOnce(&Grant) -> Option<BreakGlassEnd>,
    ) -> Result<Option<(Grant, BreakGlassEnd)>, DataDirError> {
        let Some(grant) = self.load()? else { return Ok(None) };
        let Some(why) = over(&grant) else { return Ok(None) };
        self.notices().add(&grant.notice(at, BreakGlassStep::End(why)))?;
        self.dir.remove(FILE)?;
        Ok(Some((grant, why)))
    }

    /// The command and the agent both write; the kernel frees it with the file.
    fn lock(&self) -> Result<File, DataDirError> {
        let path = self.dir.file(LOCK);
        let locked = File::options().write(true).create(true).truncate(false).open(&path).and_then(|file| {
            file.lock()?;
            Ok(file)
        });
        locked.map_err(|source| DataDirError::Io { path, source })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn grant(now: &Moment, seconds: u64) -> Grant {
        Grant {
            id: "0".repeat(32),
            user: "root".into(),
            uid: 0,
            reason: "the disk is full".into(),
            begun_at: now.wall,
            until: Timestamp(now.wall.0 + seconds * 1000),
            kernel_boot: now.kernel_boot.clone(),
            begun_uptime_ms: now.uptime_ms,
        }
    }

    #[test]
    fn no_clock_makes_it_longer() {
        let begun = Moment { wall: Timestamp(1_000_000), kernel_boot: "a".into(), uptime_ms: 50_000 };
        let grant = grant(&begun, 60);
        let after = |wall_s: i64, up_s: u64, boot: &str| {
            let wall = Timestamp(begun.wall.0.saturating_add_signed(wall_s * 1000));
            grant.over(&Moment { wall, kernel_boot: boot.into(), uptime_ms: begun.uptime_ms + up_s * 1000 })
        };
        assert_eq!(after(59, 59, "a"), None);
        assert_eq!(after(60, 60, "a"), Some(BreakGlassEnd::Time));
        // The clock was set back: what counts is how long the system has run.
        assert_eq!(after(-900, 59, "a"), None);
        assert_eq!(after(-900, 60, "a"), Some(BreakGlassEnd::Time));
        // The clock was set forward: it ends early.
        assert_eq!(after(900, 1, "a"), Some(BreakGlassEnd::Time));
        assert_eq!(after(1, 1, "b"), Some(BreakGlassEnd::Reboot));
    }

    #[test]
    fn begin_and_end_are_on_disk_and_told_once() {
        let folder = tempfile::tempdir().expect("dir");
        let glass = BreakGlass::new(DataDir::create(&folder.path().join("data")).expect("open"));
        let now = Moment::now(Timestamp(1_000_000)).expect("now");
        assert_eq!(glass.covers(0, now.wall), None);
        glass.begin(&grant(&now, 60)).expect("begun");
        assert!(glass.covers(0, now.wall).is_some() && glass.covers(1, now.wall).is_none());
        assert!(glass.covers(0, Timestamp(now.wall.0 + 60_000)).is_none());
        glass.begin(&grant(&now, 90)).expect("another");
        assert!(glass.end(now.wall, |grant| grant.over(&now)).expect("looked").is_none(), "it lasts");
        assert!(glass.end(now.wall, |_| Some(BreakGlassEnd::Time)).expect("ended").is_some());
        assert!(glass.end(now.wall, |_| Some(BreakGlassEnd::Time)).expect("ended").is_none());
        assert_eq!(glass.covers(0, now.wall), None);
        let notices = glass.notices();
        let steps: Vec<_> = notices.oldest(9).expect("read").iter().map(|p| p.notice.step.clone()).collect();
        let end = BreakGlassStep::End;
        assert!(
            matches!(&steps[..], [BreakGlassStep::Begin { .. }, a, BreakGlassStep::Begin { .. }, b]
                if *a == end(BreakGlassEnd::Command) && *b == end(BreakGlassEnd::Time)),
            "{steps:?}"
        );
        for pending in notices.oldest(3).expect("read") {
            notices.told(&pending.id).expect("removed");
        }
        notices.told("no such id/..").expect("nothing");
        assert_eq!(notices.oldest(9).expect("read").len(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_read_lets_nobody_pass() {
        let folder = tempfile::tempdir().expect("dir");
        let glass = BreakGlass::new(DataDir::create(&folder.path().join("data")).expect("open"));
        fs::write(folder.path().join("data").join(FILE), "{}").expect("write");
        assert_eq!(glass.covers(0, Timestamp(1)), None);
        assert!(glass.load().is_err());
    }
}
