//! "Did you mean": the known word nearest to an unknown one.

/// A longer word is never a slip of the pen, in bytes; comparing it would take long.
const WORD_BYTES_MAX: usize = 100;

/// The candidate with the fewest edits to `word`, when that is few enough to be a slip: one edit, and one
/// more for every four letters. Case is ignored. The first of equals wins.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    nearest_within(word, candidates, 1 + word.chars().count() / 4)
}

/// As [`nearest`], within that many edits (insertions, deletions, replacements, swaps of neighbours).
pub fn nearest_within<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
    edits_max: usize,
) -> Option<&'a str> {
    if word.len() > WORD_BYTES_MAX {
        return None;
    }
    let word = word.to_ascii_lowercase();
    let edits = |candidate: &str| strsim::osa_distance(&word, &candidate.to_ascii_lowercase());
    candidates
        .map(|candidate| (edits(candidate), candidate))
        .filter(|(edits, candidate)| *edits <= edits_max && *edits < candidate.len())
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_a_slip_is_suggested() {
        let known = ["level", "formatter", "fields"];
        for (word, meant) in [
            ("levle", Some("level")),
            ("leve", Some("level")),
            ("Formatter", Some("formatter")),
            ("banana", None),
            (&"x".repeat(10_000), None),
        ] {
            assert_eq!(nearest(word, known.into_iter()), meant, "{word}");
        }
    }
}
