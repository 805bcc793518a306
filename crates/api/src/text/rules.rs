//! What all texts obey: how they are trimmed and counted, and which characters they may not have.

use unicode_normalization::UnicodeNormalization;

use crate::problem::FieldError;

/// One line, not blank.
pub(super) fn line(pointer: &'static str, text: &str, most: usize) -> Result<String, FieldError> {
    let text: String = text.trim().nfc().collect();
    if text.chars().any(|c| c.is_control() || is_line_break(c) || reorders(c)) {
        return Err(control_character(pointer));
    }
    within(pointer, &text, 1, most)?;
    Ok(text)
}

/// Many lines: line breaks become `\n`.
pub(super) fn prose(pointer: &'static str, text: &str, fewest: usize, most: usize) -> Result<String, FieldError> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text: String = text.trim().nfc().collect();
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err(control_character(pointer));
    }
    within(pointer, &text, fewest, most)?;
    Ok(text)
}

fn control_character(pointer: &'static str) -> FieldError {
    FieldError::new(pointer, "control-character", "must not have control characters")
}

/// Counts code points. A text that shows nothing counts none.
pub(super) fn within(pointer: &'static str, text: &str, fewest: usize, most: usize) -> Result<(), FieldError> {
    let count = text.chars().count();
    if count > most {
        return Err(FieldError::new(pointer, "too-long", format!("must have at most {most} characters")));
    }
    if fewest > 0 && text.chars().all(shows_nothing) {
        return Err(FieldError::new(pointer, "blank", "must not be blank"));
    }
    if count < fewest {
        return Err(FieldError::new(pointer, "too-short", format!("must have at least {fewest} characters")));
    }
    Ok(())
}

fn is_line_break(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// Marks that turn the direction of what follows: they would let one name look like another (UTR 36, section 3.1).
fn reorders(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// White space, and characters without a shape (the common ones of Default_Ignorable_Code_Point).
fn shows_nothing(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}')
        || matches!(c, '\u{2060}'..='\u{2064}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{2800}')
        || reorders(c)
}
