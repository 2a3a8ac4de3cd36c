//! `key`: keys of the cluster.

use crate::{
    client::Call,
    context::Context,
    error::CliError,
    output::{Cell, Look, Tone, ago, moment, table},
};
use clap::{Subcommand, ValueEnum};
use wharden_model::{
    AdminAction,
    api::{ClusterKeyStatus, KeyStep, Keys, RotatedKey},
};

const HELP: &str = "\
The signing key makes access tokens. It is rotated by itself every 90 days; tokens of the old key
count until they end, ten minutes at most, so that nobody is logged out.

The cluster key seals secrets in the state. All controllers must answer; each gets the new key,
then everything is sealed anew and the old key is destroyed, while the cluster goes on.

Examples:
  wharden key list
  wharden key rotate signing --totp 123456
  wharden key rotate cluster --totp 123456";

/// Commands of `key`.
#[derive(Debug, Subcommand)]
#[command(after_help = HELP)]
pub enum Key {
    /// Show which keys there are, since when, and how far a rotation is
    List,
    /// Make a new key in place of the present one
    Rotate { key: Rotatable },
}

/// Keys that can be rotated.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Rotatable {
    // Signs access tokens.
    Signing,
    // Seals secrets in the state.
    Cluster,
}

/// `wharden key …`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(command: Key, context: &mut Context<'_>) -> Result<(), CliError> {
    match command {
        Key::List => {
            let keys: Keys = context.api()?.call(Call::get(&["keys"])).await?;
            context.answer(&keys, |look| card(&keys, look))
        }
        Key::Rotate { key: Rotatable::Signing } => {
            let rotated: RotatedKey =
                context.api()?.call(Call::post(&["keys", "signing", "rotate"]).of(AdminAction::KeyRotate)).await?;
            let until = moment(context.console.now(), rotated.old_until);
            let id = &rotated.key_id;
            context.made(&rotated, &format!("key {id} signs from now on; the old one counts until {until}"))
        }
        Key::Rotate { key: Rotatable::Cluster } => {
            let keys: Keys =
                context.api()?.call(Call::post(&["keys", "cluster", "rotate"]).of(AdminAction::KeyRotate)).await?;
            let id = keys.cluster.key_id;
            let text = format!("key {id} seals from now on; `wharden key list` shows when the old one is destroyed");
            context.made(&keys, &text)?;
            context.note("copies of cluster.key that you keep elsewhere are of the old key: replace them");
            Ok(())
        }
    }
}

fn card(keys: &Keys, look: &Look) -> String {
    let row = |what: &str, id: String, since| vec![Cell::new(what), Cell::new(id), Cell::new(ago(look.now, since))];
    let rows = vec![
        row("signing", keys.signing.key_id.clone(), keys.signing.since),
        row("cluster", keys.cluster.key_id.to_string(), keys.cluster.since),
    ];
    let mut text = table(&["KEY", "ID", "SINCE"], rows, look);
    text.push('\n');
    let rows = keys.cluster.controllers.iter().map(|holder| {
        let held: Vec<String> = holder.keys.iter().map(ToString::to_string).collect();
        let held = match (holder.reachable, held.is_empty()) {
            (true, false) => Cell::new(held.join(" ")),
            (true, true) => Cell::toned("starting", Tone::Careful),
            (false, _) => Cell::toned("no answer", Tone::Careful),
        };
        vec![Cell::new(holder.number), Cell::new(&holder.name), held]
    });
    text.push_str(&table(&["CONTROLLER", "NAME", "CLUSTER KEYS HELD"], rows.collect(), look));
    text.push_str(&format!("\n{}\n", progress(&keys.cluster)));
    text
}

fn progress(keys: &ClusterKeyStatus) -> String {
    match keys.step {
        None => "everything is sealed with the cluster key".to_owned(),
        Some(KeyStep::HandingOver) => "a new cluster key is handed to all controllers".to_owned(),
        Some(KeyStep::SealingAnew) => {
            format!("a new cluster key seals; {} values are still to be sealed with it", keys.left)
        }
        Some(KeyStep::Destroying) => {
            "everything is sealed with the new cluster key; the old one is being destroyed".to_owned()
        }
    }
}
