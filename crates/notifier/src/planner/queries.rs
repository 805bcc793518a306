//! What the notifier asks the planner's state.

use std::collections::HashMap;

use aredvi_events::{CommentId, MediumId};
use aredvi_projectors::db::{Db, DbError, padded_in_list};

use super::notice::Medium;
use super::rows;

/// These media as they are now; those that the planner has not heard of are left out.
///
/// # Errors
/// [`DbError`].
pub async fn media(db: &Db, ids: &[MediumId]) -> Result<HashMap<MediumId, Medium>, DbError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let (list, args) = padded_in_list(ids.iter().map(|&id| id.into()).collect());
    let sql = format!("SELECT medium, owner, author, access, deleted FROM media WHERE medium IN {list}");
    db.read_latest(&sql, args).await?.iter().map(|row| Ok((row.id(0)?, rows::medium(row)?))).collect()
}

/// Whether these comments are there and not deleted; those that the planner has not heard of are left out.
///
/// # Errors
/// [`DbError`].
pub async fn comments_stand(db: &Db, ids: &[CommentId]) -> Result<HashMap<CommentId, bool>, DbError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let (list, args) = padded_in_list(ids.iter().map(|&id| id.into()).collect());
    let sql = format!("SELECT comment_id, deleted FROM comments WHERE comment_id IN {list}");
    db.read_latest(&sql, args).await?.iter().map(|row| Ok((row.id(0)?, row.int(1)? == 0))).collect()
}
