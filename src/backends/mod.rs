//! The back-ends: each says the operations of [`crate::backend::StorageBackend`] to one kind of storage.

pub mod memory;
pub mod ontap;
