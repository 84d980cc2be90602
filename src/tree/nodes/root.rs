//! The root: one directory for each endpoint, and `.ctl`.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;

use crate::backend::{Error, Result};
use crate::tree::endpoint::Endpoint;
use crate::tree::place::{Object, Place, Stat};
use crate::tree::table::{Listed, Member, Members, Row};

/// The root of the table.
pub fn row() -> &'static Row {
    static ROW: LazyLock<Row> =
        LazyLock::new(|| Row::dir("", "", "the mount", rows, Some(Box::new(Endpoints))));
    &ROW
}

fn rows() -> &'static [Row] {
    static ROWS: LazyLock<[Row; 1]> = LazyLock::new(|| [super::ctl::row()]);
    &*ROWS
}

struct Endpoints;

#[async_trait]
impl Members for Endpoints {
    fn row(&self) -> &'static Row {
        super::endpoint::row()
    }

    async fn find(&self, at: &Place, name: &str) -> Result<Member> {
        let found = at.shared.endpoints.iter().find(|endpoint| endpoint.name == name);
        found
            .map(|endpoint| member(at, endpoint))
            .ok_or_else(|| Error::not_found(format!("there is no endpoint {name:?}")))
    }

    async fn list(&self, at: &Place) -> Result<Listed> {
        Ok(Listed::Members(at.shared.endpoints.iter().map(|endpoint| member(at, endpoint)).collect()))
    }
}

fn member(at: &Place, endpoint: &Arc<Endpoint>) -> Member {
    Member {
        place: at.at(Object::Endpoint(endpoint.clone())),
        row: super::endpoint::row(),
        stat: Stat::default(),
        unseen: false,
    }
}
