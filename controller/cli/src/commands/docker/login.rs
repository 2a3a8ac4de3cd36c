use super::{
    contexts,
    kept::{About, Kept, Proof},
};
use crate::{
    client::{Api, Call},
    commands::login::{Factors, log_in},
    context::Context,
    error::CliError,
    input::HostRef,
    output::{Cell, clean, moment, table},
    settings,
};
use clap::Args;
use serde::Serialize;
use std::{collections::BTreeMap, path::PathBuf};
use wharden_model::{
    HostId, SessionId, Timestamp, UserName,
    api::{DockerCertificate, DockerHost, NewDockerCertificate, Secret},
};
use wharden_pki::{KeyError, KeyPair, pem};

const HELP: &str = "\
Uses the session that is there, or logs in with both factors. The key is made here and never leaves
this machine. With the key of a service account in WHARDEN_TOKEN the certificate is that account's,
and ends with the key. Without --host, every connected host whose agent runs with --guard-listen
gets a context. Where docker is not installed, the variables that any client takes are printed
instead.

Examples:
  wharden docker login
  wharden docker login --host web1 --context web
  printf '%s\\n' \"$PASSWORD\" | wharden docker login --username ci --password-stdin --totp 123456
  WHARDEN_TOKEN=$(cat key) wharden docker login --host web1   # a CI job, as its service account
  docker --context wharden-web1 logs -f shop";

/// Flags of `docker login`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Login {
    /// Only this host: its id or name; may be given many times
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<HostRef>,
    /// Name of the context, when there is one host [default: wharden-HOST]
    #[arg(long, value_name = "NAME", value_parser = context_name)]
    context: Option<String>,
    #[command(flatten)]
    factors: Factors,
}

/// What a program gets: no key.
#[derive(Serialize)]
struct LoggedIn {
    username: UserName,
    session_id: SessionId,
    expires_at: Timestamp,
    hosts: Vec<Usable>,
}

#[derive(Serialize)]
struct Usable {
    id: HostId,
    name: String,
    /// Absent when docker is not installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<String>,
    docker_host: String,
    cert_path: PathBuf,
}

/// `wharden docker login`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(args: Login, context: &mut Context<'_>) -> Result<(), CliError> {
    let url = context.transport()?.url();
    let key = KeyPair::generate().map_err(no_key)?;
    let csr = pem::encode(pem::REQUEST, [key.csr_der().map_err(no_key)?.as_slice()]);
    let key = Secret::new(pem::encode(pem::PRIVATE_KEY, [key.pkcs8_der().as_slice()]));
    let new = NewDockerCertificate { csr };
    let mut api = session(args.factors, context).await?;
    let hosts = chosen(&args.hosts, api.call(Call::get(&["docker", "hosts"])).await?)?;
    let names = names(&hosts, args.context)?;
    let kept = Kept::new(&settings::config_dir(context.console)?);
    // Nothing is asked of the controller before it is known that nobody's own context is in the way.
    let mut there = Vec::new();
    for (host, name) in hosts.iter().zip(&names) {
        let ours = kept.about(name).is_some_and(|about| about.url == url && about.host_id == host.id);
        let exists = contexts::exists(name, context.console).await?;
        if !ours && (exists == Some(true) || kept.about(name).is_some()) {
            return Err(CliError::usage(
                format!("there is a context {name:?} already, and it is not for host {} ({})", host.name, host.id),
                format!("choose another with --context, or remove it with `docker context rm {name}`"),
            ));
        }
        there.push(exists);
    }
    let certificate: DockerCertificate = api.call(Call::post(&["docker", "certificates"]).body(&new)?).await?;

    let mut usable = Vec::new();
    for ((host, name), exists) in hosts.into_iter().zip(names).zip(there) {
        let about = About { url: url.clone(), host_id: host.id.clone() };
        kept.store(&name, &about, &Proof { ca: &host.ca_pem, certificate: &certificate.certificate, key: &key })?;
        let cert_path = kept.path(&name);
        let description = format!("Wharden guard of {} ({})", clean(&host.name), certificate.username);
        let replace = exists == Some(true);
        let made = contexts::set(&name, replace, &description, &host.address, &cert_path, context.console).await?;
        let docker_host = format!("tcp://{}", host.address);
        usable.push(Usable { id: host.id, name: host.name, context: made.map(|()| name), docker_host, cert_path });
    }
    let DockerCertificate { username, session_id, expires_at, .. } = certificate;
    show(&LoggedIn { username, session_id, expires_at, hosts: usable }, context)
}

/// The service account, where its key is given; else the session that is there; a new one when there is none or factors are given.
async fn session(factors: Factors, context: &mut Context<'_>) -> Result<Api, CliError> {
    if context.service_key().is_some() {
        return context.api();
    }
    if !factors.are_given() && context.factor()?.is_none() {
        let open = async {
            let mut api = context.api()?;
            // Finds out whether it is still open.
            api.call::<serde_json::Value>(Call::get(&["whoami"])).await?;
            Ok(api)
        };
        match open.await {
            Err(CliError::NotLoggedIn { .. }) if context.console.prompts.is_some() => {}
            other => return other,
        }
    }
    log_in(factors, context).await?;
    context.api()
}

fn chosen(wanted: &[HostRef], all: Vec<DockerHost>) -> Result<Vec<DockerHost>, CliError> {
    if wanted.is_empty() {
        return if all.is_empty() {
            Err(no_host("no connected host can be used from elsewhere".to_owned()))
        } else {
            Ok(all)
        };
    }
    let mut chosen: BTreeMap<HostId, DockerHost> = BTreeMap::new();
    for HostRef(text) in wanted {
        let mut named = all.iter().filter(|host| host.id.as_str() == text || host.name == *text);
        match (named.next(), named.next()) {
            (Some(host), None) => drop(chosen.insert(host.id.clone(), host.clone())),
            (Some(_), Some(_)) => {
                return Err(CliError::usage(
                    format!("several hosts are called {text:?}"),
                    "give the id: `wharden host list` shows it",
                ));
            }
            (None, _) => {
                return Err(no_host(format!("no host {text:?} is connected and can be used from elsewhere")));
            }
        }
    }
    Ok(chosen.into_values().collect())
}

fn no_host(message: String) -> CliError {
    let hint =
        "see that the name is right; the host's agent has to run with --guard-listen ADDR:2376: ask your Wharden \
                administrator"
            .to_owned();
    CliError::Verdict { code: "no_host", message, hint, details: Vec::new() }
}

/// The context of each host; hosts of one name are told apart by their ids.
fn names(hosts: &[DockerHost], given: Option<String>) -> Result<Vec<String>, CliError> {
    if let Some(given) = given {
        if hosts.len() == 1 {
            return Ok(vec![given]);
        }
        return Err(CliError::usage(
            format!("--context names one context, and there are {} hosts", hosts.len()),
            "choose one with --host",
        ));
    }
    let twice = |name: &str| hosts.iter().filter(|host| contexts::name_of(&host.name) == name).count() > 1;
    let name = |host: &DockerHost| {
        let name = contexts::name_of(&host.name);
        if twice(&name) { format!("{name}-{}", host.id) } else { name }
    };
    Ok(hosts.iter().map(name).collect())
}

fn context_name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '+' | '-');
    let first = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    if first && text.len() <= 128 && text.len() > 1 && text.chars().all(fits) && text != "default" {
        Ok(text.to_owned())
    } else {
        Err("a context's name is 2 to 128 of A-Z a-z 0-9 _ . + -, beginning with a letter or digit".to_owned())
    }
}

fn no_key(error: KeyError) -> CliError {
    CliError::Verdict { code: "internal", message: error.to_string(), hint: String::new(), details: Vec::new() }
}

fn show(answer: &LoggedIn, context: &mut Context<'_>) -> Result<(), CliError> {
    if context.is_quiet() && !context.is_json() {
        return Ok(());
    }
    context.answer(answer, |look| {
        let until = moment(look.now, answer.expires_at);
        let mut text = format!("{} can use Docker on these hosts until {until}\n", answer.username);
        let rows = answer.hosts.iter().map(|host| {
            vec![
                Cell::new(&host.name),
                Cell::or_dash(host.context.clone().unwrap_or_default()),
                Cell::new(&host.docker_host),
            ]
        });
        text.push_str(&table(&["HOST", "CONTEXT", "ADDRESS"], rows.collect(), look));
        for host in answer.hosts.iter().filter(|host| host.context.is_none()) {
            let path = clean(&host.cert_path.display().to_string());
            text.push_str(&format!(
                "\n# {}\nexport DOCKER_HOST={}\nexport DOCKER_TLS_VERIFY=1\nexport DOCKER_CERT_PATH='{path}'\n",
                clean(&host.name),
                clean(&host.docker_host)
            ));
        }
        text
    })?;
    match answer.hosts.iter().find_map(|host| host.context.as_ref()) {
        Some(name) => context.note(&format!("next: docker --context {name} ps")),
        None => context.note("docker is not installed here, so no context was made: set the variables above"),
    }
    Ok(())
}
