//! One sentence a verb, in English.

use aredvi_events::notifications::Verb;

use super::one_line;

/// Whom a mail calls somebody whose name is gone.
const SOMEBODY: &str = "Somebody";

/// What a recipient is told, with names.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// What happened.
    pub verb: Verb,
    /// The name of whoever did it.
    pub subject_name: &'a str,
    /// The recipient's own name.
    pub recipient_name: &'a str,
    /// The recipient wrote the medium.
    pub recipient_wrote_it: bool,
    /// The medium stands on the recipient's page.
    pub recipients_page: bool,
}

/// The sentence, without the full stop.
pub fn sentence(told: &Told<'_>) -> String {
    let name = one_line(told.subject_name);
    let who = if name.is_empty() { SOMEBODY } else { &name };
    let note = if told.recipient_wrote_it {
        "your note"
    } else if told.recipients_page {
        "a note on your page"
    } else {
        "a note you take part in"
    };
    match told.verb {
        Verb::NoteAdd if told.recipients_page => format!("{who} wrote on your page"),
        Verb::NoteAdd => format!("{who} wrote a note"),
        Verb::NoteComment => format!("{who} commented on {note}"),
        Verb::ActorFollow => format!("{who} follows you"),
        Verb::ActorRequest => format!("{who} asks to follow you"),
        Verb::ActorMention => format!("{who} mentioned you in a note"),
        Verb::ActorMentionComment => format!("{who} mentioned you in a comment"),
        Verb::Voteup => format!("{who} likes {note}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_its_sentence() {
        let say = |verb, recipient_wrote_it, recipients_page| {
            sentence(&Told { verb, subject_name: "Ana", recipient_name: "Ben", recipient_wrote_it, recipients_page })
        };
        assert_eq!(say(Verb::NoteAdd, false, true), "Ana wrote on your page");
        assert_eq!(say(Verb::NoteAdd, false, false), "Ana wrote a note");
        assert_eq!(say(Verb::NoteComment, true, true), "Ana commented on your note");
        assert_eq!(say(Verb::NoteComment, false, true), "Ana commented on a note on your page");
        assert_eq!(say(Verb::NoteComment, false, false), "Ana commented on a note you take part in");
        assert_eq!(say(Verb::ActorFollow, false, false), "Ana follows you");
        assert_eq!(say(Verb::ActorRequest, false, false), "Ana asks to follow you");
        assert_eq!(say(Verb::ActorMention, false, false), "Ana mentioned you in a note");
        assert_eq!(say(Verb::ActorMentionComment, false, false), "Ana mentioned you in a comment");
        assert_eq!(say(Verb::Voteup, true, false), "Ana likes your note");
    }

    #[test]
    fn whose_name_is_gone_is_somebody() {
        let told = Told {
            verb: Verb::Voteup,
            subject_name: " \n",
            recipient_name: "",
            recipient_wrote_it: true,
            recipients_page: false,
        };
        assert_eq!(sentence(&told), "Somebody likes your note");
    }
}
