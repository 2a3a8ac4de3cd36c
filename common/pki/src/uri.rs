//! The names inside certificates: `wharden://<cluster id>/ca`, `…/host/<host id>`, `…/controller/<number>`,
//! `…/user/<user name>/session/<session id>`, `…/service-account/<name>/session/<session id>`.

use wharden_model::{ClusterId, HostId, SessionId, UserName};

const SCHEME: &str = "wharden://";

/// What a certificate says that its holder is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Ca(ClusterId),
    Host(ClusterId, HostId),
    Controller(ClusterId, u64),
    User(ClusterId, UserName, SessionId),
    ServiceAccount(ClusterId, UserName, SessionId),
}

impl Name {
    /// Reads a URI; `None` for anything that [`Name::uri`] would not write.
    pub(crate) fn parse(uri: &str) -> Option<Self> {
        let (cluster, path) = uri.strip_prefix(SCHEME)?.split_once('/')?;
        let cluster = ClusterId::new(cluster).ok()?;
        let name = match path.split_once('/') {
            None if path == "ca" => Self::Ca(cluster),
            Some(("host", id)) => Self::Host(cluster, HostId::new(id).ok()?),
            Some(("controller", id)) => Self::Controller(cluster, id.parse().ok()?),
            Some(("user", rest)) => {
                let (user, session) = rest.split_once("/session/")?;
                Self::User(cluster, UserName::new(user).ok()?, SessionId::new(session).ok()?)
            }
            Some(("service-account", rest)) => {
                let (account, session) = rest.split_once("/session/")?;
                Self::ServiceAccount(cluster, UserName::new(account).ok()?, SessionId::new(session).ok()?)
            }
            _ => return None,
        };
        (name.uri() == uri).then_some(name)
    }

    /// The one way to write it.
    pub(crate) fn uri(&self) -> String {
        match self {
            Self::Ca(cluster) => format!("{SCHEME}{cluster}/ca"),
            Self::Host(cluster, host) => format!("{SCHEME}{cluster}/host/{host}"),
            Self::Controller(cluster, node) => format!("{SCHEME}{cluster}/controller/{node}"),
            Self::User(cluster, user, session) => format!("{SCHEME}{cluster}/user/{user}/session/{session}"),
            Self::ServiceAccount(cluster, account, session) => {
                format!("{SCHEME}{cluster}/service-account/{account}/session/{session}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_round_trip_and_near_misses_are_nothing() {
        for uri in [
            "wharden://c-0123456789abcdef/ca",
            "wharden://c-0123456789abcdef/host/h-0123456789abcdef",
            "wharden://c-0123456789abcdef/controller/3",
            "wharden://c-0123456789abcdef/user/alice.b@corp/session/s-0123456789abcdef0123456789abcdef",
            "wharden://c-0123456789abcdef/service-account/ci/session/s-0123456789abcdef0123456789abcdef",
        ] {
            assert_eq!(Name::parse(uri).expect(uri).uri(), uri);
        }
        for bad in [
            "",
            "wharden://c-0123456789abcdef",
            "wharden://c-0123456789abcdef/ca/",
            "wharden://c-0123456789abcdef/host/h-0123456789abcdef/x",
            "wharden://c-0123456789abcdef/host/",
            "wharden://c-0123456789abcdef/user/alice",
            "wharden://c-0123456789abcdef/user//session/s-0123456789abcdef0123456789abcdef",
            "wharden://c-0123456789abcdef/user/a/session/s-0123456789abcdef0123456789abcdef/session/x",
            "wharden://c-0123456789abcdef/controller/03",
            "wharden://c-0123456789abcdef/controller/+3",
            "WHARDEN://c-0123456789abcdef/ca",
            "https://c-0123456789abcdef/ca",
        ] {
            assert_eq!(Name::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_would_be_written(uri in "wharden://c-[0-9a-f]{16}/(ca|host/h-[0-9a-f]{15,17}|controller/[0-9+]{1,21}|(user|service-account)/.{0,9}/session/s-[0-9a-f]{31,33}|.{0,20})") {
            if let Some(name) = Name::parse(&uri) {
                prop_assert_eq!(name.uri(), uri);
            }
        }
    }
}
