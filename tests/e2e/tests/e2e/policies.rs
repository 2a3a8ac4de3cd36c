//! Policy texts that several tests use.

/// Group of those who may do everything that has a name.
pub const OPERATORS: &str = "t-operators";
/// Group of those who create and start, and cannot delete or push.
pub const LAUNCHERS: &str = "t-launchers";

/// What the two groups may do.
pub const ROLES: &str = r#"
@id("operate")
permit (
    principal in Group::"t-operators",
    action in [Docker::Action::"read", Docker::Action::"run", Docker::Action::"change",
               Docker::Action::"remove", Docker::Action::"build"],
    resource
);

@id("launch")
permit (
    principal in Group::"t-launchers",
    action in [Docker::Action::"read", Docker::Action::"run", Docker::Action::"image.tag"],
    resource
);
"#;

/// What nobody may do.
pub const NO_PRIVILEGED: &str = r#"
@id("no-privileged")
@reason("privileged containers own the host; ask the platform team")
@severity("high")
@cis("5.5")
forbid (principal, action == Docker::Action::"container.create", resource) when { context.privileged };
"#;
