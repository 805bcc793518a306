//! How many leaders and followers people have: a truncated power law (Zipf–Mandelbrot) with a given mean.

/// The exponent of the law: the person of rank r has `most * (1 + r / q) ^ -EXPONENT`.
const EXPONENT: f64 = 1.5;
/// Halvings of the interval that `q` is looked for in.
const HALVINGS: u32 = 100;

/// The degrees of `people` people by rank, falling from `most` on, with this mean. A mean that `most` or 1 does not allow
/// becomes the nearest that they do.
#[expect(clippy::cast_precision_loss, reason = "numbers of people are far below 2^53")]
pub fn by_rank(people: usize, most: f64, mean: f64) -> Vec<f64> {
    let of = |q: f64| (0..people).map(move |rank| most * (1.0 + rank as f64 / q).powf(-EXPONENT));
    let (mut low, mut high) = (1e-9 * people as f64, 1e9 * people as f64);
    for _ in 0..HALVINGS {
        // Between powers: the interval spans eighteen decades.
        let q = (low * high).sqrt();
        if of(q).sum::<f64>() < mean * people as f64 { low = q } else { high = q }
    }
    of(low).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_met_and_the_law_falls() {
        let degrees = by_rank(10_000, 4_500.0, 403.0);
        let mean = degrees.iter().sum::<f64>() / 10_000.0;
        assert!((mean - 403.0).abs() < 0.5, "{mean}");
        assert!((degrees[0] - 4_500.0).abs() < 1e-6);
        assert!(degrees.is_sorted_by(|a, b| a >= b));
        assert!(degrees[5_000] < 403.0 / 2.0, "most have less than half of the average: {}", degrees[5_000]);
    }
}
