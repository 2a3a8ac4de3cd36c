//! The clients that people use: the docker command and docker-py, as any OS user, against any socket.

use crate::{os_user::OsUser, output::Output};
use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

/// Steps of a talk over a terminal: wait for the first, then type the second.
pub type Talk<'a> = &'a [(&'a str, &'a str)];

/// The docker command with everything that it depends on.
#[derive(Clone, Debug)]
pub struct Docker {
    program: PathBuf,
    socket: Option<PathBuf>,
    user: Option<OsUser>,
    home: PathBuf,
    env: Vec<(String, String)>,
}

impl Docker {
    /// The distribution's docker command on a socket, as a user; as root without one.
    pub fn new(socket: &Path, user: Option<OsUser>, home: &Path) -> Self {
        Self {
            program: "/usr/bin/docker".into(),
            socket: Some(socket.to_owned()),
            user,
            home: home.to_owned(),
            env: Vec::new(),
        }
    }

    /// The distribution's docker command as on a laptop: by a context that is in the folder `home`, or by none.
    pub fn elsewhere(home: &Path, context: Option<&str>) -> Self {
        let env = context.map(|name| ("DOCKER_CONTEXT".to_owned(), name.to_owned())).into_iter().collect();
        Self { program: "/usr/bin/docker".into(), socket: None, user: None, home: home.to_owned(), env }
    }

    /// Every docker command of this machine, by path: the distribution's, and a newer one where it is installed.
    pub fn programs() -> Vec<PathBuf> {
        ["/usr/bin/docker", "/usr/local/bin/docker"].iter().map(PathBuf::from).filter(|p| p.exists()).collect()
    }

    /// The same with another docker command.
    #[must_use]
    pub fn with_program(mut self, program: &Path) -> Self {
        program.clone_into(&mut self.program);
        self
    }

    /// The same with one more environment variable.
    #[must_use]
    pub fn with_env(mut self, key: &str, value: &str) -> Self {
        self.env.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The folder that is this user's home.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// A command that is not started yet, for tests that read from it while it runs.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args);
        self.dress(&mut command);
        command
    }

    /// Runs a command to its end.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Output {
        self.run_with(args, b"")
    }

    /// Runs a command to its end with something on its standard input.
    #[track_caller]
    pub fn run_with(&self, args: &[&str], input: &[u8]) -> Output {
        Output::of(&mut self.command(args), input)
    }

    /// Runs a command on a terminal of 33 rows and 101 columns and talks to it. Standard output is all that the
    /// terminal showed.
    #[track_caller]
    pub fn talk(&self, args: &[&str], talk: Talk<'_>) -> Output {
        let steps = serde_json::to_string(talk).expect("JSON");
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-c", include_str!("py/talk.py"), "33", "101", &steps]).arg(&self.program).args(args);
        self.dress(&mut command);
        Output::of(&mut command, b"")
    }

    fn dress(&self, command: &mut Command) {
        match &self.user {
            Some(user) => user.run_as(command, &self.home),
            None => {
                command.env_remove("DOCKER_CONTEXT").env_remove("DOCKER_CONFIG").env("HOME", &self.home);
            }
        }
        match &self.socket {
            Some(socket) => command.env("DOCKER_HOST", format!("unix://{}", socket.display())),
            // Nothing of this machine but what is set here: CAs and proxies of its own would count otherwise.
            None => command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", &self.home),
        };
        command.env("DOCKER_CLI_HINTS", "false");
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
    }
}

/// docker-py, on the socket and as the user of a [`Docker`].
#[derive(Clone, Debug)]
pub struct Python {
    docker: Docker,
}

impl Python {
    /// As this docker command.
    pub fn like(docker: &Docker) -> Self {
        Self { docker: docker.clone() }
    }

    /// Runs a script in which `client` is a docker-py client and `docker` is the module.
    ///
    /// # Panics
    /// When `WHARDEN_TEST_PYTHON` does not name a Python that has docker-py: `tests/run.sh` sets it.
    #[track_caller]
    pub fn run(&self, script: &str) -> Output {
        let python: OsString = env::var_os("WHARDEN_TEST_PYTHON")
            .expect("WHARDEN_TEST_PYTHON names a Python with docker-py; tests/run.sh makes one and sets it");
        let script = format!("import docker\nclient = docker.from_env()\n{script}");
        let mut command = Command::new(python);
        command.args(["-I", "-c", &script]);
        self.docker.dress(&mut command);
        Output::of(&mut command, b"")
    }
}
