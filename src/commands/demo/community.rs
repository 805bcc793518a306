//! Who lives in the demo community, and what they say. Nobody of them exists.

/// One of the people.
pub struct Person {
    /// How he signs in.
    pub username: &'static str,
    /// How he is called.
    pub name: &'static str,
    /// What he says about himself.
    pub bio: &'static str,
    /// Whom he follows, by username.
    pub follows: &'static [&'static str],
}

/// What somebody writes, and what the others make of it, in this order.
pub struct Note {
    /// Who, by username.
    pub by: &'static str,
    /// What.
    pub body: &'static str,
    /// Who may see it.
    pub access: &'static str,
    /// Who says what to it.
    pub comments: &'static [(&'static str, &'static str)],
    /// Who votes for it.
    pub voters: &'static [&'static str],
}

/// The one whose credentials are told.
pub const GUIDE: &str = "ana";

/// The people, the guide first.
pub const PEOPLE: &[Person] = &[
    Person {
        username: "ana",
        name: "Ana Rivera",
        bio: "Boathouse keeper. Coffee first, then the river.",
        follows: &["ben", "carla", "deniz", "eva", "farid", "greta", "hugo", "ines"],
    },
    Person { username: "ben", name: "Ben Okafor", bio: "Fixes what floats.", follows: &["ana", "carla", "hugo", "leo"] },
    Person {
        username: "carla",
        name: "Carla Moretti",
        bio: "Gardens on the left bank. Seeds to give away.",
        follows: &["ana", "eva", "greta", "ines", "kira"],
    },
    Person {
        username: "deniz",
        name: "Deniz Aydın",
        bio: "Swims all year. Yes, in January too.",
        follows: &["ana", "ben", "farid", "jonas"],
    },
    Person {
        username: "eva",
        name: "Eva Lindqvist",
        bio: "Birds, mostly kingfishers.",
        follows: &["ana", "carla", "greta", "kira"],
    },
    Person {
        username: "farid",
        name: "Farid Haddad",
        bio: "Bakes at four in the morning.",
        follows: &["ana", "deniz", "ines", "leo"],
    },
    Person {
        username: "greta",
        name: "Greta Baumann",
        bio: "Water quality, weekly. Numbers on request.",
        follows: &["ana", "eva", "hugo", "carla"],
    },
    Person {
        username: "hugo",
        name: "Hugo Silva",
        bio: "Rows with the masters. Slowly.",
        follows: &["ana", "ben", "jonas", "greta"],
    },
    Person {
        username: "ines",
        name: "Inês Carvalho",
        bio: "Teaches the little ones to paddle.",
        follows: &["ana", "carla", "farid", "hugo", "kira"],
    },
    Person { username: "jonas", name: "Jonas Weber", bio: "Night trains and long rivers.", follows: &["deniz", "hugo", "leo"] },
    Person {
        username: "kira",
        name: "Kira Novak",
        bio: "Draws maps of places that flood.",
        follows: &["ana", "eva", "carla", "jonas"],
    },
    Person {
        username: "leo",
        name: "Leo Martin",
        bio: "Plays the accordion at the bridge.",
        follows: &["ana", "ben", "farid", "kira"],
    },
];

const fn note(
    by: &'static str,
    body: &'static str,
    comments: &'static [(&'static str, &'static str)],
    voters: &'static [&'static str],
) -> Note {
    Note { by, body, access: "public", comments, voters }
}

/// What they write, the oldest first.
pub const NOTES: &[Note] = &[
    note(
        "ana",
        "Welcome to the boathouse! Say hello, and tell us where on the #river you live.",
        &[("ben", "Hello from the slipway."), ("kira", "Left bank, second flood line.")],
        &["ben", "carla", "ines"],
    ),
    note(
        "greta",
        "This week's numbers: 14.2 °C, oxygen 9.8 mg/l, and a lot of rain behind us. #waterquality #river",
        &[("deniz", "Fit to swim, then."), ("greta", "Fit for you, @deniz. Others wait until Thursday.")],
        &["deniz", "eva", "hugo"],
    ),
    note(
        "eva",
        "Two kingfishers below the weir at seven this morning. I have no photo because I forgot to breathe. #birds",
        &[("ana", "They nest by the old crane, I think."), ("carla", "I heard them from the #garden!")],
        &["ana", "carla", "greta", "kira", "ines"],
    ),
    note(
        "ben",
        "The red double is back in the water. New rivets, old charm. @hugo, you may break it again. #boathouse",
        &[("hugo", "That was a log, and it came at me.")],
        &["hugo", "ana", "jonas"],
    ),
    note(
        "farid",
        "Rye is out of the oven. First ten at the landing get the ends. #bread",
        &[("ines", "Saving one for the kids?"), ("farid", "Always."), ("leo", "I can smell it from the bridge.")],
        &["ana", "ines", "leo", "deniz"],
    ),
    note(
        "carla",
        "Tomato seedlings, more than I can carry: take some from the table by the gate. #garden #giveaway",
        &[("eva", "Took three. Thank you!")],
        &["eva", "ines", "ana"],
    ),
    note(
        "deniz",
        "Swam to the second bridge and back. 9 degrees. Would not recommend, will do again. #swimming",
        &[("farid", "There is warm bread afterwards, that is how it works.")],
        &["jonas", "farid"],
    ),
    note(
        "ines",
        "Paddling for children starts on Saturday at ten, life vests are here. Who helps? @ana @hugo #boathouse",
        &[("hugo", "Me."), ("ana", "Me too, with coffee."), ("ben", "I bring the small paddles.")],
        &["ana", "carla", "hugo", "kira"],
    ),
    note(
        "kira",
        "Finished the map of the 1954 flood. It hangs in the library until the end of the month. #maps #river",
        &[("greta", "May I lay my measuring points over it?"), ("kira", "Please do!")],
        &["eva", "greta", "jonas", "ana"],
    ),
    note(
        "jonas",
        "The night train along the gorge is running again. Window seat, left side, going north. #trains",
        &[("kira", "There is a map for that, too.")],
        &["deniz", "kira"],
    ),
    note(
        "leo",
        "Waltzes at the bridge on Friday, from eight until somebody complains. #music",
        &[("ben", "I will complain at eleven."), ("ana", "I will dance until ten fifty-nine.")],
        &["ana", "farid", "ines", "kira"],
    ),
    Note {
        by: "ana",
        body: "For those who follow me: the key to the upper shed is where it always was. Ask @ben if you forgot. #boathouse",
        access: "followers",
        comments: &[("ben", "I forgot as well. Kidding.")],
        voters: &["ben", "hugo"],
    },
    note(
        "hugo",
        "Eight kilometres before work, mist all the way. You could hear the herons think. #rowing #river",
        &[("eva", "They think about fish.")],
        &["ana", "eva", "jonas"],
    ),
    note(
        "greta",
        "To all who asked: yes, the foam below the weir is natural. It is what leaves do. #waterquality",
        &[("ines", "The children say it is otter soap.")],
        &["carla", "ines", "eva"],
    ),
    note(
        "carla",
        "@farid, three kilos of plums against one rye? #garden #bread",
        &[("farid", "Two ryes. They are good plums.")],
        &["farid", "ana"],
    ),
    note(
        "ana",
        "Clean-up on Sunday at nine, gloves and soup are ours. Last year we found a bicycle, a door and a trombone. #river",
        &[("leo", "The trombone is mine."), ("deniz", "I take the deep end."), ("greta", "I bring scales: we weigh it all.")],
        &["ben", "carla", "deniz", "eva", "greta", "hugo", "ines", "leo"],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_named_lives_there() {
        let lives = |username: &str| PEOPLE.iter().any(|person| person.username == username);
        assert_eq!((PEOPLE.len(), PEOPLE[0].username), (12, GUIDE));
        for person in PEOPLE {
            assert!(person.follows.iter().all(|leader| lives(leader) && *leader != person.username), "{}", person.username);
        }
        for note in NOTES {
            assert!(lives(note.by), "{}", note.by);
            assert!(note.comments.iter().map(|(by, _)| by).chain(note.voters).all(|by| lives(by)), "{}", note.body);
            for mention in note.body.split_whitespace().filter_map(|word| word.strip_prefix('@')) {
                assert!(lives(mention.trim_end_matches([',', '.', '?'])), "{mention}");
            }
        }
    }

    #[test]
    fn the_guides_feed_is_not_empty() {
        let led = |by: &str| by == GUIDE || PEOPLE[0].follows.contains(&by);
        assert!(NOTES.iter().filter(|note| led(note.by)).count() >= 10);
    }
}
