//! Flags the way docker reads them: `--name value`, `--name=value`, `-n value`, `-nvalue`, `-it`.

use super::LineError;

/// One flag that a command knows.
pub struct Flag {
    /// Without dashes.
    pub long: &'static str,
    /// One letter, or a space for none.
    pub short: char,
    /// Takes a value.
    pub value: bool,
}

/// A flag with a value.
pub const fn valued(long: &'static str, short: char) -> Flag {
    Flag { long, short, value: true }
}

/// A flag that is there or not.
pub const fn switch(long: &'static str, short: char) -> Flag {
    Flag { long, short, value: false }
}

/// What was given.
pub struct Given<'a> {
    /// Flags by their long names, in order; switches have `true` or what follows `=`.
    pub flags: Vec<(&'static str, &'a str)>,
    /// The other words.
    pub words: Vec<&'a str>,
}

impl<'a> Given<'a> {
    /// Every value of a flag.
    pub fn all(&self, long: &str) -> Vec<&'a str> {
        self.flags.iter().filter(|(name, _)| *name == long).map(|(_, value)| *value).collect()
    }

    /// The last value of a flag, which is the one that counts.
    pub fn last(&self, long: &str) -> Option<&'a str> {
        self.all(long).last().copied()
    }

    /// True when a switch is on.
    pub fn is_on(&self, long: &str) -> bool {
        self.last(long).is_some_and(|v| matches!(v, "true" | "1" | "t" | "T" | "TRUE" | "True"))
    }
}

/// Reads flags. With `stop_early`, what follows the first other word belongs to the container.
///
/// # Errors
/// [`LineError::Flag`] and [`LineError::NoValue`].
pub fn read<'a>(
    command: &'static str,
    known: &[Flag],
    line: &[&'a str],
    stop_early: bool,
) -> Result<Given<'a>, LineError> {
    let mut given = Given { flags: Vec::new(), words: Vec::new() };
    let mut rest = line.iter().copied();
    while let Some(word) = rest.next() {
        if word == "--" {
            given.words.extend(rest.by_ref());
        } else if let Some(long) = word.strip_prefix("--") {
            let (name, attached) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (long, None),
            };
            let flag = find(command, word, known, |flag| flag.long == name)?;
            let value = match (flag.value, attached) {
                (_, Some(value)) => value,
                (false, None) => "true",
                (true, None) => rest.next().ok_or_else(|| LineError::NoValue(word.to_owned()))?,
            };
            given.flags.push((flag.long, value));
        } else if word.len() > 1 && word.starts_with('-') {
            read_short(command, known, word, &mut rest, &mut given)?;
        } else {
            given.words.push(word);
            if stop_early {
                given.words.extend(rest.by_ref());
            }
        }
    }
    Ok(given)
}

fn read_short<'a>(
    command: &'static str,
    known: &[Flag],
    word: &'a str,
    rest: &mut impl Iterator<Item = &'a str>,
    given: &mut Given<'a>,
) -> Result<(), LineError> {
    for (at, letter) in word.char_indices().skip(1) {
        let flag = find(command, &format!("-{letter}"), known, |flag| flag.short == letter)?;
        let tail = &word[at + letter.len_utf8()..];
        if !flag.value {
            if let Some(value) = tail.strip_prefix('=') {
                given.flags.push((flag.long, value));
                return Ok(());
            }
            given.flags.push((flag.long, "true"));
            continue;
        }
        let value = match tail.strip_prefix('=').unwrap_or(tail) {
            "" => rest.next().ok_or_else(|| LineError::NoValue(format!("-{letter}")))?,
            attached => attached,
        };
        given.flags.push((flag.long, value));
        return Ok(());
    }
    Ok(())
}

fn find<'k>(
    command: &'static str,
    word: &str,
    known: &'k [Flag],
    is: impl Fn(&Flag) -> bool,
) -> Result<&'k Flag, LineError> {
    known
        .iter()
        .find(|flag| is(flag))
        .ok_or_else(|| LineError::Flag { command, flag: word.split('=').next().unwrap_or(word).to_owned() })
}
