//! Reads a rule's condition out of Cedar's syntax tree: what can be answered without Cedar, and what Cedar will look
//! at when it evaluates the rest.

use crate::{
    condition::{Condition, Subject, Test, Values},
    fact::FactId,
    head::{self, PrincipalHead, PrincipalKind},
    number::{Number, Order},
};
use cedar_policy::pst::{self, BinaryOp, Expr, Literal, PatternElem, UnaryOp, Var};
use std::collections::BTreeSet;

/// What evaluation of a condition looks at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reads {
    /// Facts by name, whether or not they are in a table.
    pub facts: BTreeSet<String>,
    /// The context is used as a whole.
    pub whole_context: bool,
    /// The principal, the resource, the action are looked at.
    pub principal: bool,
    pub resource: bool,
    pub action: bool,
    /// Something is asked to be `in` something.
    pub hierarchy: bool,
    /// An attribute `owner` is read.
    pub owner: bool,
    /// Entities that are named, as type and id.
    pub named: BTreeSet<(String, String)>,
    /// Keys of labels that are read.
    pub labels: BTreeSet<String>,
    /// A label is read whose key is not in the text, or may be.
    pub any_label: bool,
}

impl Reads {
    /// What the clauses of a rule look at.
    pub fn of(rule: &pst::Template) -> Self {
        let mut reads = Self::default();
        for clause in rule.clauses() {
            match clause {
                pst::Clause::When(expr) | pst::Clause::Unless(expr) => reads.visit(expr),
            }
        }
        reads
    }

    /// What either looks at.
    pub fn add(&mut self, other: &Self) {
        self.facts.extend(other.facts.iter().cloned());
        self.whole_context |= other.whole_context;
        self.principal |= other.principal;
        self.resource |= other.resource;
        self.action |= other.action;
        self.hierarchy |= other.hierarchy;
        self.owner |= other.owner;
        self.named.extend(other.named.iter().cloned());
        self.labels.extend(other.labels.iter().cloned());
        self.any_label |= other.any_label;
    }

    fn visit(&mut self, expr: &Expr) {
        match expr {
            Expr::Literal(Literal::EntityUID(uid)) => {
                self.named.insert((uid.ty.to_string(), uid.eid.to_string()));
            }
            Expr::Var(Var::Context) => self.whole_context = true,
            Expr::Var(Var::Principal) => self.principal = true,
            Expr::Var(Var::Resource) => self.resource = true,
            Expr::Var(Var::Action) => self.action = true,
            Expr::Literal(_) | Expr::Slot(_) => {}
            Expr::UnaryOp { expr, .. } | Expr::Like { expr, .. } => self.visit(expr),
            Expr::BinaryOp { op, left, right } => {
                self.hierarchy |= *op == BinaryOp::In;
                if matches!(op, BinaryOp::HasTag | BinaryOp::GetTag) {
                    match string(right) {
                        Some(key) => drop(self.labels.insert(key)),
                        None => self.any_label = true,
                    }
                }
                self.visit(left);
                self.visit(right);
            }
            Expr::GetAttr { expr, attr } => {
                if context(expr) {
                    self.facts.insert(attr.to_string());
                } else {
                    self.owner |= attr == "owner";
                    self.visit(expr);
                }
            }
            Expr::HasAttr { expr, attrs } => {
                if context(expr) {
                    self.facts.insert(attrs.head.to_string());
                } else {
                    self.owner |= attrs.iter().any(|attr| attr == "owner");
                    self.visit(expr);
                }
            }
            Expr::Is { expr, in_expr, .. } => {
                self.visit(expr);
                if let Some(within) = in_expr {
                    self.hierarchy = true;
                    self.visit(within);
                }
            }
            Expr::IfThenElse { cond, then_expr, else_expr } => {
                self.visit(cond);
                self.visit(then_expr);
                self.visit(else_expr);
            }
            Expr::Set(items) => items.iter().for_each(|item| self.visit(item)),
            Expr::Record(fields) => fields.values().for_each(|field| self.visit(field)),
            // A kind of expression that this build does not know may look at anything.
            _ => {
                self.whole_context = true;
                self.principal = true;
                self.resource = true;
                self.action = true;
                self.hierarchy = true;
                self.owner = true;
                self.any_label = true;
            }
        }
    }
}

/// The condition of a rule; `None` when it has none, so that its head alone decides.
///
/// `groups` are the labels of the host that it is for.
pub(crate) fn condition(rule: &pst::Template, groups: &BTreeSet<String>) -> Option<Condition> {
    rule.clauses()
        .iter()
        .map(|clause| match clause {
            pst::Clause::When(expr) => read(expr, groups),
            pst::Clause::Unless(expr) => not(read(expr, groups)),
        })
        .reduce(|left, right| Condition::And(Box::new(left), Box::new(right)))
}

fn not(inner: Condition) -> Condition {
    Condition::Not(Box::new(inner))
}

fn read(expr: &Expr, groups: &BTreeSet<String>) -> Condition {
    let opaque = Condition::Opaque(false);
    match expr {
        Expr::Literal(Literal::Bool(value)) => Condition::Const(*value),
        Expr::GetAttr { expr: of, .. } if context(of) => tested(expr, Test::True).unwrap_or(opaque),
        Expr::GetAttr { expr, attr } if is_var(expr, &Var::Principal) && attr == "disabled" => Condition::Disabled,
        Expr::HasAttr { expr, attrs } if attrs.tail.is_empty() => match expr.as_ref() {
            Expr::Var(Var::Context) => FactId::named(&attrs.head).map_or(opaque, Condition::Has),
            Expr::Var(Var::Resource) if attrs.head == "owner" => Condition::HasOwner,
            Expr::Var(_) => Condition::Opaque(true),
            _ => opaque,
        },
        Expr::Is { expr, entity_type, in_expr: None } if is_var(expr, &Var::Principal) => {
            let kind = PrincipalKind::named(&entity_type.to_string());
            Condition::Principal(kind.map(PrincipalHead::Kind).into_iter().collect())
        }
        Expr::Is { expr, in_expr: None, .. } if entity_var(expr) => Condition::Opaque(true),
        Expr::Like { expr, pattern } => tested(expr, Test::Like(parts(pattern))).unwrap_or(opaque),
        Expr::UnaryOp { op: UnaryOp::Not, expr } => not(read(expr, groups)),
        Expr::UnaryOp { op: UnaryOp::IsEmpty, expr } => tested(expr, Test::Empty).unwrap_or(opaque),
        Expr::BinaryOp { op: BinaryOp::And, left, right } => {
            Condition::And(Box::new(read(left, groups)), Box::new(read(right, groups)))
        }
        Expr::BinaryOp { op: BinaryOp::Or, left, right } => {
            Condition::Or(Box::new(read(left, groups)), Box::new(read(right, groups)))
        }
        Expr::BinaryOp { op, left, right } => binary(*op, left, right, groups).unwrap_or(opaque),
        Expr::IfThenElse { cond, then_expr, else_expr } => Condition::If(
            Box::new(read(cond, groups)),
            Box::new(read(then_expr, groups)),
            Box::new(read(else_expr, groups)),
        ),
        _ => opaque,
    }
}

fn binary(op: BinaryOp, left: &Expr, right: &Expr, groups: &BTreeSet<String>) -> Option<Condition> {
    match op {
        BinaryOp::NotEq => binary(BinaryOp::Eq, left, right, groups).map(not),
        BinaryOp::Eq if is_var(left, &Var::Principal) && owner(right) => Some(Condition::Owned),
        BinaryOp::Eq if is_var(right, &Var::Principal) && owner(left) => Some(Condition::Owned),
        BinaryOp::Eq if is_var(left, &Var::Principal) => principal(right, false),
        BinaryOp::Eq if is_var(right, &Var::Principal) => principal(left, false),
        BinaryOp::In if is_var(left, &Var::Principal) && owner(right) => Some(Condition::Made),
        BinaryOp::In if is_var(left, &Var::Principal) => principal(right, true),
        BinaryOp::Eq if owner(left) => owned_by(right, false),
        BinaryOp::Eq if owner(right) => owned_by(left, false),
        BinaryOp::In if owner(left) => owned_by(right, true),
        BinaryOp::Eq if is_var(left, &Var::Action) => action(right, false),
        BinaryOp::In if is_var(left, &Var::Action) => action(right, true),
        BinaryOp::In if is_var(left, &Var::Resource) => place(right, groups),
        BinaryOp::HasTag if is_var(left, &Var::Resource) => Some(Condition::HasLabel(string(right)?)),
        BinaryOp::Eq if infallible(left) && infallible(right) => Some(Condition::Opaque(true)),
        BinaryOp::HasTag if entity_var(left) => {
            matches!(right, Expr::Literal(Literal::String(_))).then_some(Condition::Opaque(true))
        }
        BinaryOp::Eq => equal(left, right).or_else(|| equal(right, left)).or_else(|| compare(op, left, right)),
        BinaryOp::Less => bound(left, right, Test::Less, Test::Greater).or_else(|| compare(op, left, right)),
        BinaryOp::LessEq => bound(left, right, Test::LessEq, Test::GreaterEq).or_else(|| compare(op, left, right)),
        BinaryOp::Greater => bound(left, right, Test::Greater, Test::Less).or_else(|| compare(op, left, right)),
        BinaryOp::GreaterEq => bound(left, right, Test::GreaterEq, Test::LessEq).or_else(|| compare(op, left, right)),
        BinaryOp::Contains => contains(left, right),
        BinaryOp::ContainsAny => either(left, right, Test::ContainsAny, Test::ContainsAny),
        BinaryOp::ContainsAll => either(left, right, Test::ContainsAll, Test::Within),
        _ => None,
    }
}

/// `principal == X`, `principal in X`, `principal in [X, Y]`.
fn principal(right: &Expr, within: bool) -> Option<Condition> {
    heads(right, within, if within { head::named_or_member } else { head::named }).map(Condition::Principal)
}

/// The same of `resource.owner`.
fn owned_by(right: &Expr, within: bool) -> Option<Condition> {
    heads(right, within, if within { head::user_or_member } else { head::named }).map(Condition::Owner)
}

fn heads(right: &Expr, within: bool, head: fn(&pst::EntityUID) -> PrincipalHead) -> Option<Vec<PrincipalHead>> {
    let read = |expr: &Expr| match expr {
        Expr::Literal(Literal::EntityUID(uid)) => Some(head(uid)),
        _ => None,
    };
    match right {
        Expr::Set(items) if within => items.iter().map(|item| read(item)).collect(),
        other => Some(vec![read(other)?]),
    }
}

/// `action == X`, `action in X`, `action in [X, Y]`.
fn action(right: &Expr, within: bool) -> Option<Condition> {
    let keys = |expr: &Expr| match expr {
        Expr::Literal(Literal::EntityUID(uid)) => Some(head::action(uid, within).0),
        _ => None,
    };
    let all: Option<Vec<_>> = match right {
        Expr::Set(items) if within => items.iter().map(|item| keys(item)).collect(),
        other => Some(vec![keys(other)?]),
    };
    Some(Condition::Action(all?.into_iter().flatten().collect()))
}

/// `resource in HostGroup::"env=prod"`, `resource in Host::"h-…"`.
fn place(right: &Expr, groups: &BTreeSet<String>) -> Option<Condition> {
    let Expr::Literal(Literal::EntityUID(uid)) = right else { return None };
    match uid.ty.to_string().as_str() {
        "HostGroup" => Some(Condition::Const(groups.contains(uid.eid.as_str()))),
        "Host" => Some(Condition::Host(uid.eid.to_string())),
        _ => None,
    }
}

fn equal(left: &Expr, right: &Expr) -> Option<Condition> {
    match right {
        Expr::Literal(Literal::Bool(true)) => tested(left, Test::True),
        Expr::Literal(Literal::Bool(false)) => tested(left, Test::True).map(not),
        other => tested(left, Test::OneOf(values([other].into_iter())?)),
    }
}

fn bound(left: &Expr, right: &Expr, test: fn(i64) -> Test, flipped: fn(i64) -> Test) -> Option<Condition> {
    match (long(left), long(right)) {
        (None, Some(limit)) => tested(left, test(limit)),
        (Some(limit), None) => tested(right, flipped(limit)),
        _ => None,
    }
}

/// Two numbers. Two facts may be of another type: then they have no value as numbers, and Cedar answers.
fn compare(op: BinaryOp, left: &Expr, right: &Expr) -> Option<Condition> {
    Some(Condition::Compare(Number::read(left)?, Order::of(op)?, Number::read(right)?))
}

fn contains(left: &Expr, right: &Expr) -> Option<Condition> {
    match left {
        Expr::Set(items) => tested(right, Test::OneOf(values(items.iter().map(AsRef::as_ref))?)),
        _ => tested(left, Test::ContainsAny(values([right].into_iter())?)),
    }
}

fn either(left: &Expr, right: &Expr, test: fn(Values) -> Test, flipped: fn(Values) -> Test) -> Option<Condition> {
    match (left, right) {
        (Expr::Set(_), Expr::Set(_)) => None,
        (_, Expr::Set(items)) => tested(left, test(values(items.iter().map(AsRef::as_ref))?)),
        (Expr::Set(items), _) => tested(right, flipped(values(items.iter().map(AsRef::as_ref))?)),
        _ => None,
    }
}

/// A test of `context.x`, `resource.name`, `resource.image` or `resource.getTag("x")`.
fn tested(expr: &Expr, test: Test) -> Option<Condition> {
    let subject = match expr {
        Expr::GetAttr { expr, attr } if context(expr) => Subject::Fact(FactId::named(attr)?),
        Expr::GetAttr { expr, attr } if is_var(expr, &Var::Resource) && attr == "name" => Subject::Name,
        Expr::GetAttr { expr, attr } if is_var(expr, &Var::Resource) && attr == "image" => Subject::Image,
        Expr::BinaryOp { op: BinaryOp::GetTag, left, right } if is_var(left, &Var::Resource) => {
            Subject::Label(string(right)?)
        }
        _ => return None,
    };
    Some(Condition::Test(subject, test))
}

fn context(expr: &Expr) -> bool {
    is_var(expr, &Var::Context)
}

fn is_var(expr: &Expr, var: &Var) -> bool {
    matches!(expr, Expr::Var(v) if v == var)
}

/// `resource.owner`.
fn owner(expr: &Expr) -> bool {
    matches!(expr, Expr::GetAttr { expr, attr } if is_var(expr, &Var::Resource) && attr == "owner")
}

/// A variable that is an entity.
fn entity_var(expr: &Expr) -> bool {
    matches!(expr, Expr::Var(var) if *var != Var::Context)
}

/// Literals and the request's own variables: to evaluate them cannot fail.
fn infallible(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(_) | Expr::Var(_))
}

fn string(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Literal(Literal::String(value)) => Some(value.to_string()),
        _ => None,
    }
}

fn long(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(Literal::Long(value)) => Some(*value),
        _ => None,
    }
}

/// Literals of one type; `None` when any is something else.
fn values<'a>(items: impl Iterator<Item = &'a Expr>) -> Option<Values> {
    let (mut longs, mut strings) = (BTreeSet::new(), BTreeSet::new());
    for item in items {
        match item {
            Expr::Literal(Literal::Long(value)) => longs.insert(*value),
            Expr::Literal(Literal::String(value)) => strings.insert(value.to_string()),
            _ => return None,
        };
    }
    match (longs.is_empty(), strings.is_empty()) {
        (false, true) => Some(Values::Longs(longs)),
        (true, false) => Some(Values::Strings(strings)),
        _ => None,
    }
}

/// The texts between the wildcards of a pattern.
fn parts(pattern: &[PatternElem]) -> Vec<String> {
    let mut parts = vec![String::new()];
    for elem in pattern {
        match (elem, parts.last_mut()) {
            (PatternElem::Char(c), Some(part)) => part.push(*c),
            _ => parts.push(String::new()),
        }
    }
    parts
}
