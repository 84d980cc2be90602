//! Measuring two things against each other.

/// Both take turns, so that what else the machine does hits both, and each goes first half the time.
pub fn in_turns(
    rounds: usize,
    mut ours: impl FnMut() -> f64,
    mut theirs: impl FnMut() -> f64,
) -> Vec<(f64, f64)> {
    let turn = |round| {
        let first = (round % 2 == 0).then(&mut ours);
        let other = theirs();
        (first.unwrap_or_else(&mut ours), other)
    };
    (0..rounds).map(turn).collect()
}

/// The value below which this part of all values is.
pub fn part(values: impl Iterator<Item = f64>, part: f64) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * part).round() as usize]
}
