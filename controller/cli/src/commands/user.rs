//! `user`: people and accounts.

use crate::{
    client::Call,
    context::Context,
    error::CliError,
    output::{Cell, Look, Tone, ago, moment, record, table},
};
use clap::Subcommand;
use reqwest::Method;
use wharden_model::{
    AdminAction, GroupName, UserName,
    api::{self, Invite, NewUser, UserPatch},
};

const HELP: &str = "\
A user is known by the name of the OS user on the hosts. Only one who accepted an invite can log
in here; the others are for policies.

Examples:
  wharden user create bob
  wharden user create carol --group launchers   # a group that is there; asks for a code
  wharden user invite bob --totp 123456         # in scripts; else it is asked for
  wharden user disable bob
  wharden user show carol                       # failed logins too, and until when they lock
  wharden user unlock carol";

/// Commands of `user`.
#[derive(Debug, Subcommand)]
#[command(after_help = HELP)]
pub enum User {
    /// List users
    #[command(visible_alias = "ls")]
    List,
    /// Show one user
    Show { name: UserName },
    /// Create a user
    Create {
        name: UserName,
        /// Group to be in; may be given many times
        #[arg(long = "group", value_name = "GROUP")]
        groups: Vec<GroupName>,
    },
    /// Print a one-time invite, with which the user sets up password and second factor
    Invite { name: UserName },
    /// Take both factors away at once, for a lost device, and print an invite to set up others
    Reset {
        name: UserName,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Let the user try to log in at once, who would have to wait after failed logins
    Unlock { name: UserName },
    /// Refuse the user everything, here and on hosts, until enabled again
    Disable { name: UserName },
    /// Undo `disable`
    Enable { name: UserName },
    /// Delete a user
    #[command(visible_alias = "rm")]
    Delete {
        name: UserName,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

/// `wharden user …`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(command: User, context: &mut Context<'_>) -> Result<(), CliError> {
    match command {
        User::List => {
            let users: Vec<api::User> = context.api()?.call(Call::get(&["users"])).await?;
            context.list(&users, "no users", |look| rows(&users, look))
        }
        User::Show { name } => {
            let user: api::User = context.api()?.call(Call::get(&["users", name.as_str()])).await?;
            context.answer(&user, |look| card(&user, look))
        }
        User::Create { name, groups } => {
            let call = Call::post(&["users"]).of(AdminAction::UserCreate);
            // It is as good as membership.
            let call = if groups.is_empty() { call } else { call.of(AdminAction::GroupUpdate) };
            let call = call.body(&NewUser { name, groups })?;
            let user: api::User = context.api()?.call(call).await?;
            context.made(&user, &format!("user {} is created", user.name))
        }
        User::Invite { name } => {
            let call = Call::post(&["users", name.as_str(), "invite"]).of(AdminAction::UserInvite);
            let invite: Invite = context.api()?.call(call).await?;
            context.answer(&invite, |_| invite.invite.reveal().to_owned())?;
            told(&name, &invite, context);
            Ok(())
        }
        User::Reset { name, yes } => {
            context.confirm(yes, &format!("Take both factors of {name} away and end its sessions?"))?;
            let call = Call::post(&["users", name.as_str(), "reset"]).of(AdminAction::UserInvite);
            let invite: Invite = context.api()?.call(call).await?;
            context.answer(&invite, |_| invite.invite.reveal().to_owned())?;
            told(&name, &invite, context);
            Ok(())
        }
        User::Unlock { name } => {
            let call = Call::post(&["users", name.as_str(), "unlock"]).of(AdminAction::UserUpdate);
            let user: api::User = context.api()?.call(call).await?;
            context.made(&user, &format!("user {name} can try to log in"))
        }
        User::Disable { name } => {
            set_disabled(&name, true, context).await?;
            context.changed(&[("user", name.as_str())], &format!("user {name} is disabled"))
        }
        User::Enable { name } => {
            set_disabled(&name, false, context).await?;
            context.changed(&[("user", name.as_str())], &format!("user {name} is enabled"))
        }
        User::Delete { name, yes } => {
            context.confirm(yes, &format!("Delete user {name}, its sessions and its place in every group?"))?;
            let call = Call::delete(&["users", name.as_str()]).of(AdminAction::UserDelete);
            context.api()?.act(call).await?;
            context.changed(&[("user", name.as_str())], &format!("user {name} is deleted"))
        }
    }
}

fn told(name: &UserName, invite: &Invite, context: &mut Context<'_>) {
    let until = moment(context.console.now(), invite.expires_at);
    context.note(&format!(
        "it is shown this once and ends {until}; {name} runs `wharden accept-invite --username {name}`, with --url and \
         --ca-file where no controller is known yet"
    ));
}

async fn set_disabled(name: &UserName, disabled: bool, context: &mut Context<'_>) -> Result<(), CliError> {
    let call = Call::new(Method::PATCH, &["users", name.as_str()]).body(&UserPatch { disabled: Some(disabled) })?;
    context.api()?.act(call.of(AdminAction::UserUpdate)).await
}

fn groups(user: &api::User) -> String {
    user.groups.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(",")
}

fn state(user: &api::User) -> Cell {
    let locked = user.failed_logins.as_ref().is_some_and(|failed| failed.locked_until.is_some());
    match (user.disabled, locked) {
        (true, _) => Cell::toned("disabled", Tone::Bad),
        (false, true) => Cell::toned("locked", Tone::Bad),
        (false, false) => Cell::toned("active", Tone::Good),
    }
}

fn yes_or_no(yes: bool) -> Cell {
    if yes { Cell::new("yes") } else { Cell::toned("no", Tone::Dim) }
}

fn rows(users: &[api::User], look: &Look) -> String {
    let rows = users.iter().map(|user| {
        vec![
            Cell::new(&user.name),
            Cell::or_dash(groups(user)),
            state(user),
            yes_or_no(user.can_log_in),
            Cell::or_dash(user.last_login_at.map(|at| ago(look.now, at)).unwrap_or_default()),
        ]
    });
    table(&["NAME", "GROUPS", "STATE", "CAN LOG IN", "LAST LOGIN"], rows.collect(), look)
}

fn card(user: &api::User, look: &Look) -> String {
    let mut card = vec![
        ("Name", Cell::new(&user.name)),
        ("Groups", Cell::or_dash(groups(user))),
        ("State", state(user)),
        ("Can log in", yes_or_no(user.can_log_in)),
        ("Recovery codes left", Cell::or_dash(user.recovery_codes_left.map(|n| n.to_string()).unwrap_or_default())),
        ("Created", Cell::new(moment(look.now, user.created_at))),
        ("Last login", Cell::or_dash(user.last_login_at.map(|at| moment(look.now, at)).unwrap_or_default())),
    ];
    if let Some(failed) = &user.failed_logins {
        let from: Vec<String> =
            failed.sources.iter().map(|from| format!("{} ({})", from.address, from.count)).collect();
        let last = format!("{}, the last {}", failed.count, moment(look.now, failed.last_at));
        card.extend([("Failed logins", Cell::new(last)), ("From", Cell::or_dash(from.join(", ")))]);
        if let Some(until) = failed.locked_until {
            card.push(("Locked until", Cell::toned(moment(look.now, until), Tone::Bad)));
        }
    }
    record(card, look)
}
