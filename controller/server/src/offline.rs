//! `wharden-controller doctor`: a look at a data folder, whether or not its controller runs.

use crate::{
    audit_export::AuditExport,
    backup::Recipients,
    config::Config,
    data_dir::{CA_FILE, CLUSTER_KEY, PEER_KEY, STORE},
    keys::read_cluster_key,
    log_mark,
    peers::PeerIdentity,
};
use serde::Serialize;
use std::{fmt, fs, io, os::unix::fs::PermissionsExt, path::Path};
use wharden_model::Timestamp;
use wharden_pki::{ca_cluster, ca_ends, controller_of, pem};
use wharden_runtime::clock::{Clock, SystemClock};

/// A CA that ends within this is told of: what takes its place is a new cluster, which wants time.
const CA_CAREFUL_MS: u64 = 365 * 24 * 3_600_000;
/// A certificate that ends within this is told of, as the alert `certificate_ends` does.
const CERTIFICATE_CAREFUL_MS: u64 = 30 * 24 * 3_600_000;

/// What was looked at, and what is wrong with it.
pub struct Findings(Vec<(&'static str, Result<String, String>)>);

impl Findings {
    /// How many things are wrong.
    pub fn wrong(&self) -> usize {
        self.0.iter().filter(|(_, found)| found.is_err()).count()
    }
}

/// One thing that was looked at, for programs.
#[derive(Serialize)]
pub struct Told<'f> {
    what: &'static str,
    ok: bool,
    message: &'f str,
}

impl Findings {
    /// For programs.
    pub fn told(&self) -> Vec<Told<'_>> {
        let all = self.0.iter().map(|(what, found)| match found {
            Ok(message) => Told { what, ok: true, message },
            Err(message) => Told { what, ok: false, message },
        });
        all.collect()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, found) in &self.0 {
            match found {
                Ok(said) => writeln!(f, "ok     {what}: {said}")?,
                Err(why) => writeln!(f, "wrong  {what}: {why}")?,
            }
        }
        write!(f, "{} things looked at, {} wrong", self.0.len(), self.wrong())
    }
}

/// Of a folder that `join` or `restore` has made and no controller has run on.
const NOT_YET: &str = "there is none yet: the controller makes it when it starts";

/// Looks at a data folder. Changes nothing.
pub fn look(data_dir: &Path) -> Findings {
    let now = Timestamp(SystemClock.now());
    Findings(vec![
        ("configuration", configuration(data_dir)),
        ("audit export", exports(data_dir)),
        (
            "cluster key",
            read_cluster_key(&data_dir.join(CLUSTER_KEY)).map(|_| "it can be read".to_owned()).map_err(text),
        ),
        ("secret files", permissions(data_dir)),
        ("certificate", certificate(data_dir, now)),
        ("CA", ca(data_dir, now)),
        ("log", store(data_dir)),
        ("disk", disk(data_dir)),
    ])
}

fn text(error: impl fmt::Display) -> String {
    error.to_string()
}

fn configuration(data_dir: &Path) -> Result<String, String> {
    // Without a file there are defaults, which are in order.
    fs::metadata(data_dir).map_err(|error| format!("{}: {error}", data_dir.display()))?;
    let config = Config::load(data_dir, None, crate::config::Overrides::default()).map_err(text)?;
    Recipients::parse(&config.backup_recipients).map_err(text)?;
    if let Some(folder) = &config.backup_dir {
        let meta = fs::metadata(folder).map_err(|error| format!("backup_dir {}: {error}", folder.display()))?;
        if !meta.is_dir() {
            return Err(format!("backup_dir {} is not a folder", folder.display()));
        }
    }
    Ok(format!("controller {}, reached as {}", config.node_id, config.advertise.join(", ")))
}

fn exports(data_dir: &Path) -> Result<String, String> {
    let config = Config::load(data_dir, None, crate::config::Overrides::default()).map_err(text)?;
    wharden_runtime::tls::install_provider();
    crate::audit_export::check(&config.audit_export).map_err(text)?;
    let AuditExport { syslog, webhook } = config.audit_export;
    let sinks: Vec<_> = [syslog.map(|_| "syslog"), webhook.map(|_| "webhook")].into_iter().flatten().collect();
    Ok(if sinks.is_empty() { "none is configured".to_owned() } else { format!("to {}", sinks.join(" and ")) })
}

fn permissions(data_dir: &Path) -> Result<String, String> {
    for name in [CLUSTER_KEY, PEER_KEY] {
        let path = data_dir.join(name);
        let mode = match fs::metadata(&path) {
            // A restored folder has none before its first start.
            Err(error) if name == PEER_KEY && error.kind() == io::ErrorKind::NotFound => continue,
            meta => meta.map_err(|error| format!("{}: {error}", path.display()))?.permissions().mode(),
        };
        if mode & 0o077 != 0 {
            let mode = mode & 0o777;
            return Err(format!("{} has mode {mode:o}: others can read it; `chmod 600` it", path.display()));
        }
    }
    Ok("only their owner can read them".to_owned())
}

fn certificate(data_dir: &Path, now: Timestamp) -> Result<String, String> {
    let identity = PeerIdentity::load(data_dir).map_err(|error| format!("{error:#}"))?;
    let Some(identity) = identity else {
        return if data_dir.join(CLUSTER_KEY).exists() { Ok(NOT_YET.to_owned()) } else { Err(NOT_YET.to_owned()) };
    };
    let leaf = identity.chain.first().ok_or("the file is empty")?;
    let cert = controller_of(leaf).map_err(text)?;
    let renew = format!(
        "no start renews it, so replace this controller: `wharden cluster replace {}` and an empty folder; when the CA \
         ends with it, see Rotation in docs/operations.md",
        cert.number
    );
    cert.check_time(now).map_err(|error| format!("{error}: {renew}"))?;
    if cert.not_after.millis_since(now) < CERTIFICATE_CAREFUL_MS {
        return Err(format!("it ends {}, and then no other controller hears this one: {renew}", cert.not_after));
    }
    let config = Config::load(data_dir, None, crate::config::Overrides::default()).map_err(text)?;
    if config.node_id != cert.number {
        let (held, said) = (cert.number, config.node_id);
        return Err(format!("it is of controller {held}, the configuration says node_id {said}"));
    }
    Ok(format!("of controller {} of cluster {}, good until {}", cert.number, cert.cluster_id, cert.not_after))
}

fn ca(data_dir: &Path, now: Timestamp) -> Result<String, String> {
    let path = data_dir.join(CA_FILE);
    let stored = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let certs = pem::decode(pem::CERTIFICATE, &stored).unwrap_or_default();
    let cert = certs.first().ok_or_else(|| format!("{} holds no certificate", path.display()))?;
    let cluster = ca_cluster(cert).map_err(text)?;
    match PeerIdentity::load(data_dir) {
        Ok(Some(identity)) if identity.cluster != cluster => {
            Err(format!("{} is of cluster {cluster}, the controller of {}", path.display(), identity.cluster))
        }
        _ => {
            let end = ca_ends(cert).map_err(text)?;
            if end.millis_since(now) < CA_CAREFUL_MS {
                let ends = if end <= now { "ended" } else { "ends" };
                return Err(format!(
                    "it {ends} {end}, and all that it signed with it: see Rotation in docs/operations.md"
                ));
            }
            Ok(format!("of cluster {cluster}, good until {end}"))
        }
    }
}

fn store(data_dir: &Path) -> Result<String, String> {
    let number = Config::load(data_dir, None, crate::config::Overrides::default()).map_or(0, |config| config.node_id);
    log_mark::check(data_dir, number).map_err(text)?;
    let path = data_dir.join(STORE);
    if !path.exists() && data_dir.join(CLUSTER_KEY).exists() {
        return Ok(NOT_YET.to_owned());
    }
    let entries = fs::read_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?.count();
    if entries == 0 {
        return Err(format!(
            "{} is empty: restore a backup, or remove this controller and let it join anew",
            path.display()
        ));
    }
    Ok(format!("{entries} files"))
}

fn disk(data_dir: &Path) -> Result<String, String> {
    rustix::fs::access(data_dir, rustix::fs::Access::WRITE_OK)
        .map_err(|error| format!("{} cannot be written: {error}", data_dir.display()))?;
    let fs = rustix::fs::statvfs(data_dir).map_err(text)?;
    let (free, size) = (fs.f_bavail.saturating_mul(fs.f_frsize) >> 20, fs.f_blocks.saturating_mul(fs.f_frsize) >> 20);
    let said = format!("{free} MiB of {size} MiB are free");
    if free.saturating_mul(20) < size { Err(format!("{said}: make room before it is full")) } else { Ok(said) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{boot, config::Overrides};
    use wharden_store::Engine;

    #[tokio::test]
    async fn a_new_folder_is_well_and_each_fault_is_named() {
        wharden_runtime::tls::install_provider();
        let dir = tempfile::tempdir().expect("temp dir");
        let folder = dir.path().join("controller");
        boot::init(&folder, Engine::default(), Overrides::default()).await.expect("made");
        // What `restore` leaves, before the first start.
        let restored = dir.path().join("restored");
        fs::create_dir(&restored).expect("folder");
        for name in [CLUSTER_KEY, CA_FILE, "controller.toml"] {
            fs::copy(folder.join(name), restored.join(name)).expect("copied");
        }
        let said = look(&restored).to_string();
        assert_eq!(said.matches(NOT_YET).count(), 2, "{said}");
        // How full the machine's disk is, is not what is tested.
        let wrong = |folder: &Path| {
            let found = look(folder).0.into_iter().filter(|(what, found)| found.is_err() && *what != "disk");
            found.map(|(what, _)| what).collect::<Vec<_>>()
        };
        assert_eq!(wrong(&folder), [""; 0], "{}", look(&folder));
        assert_eq!(wrong(&restored), [""; 0], "{said}");
        let config = fs::read_to_string(folder.join("controller.toml")).expect("read");
        let (ca, secret) = (folder.join(CA_FILE), dir.path().join("secret"));
        fs::write(&secret, "too short").expect("written");
        let sinks = |syslog: &Path, url: &str, ca: &Path, secret: &Path| {
            let text = format!(
                "{config}\n[audit_export.syslog]\nhost = \"127.0.0.1\"\nca_file = {syslog:?}\n\
                 [audit_export.webhook]\nurl = {url:?}\nca_file = {ca:?}\nsecret_file = {secret:?}\n"
            );
            fs::write(folder.join("controller.toml"), text).expect("written");
            exports(&folder)
        };
        let url = "https://127.0.0.1:1/";
        let away = dir.path().join("away.pem");
        for (found, key) in [
            (sinks(&away, url, &ca, &secret), "syslog: ca_file: "),
            (sinks(&secret, url, &ca, &secret), "syslog: ca_file: "),
            (sinks(&ca, "http://127.0.0.1:1/", &ca, &secret), "webhook: url: "),
            (sinks(&ca, url, &secret, &secret), "webhook: ca_file: "),
            (sinks(&ca, url, &ca, &away), "webhook: secret_file: "),
            (sinks(&ca, url, &ca, &secret), "webhook: secret_file: "),
        ] {
            let why = found.expect_err("wrong");
            assert!(why.starts_with(&format!("audit_export.{key}")), "{why}");
            assert_eq!(wrong(&folder), ["audit export"]);
        }
        fs::write(&secret, "long enough to be one").expect("written");
        assert_eq!(sinks(&ca, url, &ca, &secret), Ok("to syslog and webhook".to_owned()));
        fs::write(folder.join("controller.toml"), config).expect("written");
        fs::set_permissions(folder.join(CLUSTER_KEY), fs::Permissions::from_mode(0o644)).expect("mode");
        assert_eq!(wrong(&folder), ["secret files"]);
        fs::write(folder.join(CLUSTER_KEY), "rubbish").expect("written");
        fs::write(folder.join("controller.toml"), "node_id = 2\n").expect("written");
        fs::remove_file(folder.join(CA_FILE)).expect("removed");
        let all = look(&folder).to_string();
        assert_eq!(wrong(&folder), ["cluster key", "secret files", "certificate", "CA"], "{all}");
        assert!(all.contains("says node_id 2") && !all.contains("rubbish"), "{all}");
        assert_eq!(wrong(&dir.path().join("away")).first(), Some(&"configuration"));
        assert!(look(&dir.path().join("away")).wrong() >= 6);
    }

    #[tokio::test]
    async fn the_end_of_a_certificate_is_told_30_days_before_with_the_way_to_a_new_one() {
        let dir = tempfile::tempdir().expect("temp dir");
        let folder = dir.path().join("controller");
        boot::init(&folder, Engine::default(), Overrides::default()).await.expect("made");
        let identity = PeerIdentity::load(&folder).expect("read").expect("made");
        let end = controller_of(&identity.chain[0]).expect("a certificate").not_after;
        let early = certificate(&folder, Timestamp(end.0 - CERTIFICATE_CAREFUL_MS)).expect("time enough");
        assert!(early.ends_with(&format!("good until {end}")), "{early}");
        for at in [end.0 - CERTIFICATE_CAREFUL_MS + 1, end.0 + 10_000] {
            let late = certificate(&folder, Timestamp(at)).expect_err("it ends");
            assert!(late.contains("end") && late.contains("`wharden cluster replace 1`"), "{late}");
        }
    }

    #[tokio::test]
    async fn the_end_of_a_ca_is_told_of_a_year_before() {
        let dir = tempfile::tempdir().expect("temp dir");
        let folder = dir.path().join("controller");
        boot::init(&folder, Engine::default(), Overrides::default()).await.expect("made");
        let stored = fs::read_to_string(folder.join(CA_FILE)).expect("read");
        let certs = pem::decode(pem::CERTIFICATE, &stored).expect("PEM");
        let end = ca_ends(&certs[0]).expect("a certificate");
        let early = ca(&folder, Timestamp(end.0 - CA_CAREFUL_MS)).expect("time enough");
        assert!(early.ends_with(&format!("good until {end}")), "{early}");
        let late = ca(&folder, Timestamp(end.0 - CA_CAREFUL_MS + 1)).expect_err("it ends");
        assert!(late.starts_with(&format!("it ends {end}")), "{late}");
        let over = ca(&folder, end).expect_err("it ended");
        assert!(over.starts_with(&format!("it ended {end}")), "{over}");
    }
}
