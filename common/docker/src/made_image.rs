//! Which image a request has made, as the engine's answer says. Its end is waited for: an answer that tells of an error,
//! or is cut, tells of no image. What an archive makes, the archive itself says; its answer, only that it was made.
//!
//! What runs in a build writes into the answer too, but only inside of texts: the engine makes JSON of them. So a text
//! counts nowhere but in the two answers that hold none of it, and where it comes after everything that has run.

use crate::{canonical::Canonical, limits::ANSWER_LINE_MAX, version::ApiVersion};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;
use wharden_model::Action;

/// What an old build tells at last, once for each name.
const TAGGED: &str = "Successfully tagged ";
/// From here on builds tell the whole id.
const TELLS_IDS: ApiVersion = ApiVersion { major: 1, minor: 30 };

/// How the answer tells of the images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MakesImage {
    /// `{"Id": ID}`, nothing else.
    Commit,
    /// Among much else `{"aux": {"ID": ID}}`, one for each stage; the last is the image.
    Build,
    /// Below API 1.30, last but for names: `{"stream": "Successfully built SHORT\n"}`, with the first 12 digits of the id.
    OldBuild,
    /// `{"stream": "ID\n"}`, nothing else: what failed tells all that was suppressed.
    QuietBuild,
    /// At last `{"status": ID}`.
    Import,
    /// Anything but an error: by names, which may mean something else by now.
    Load,
}

impl MakesImage {
    /// Of a request; `None` when it makes no image, or brings one from a registry, where everybody has it from.
    pub fn of(canonical: &Canonical) -> Option<Self> {
        match canonical.action() {
            Action::ContainerCommit => Some(Self::Commit),
            Action::ImageBuild if canonical.query.truth("q") => Some(Self::QuietBuild),
            Action::ImageBuild if canonical.version.is_some_and(|version| version < TELLS_IDS) => Some(Self::OldBuild),
            Action::ImageBuild => Some(Self::Build),
            Action::ImagePull if canonical.query.get("fromImage").is_empty() => Some(Self::Import),
            Action::ImageLoad => Some(Self::Load),
            _ => None,
        }
    }

    /// The guard has put its maker on it as a label.
    pub const fn labels(self) -> bool {
        !matches!(self, Self::Load)
    }
}

/// An answer being read.
#[derive(Debug)]
pub struct MadeImages {
    makes: MakesImage,
    /// What has come of a line.
    line: Vec<u8>,
    /// It is longer than any that counts.
    too_long: bool,
    messages: u64,
    failed: bool,
    found: Vec<String>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "Id")]
    made: Option<String>,
    id: Option<String>,
    aux: Option<Value>,
    stream: Option<String>,
    status: Option<String>,
    error: Option<IgnoredAny>,
    #[serde(rename = "errorDetail")]
    error_detail: Option<IgnoredAny>,
}

impl MadeImages {
    /// Nothing has come yet.
    pub fn new(makes: MakesImage) -> Self {
        Self { makes, line: Vec::new(), too_long: false, messages: 0, failed: false, found: Vec::new() }
    }

    /// Takes the next part of the answer.
    pub fn take(&mut self, mut part: &[u8]) {
        while let Some(end) = part.iter().position(|byte| *byte == b'\n') {
            self.add(part.get(..end).unwrap_or_default());
            self.message();
            part = part.get(end + 1..).unwrap_or_default();
        }
        self.add(part);
    }

    /// The answer is whole: the ids (`sha256:` and 64 digits) of what it says was made, of an archive those that are in it, of
    /// an old build the beginning of one.
    pub fn end(&mut self, loaded: &[String]) -> Vec<String> {
        self.message();
        match self.makes {
            _ if self.failed => Vec::new(),
            MakesImage::Load => loaded.to_vec(),
            _ => std::mem::take(&mut self.found),
        }
    }

    fn add(&mut self, part: &[u8]) {
        self.too_long |= self.line.len() + part.len() > ANSWER_LINE_MAX;
        if self.too_long {
            self.line.clear();
        } else {
            self.line.extend_from_slice(part);
        }
    }

    fn message(&mut self) {
        let line = std::mem::take(&mut self.line);
        let too_long = std::mem::take(&mut self.too_long);
        if !too_long && line.trim_ascii().is_empty() {
            return;
        }
        self.messages += 1;
        // Long messages are of progress; those that name an image are short.
        let message = if too_long { None } else { serde_json::from_slice::<Message>(&line).ok() };
        let only = self.messages == 1;
        match (self.makes, message) {
            (_, Some(message)) if message.error.is_some() || message.error_detail.is_some() => self.failed = true,
            (MakesImage::Build, Some(Message { id, aux: Some(aux), .. })) => {
                if id.is_none_or(|id| id == "moby.image.id") && aux.is_object() {
                    self.found = aux.get("ID").and_then(Value::as_str).and_then(id_of).into_iter().collect();
                }
            }
            (MakesImage::OldBuild, Some(Message { stream: Some(text), .. })) if text.starts_with(TAGGED) => {}
            (MakesImage::OldBuild, message) => {
                let text = message.and_then(|message| message.stream);
                self.found = text.as_deref().and_then(short_id_of).into_iter().collect();
            }
            (MakesImage::Build, message) => self.failed |= message.is_none() && !too_long,
            (MakesImage::Commit, Some(Message { made: Some(id), .. })) if only => self.found.extend(id_of(&id)),
            (MakesImage::QuietBuild, Some(Message { stream: Some(text), .. })) if only => {
                self.found.extend(text.strip_suffix('\n').and_then(id_of));
            }
            (MakesImage::Commit | MakesImage::QuietBuild, _) => self.failed = true,
            (MakesImage::Import, message) => {
                let status = message.and_then(|message| message.status);
                self.found = status.as_deref().and_then(id_of).into_iter().collect();
            }
            (MakesImage::Load, message) => self.failed |= message.is_none() && !too_long,
        }
    }
}

/// The exec that an answer to its creation tells of, `{"Id": ID}`; `None` for anything else.
pub fn made_exec(answer: &[u8]) -> Option<String> {
    let message = serde_json::from_slice::<Message>(answer).ok()?;
    message.made.filter(|id| are_digits(id, 64))
}

fn id_of(text: &str) -> Option<String> {
    text.strip_prefix("sha256:").is_some_and(|digits| are_digits(digits, 64)).then(|| text.to_owned())
}

fn short_id_of(text: &str) -> Option<String> {
    let short = text.strip_prefix("Successfully built ")?.strip_suffix('\n')?;
    are_digits(short, 12).then(|| format!("sha256:{short}"))
}

fn are_digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "sha256:20b2515f34b56f1f64d594d5f62cc00479cf387f8cfe178a45aec0a1158fcb82";
    const NEW: &str = "sha256:63a18760157357c78a9b1c4a18e36433097c0be706e34eaa9f1eeac19cb7795d";

    /// However it comes, the answer says the same.
    fn made(makes: MakesImage, answer: &str) -> Vec<String> {
        let read = |parts: &mut dyn Iterator<Item = &[u8]>| {
            let mut images = MadeImages::new(makes);
            parts.for_each(|part| images.take(part));
            images.end(&[])
        };
        let whole = read(&mut [answer.as_bytes()].into_iter());
        for size in [1, 7, 100] {
            assert_eq!(read(&mut answer.as_bytes().chunks(size)), whole, "{answer} in parts of {size}");
        }
        whole
    }

    fn id(id: &str) -> Vec<String> {
        vec![id.to_owned()]
    }

    // Answers of Docker Engine 20.10.24.

    #[test]
    fn a_build_makes_what_its_last_stage_gives() {
        let answer = format!(
            "{{\"stream\":\"Step 1/3 : FROM app AS base\"}}\r\n{{\"stream\":\"\\n\"}}\r\n\
             {{\"stream\":\" ---\\u003e 20b2515f34b5\\n\"}}\r\n{{\"aux\":{{\"ID\":\"{APP}\"}}}}\r\n\
             {{\"stream\":\"Step 3/3 : LABEL io.wharden.owner=alice\"}}\r\n{{\"aux\":{{\"ID\":\"{NEW}\"}}}}\r\n\
             {{\"stream\":\"Successfully built 63a187601573\\n\"}}\r\n\
             {{\"stream\":\"Successfully tagged ms:latest\\n\"}}\r\n"
        );
        assert_eq!(made(MakesImage::Build, &answer), id(NEW));
        let failed = format!("{answer}{{\"errorDetail\":{{\"message\":\"no space\"}},\"error\":\"no space\"}}\r\n");
        assert_eq!(made(MakesImage::Build, &failed), [""; 0]);
        assert_eq!(made(MakesImage::Build, &format!("{answer}surprise\r\n")), [""; 0]);
    }

    #[test]
    fn a_build_with_buildkit_makes_what_its_exporter_says() {
        let trace = "CnkKR3NoYTI1NjplOGM2MTNl".repeat(ANSWER_LINE_MAX / 20);
        let answer = format!(
            "{{\"id\":\"moby.buildkit.trace\",\"aux\":\"{trace}\"}}\r\n\
             {{\"id\":\"moby.image.id\",\"aux\":{{\"ID\":\"{NEW}\"}}}}\r\n\
             {{\"id\":\"moby.buildkit.trace\",\"aux\":\"CnkKR3No\"}}\r\n\
             {{\"stream\":\"Successfully tagged bk:latest\\n\"}}\r\n"
        );
        assert_eq!(made(MakesImage::Build, &answer), id(NEW));
        let other = answer.replace("moby.image.id", "moby.other");
        assert_eq!(made(MakesImage::Build, &other), [""; 0]);
    }

    #[test]
    fn an_old_build_makes_what_it_says_at_last() {
        let line = |text: &str| format!("{{\"stream\":\"{text}\\n\"}}\r\n");
        let short = id("sha256:63a187601573");
        let built = line("Successfully built 63a187601573");
        let said =
            [line("Step 1/2 : FROM app"), line("Successfully built 20b2515f34b5"), line(" ---\\u003e 63a187601573")];
        let answer = said.concat() + &built;
        assert_eq!(made(MakesImage::OldBuild, &answer), short);
        let tagged = answer.clone() + &line("Successfully tagged ms:latest") + &line("Successfully tagged ms:2");
        assert_eq!(made(MakesImage::OldBuild, &tagged), short);
        for (after, what) in [
            (line("more"), "what runs in a build may say so too"),
            ("{\"error\":\"no space\"}\r\n".to_owned(), "it failed"),
            (line("Successfully built 63A187601573"), "no digits"),
            (line("Successfully built 63a1876015733"), "too many"),
            ("surprise\r\n".to_owned(), "no message"),
            (line(&"x".repeat(ANSWER_LINE_MAX)), "too long"),
        ] {
            assert_eq!(made(MakesImage::OldBuild, &(answer.clone() + &after)), [""; 0], "{what}");
        }
    }

    #[test]
    fn what_runs_in_a_build_cannot_say_what_was_made() {
        let echo = format!("{{\"stream\":\"{{\\\"aux\\\":{{\\\"ID\\\":\\\"{APP}\\\"}}}}\\n\"}}\r\n");
        assert_eq!(made(MakesImage::Build, &echo), [""; 0]);
        assert_eq!(made(MakesImage::Build, &format!("{{\"stream\":\"{APP}\\n\"}}\r\n")), [""; 0]);
        // Without output, unless it fails.
        let quiet = format!("{{\"stream\":\"{NEW}\\n\"}}\r\n");
        assert_eq!(made(MakesImage::QuietBuild, &quiet), id(NEW));
        let failed = format!(
            "{{\"stream\":\"Step 1/2 : FROM app\"}}\r\n{{\"stream\":\"{APP}\\n\"}}\r\n\
             {{\"errorDetail\":{{\"code\":1,\"message\":\"non-zero\"}},\"error\":\"non-zero\"}}\r\n"
        );
        assert_eq!(made(MakesImage::QuietBuild, &failed), [""; 0]);
        for odd in [
            format!("{quiet}{quiet}"),
            format!("{{\"stream\":\"\\n\"}}\r\n{quiet}"),
            format!("{{\"stream\":\"{NEW}\"}}\r\n"),
            format!("{{\"stream\":\"x {NEW}\\n\"}}\r\n"),
            format!("{{\"stream\":\"{}\\n\"}}\r\n", NEW.to_uppercase()),
            format!("{{\"stream\":\"{NEW}\\n\",\"stream\":\"{APP}\\n\"}}\r\n"),
            format!("{{\"aux\":{{\"ID\":\"{NEW}\"}}}}\r\n"),
        ] {
            assert_eq!(made(MakesImage::QuietBuild, &odd), [""; 0], "{odd}");
        }
    }

    #[test]
    fn commits_imports_and_loads_name_what_they_made() {
        assert_eq!(made(MakesImage::Commit, &format!("{{\"Id\":\"{NEW}\"}}\n")), id(NEW));
        assert_eq!(made(MakesImage::Commit, &format!("{{\"Id\":\"{NEW}\"}}")), id(NEW));
        assert_eq!(made(MakesImage::Commit, "{\"message\":\"No such container: x\"}\n"), [""; 0]);
        let import = format!("{{\"status\":\"Importing\",\"progressDetail\":{{}}}}\r\n{{\"status\":\"{NEW}\"}}\r\n");
        assert_eq!(made(MakesImage::Import, &import), id(NEW));
        assert_eq!(
            made(MakesImage::Import, &format!("{{\"status\":\"{NEW}\"}}\r\n{{\"status\":\"more\"}}\r\n")),
            [""; 0]
        );
        // What a load names may mean another image by now.
        let loaded = "{\"stream\":\"Loaded image: com2:latest\\n\"}\r\n";
        let failed = format!("{loaded}{{\"errorDetail\":{{\"message\":\"x\"}},\"error\":\"x\"}}\r\n");
        for (answer, wanted) in [(loaded, id(NEW)), ("", id(NEW)), (&failed, vec![]), ("surprise", vec![])] {
            let mut images = MadeImages::new(MakesImage::Load);
            images.take(answer.as_bytes());
            assert_eq!(images.end(&id(NEW)), wanted, "{answer}");
        }
    }
}
