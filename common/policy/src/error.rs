//! Why policies could not be compiled. One variant for each cause; each says which document.

use wharden_model::{PolicyName, api::ValidationIssue};

/// A set of policies that cannot be enforced. Nothing of it is used: leaving out a rule could leave out a forbid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// A document is not valid against the schema of this build.
    #[error("policy {document} is not valid: {}", first(.issues))]
    Invalid {
        /// The document.
        document: PolicyName,
        /// What is wrong with it.
        issues: Vec<ValidationIssue>,
    },
    /// Two documents have one name, so that their rules could not be told apart.
    #[error("policy {0} is there twice: give one of them another name")]
    Duplicate(PolicyName),
    /// The name is kept for the rules that are always there.
    #[error("the policy name {0} is reserved for built-in rules: choose another name")]
    Reserved(PolicyName),
    /// A rule is valid, and still could not be made ready for evaluation.
    #[error("rule {document}/{rule} cannot be evaluated by this build: {message}")]
    Unreadable {
        /// The document.
        document: PolicyName,
        /// The rule in it.
        rule: String,
        /// What Cedar said.
        message: String,
    },
    /// The bundle is of a form that this build does not know.
    #[error("bundle format {found} is not {known}, the one that this build knows: update the agent")]
    Format {
        /// Of the bundle.
        found: u32,
        /// Of this build.
        known: u32,
    },
}

fn first(issues: &[ValidationIssue]) -> String {
    issues.first().map_or_else(
        || "no issue was given".to_owned(),
        |issue| format!("line {}, column {}: {}", issue.line, issue.column, issue.message),
    )
}
