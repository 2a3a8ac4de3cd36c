/// Why a docker command could not be turned into a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    #[error("{0:?} is not a docker command: the first word is docker")]
    NotDocker(String),
    #[error("docker needs a command")]
    NoCommand,
    #[error("`docker {0}` is not known here")]
    Command(String),
    #[error("{flag} is not known here for `docker {command}`")]
    Flag { command: &'static str, flag: String },
    #[error("{0} needs a value")]
    NoValue(String),
    #[error("{flag} {value:?} cannot be read: {wanted}")]
    Value { flag: String, value: String, wanted: &'static str },
    #[error("`docker {command}` needs {wanted}")]
    Missing { command: &'static str, wanted: &'static str },
    #[error("`docker {command}` takes no {word:?}")]
    Extra { command: &'static str, word: String },
}

impl LineError {
    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::Command(_) => format!(
                "known are: {}; for others give the request itself with --method, --path and --body FILE",
                super::simple::known().join(", ")
            ),
            Self::Flag { .. } => "give the request itself with --method, --path and --body FILE".to_owned(),
            _ => "write it as you would for docker, e.g. `docker run --privileged alpine`".to_owned(),
        }
    }
}
