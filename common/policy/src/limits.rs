//! Limits of policy texts and of what is kept while deciding. Each says why it is what it is.
//! The length of a text is limited by [`wharden_model::limits::POLICY_TEXT_MAX`].

/// Most rules in one document: a person must be able to read it, and validation takes time for each rule.
pub const RULES_MAX: usize = 500;
/// Most work in the validation of one text that is written: the words and signs of each rule times the kinds of request that it
/// is checked against (see `effort.rs`). It is about a second of one core.
pub const EFFORT_MAX: usize = 2_000_000;
/// Deepest nesting of brackets: Cedar's parser and checker recurse, and a thread's stack may be 2 MiB.
pub const NESTING_MAX: usize = 24;
/// Most operators (`&&`, `+`, `.`, `if` and the like) within one pair of brackets, or at the top of one condition.
/// Each is one level of Cedar's tree, so that this bounds recursion as [`NESTING_MAX`] does. Lists are not counted.
pub const OPERATORS_MAX: usize = 64;
/// Most operators on any way from the top of a rule to its innermost expression: bounds the product of the two above.
pub const DEPTH_MAX: usize = 128;
/// Longest `@id`, in bytes: it is half of the name of the rule in events and messages.
pub const RULE_ID_MAX: usize = 64;
/// Longest `@reason`, `@severity` and `@cis`, in bytes: a reason is one line in a terminal or two.
pub const ANNOTATION_MAX: usize = 400;
/// Most issues in one answer: nobody reads more, and one typo can be an issue for each action.
pub const ISSUES_MAX: usize = 50;
/// Most candidate lists that are kept, one for each class of principals and action. When there are more, all are
/// dropped and made again as they are needed.
pub(crate) const CANDIDATES_KEPT: usize = 4096;
/// Most sets of conditions that are kept ready for evaluation. Requests that differ in facts can need many.
pub(crate) const EVALUATIONS_KEPT: usize = 1024;
/// Most documents whose validated rules are remembered by their text, so that a change of one is not the validation
/// of all. Large clusters have some dozens.
pub(crate) const DOCUMENTS_KEPT: usize = 256;
/// Most rules that a search for near misses looks at: each costs some evaluations by Cedar, tens of microseconds.
pub const NEAR_EVALUATED: usize = 400;
/// Most near misses that are told: nobody reads more.
pub const NEAR_SHOWN: usize = 5;
/// Most decisions that a search for the smallest change of a request makes: tens of microseconds each.
pub const REMEDY_TRIES: usize = 4096;
/// Most changes of one request that are considered.
pub const REMEDY_CHANGES: usize = 48;
/// Most values of one fact that are considered, out of those that rules name.
pub const REMEDY_VALUES: usize = 8;
/// Longest text that is suggested, in bytes: it must fit into one document, and people add to it.
pub const POLICY_TEXT_ROOM: usize = wharden_model::limits::POLICY_TEXT_MAX - 2048;
