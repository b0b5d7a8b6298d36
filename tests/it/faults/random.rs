//! Faults at random, out of a seed.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher as _};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::request::Request;
use super::rule::Fault;

/// How often what happens to the requests of some functions.
#[derive(Debug, Clone)]
pub(crate) struct Chances {
    pub(crate) seed: u64,
    pub(crate) functions: &'static [&'static str],
    /// In how many of a million requests; in messages' case, in how many of those that send some.
    pub(crate) per_million: &'static [(Fault, u32)],
}

/// The seed of this run: that of the environment variable `FAULTS_SEED`, else a new one.
#[expect(
    clippy::disallowed_methods,
    reason = "a failed run is repeated with its seed, which cargo test cannot pass otherwise"
)]
pub(crate) fn seed() -> u64 {
    match std::env::var("FAULTS_SEED") {
        Ok(seed) => seed.parse().expect("FAULTS_SEED is a number"),
        Err(_) => u64::from(rand::rng().random::<u32>()),
    }
}

/// A number below a million that the seed and `what` make out, always the same.
pub(crate) fn roll(seed: u64, what: impl Hash) -> u32 {
    let mut hasher = DefaultHasher::new();
    (seed, what).hash(&mut hasher);
    StdRng::seed_from_u64(hasher.finish()).random_range(0..1_000_000)
}

/// Chances at work. The n-th request of an operation of a function has the same fate in every run of
/// a seed, however requests of others come in between.
pub(super) struct Dice {
    chances: Chances,
    met: HashMap<(String, String), u64>,
}

impl Dice {
    pub(super) fn new(chances: Chances) -> Self {
        Self {
            chances,
            met: HashMap::new(),
        }
    }

    /// What happens to this request.
    pub(super) fn fault(&mut self, request: &Request) -> Option<Fault> {
        if !self.chances.functions.contains(&&*request.function) {
            return None;
        }
        let what = (request.function.clone(), request.operation.clone());
        let nth = self.met.entry(what.clone()).or_default();
        *nth += 1;
        let mut rolled = roll(self.chances.seed, (what, *nth));
        let possible = self.chances.per_million.iter().copied();
        let possible = possible.filter(|(fault, _)| !fault.is_about_messages() || request.sends());
        for (fault, chance) in possible {
            match rolled.checked_sub(chance) {
                None => return Some(fault),
                Some(rest) => rolled = rest,
            }
        }
        None
    }
}
