//! Every row of the table of operations, from each shell: exit status, text, and the calls it makes.

mod guarded;
mod listings;
mod locks;
mod policies;
mod settings;
mod snapshots;
mod staging;
mod volumes;
