//! `group`: named sets of users, which policies name.

use crate::{
    client::Call,
    context::Context,
    error::CliError,
    output::{Cell, ago, moment, record, table},
};
use clap::Subcommand;
use reqwest::Method;
use wharden_model::{
    GroupName, UserName,
    api::{self, NewGroup},
};

const HELP: &str = "\
Examples:
  wharden group create launchers --member bob
  wharden group add launchers carol dave
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
            let call = Call::post(&["groups"]).body(&NewGroup { name, members })?;
            let group: api::Group = context.api()?.call(call).await?;
            context.made(&group, &format!("group {} is created", group.name))
        }
        Group::Delete { name, yes } => {
            context.confirm(yes, &format!("Delete group {name}? Policies that name it then match nobody."))?;
            context.api()?.act(Call::delete(&["groups", name.as_str()])).await?;
            context.done(&format!("group {name} is deleted"))
        }
        Group::Add { name, users } => {
            change(&Method::PUT, &name, &users, context).await?;
            context.done(&format!("in group {name} now: {}", joined(&users)))
        }
        Group::Remove { name, users } => {
            change(&Method::DELETE, &name, &users, context).await?;
            context.done(&format!("no longer in group {name}: {}", joined(&users)))
        }
    }
}

async fn change(
    method: &Method,
    group: &GroupName,
    users: &[UserName],
    context: &mut Context<'_>,
) -> Result<(), CliError> {
    let mut api = context.api()?;
    for (done, user) in users.iter().enumerate() {
        let path = ["groups", group.as_str(), "members", user.as_str()];
        if let Err(error) = api.act(Call::new(method.clone(), &path)).await {
            if done > 0 {
                let (done, left) = (joined(&users[..done]), joined(&users[done..]));
                context.console.warn(&format!("done for {done}; not for {left}: each takes a code of its own"));
            }
            return Err(error);
        }
    }
    Ok(())
}

fn joined(users: &[UserName]) -> String {
    users.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(", ")
}

fn members(group: &api::Group, between: &str) -> String {
    group.members.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(between)
}
