//! What the notifier asks the planner's state.

use aredvi_events::{CommentId, MediumId};
use aredvi_projectors::db::{Db, DbError};

use super::notice::Medium;
use super::rows;

/// A medium as it is now; `None` when the planner has not heard of it.
///
/// # Errors
/// [`DbError`].
pub async fn medium(db: &Db, id: MediumId) -> Result<Option<Medium>, DbError> {
    let sql = "SELECT medium, owner, author, access, deleted FROM media WHERE medium = ?";
    db.read_latest(sql, vec![id.into()]).await?.first().map(rows::medium).transpose()
}

/// Whether a comment is there and not deleted; `None` when the planner has not heard of it.
///
/// # Errors
/// [`DbError`].
pub async fn comment_stands(db: &Db, id: CommentId) -> Result<Option<bool>, DbError> {
    let rows = db.read_latest("SELECT deleted FROM comments WHERE comment_id = ?", vec![id.into()]).await?;
    rows.first().map(|row| Ok(row.int(0)? == 0)).transpose()
}
