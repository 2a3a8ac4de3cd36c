//! `policy test`: what would be decided, without doing it.

use crate::{
    client::Call,
    commands::{advice, event::EventId},
    context::Context,
    docker_line,
    error::CliError,
    input::{HostRef, name_of_file, read_json, read_policy},
    output::{Cell, Look, Tone, record},
};
use clap::{ArgGroup, Args, ValueEnum};
use std::path::PathBuf;
use wharden_model::{
    Effect, Mode, PolicyName, UserName,
    api::{DockerRequest, PolicyVersionDraft, TestRequest, TestResult},
};

const HELP: &str = "\
The request is a docker command, which comes last, or method, path and body as they go to the
engine, or that of a recorded event. No host is asked: what a request names is taken to be there and
to be --owner's; the answer says what was assumed. When it is refused, the smallest change of the
request that would be allowed is shown, or else the rules that nearly permit it. Drafts decide in
place of stored policies of the same name. The exit code is 0 whatever is decided, unless --expect
says what it should be.

Examples:
  wharden policy test --user bob --host web1 docker run --privileged -v /:/host alpine
  wharden policy test --user bob --expect deny --draft team=./team.cedar docker rm -f db
  wharden policy test --user bob --owner alice docker logs web
  wharden policy test --service-account ci docker pull registry.example/app:1
  wharden policy test --event h-0123456789abcdef/89abcdef01234567/42 --draft ./team.cedar
  wharden policy test --user bob --method POST --path /containers/create --body create.json";

/// Flags of `policy test`.
#[derive(Debug, Args)]
#[command(
    after_help = HELP,
    override_usage = "wharden policy test [OPTIONS] <--user <USER> <--path <PATH>|DOCKER COMMAND...>|--event <ID>>",
    group = ArgGroup::new("request").required(true)
)]
pub struct Test {
    /// The user who would ask
    #[arg(long, required_unless_present_any = ["event", "service_account"], conflicts_with = "service_account")]
    user: Option<UserName>,
    /// The service account that would ask
    #[arg(long, value_name = "NAME")]
    service_account: Option<UserName>,
    /// Whose the named things are; the asker's without it, nobody's when empty
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// The host, by id or name; one without labels without it
    #[arg(long)]
    host: Option<HostRef>,
    /// Decide with this text too, [NAME=]FILE; may be given many times
    #[arg(long = "draft", value_name = "[NAME=]FILE")]
    drafts: Vec<String>,
    /// Fail unless this is decided
    #[arg(long, value_enum)]
    expect: Option<Expect>,
    /// Method of the request
    #[arg(long, requires = "path", default_value = "GET", value_name = "METHOD")]
    method: String,
    /// Path of the request, with its query
    #[arg(long, group = "request", value_name = "PATH")]
    path: Option<String>,
    /// File with the JSON body of the request; - for standard input
    #[arg(long, requires = "path", value_name = "FILE")]
    body: Option<PathBuf>,
    /// A recorded decision in place of a request, HOST/RUN/NUMBER
    #[arg(long, group = "request", conflicts_with_all = ["user", "service_account", "owner", "host"], value_name = "ID")]
    event: Option<EventId>,
    /// A docker command in place of method and path
    #[arg(group = "request", trailing_var_arg = true, allow_hyphen_values = true, value_name = "DOCKER COMMAND")]
    docker: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Expect {
    Allow,
    Deny,
}

/// `wharden policy test …`.
///
/// # Errors
/// [`CliError::Verdict`] when the decision is not the expected one.
pub async fn run(args: Test, context: &mut Context<'_>) -> Result<(), CliError> {
    let request = match args.path {
        _ if args.event.is_some() => None,
        Some(path) => {
            let body = match &args.body {
                Some(file) => read_json(file, context.console)?,
                None => serde_json::Value::Null,
            };
            Some(DockerRequest { method: args.method.to_ascii_uppercase(), path, body })
        }
        None => Some(docker_line::parse(&args.docker)?),
    };
    let drafts = drafts(&args.drafts, context)?;
    let test = TestRequest {
        user: args.user,
        service_account: args.service_account,
        owner: args.owner,
        host: args.host.map(|host| host.0),
        request,
        event: args.event.map(|id| id.to_string()),
        drafts,
    };
    let result: TestResult = context.api()?.call(Call::post(&["policy", "test"]).body(&test)?).await?;
    context.answer(&result, |look| card(&test, &result, look))?;
    verdict(args.expect, result.decision.effect)
}

/// Fails when the decision is not the expected one.
pub(super) fn verdict(expected: Option<Expect>, decided: Effect) -> Result<(), CliError> {
    let wrong = match (expected, decided) {
        (Some(Expect::Allow), Effect::Deny) => Some("denied, and --expect says allow"),
        (Some(Expect::Deny), Effect::Allow) => Some("allowed, and --expect says deny"),
        _ => None,
    };
    match wrong {
        None => Ok(()),
        Some(message) => Err(CliError::Verdict {
            code: "unexpected_decision",
            message: message.to_owned(),
            hint: "the rules above made the decision".to_owned(),
            details: Vec::new(),
        }),
    }
}

/// What each `--draft` means.
pub(super) fn drafts(words: &[String], context: &mut Context<'_>) -> Result<Vec<PolicyVersionDraft>, CliError> {
    words.iter().map(|word| draft(word, context)).collect()
}

fn draft(word: &str, context: &mut Context<'_>) -> Result<PolicyVersionDraft, CliError> {
    let (name, file) = match word.split_once('=') {
        Some((name, file)) => {
            let name = PolicyName::new(name).map_err(|error| CliError::usage(error.to_string(), "write NAME=FILE"))?;
            (name, PathBuf::from(file))
        }
        None => (name_of_file(word.as_ref(), "NAME=FILE")?, PathBuf::from(word)),
    };
    let text = read_policy(&file, context.console)?.text;
    Ok(PolicyVersionDraft { name, text, mode: Mode::Enforce })
}

fn card(test: &TestRequest, result: &TestResult, look: &Look) -> String {
    let decision = &result.decision;
    let resource = &result.resource;
    let named = if resource.name.is_empty() { &resource.id } else { &resource.name };
    let request = match (&test.request, &test.event) {
        (Some(request), _) => format!("{} {}", request.method, request.path),
        (None, Some(event)) => format!("that of event {event}"),
        (None, None) => String::new(),
    };
    let mut fields = vec![
        ("Decision", advice::effect(decision.effect)),
        ("Who", Cell::new(&result.principal)),
        ("Action", Cell::new(result.action)),
        ("On", Cell::new(format!("{} {named}", resource.kind.name().to_lowercase()))),
        ("Request", Cell::new(request)),
        ("Revision", Cell::new(decision.revision)),
    ];
    advice::reasons(decision, &mut fields);
    advice::advice(&result.advice, decision, &mut fields);
    for (nth, assumed) in result.assumed.iter().enumerate() {
        fields.push((if nth == 0 { "Assumed" } else { "" }, Cell::toned(assumed, Tone::Dim)));
    }
    record(fields, look)
}
