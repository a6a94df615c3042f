//! The bus as a node uses it.

mod local;
