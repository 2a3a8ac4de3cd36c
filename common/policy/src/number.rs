//! Numbers that a rule works out of facts, e.g. `context.memory_reservation + 1048576`.

use crate::fact::{FactId, FactView};
use cedar_policy::pst::{BinaryOp, Expr, Literal, UnaryOp, Var};
use std::cmp::Ordering;
use wharden_model::FactValue;

/// An expression over facts that are numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    Literal(i64),
    Fact(FactId),
    Sum(Box<Number>, Box<Number>),
    Difference(Box<Number>, Box<Number>),
    Product(Box<Number>, Box<Number>),
}

/// How two numbers are to stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Equal,
    Less,
    LessEq,
    Greater,
    GreaterEq,
}

impl Number {
    /// Reads an expression; `None` for one that may be something else than a number.
    pub fn read(expr: &Expr) -> Option<Self> {
        match expr {
            Expr::Literal(Literal::Long(value)) => Some(Self::Literal(*value)),
            Expr::GetAttr { expr, attr } if matches!(expr.as_ref(), Expr::Var(Var::Context)) => {
                FactId::named(attr).map(Self::Fact)
            }
            Expr::UnaryOp { op: UnaryOp::Neg, expr } => {
                Some(Self::Difference(Box::new(Self::Literal(0)), Box::new(Self::read(expr)?)))
            }
            Expr::BinaryOp { op: BinaryOp::Add, left, right } => Self::pair(left, right).map(|(a, b)| Self::Sum(a, b)),
            Expr::BinaryOp { op: BinaryOp::Sub, left, right } => {
                Self::pair(left, right).map(|(a, b)| Self::Difference(a, b))
            }
            Expr::BinaryOp { op: BinaryOp::Mul, left, right } => {
                Self::pair(left, right).map(|(a, b)| Self::Product(a, b))
            }
            _ => None,
        }
    }

    fn pair(left: &Expr, right: &Expr) -> Option<(Box<Self>, Box<Self>)> {
        Some((Box::new(Self::read(left)?), Box::new(Self::read(right)?)))
    }

    /// Its value; `None` where Cedar would fail: for a fact that is missing or no number, and for an overflow.
    pub fn value(&self, facts: &FactView<'_>) -> Option<i64> {
        match self {
            Self::Literal(value) => Some(*value),
            Self::Fact(id) => match facts.get(*id) {
                Some(FactValue::Long(value)) => Some(*value),
                _ => None,
            },
            Self::Sum(a, b) => a.value(facts)?.checked_add(b.value(facts)?),
            Self::Difference(a, b) => a.value(facts)?.checked_sub(b.value(facts)?),
            Self::Product(a, b) => a.value(facts)?.checked_mul(b.value(facts)?),
        }
    }
}

impl Order {
    /// The comparison that an operator makes.
    pub fn of(op: BinaryOp) -> Option<Self> {
        match op {
            BinaryOp::Eq => Some(Self::Equal),
            BinaryOp::Less => Some(Self::Less),
            BinaryOp::LessEq => Some(Self::LessEq),
            BinaryOp::Greater => Some(Self::Greater),
            BinaryOp::GreaterEq => Some(Self::GreaterEq),
            _ => None,
        }
    }

    /// Whether two numbers stand so.
    pub fn holds(self, left: i64, right: i64) -> bool {
        let order = left.cmp(&right);
        match self {
            Self::Equal => order == Ordering::Equal,
            Self::Less => order == Ordering::Less,
            Self::LessEq => order != Ordering::Greater,
            Self::Greater => order == Ordering::Greater,
            Self::GreaterEq => order != Ordering::Less,
        }
    }
}
