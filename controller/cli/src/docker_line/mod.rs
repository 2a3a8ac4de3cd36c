//! A docker command as the request that it sends to the engine, for `policy test`. Only the common commands and
//! flags: what is not known here is refused by name, never left out, since a test that leaves out `--privileged`
//! would be worse than none.

mod create;
mod error;
mod flags;
mod request;
mod simple;
mod values;

pub use error::LineError;
use wharden_model::api::DockerRequest;

/// Commands of `docker container` and others that have a short form.
const NOUNS: &[&str] = &["container", "image"];

/// Reads `docker run --privileged alpine` and its like.
///
/// # Errors
/// [`LineError`] naming the word that cannot be read.
pub fn parse(words: &[String]) -> Result<DockerRequest, LineError> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Some(("docker", line)) = words.split_first().map(|(first, rest)| (*first, rest)) else {
        return Err(LineError::NotDocker(words.first().copied().unwrap_or_default().to_owned()));
    };
    let (verb, rest) = match line {
        [noun, verb, rest @ ..] if NOUNS.contains(noun) => (short_form(noun, verb).to_owned(), rest),
        ["volume" | "network", verb, rest @ ..] => (format!("{} {verb}", line[0]), rest),
        [verb, rest @ ..] => ((*verb).to_owned(), rest),
        [] => return Err(LineError::NoCommand),
    };
    simple::parse(&verb, rest)
}

fn short_form<'a>(noun: &str, verb: &'a str) -> &'a str {
    match (noun, verb) {
        ("container", "ls" | "list" | "ps") => "ps",
        ("image", "ls" | "list") => "images",
        ("image", "rm" | "remove") => "rmi",
        ("image", "inspect") => "image inspect",
        (_, other) => other,
    }
}

#[cfg(test)]
mod tests;
