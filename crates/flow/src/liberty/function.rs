//! Boolean functions of a cell's pins.

/// A Boolean function; a variable is an index into the pins of the cell, one past them the stored bit.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Expr {
    /// 0 or 1.
    Const(bool),
    /// A pin or the stored bit.
    Var(u32),
    /// Inversion.
    Not(Box<Expr>),
    /// Conjunction.
    And(Box<Expr>, Box<Expr>),
    /// Disjunction.
    Or(Box<Expr>, Box<Expr>),
    /// Exclusive or.
    Xor(Box<Expr>, Box<Expr>),
}

impl Expr {
    /// The variable.
    pub fn var(index: usize) -> Expr {
        Expr::Var(index as u32)
    }

    /// ¬a, without double inversions.
    #[allow(clippy::should_implement_trait)] // a builder among builders, not an operator on values
    pub fn not(a: Expr) -> Expr {
        match a {
            Expr::Const(v) => Expr::Const(!v),
            Expr::Not(a) => *a,
            a => Expr::Not(Box::new(a)),
        }
    }

    /// a ∧ b.
    pub fn and(a: Expr, b: Expr) -> Expr {
        match (a, b) {
            (Expr::Const(false), _) | (_, Expr::Const(false)) => Expr::Const(false),
            (Expr::Const(true), x) | (x, Expr::Const(true)) => x,
            (a, b) => Expr::And(Box::new(a), Box::new(b)),
        }
    }

    /// a ∨ b.
    pub fn or(a: Expr, b: Expr) -> Expr {
        match (a, b) {
            (Expr::Const(true), _) | (_, Expr::Const(true)) => Expr::Const(true),
            (Expr::Const(false), x) | (x, Expr::Const(false)) => x,
            (a, b) => Expr::Or(Box::new(a), Box::new(b)),
        }
    }

    /// a ⊕ b.
    pub fn xor(a: Expr, b: Expr) -> Expr {
        match (a, b) {
            (Expr::Const(false), x) | (x, Expr::Const(false)) => x,
            (Expr::Const(true), x) | (x, Expr::Const(true)) => Expr::not(x),
            (a, b) => Expr::Xor(Box::new(a), Box::new(b)),
        }
    }

    /// The function with every variable replaced by what `map` gives for it.
    pub fn substitute(&self, map: &impl Fn(u32) -> Expr) -> Expr {
        match self {
            Expr::Const(v) => Expr::Const(*v),
            Expr::Var(i) => map(*i),
            Expr::Not(a) => Expr::not(a.substitute(map)),
            Expr::And(a, b) => Expr::and(a.substitute(map), b.substitute(map)),
            Expr::Or(a, b) => Expr::or(a.substitute(map), b.substitute(map)),
            Expr::Xor(a, b) => Expr::xor(a.substitute(map), b.substitute(map)),
        }
    }

    /// The function with one variable held at a value.
    pub fn with(&self, variable: u32, value: bool) -> Expr {
        self.substitute(&|i| if i == variable { Expr::Const(value) } else { Expr::Var(i) })
    }

    /// Its value for given variables.
    pub fn eval(&self, value: &impl Fn(u32) -> bool) -> bool {
        match self.substitute(&|i| Expr::Const(value(i))) {
            Expr::Const(v) => v,
            _ => unreachable!("every variable has a value"),
        }
    }

    /// Whether the variable occurs.
    pub fn mentions(&self, variable: u32) -> bool {
        match self {
            Expr::Const(_) => false,
            Expr::Var(i) => *i == variable,
            Expr::Not(a) => a.mentions(variable),
            Expr::And(a, b) | Expr::Or(a, b) | Expr::Xor(a, b) => {
                a.mentions(variable) || b.mentions(variable)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_fold_and_cofactors_follow() {
        let (a, b) = (Expr::var(0), Expr::var(1));
        let f = Expr::or(Expr::and(a.clone(), b.clone()), Expr::not(a.clone()));
        assert_eq!(f.with(0, true), b);
        assert_eq!(f.with(0, false), Expr::Const(true));
        assert!(f.eval(&|_| true) && !f.eval(&|i| i == 0));
        assert_eq!(Expr::not(Expr::not(a.clone())), a);
        assert_eq!(Expr::xor(a.clone(), Expr::Const(true)), Expr::not(a));
        assert!(f.mentions(1) && !f.mentions(2));
    }
}
