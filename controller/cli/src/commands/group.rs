//! `group`: named sets of users, which policies name.

use super::each::Each;
use crate::{
    client::Call,
    context::Context,
    error::CliError,
    output::{Cell, ago, moment, record, table},
};
use clap::Subcommand;
use reqwest::Method;
use wharden_model::{
    AdminAction, GroupName, UserName,
    api::{self, NewGroup},
};

const HELP: &str = "\
Who is in which group needs a code for each user: it is asked for at a terminal, and in scripts each
user takes a command of its own. Their sessions end, since what they may do has changed.

Examples:
  wharden group create launchers
  wharden group add launchers carol dave        # asks for a code for each
  wharden group add launchers bob --totp 123456
  wharden group remove launchers bob";

/// Commands of `group`.
#[derive(Debug, Subcommand)]
#[command(after_help = HELP)]
pub enum Group {
    /// List groups
    #[command(visible_alias = "ls")]
    List,
    /// Show one group
    Show { name: GroupName },
    /// Create a group
    Create {
        name: GroupName,
        /// Member; may be given many times
        #[arg(long = "member", value_name = "USER")]
        members: Vec<UserName>,
    },
    /// Delete a group; its members stay
    #[command(visible_alias = "rm")]
    Delete {
        name: GroupName,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Put users into a group
    Add {
        name: GroupName,
        #[arg(required = true, value_name = "USER")]
        users: Vec<UserName>,
    },
    /// Take users out of a group
    Remove {
        name: GroupName,
        #[arg(required = true, value_name = "USER")]
        users: Vec<UserName>,
    },
}

/// `wharden group …`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(command: Group, context: &mut Context<'_>) -> Result<(), CliError> {
    match command {
        Group::List => {
            let groups: Vec<api::Group> = context.api()?.call(Call::get(&["groups"])).await?;
            context.list(&groups, "no groups yet: `wharden group create NAME` makes one", |look| {
                let rows = groups.iter().map(|group| {
                    vec![
                        Cell::new(&group.name),
                        Cell::or_dash(members(group, ",")),
                        Cell::new(ago(look.now, group.created_at)),
                    ]
                });
                table(&["NAME", "MEMBERS", "CREATED"], rows.collect(), look)
            })
        }
        Group::Show { name } => {
            let group: api::Group = context.api()?.call(Call::get(&["groups", name.as_str()])).await?;
            context.answer(&group, |look| {
                let fields = vec![
                    ("Name", Cell::new(&group.name)),
                    ("Members", Cell::or_dash(members(&group, ", "))),
                    ("Created", Cell::new(moment(look.now, group.created_at))),
                ];
                record(fields, look)
            })
        }
        Group::Create { name, members } => {
            let call = Call::post(&["groups"]).of(AdminAction::GroupCreate);
            let call = if members.is_empty() { call } else { call.with_code() };
            let call = call.body(&NewGroup { name, members })?;
            let group: api::Group = context.api()?.call(call).await?;
            context.made(&group, &format!("group {} is created", group.name))
        }
        Group::Delete { name, yes } => {
            context.confirm(yes, &format!("Delete group {name}? Policies that name it then match nobody."))?;
            let call = Call::delete(&["groups", name.as_str()]).of(AdminAction::GroupDelete);
            context.api()?.act(call).await?;
            context.changed(&[("group", name.as_str())], &format!("group {name} is deleted"))
        }
        Group::Add { name, users } => {
            let done = format!("is in group {name} now");
            change(&Method::PUT, &name, &users, (&done, "added"), context).await
        }
        Group::Remove { name, users } => {
            let done = format!("is no longer in group {name}");
            change(&Method::DELETE, &name, &users, (&done, "removed"), context).await
        }
    }
}

async fn change(
    method: &Method,
    group: &GroupName,
    users: &[UserName],
    (done, field): (&str, &'static str),
    context: &mut Context<'_>,
) -> Result<(), CliError> {
    let mut api = context.api()?;
    if !api.has_codes_for(users.len()) {
        return Err(CliError::usage(
            format!(
                "{} users need {} codes, one each, and one was given; nothing is changed",
                users.len(),
                users.len()
            ),
            "run it once for each user with a code of its own, or at a terminal, where each is asked for",
        ));
    }
    let about = serde_json::Map::from_iter([("group".to_owned(), group.as_str().into())]);
    let each = Each { names: users.iter().map(AsRef::as_ref).collect(), done, field, about };
    each.run(&mut api, context, |user| {
        Call::new(method.clone(), &["groups", group.as_str(), "members"]).at(user).of(AdminAction::GroupUpdate)
    })
    .await?;
    context.note("who was logged in has to log in again");
    Ok(())
}

fn members(group: &api::Group, between: &str) -> String {
    group.members.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(between)
}
