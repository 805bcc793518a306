//! Which database a view's schemas are in.

use std::collections::BTreeMap;

use crate::db::{DbUrl, NotADbUrl};

/// Where the schemas of one view are.
#[derive(Debug, Clone)]
pub struct Site {
    /// Where it is written.
    pub write: DbUrl,
    /// Where it is read; where it is written when there is none.
    pub replica: Option<DbUrl>,
}

/// Where the schemas of every view are.
#[derive(Debug, Clone)]
pub struct Sites {
    all: Site,
    own: BTreeMap<String, Site>,
}

impl Sites {
    /// All views in one database.
    pub const fn new(url: DbUrl) -> Self {
        Self { all: Site { write: url, replica: None }, own: BTreeMap::new() }
    }

    /// Gives one view a database of its own.
    #[must_use]
    pub fn with(mut self, view: &str, site: Site) -> Self {
        self.own.insert(view.to_owned(), site);
        self
    }

    /// All views in one database, but for those that `var` names another for: `AREDVI_DB_<VIEW>` for writing,
    /// `AREDVI_DB_<VIEW>_READ` for reading, the view's name in capitals.
    ///
    /// # Errors
    /// [`NotADbUrl`] when one is malformed.
    pub fn from_vars(url: DbUrl, views: &[&str], var: impl Fn(&str) -> Option<String>) -> Result<Self, NotADbUrl> {
        let mut sites = Self::new(url);
        for view in views {
            let name = format!("AREDVI_DB_{}", view.to_ascii_uppercase());
            let write = var(&name).map(|text| text.parse()).transpose()?;
            let replica = var(&format!("{name}_READ")).map(|text| text.parse()).transpose()?;
            if write.is_some() || replica.is_some() {
                let write = write.unwrap_or_else(|| sites.all.write.clone());
                sites = sites.with(view, Site { write, replica });
            }
        }
        Ok(sites)
    }

    /// Where one view's are.
    pub fn of(&self, view: &str) -> &Site {
        self.own.get(view).unwrap_or(&self.all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_may_have_a_database_and_a_replica_of_its_own() {
        let var = |name: &str| match name {
            "AREDVI_DB_MEDIA" => Some("sqlite:elsewhere".to_owned()),
            "AREDVI_DB_GRAPH_READ" => Some("sqlite:copy".to_owned()),
            _ => None,
        };
        let all: DbUrl = "sqlite:data".parse().expect("a url");
        let sites = Sites::from_vars(all, &["graph", "media", "actors"], var).expect("urls");
        let shown = |view: &str| {
            let site = sites.of(view);
            (site.write.to_string(), site.replica.as_ref().map(ToString::to_string))
        };
        assert_eq!(shown("actors"), ("sqlite:data".to_owned(), None));
        assert_eq!(shown("media"), ("sqlite:elsewhere".to_owned(), None));
        assert_eq!(shown("graph"), ("sqlite:data".to_owned(), Some("sqlite:copy".to_owned())));
    }
}
