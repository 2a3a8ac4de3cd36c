use super::clean;
use comfy_table::{Attribute, Color};
use wharden_model::{Mode, Outcome, Posture, api::HostStatus};

/// What a text means, shown by its colour where there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Good,
    Bad,
    Careful,
    Dim,
}

impl Tone {
    /// The tone of what became of a request.
    pub const fn of_outcome(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Allowed => Self::Good,
            Outcome::Denied | Outcome::Invalid => Self::Bad,
            Outcome::WouldDeny => Self::Careful,
        }
    }

    /// A text in this tone.
    pub fn paint(self, text: &str, colour: bool) -> String {
        let code = match self {
            _ if !colour => return text.to_owned(),
            Self::Plain => return text.to_owned(),
            Self::Good => "32",
            Self::Bad => "31",
            Self::Careful => "33",
            Self::Dim => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// One cell of a table: a cleaned text and its tone.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The text.
    pub text: String,
    /// Its tone.
    pub tone: Tone,
}

impl Cell {
    /// A text in a tone.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "numbers, ids and texts are given alike, most of them made for it"
    )]
    pub fn toned(text: impl ToString, tone: Tone) -> Self {
        Self { text: clean(&text.to_string()), tone }
    }

    /// A plain text.
    pub fn new(text: impl ToString) -> Self {
        Self::toned(text, Tone::Plain)
    }

    /// A plain text, or a dim dash for an empty one.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "numbers, ids and texts are given alike, most of them made for it"
    )]
    pub fn or_dash(text: impl ToString) -> Self {
        let text = text.to_string();
        if text.is_empty() { Self::toned("-", Tone::Dim) } else { Self::new(text) }
    }

    pub(super) fn into_comfy(self) -> comfy_table::Cell {
        let cell = comfy_table::Cell::new_owned(self.text);
        match self.tone {
            Tone::Plain => cell,
            Tone::Good => cell.fg(Color::DarkGreen),
            Tone::Bad => cell.fg(Color::DarkRed),
            Tone::Careful => cell.fg(Color::DarkYellow),
            Tone::Dim => cell.add_attribute(Attribute::Dim),
        }
    }
}

impl From<Mode> for Cell {
    fn from(mode: Mode) -> Self {
        let tone = match mode {
            Mode::Enforce => Tone::Good,
            Mode::Monitor => Tone::Careful,
            Mode::Disabled => Tone::Dim,
        };
        Self::toned(mode, tone)
    }
}

impl From<Posture> for Cell {
    fn from(posture: Posture) -> Self {
        Self::toned(posture, if posture == Posture::Enforce { Tone::Good } else { Tone::Careful })
    }
}

impl From<HostStatus> for Cell {
    fn from(status: HostStatus) -> Self {
        match status {
            HostStatus::Connected => Self::toned("connected", Tone::Good),
            HostStatus::Awaited => Self::toned("awaited", Tone::Dim),
            HostStatus::Lost => Self::toned("lost", Tone::Careful),
            HostStatus::Revoked => Self::toned("revoked", Tone::Bad),
        }
    }
}
