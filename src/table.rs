//! Columns for a terminal.

/// Lines of columns that stand under each other; the last column is as long as it is.
pub fn of<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other() {
        let rows = [["view", "age"], ["story_feed", "3 ms"]].map(|row| row.map(str::to_owned));
        assert_eq!(of(&rows), "view        age\nstory_feed  3 ms");
    }
}
