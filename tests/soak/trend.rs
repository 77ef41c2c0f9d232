//! The straight line through points, by Theil and Sen: the median of the slopes between all pairs. A few samples that were
//! taken in the middle of a call do not bend it, as they would bend least squares; what grows steadily does.

/// Its slope, in y per x; nothing for fewer than three points or a single x.
pub fn slope(points: &[(f64, f64)]) -> Option<f64> {
    if points.len() < 3 {
        return None;
    }
    let mut slopes: Vec<f64> = points
        .iter()
        .enumerate()
        .flat_map(|(at, first)| points[at + 1..].iter().map(move |second| (first, second)))
        .filter(|(first, second)| first.0 != second.0)
        .map(|(first, second)| (second.1 - first.1) / (second.0 - first.0))
        .collect();
    slopes.sort_by(f64::total_cmp);
    slopes.get(slopes.len() / 2).copied()
}
