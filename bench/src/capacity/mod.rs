//! What a node carries and what many people need, computed from the committed results, and written into `docs/capacity.md` between
//! two marks. So no figure there is copied by hand, and each says whether it was measured or modelled.

mod model;
mod tables;

pub use model::Inputs;

use crate::{report::machine::Machine, runner::Run};
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, de::DeserializeOwned};
use std::{fs, path::Path};

const BEGIN: &str = "<!-- figures: written by make bench ARGS=capacity -->";
const END: &str = "<!-- end of figures -->";

/// What `runs.json` holds.
#[derive(Deserialize)]
struct Runs {
    machine: Machine,
    runs: Vec<Run>,
}

/// Reads the reports in `results` and writes what follows from them into `document`.
///
/// # Errors
/// Where a report is missing or lacks a load, and where the document has no place for the figures.
pub fn write(results: &Path, document: &Path) -> Result<()> {
    let Runs { machine, runs } = read(results, "runs.json", "make bench")?;
    let log = read(results, "log.json", "make bench ARGS=log")?;
    let scaling = read(results, "scaling.json", "make bench ARGS=scaling")?;
    let inputs = Inputs::of(&runs, &log, &scaling)?;
    let text = fs::read_to_string(document)?;
    Ok(fs::write(document, replaced(&text, &tables::figures(&inputs, &machine))?)?)
}

fn read<T: DeserializeOwned>(results: &Path, name: &str, made_by: &str) -> Result<T> {
    let bytes = fs::read(results.join(name)).with_context(|| format!("{name} is missing: {made_by}"))?;
    serde_json::from_slice(&bytes).with_context(|| name.to_owned())
}

/// The document with these figures between the marks.
fn replaced(text: &str, figures: &str) -> Result<String> {
    let (before, rest) = text.split_once(BEGIN).context("the document has no mark where figures begin")?;
    let (_, after) = rest.split_once(END).context("the document has no mark where figures end")?;
    ensure!(!after.contains(BEGIN), "figures begin twice");
    Ok(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", figures.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_the_marks_is_replaced() {
        let text = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let new = replaced(&text, "new\n").expect("there is a place");
        assert_eq!(new, format!("before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"));
        assert_eq!(replaced(&new, "new").expect("still"), new);
        assert!(replaced("nothing", "new").is_err());
    }

    #[test]
    fn the_document_has_a_place_for_them() {
        replaced(include_str!("../../../docs/capacity.md"), "figures").expect("both marks");
    }
}
