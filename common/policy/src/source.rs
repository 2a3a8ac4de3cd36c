//! Rules of valid documents as syntax trees. Validation is dear (Cedar checks every rule against every action), and
//! of a change only one document is new, so that documents are remembered by their text.

use crate::{
    document::Document, error::CompileError, head::Heads, kept::Kept, limits::DOCUMENTS_KEPT, reading::Reads,
    rule::RuleInfo, validate,
};
use cedar_policy::{Policy, pst};
use std::sync::Arc;
use wharden_model::BundlePolicy;

/// One valid rule.
#[derive(Debug)]
pub(crate) struct Source {
    pub info: RuleInfo,
    pub heads: Heads,
    pub reads: Reads,
    pub tree: pst::Template,
}

static READ: Kept<String, Vec<Arc<Source>>> = Kept::new(DOCUMENTS_KEPT);

impl Source {
    fn new(info: RuleInfo, policy: &Policy) -> Result<Self, (String, String)> {
        match policy.to_pst() {
            Ok(tree) => {
                let tree = tree.body().clone();
                Ok(Self { info, heads: Heads::of(&tree), reads: Reads::of(&tree), tree })
            }
            Err(e) => Err((info.id, e.to_string())),
        }
    }
}

/// The rules of a text that was validated before.
pub(crate) fn known(text: &str) -> Option<Arc<Vec<Arc<Source>>>> {
    READ.get(text)
}

/// Keeps the rules of a text that is valid. One that cannot be read is kept by nobody, and refused where it is compiled.
pub(crate) fn remember(text: &str, document: Document) {
    if let Ok(rules) = sources(document) {
        READ.put(text.to_owned(), rules);
    }
}

/// The rules of a document that was validated before or is now.
pub(crate) fn read(policy: &BundlePolicy) -> Result<Arc<Vec<Arc<Source>>>, CompileError> {
    if let Some(known) = known(&policy.text) {
        return Ok(known);
    }
    let document = validate::read(&policy.text)
        .map_err(|issues| CompileError::Invalid { document: policy.name.clone(), issues })?;
    let rules = sources(document).map_err(|(rule, message)| CompileError::Unreadable {
        document: policy.name.clone(),
        rule,
        message,
    })?;
    Ok(READ.put(policy.text.clone(), rules))
}

/// The rules of a document, without validating it; the rule and the message when one cannot be read.
pub(crate) fn sources(document: Document) -> Result<Vec<Arc<Source>>, (String, String)> {
    document.rules.into_iter().map(|(info, policy)| Source::new(info, &policy).map(Arc::new)).collect()
}
