//! What memory costs on this machine: the other half of its speed, beside that of its cores. Of two machines that answer
//! an empty request equally fast, one may take twice as long for a page.

use std::hint::black_box;
use std::time::Instant;

/// Places that are read, 4 bytes each: 128 MiB, more than caches hold.
const PLACES: usize = 32 << 20;
/// Reads, each at a place that only the one before tells.
const READS: u32 = 4_000_000;

/// Nanoseconds of one read at a place that cannot be foreseen.
pub fn random_read_ns() -> f64 {
    let next = one_cycle(PLACES);
    let mut place = 0;
    let began = Instant::now();
    for _ in 0..READS {
        place = next[place] as usize;
    }
    let taken = began.elapsed();
    black_box(place);
    taken.as_secs_f64() * 1e9 / f64::from(READS)
}

/// A permutation that is a single cycle (Sattolo's algorithm), so that a walk comes back only after all of it.
fn one_cycle(places: usize) -> Vec<u32> {
    let mut next: Vec<u32> = (0..u32::try_from(places).unwrap_or(u32::MAX)).collect();
    let mut random: u64 = 1;
    for last in (1..next.len()).rev() {
        // Knuth's MMIX generator; its upper bits are the good ones.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let other = usize::try_from(random >> 33).unwrap_or(0) % last;
        next.swap(last, other);
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_comes_back_after_all_places() {
        let next = one_cycle(1_000);
        let mut place = 0;
        for step in 1..=1_000 {
            place = next[place] as usize;
            assert_eq!(place == 0, step == 1_000, "{step}");
        }
    }
}
