//! What clients ask of, as commands of the real state and as what is seen in it.

use crate::history::{Call, Held, Key, Outcome};
use wharden_model::{
    ClusterId, CodeId, HostId, Labels, PolicyName, Posture, RequestId, SessionId, Timestamp, TokenId, UserName,
};
use wharden_state::{
    AccountCommand, Applied, ClusterCommand, Command, ControllerCommand, Hex, HostCommand, PolicyCommand, PolicyOrigin,
    Proof, Rejection, SealedKeys, Seat, SessionCommand, State, TokenCommand, UserCommand,
};

/// Later than any clock that jumps.
const NEVER: Timestamp = Timestamp(1 << 52);
const PASSWORD: &str = "a hash";

pub const POLICIES: u64 = 3;
pub const USERS: u64 = 2;
pub const TOKENS: u64 = 2;
/// Uses of each token.
pub const USES: u64 = 6;
pub const ACCOUNTS: u64 = 2;

/// All things, as they are before clients come.
pub fn things() -> Vec<(Key, Held)> {
    let of = |count: u64, key: fn(u64) -> Key, value: u64| (0..count).map(move |n| (key(n), Held { at: 0, value }));
    of(POLICIES, Key::Policy, 0)
        .chain(of(USERS, Key::User, 0))
        .chain(of(TOKENS, Key::Token, USES))
        .chain(of(ACCOUNTS, Key::Account, 0))
        .collect()
}

fn hash(of: u64) -> Hex {
    Hex(of.to_be_bytes().repeat(4))
}

fn policy(n: u64) -> PolicyName {
    PolicyName::new(format!("policy-{n}")).expect("a name")
}

fn user(n: u64) -> UserName {
    UserName::new(format!("user-{n}")).expect("a name")
}

fn account(n: u64) -> UserName {
    UserName::new(format!("account-{n}")).expect("a name")
}

fn token(n: u64) -> TokenId {
    TokenId::new(format!("jt-{n:012x}")).expect("an id")
}

pub fn request(n: u64) -> RequestId {
    RequestId::new(format!("{n:032x}")).expect("an id")
}

/// What founds the cluster and makes the things.
pub fn beginning() -> Vec<Command> {
    let mut commands = vec![
        Command::Cluster(ClusterCommand::Initialise {
            id: ClusterId::new("c-00000000000000aa").expect("an id"),
            ca_certificate: hash(1),
            bundle_key: hash(2),
            keys: SealedKeys { ca: hash(3), bundle: hash(4), token: hash(5) },
            bootstrap_hash: hash(6),
            level: 0,
            sealing: None,
        }),
        Command::Controller(ControllerCommand::Register { number: 1, seat: seat(1), serial: "1".to_owned() }),
    ];
    for n in 0..TOKENS {
        commands.push(Command::Token(TokenCommand::Create {
            id: token(n),
            hash: hash(n),
            expires_at: NEVER,
            uses: u32::try_from(USES).expect("few"),
            labels: Labels::default(),
            posture: Posture::Enforce,
        }));
    }
    for n in 0..ACCOUNTS {
        let (name, invite) = (account(n), hash(100 + n));
        commands.push(Command::User(UserCommand::Create { name: name.clone(), groups: Vec::new() }));
        commands.push(Command::User(UserCommand::Invite {
            name: name.clone(),
            hash: invite.clone(),
            expires_at: NEVER,
        }));
        commands.push(Command::Account(AccountCommand::TakeUp {
            token_hash: invite,
            user: name,
            password_hash: PASSWORD.to_owned(),
            totp_sealed: hash(7),
            totp_step: 0,
            recovery_hashes: Vec::new(),
            first_policies: Vec::new(),
        }));
    }
    commands
}

fn seat(number: u64) -> Seat {
    Seat {
        name: format!("controller-{number}"),
        peer: format!("controller-{number}:7442"),
        rest: format!("https://controller-{number}:7440"),
        agent: format!("controller-{number}:7441"),
    }
}

/// A code with this number.
pub fn allow(code: u64, voter: bool) -> Command {
    let id = CodeId::new(format!("jc-{code:012x}")).expect("an id");
    Command::Controller(ControllerCommand::Allow { id, hash: hash(code), expires_at: NEVER, voter, replaces: None })
}

/// Uses that code for the controller with the next number.
pub fn join(code: u64, number: u64) -> Command {
    Command::Controller(ControllerCommand::Join {
        code: CodeId::new(format!("jc-{code:012x}")).expect("an id"),
        code_hash: hash(code),
        key: hash(1000 + code),
        number,
        seat: seat(number),
        serial: number.to_string(),
    })
}

pub fn promote(number: u64) -> Command {
    Command::Controller(ControllerCommand::Promote { number })
}

pub fn remove(number: u64) -> Command {
    Command::Controller(ControllerCommand::Remove { number })
}

impl Call {
    /// The change; `None` for a read, and for what is not asked of such a thing.
    pub fn command(&self, key: Key) -> Option<Command> {
        Some(match (key, *self) {
            (Key::Policy(n), Self::Put { value, if_version }) => Command::Policy(PolicyCommand::Put {
                name: policy(n),
                text: value.to_string(),
                mode: None,
                rules: 1,
                if_version,
                origin: PolicyOrigin::Put,
            }),
            (Key::User(n), Self::Create) => Command::User(UserCommand::Create { name: user(n), groups: Vec::new() }),
            (Key::User(n), Self::Delete) => Command::User(UserCommand::Delete { name: user(n) }),
            (Key::Token(n), Self::Enrol { host }) => Command::Host(HostCommand::Enrol {
                id: HostId::new(format!("h-{host:016x}")).expect("an id"),
                token: token(n),
                token_hash: hash(n),
                name: format!("host-{host}"),
                serial: format!("{host:x}"),
                certificate_expires_at: NEVER,
            }),
            (Key::Account(n), Self::Login { step, session }) => Command::Session(SessionCommand::Open {
                id: SessionId::new(format!("s-{session:032x}")).expect("an id"),
                user: account(n),
                password_hash: PASSWORD.to_owned(),
                proof: Proof::Totp { step },
                refresh_hash: hash(session),
                expires_at: NEVER,
                source: "192.0.2.1".to_owned(),
                device: None,
            }),
            _ => return None,
        })
    }
}

/// What a reply means to the one who asked.
pub fn outcome(key: Key, reply: &Result<Applied, Rejection>) -> Outcome {
    match (key, reply) {
        (Key::Policy(_), Ok(Applied::Policy { version, .. })) => Outcome::Version(*version),
        (Key::Policy(_), Err(Rejection::VersionMoved { actual, .. })) => Outcome::Moved(*actual),
        (Key::User(_), Ok(Applied::Done))
        | (Key::Token(_), Ok(Applied::Host { .. }))
        | (Key::Account(_), Ok(Applied::Session { .. })) => Outcome::Done,
        (Key::User(_), Err(Rejection::Exists { .. } | Rejection::NotFound { .. }))
        | (Key::Token(_), Err(Rejection::TokenUsedUp))
        | (Key::Account(_), Err(Rejection::CodeUsed)) => Outcome::Refused,
        _ => Outcome::Odd,
    }
}

/// A thing as it is in a state.
pub fn look(state: &State, key: Key) -> Held {
    match key {
        Key::Policy(n) => state.policies.get(&policy(n)).map_or(Held::default(), |policy| Held {
            at: policy.current.version,
            value: policy.current.text.parse().unwrap_or(u64::MAX),
        }),
        Key::User(n) => Held { at: 0, value: u64::from(state.users.contains_key(&user(n))) },
        Key::Token(n) => {
            Held { at: 0, value: state.tokens.get(&token(n)).map_or(u64::MAX, |t| u64::from(t.uses_left)) }
        }
        Key::Account(n) => {
            let account = state.users.get(&account(n)).and_then(|user| user.account.as_ref());
            Held { at: 0, value: account.map_or(u64::MAX, |account| account.totp_last_step) }
        }
    }
}
