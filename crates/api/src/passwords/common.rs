//! Passwords that are tried first.

use aredvi_events::fingerprint::normalise_email;

/// Lowercase, sorted by bytes, one a line: well-known words, names and keyboard walks with what people append to them.
const LIST: &str = include_str!("common-passwords.txt");

/// Whether a password, in any case, is in the list, or is the person's own username or address or its local part.
pub fn is_common(password: &str, username: &str, email: &str) -> bool {
    let password = password.trim().to_lowercase();
    let own = password == username.to_lowercase()
        || normalise_email(email).is_ok_and(|address| {
            normalise_email(&password).as_ref() == Ok(&address)
                || address.rsplit_once('@').is_some_and(|(local, _)| local == password)
        });
    own || listed(&password)
}

fn listed(password: &str) -> bool {
    let mut rest = LIST;
    // A binary search over lines: halves the text, then steps back to the beginning of a line.
    while !rest.is_empty() {
        let middle = rest.floor_char_boundary(rest.len() / 2);
        let from = rest[..middle].rfind('\n').map_or(0, |at| at + 1);
        let to = rest[middle..].find('\n').map_or(rest.len(), |at| middle + at);
        match password.cmp(&rest[from..to]) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => rest = rest[..from].trim_end_matches('\n'),
            std::cmp::Ordering::Greater => rest = rest.get(to + 1..).unwrap_or_default(),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::MIN_PASSWORD;

    #[test]
    fn the_list_is_sorted_lowercase_and_long_enough() {
        let lines: Vec<&str> = LIST.lines().collect();
        assert!(lines.len() >= 1_000, "{}", lines.len());
        assert!(lines.is_sorted_by(|a, b| a < b));
        for line in lines {
            assert!(line.len() >= MIN_PASSWORD && line.is_ascii() && line == line.to_ascii_lowercase(), "{line}");
        }
    }

    #[test]
    fn every_line_is_found_and_nothing_between_them() {
        for line in LIST.lines() {
            assert!(listed(line), "{line}");
            assert!(!listed(&format!("{line}\u{1}")), "{line}");
            assert!(!listed(&format!("{line}\n")), "{line}");
        }
        assert!(!listed("") && !listed("\n") && !listed("a") && !listed("zzzzzzzzzzzzzzz~"));
    }

    #[test]
    fn the_person_s_own_name_and_address_are_common() {
        assert!(is_common("Benedict", "benedict", "b@x.org"));
        assert!(is_common("Longlocal", "ben", "longlocal@x.org"));
        assert!(is_common("B@X.ORG.example", "ben", "b@x.org.example"));
        assert!(!is_common("nothing of the kind", "ben", "b@x.org"));
    }
}
