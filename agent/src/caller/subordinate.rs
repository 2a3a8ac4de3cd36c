//! Numbers that an account of this host may give its own processes (subuid(5)). The kernel tells them like any other user's; for
//! limits they count as one, so that nobody has as many shares as they have numbers.

use crate::limits::STATE_FILE_MAX;
use std::{
    fs::File,
    io::Read,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const FILE: &str = "/etc/subuid";
/// How long what the file says is believed.
const BELIEVED: Duration = Duration::from_secs(30);

static RANGES: Mutex<Option<(Instant, Vec<Range>)>> = Mutex::new(None);

/// First number, and how many.
type Range = (u32, u32);

/// The number under which a user is counted: the first of the range that it is of, or itself.
pub fn counted_as(uid: u32) -> u32 {
    let mut known = RANGES.lock().unwrap_or_else(PoisonError::into_inner);
    let ranges = match &*known {
        Some((at, ranges)) if at.elapsed() < BELIEVED => ranges,
        _ => &known.insert((Instant::now(), parse(&read()))).1,
    };
    first(ranges, uid)
}

fn read() -> String {
    let mut text = String::new();
    // Without the file nobody has any.
    let _ = File::open(FILE).and_then(|file| file.take(STATE_FILE_MAX).read_to_string(&mut text));
    text
}

fn parse(text: &str) -> Vec<Range> {
    let range = |line: &str| {
        let mut fields = line.split(':').skip(1).map(|field| field.trim().parse().ok());
        Some((fields.next()??, fields.next()??))
    };
    text.lines().filter_map(range).collect()
}

fn first(ranges: &[Range], uid: u32) -> u32 {
    let of = ranges.iter().find(|(first, count)| uid >= *first && uid - first < *count);
    of.map_or(uid, |(first, _)| *first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_numbers_of_a_range_are_one() {
        let ranges = parse("ann:100000:65536\n# odd\nbob:165536:65536\nx:y:z\n");
        let counted = [0, 1000, 99_999, 100_000, 165_535, 165_536, 231_071, 231_072].map(|uid| first(&ranges, uid));
        assert_eq!(counted, [0, 1000, 99_999, 100_000, 100_000, 165_536, 165_536, 231_072]);
        assert_eq!(counted_as(0), 0);
    }
}
