use super::{BreakGlass, Grant, Moment};
use crate::{
    cli,
    enrolment::{DataDir, DataDirError},
};
use data_encoding::HEXLOWER;
use nix::unistd::User;
use std::{
    io::{self, Write},
    time::Duration,
};
use wharden_model::{
    BreakGlassEnd, Timestamp,
    limits::{BREAK_GLASS_REASON_MAX, BREAK_GLASS_SECONDS_MAX},
};

/// Why the command failed.
#[derive(Debug, thiserror::Error)]
pub enum BreakGlassError {
    #[error("only root can do this: run it with sudo")]
    NotRoot,
    #[error("there is no OS user {0:?} on this host")]
    NoUser(String),
    #[error("the reason is empty or longer than {BREAK_GLASS_REASON_MAX} bytes: say why in one sentence")]
    Reason,
    #[error("there is no break-glass to end")]
    Nothing,
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error("the system refuses: {0}")]
    System(#[from] io::Error),
}

/// `break-glass`.
///
/// # Errors
/// [`BreakGlassError`].
pub fn run(args: &cli::BreakGlass, wall: Timestamp, out: &mut impl Write) -> Result<(), BreakGlassError> {
    if !rustix::process::geteuid().is_root() {
        return Err(BreakGlassError::NotRoot);
    }
    let glass = BreakGlass::new(DataDir::open(&args.data.data_dir)?);
    if args.end {
        let (grant, _) = glass.end(wall, |_| Some(BreakGlassEnd::Command))?.ok_or(BreakGlassError::Nothing)?;
        writeln!(out, "Break-glass of {} is over: the guard refuses again.", grant.user)?;
        return Ok(());
    }
    let reason: String = args.reason.iter().flat_map(|text| text.trim().chars()).filter(|c| !c.is_control()).collect();
    if reason.is_empty() || reason.len() > BREAK_GLASS_REASON_MAX {
        return Err(BreakGlassError::Reason);
    }
    let found = User::from_name(&args.user).map_err(io::Error::from)?;
    let user = found.ok_or_else(|| BreakGlassError::NoUser(args.user.chars().take(64).collect()))?;
    let now = Moment::now(wall)?;
    let lasts = args.lasts.map_or(0, |lasts| lasts.as_secs());
    let grant = Grant {
        id: HEXLOWER.encode(&rand::random::<[u8; 16]>()),
        user: user.name,
        uid: user.uid.as_raw(),
        reason,
        begun_at: now.wall,
        until: Timestamp(now.wall.0 + lasts * 1000),
        kernel_boot: now.kernel_boot,
        begun_uptime_ms: now.uptime_ms,
    };
    glass.begin(&grant)?;
    writeln!(
        out,
        "BREAK-GLASS: {} passes the guard until {}.\nEvery request that passes is an event, and the controllers' audit \
         hears of this. End it: wharden-agent break-glass --end",
        grant.user, grant.until
    )?;
    Ok(())
}

/// A duration such as `30m`, `90s` or `2h`, at most 24 h.
///
/// # Errors
/// For people.
pub fn parse_lasts(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration: write e.g. 30m, 90s or 2h");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return Err(wrong()),
    };
    let number = text.get(..text.len() - 1).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    let number: u64 = number.and_then(|digits| digits.parse().ok()).ok_or_else(wrong)?;
    match number.checked_mul(seconds) {
        Some(0) => Err("it would be over at once".to_owned()),
        Some(seconds) if seconds <= BREAK_GLASS_SECONDS_MAX => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("at most {} h: what takes longer is a policy", BREAK_GLASS_SECONDS_MAX / 3600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_strictly_and_end_at_a_day() {
        let seconds = |text: &str| parse_lasts(text).map(|lasts| lasts.as_secs());
        assert_eq!((seconds("90s"), seconds("30m"), seconds("24h")), (Ok(90), Ok(1800), Ok(86_400)));
        for bad in ["", "m", "30", "-1m", "+1m", "1.5h", "25h", "0s", "1d", "99999999999999999999h", "ä"] {
            assert!(parse_lasts(bad).is_err(), "{bad}");
        }
    }
}
