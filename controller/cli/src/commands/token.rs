//! `token`: join tokens, which enrol hosts.

use crate::{
    client::Call,
    context::Context,
    error::CliError,
    output::{Cell, Look, ago, moment, table},
    span::{Span, within},
};
use clap::{Args, Subcommand};
use wharden_model::{
    AdminAction, Labels, Posture, TokenId,
    api::{CreatedToken, JoinToken, NewToken},
};

const HELP: &str = "\
Examples:
  wharden token create --ttl 1h --uses 20 --label env=prod --posture enforce
  TOKEN=$(wharden token create -q)
  wharden token delete jt-0123456789ab";

/// Commands of `token`.
#[derive(Debug, Subcommand)]
#[command(after_help = HELP)]
pub enum Token {
    /// Create a join token and print it, this once
    Create(Create),
    /// List join tokens that are still good
    #[command(visible_alias = "ls")]
    List,
    /// End a join token; hosts that enrolled with it stay
    #[command(visible_alias = "rm")]
    Delete {
        id: TokenId,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

/// Flags of `token create`.
#[derive(Debug, Args)]
pub struct Create {
    /// How long it is good, 1m to 30d
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = within("1m", "30d"))]
    ttl: Span,
    /// Hosts that may enrol with it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    uses: u32,
    /// Label that the hosts get, key=value; may be given many times
    #[arg(long = "label", value_name = "K=V")]
    labels: Vec<String>,
    /// Posture that the hosts start in: observe or enforce
    #[arg(long, value_name = "POSTURE", default_value_t)]
    posture: Posture,
}

/// `wharden token …`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(command: Token, context: &mut Context<'_>) -> Result<(), CliError> {
    match command {
        Token::Create(args) => create(&args, context).await,
        Token::List => {
            let tokens: Vec<JoinToken> = context.api()?.call(Call::get(&["tokens"])).await?;
            context.list(&tokens, "no join tokens: `wharden token create` makes one", |look| rows(&tokens, look))
        }
        Token::Delete { id, yes } => {
            context.confirm(yes, &format!("End join token {id}?"))?;
            context.api()?.act(Call::delete(&["tokens", id.as_str()]).of(AdminAction::TokenDelete)).await?;
            context.changed(&[("token", id.as_str())], &format!("join token {id} is ended"))
        }
    }
}

async fn create(args: &Create, context: &mut Context<'_>) -> Result<(), CliError> {
    let labels = Labels::parse(&args.labels)
        .map_err(|error| CliError::usage(error.to_string(), "write --label key=value, once for each label"))?;
    let new = NewToken { ttl_s: args.ttl.0, uses: args.uses, labels, posture: args.posture };
    let created: CreatedToken =
        context.api()?.call(Call::post(&["tokens"]).of(AdminAction::TokenCreate).body(&new)?).await?;
    context.answer(&created, |_| created.token.reveal().to_owned())?;
    let JoinToken { id, expires_at, uses_left, posture, labels, .. } = &created.info;
    let until = moment(context.console.now(), *expires_at);
    let labelled = if labels.is_empty() { String::new() } else { format!(", labels {labels}") };
    context.note(&format!("{id}: shown this once; {uses_left} use(s), posture {posture}{labelled}, ends {until}"));
    context.note("on the host: `wharden-agent enroll --controller HOST:7441 --token-file FILE`");
    Ok(())
}

fn rows(tokens: &[JoinToken], look: &Look) -> String {
    let rows = tokens.iter().map(|token| {
        vec![
            Cell::new(&token.id),
            Cell::new(token.uses_left),
            token.posture.into(),
            Cell::or_dash(&token.labels),
            Cell::new(ago(look.now, token.expires_at)),
            Cell::new(format!("{} by {}", ago(look.now, token.created_at), token.created_by)),
        ]
    });
    table(&["ID", "USES LEFT", "POSTURE", "LABELS", "ENDS", "CREATED"], rows.collect(), look)
}
