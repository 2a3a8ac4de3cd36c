//! Starter packs: policy documents that come with Wharden, readable and meant to be changed.

/// One starter pack: one policy document.
#[derive(Clone, Copy, Debug)]
pub struct PackInfo {
    /// Its name, and that of the policy that it becomes.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Cedar text.
    pub text: &'static str,
}

/// The packs, in the order in which they are best applied.
pub fn packs() -> &'static [PackInfo] {
    &[
        PackInfo {
            name: "admin-roles",
            summary: "who may administer Wharden: admins, security, operators, auditors, viewers",
            text: include_str!("../packs/admin-roles.cedar"),
        },
        PackInfo {
            name: "roles",
            summary: "who may do what on hosts: viewers, launchers, developers, builders, operators, admins",
            text: include_str!("../packs/roles.cedar"),
        },
        PackInfo {
            name: "baseline",
            summary: "no privileged, root or host-reaching containers, unless a host and a user are exempt",
            text: include_str!("../packs/baseline.cedar"),
        },
        PackInfo {
            name: "segmentation",
            summary: "front-end and back-end containers do not share networks",
            text: include_str!("../packs/segmentation.cedar"),
        },
        PackInfo {
            name: "teams",
            summary: "what one account made is hidden from the others",
            text: include_str!("../packs/teams.cedar"),
        },
    ]
}
