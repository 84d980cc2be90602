//! Every kind of directory, one file each, and the files in it.

pub mod attributes;
pub mod config;
pub mod ctl;
pub mod endpoint;
pub mod info;
pub mod junction;
pub mod lock;
pub mod nfs_locks;
pub mod policy;
pub mod rollback;
pub mod root;
pub mod rules;
pub mod snapshot;
pub mod staging;
pub mod volume;

pub use root::row as root;

use super::values::near;
use crate::backend::{Error, Kind, PolicyName, Result, StorageBackend};

/// Refuses a policy that does not exist, and says which do.
async fn known_policy(backend: &dyn StorageBackend, policy: &PolicyName) -> Result<()> {
    match backend.get_policy(policy).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == Kind::NotFound => {
            let policies = backend.policies().await?;
            let known = near(policy.as_str(), policies.iter().map(|policy| policy.name.as_str()));
            Err(Error::invalid(format!("there is no policy {policy}"), policy.as_str(), 0).hint(known))
        }
        Err(error) => Err(error),
    }
}
