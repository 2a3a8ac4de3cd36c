//! The guard at the engine's usual path, and the engine's socket where only root reaches it, whoever restarts when.

use crate::policies::{LAUNCHERS, NO_PRIVILEGED, ROLES};
use std::{
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::PathBuf,
    process::{Command, Stdio},
};
use wharden_harness::{Docker, Output, World, bins, eventually, limits::SETTLE, os_user::OsUser};

struct Protected {
    world: World,
    public: PathBuf,
    private: PathBuf,
}

impl Protected {
    fn start() -> Self {
        let world = World::setup()
            .user("alice", &[LAUNCHERS])
            .policy("roles", ROLES)
            .policy("no-privileged", NO_PRIVILEGED)
            .start();
        // Everybody who is in the engine's group, on a machine that is not protected.
        let public = world.engine.socket().to_owned();
        std::fs::set_permissions(&public, PermissionsExt::from_mode(0o666)).expect("mode");
        let private = world.place.join("private/docker.sock");
        Self { world, public, private }
    }

    fn agent(&self, args: &[&str]) -> Output {
        let mut command = Command::new(bins::path("wharden-agent"));
        command.args(args).arg("--data-dir").arg(self.world.agent.dir());
        Output::of(&mut command, b"")
    }

    fn protect(&self, more: &[&str]) -> Output {
        let folder = format!("--folder={}", self.private.parent().expect("folder").display());
        let socket = format!("--socket={}", self.public.display());
        self.agent(&[&["protect", &folder, &socket], more].concat())
    }

    fn at(&self, socket: &std::path::Path) -> Docker {
        Docker::new(socket, Some(OsUser::named("alice")), &self.world.place.join("homes/alice"))
    }

    /// The usual path is judged, and nobody but root gets past it.
    #[track_caller]
    fn is_guarded(&self, when: &str) {
        let alice = self.at(&self.public);
        eventually(&format!("the usual path is guarded: {when}"), SETTLE, || {
            let out = alice.run(&["run", "--privileged", "app", "id"]);
            (out.code != 0 && out.to_string().contains("user wharden-t-alice")).then_some(())
        });
        assert_eq!(alice.run(&["run", "--rm", "app", "echo", "hi"]).ok(), "hi", "{when}");
        let past = self.at(&self.private).run(&["ps"]);
        assert!(past.code != 0 && past.to_string().contains("permission denied"), "{when}: {past}");
        let folder = std::fs::metadata(self.private.parent().expect("folder")).expect("folder");
        assert_eq!((folder.uid(), folder.permissions().mode() & 0o777), (0, 0o700), "{when}");
        Docker::new(&self.private, None, &self.world.place.join("homes/root")).run(&["ps"]).ok();
    }
}

#[test]
fn the_usual_path_stays_guarded_through_restarts_in_any_order_and_is_given_back() {
    let mut protected = Protected::start();
    let alice = protected.at(&protected.public);
    alice.run(&["create", "--privileged", "--name", "before", "app", "id"]).ok();
    let said = protected.protect(&["--dry-run"]).ok();
    assert!(said.contains("Nothing was done") && said.contains("private/docker.sock"), "{said}");
    assert!(!protected.private.exists());

    let said = protected.protect(&[]).ok();
    assert!(said.contains("Done"), "{said}");
    protected.is_guarded("at once");
    let status = protected.agent(&["status"]).ok();
    let line = format!("{} is the guard, the engine is at {}", protected.public.display(), protected.private.display());
    assert!(status.contains(&line), "{status}");
    let status: serde_json::Value =
        serde_json::from_str(&protected.agent(&["status", "-o", "json"]).ok()).expect("JSON");
    assert_eq!(status["protected"]["stage"], "held", "{status}");
    assert!(protected.protect(&[]).to_string().contains("protected already"));

    // A connection through the guard outlives the engine's new socket, as far as the engine lets it: this one is the guard's.
    let mut follow = alice.command(&["events"]).stdout(Stdio::piped()).spawn().expect("docker events");
    protected.world.agent.stop();
    assert!(!protected.public.exists(), "without its agent nobody gets past");
    let ended = follow.wait().expect("its end");
    assert!(!ended.success(), "{ended}");
    protected.world.agent.start();
    protected.is_guarded("after the agent's restart");

    protected.world.engine.stop_at(&protected.private);
    eventually("the guard is back at the path that the engine removed, and says what is wrong", SETTLE, || {
        alice.run(&["ps"]).to_string().contains("does not answer").then_some(())
    });
    protected.world.engine.start_again(&[]);
    protected.is_guarded("after the engine's restart");

    protected.world.engine.stop_at(&protected.private);
    protected.world.agent.kill();
    protected.world.engine.start_again(&[]);
    protected.world.agent.start();
    protected.is_guarded("the engine first, after both were down");

    protected.world.engine.stop_at(&protected.private);
    protected.world.agent.stop();
    protected.world.agent.start_without_engine();
    protected.world.engine.start_again(&[]);
    protected.is_guarded("the agent first, after both were down");

    let said = protected.agent(&["unprotect"]).ok();
    assert!(said.contains("not guarded"), "{said}");
    let meta = std::fs::metadata(&protected.public).expect("the engine's socket");
    assert_eq!((meta.permissions().mode() & 0o777, meta.uid()), (0o666, 0));
    assert!(!protected.private.parent().expect("folder").exists());
    alice.run(&["create", "--privileged", "--name", "after", "app", "id"]).ok();
    // The guard's other socket works on, and so does the engine after a restart of the agent.
    protected.world.docker("alice").run(&["run", "--privileged", "app", "id"]).fails_saying(&["no-privileged"]);
    protected.world.agent.stop();
    protected.world.agent.start();
    protected.world.docker("alice").run(&["ps"]).ok();
    assert!(protected.agent(&["unprotect"]).to_string().contains("nothing is protected"));
}

#[test]
fn without_a_running_agent_nothing_moves_until_there_is_one() {
    let mut protected = Protected::start();
    protected.world.agent.stop();
    let said = protected.protect(&[]).ok();
    assert!(said.contains("does not run"), "{said}");
    protected.at(&protected.public).run(&["ps"]).ok();
    protected.world.agent.start();
    protected.is_guarded("once the agent runs");
    protected.world.agent.stop();
    protected.agent(&["unprotect"]).ok();
    protected.at(&protected.public).run(&["create", "--privileged", "app", "id"]).ok();
}

#[test]
fn only_root_protects() {
    let world = World::setup().user("alice", &[LAUNCHERS]).policy("roles", ROLES).start();
    let mut command = Command::new(bins::path("wharden-agent"));
    OsUser::named("alice").run_as(&mut command, &world.place.join("homes/alice"));
    let out = Output::of(command.args(["protect", "--data-dir"]).arg(world.agent.dir()), b"");
    assert!(out.code != 0 && out.to_string().contains("only root"), "{out}");
}

#[test]
fn nothing_goes_where_somebody_else_could_put_something_in_its_place() {
    let mut protected = Protected::start();
    let hers = protected.world.place.join("hers");
    std::fs::create_dir(&hers).expect("folder");
    std::os::unix::fs::chown(&hers, Some(OsUser::named("alice").uid), None).expect("chown");
    let (public, private) = (protected.public.clone(), protected.private.clone());
    protected.private = hers.join("private/docker.sock");
    let refused = protected.protect(&[]);
    assert!(refused.code != 0 && refused.to_string().contains("an account other than root"), "{refused}");
    protected.private = private;
    protected.public = hers.join("docker.sock");
    std::os::unix::fs::symlink(&public, &protected.public).expect("link");
    let refused = protected.protect(&[]);
    assert!(refused.code != 0 && refused.to_string().contains("an account other than root"), "{refused}");
    assert_eq!(std::fs::read_dir(&hers).expect("folder").count(), 1, "nothing was made");
    assert!(protected.agent(&["unprotect"]).to_string().contains("nothing is protected"));
}
