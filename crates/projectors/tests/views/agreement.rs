//! What two views say of one thing is the same, once both have applied the same log.

use std::collections::{BTreeMap, BTreeSet};

use aredvi_events::actors::Access;
use aredvi_events::{ActorId, CommentId, MediumId, StoryId};
use aredvi_projectors::db::Db;
use aredvi_projectors::story_feed::queries::Row;
use aredvi_projectors::visibility::State;
use aredvi_projectors::{accounts, actors, graph, media, story_feed};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::community::Worlds;
use crate::log::id;

/// More rows than a log makes.
const ALL: u32 = 1_000;

/// Something to be told: the medium, the comment on it with its story, on whose page, by whom, who may see it, since when.
type Telling = (MediumId, Option<(CommentId, StoryId)>, ActorId, ActorId, Access, i64);

/// Holds the views to what they say of each other.
pub(crate) async fn hold(worlds: &Worlds<'_>) -> Result<(), TestCaseError> {
    let stories = &worlds["story_feed"].db;
    let mut tx = stories.snapshot().await.expect("a snapshot");
    let indexed = story_feed::queries::scan(&mut tx, None, ALL).await.expect("stories");
    tx.rollback().await.expect("the end");
    let ids: Vec<StoryId> = indexed.iter().map(|story| story.id).collect();
    let shown = story_feed::queries::stories(stories, &ids).await.expect("stories");
    prop_assert_eq!(shown.len(), indexed.len(), "what is in the index can be shown");
    let of_media: BTreeSet<Telling> = shown.iter().filter_map(telling).collect();
    prop_assert_eq!(of_media, there(&worlds["media"].db).await?, "stories are of what is there, and of all of it");
    let follows = follows(&worlds["graph"].db).await?;
    prop_assert!(shown.iter().all(|story| story.medium.is_some() || story.owner == story.subject), "a follow is its follower's");
    let told = shown.iter().filter_map(|story| Some((story.subject, story.actor?, story.id))).collect();
    prop_assert_eq!(follows, told, "the follows that stand are told");
    verdicts(&worlds["accounts"].db, &worlds["actors"].db).await
}

fn people() -> impl Iterator<Item = ActorId> {
    (1..5).map(id)
}

fn telling(story: &Row) -> Option<Telling> {
    let comment = story.comment.map(|comment| (comment, story.id));
    Some((story.medium?, comment, story.owner, story.subject, story.access, story.created_at))
}

/// The media and comments that are there, each medium counting what is on it.
async fn there(db: &Db) -> Result<BTreeSet<Telling>, TestCaseError> {
    let mut there = BTreeSet::new();
    for node in media::queries::nodes(db, &crate::media::ids()).await.expect("media") {
        if !node.deleted {
            there.insert((node.id, None, node.owner, node.author, node.access, node.created_at));
        }
        let comments = media::queries::comments(db, node.id, None, ALL).await.expect("comments");
        prop_assert_eq!(node.comment_count, comments.len() as u64, "comments of {}", node.id);
        let voters = media::queries::voters(db, node.id, None, ALL).await.expect("voters");
        prop_assert_eq!(node.vote_count, voters.len() as u64, "votes for {}", node.id);
        for comment in comments {
            let voters = media::queries::comment_voters(db, comment.id, None, ALL).await.expect("voters");
            prop_assert_eq!(comment.vote_count, voters.len() as u64, "votes for {}", comment.id);
            let told_as = Some((comment.id, comment.story));
            there.insert((node.id, told_as, node.owner, comment.author, node.access, comment.created_at));
        }
    }
    Ok(there)
}

/// The follows that stand, each counted on both sides.
async fn follows(db: &Db) -> Result<BTreeSet<(ActorId, ActorId, StoryId)>, TestCaseError> {
    let everybody: Vec<ActorId> = people().collect();
    let counts = graph::queries::counts(db, &everybody).await.expect("counts");
    let counts: BTreeMap<_, _> = counts.iter().map(|counts| (counts.actor, (counts.followers, counts.leaders))).collect();
    let mut follows = BTreeSet::new();
    for person in everybody {
        let followers = graph::queries::followers(db, person, None, ALL).await.expect("followers");
        let leaders = graph::queries::leaders_all(db, person).await.expect("leaders");
        let rows = (followers.len().try_into().expect("few"), leaders.len().try_into().expect("few"));
        prop_assert_eq!(counts.get(&person).copied().unwrap_or_default(), rows, "follows of {}", person);
        follows.extend(followers.into_iter().map(|(follower, story)| (follower, person, story)));
    }
    Ok(follows)
}

/// Who was accepted has a profile and the roles he was given, and nobody else has; who was erased is.
async fn verdicts(accounts: &Db, actors: &Db) -> Result<(), TestCaseError> {
    for person in people() {
        let accepted = accounts::queries::credentials(accounts, person).await.expect("credentials");
        let accepted = accepted.map(|row| (row.erased, if row.erased { vec![] } else { row.roles }, row.created_at));
        let shown = actors::queries::profile(actors, person).await.expect("a profile");
        let shown = shown.map(|profile| (profile.card.state == State::Erased, profile.roles, profile.created_at));
        prop_assert_eq!(shown, accepted, "the verdicts on {}", person);
    }
    Ok(())
}
