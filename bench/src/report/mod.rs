//! What is made of the runs: figures, tables, plots.

pub mod figures;
mod growth;
pub mod machine;
pub mod markdown;
pub mod plot;
pub mod plots;
pub mod spread;
