//! Refuses schemas that could look elsewhere, loop, or grow beyond all bounds when their references are followed.

use std::collections::HashMap;

use serde_json::Value;

use crate::places::{self, Place, Way};
use crate::problem::SchemaError;

/// Most subschemas, counted along every reference: a reference that is used twice counts twice.
const MAX_SUBSCHEMAS: usize = 10_000;

/// Checks what [`crate::Schema`] is about to compile.
pub(crate) fn check(schema: &Value) -> Result<(), SchemaError> {
    let places = places::all(schema);
    if let Some((place, keyword)) = places.iter().find_map(|place| Some((place, place.refused?))) {
        let message =
            format!("must not use \"{keyword}\"; write \"$ref\" with a path into the schema, as in \"#/$defs/name\"");
        return Err(SchemaError::at(place.pointer.clone(), message));
    }
    Graph::of(&places)?.check()
}

/// Which subschema leads to which.
struct Graph<'a> {
    places: &'a [Place],
    edges: Vec<Vec<(usize, Way)>>,
}

/// How far a walk has got with a subschema.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    Open,
    Done,
}

impl<'a> Graph<'a> {
    fn of(places: &'a [Place]) -> Result<Self, SchemaError> {
        if places.len() > MAX_SUBSCHEMAS {
            return Err(too_many());
        }
        let by_pointer: HashMap<&str, usize> =
            places.iter().enumerate().map(|(index, place)| (place.pointer.as_str(), index)).collect();
        let mut edges = vec![Vec::new(); places.len()];
        for (index, place) in places.iter().enumerate() {
            if let Some((parent, way)) = place.parent
                && way != Way::Never
                && let Some(edges) = edges.get_mut(parent)
            {
                edges.push((index, way));
            }
            if let Some(reference) = &place.reference {
                let target = reference.strip_prefix('#').and_then(|pointer| by_pointer.get(pointer));
                let Some(target) = target else { return Err(lost(place, reference)) };
                if let Some(edges) = edges.get_mut(index) {
                    edges.push((*target, Way::InPlace));
                }
            }
        }
        Ok(Self { places, edges })
    }

    fn check(&self) -> Result<(), SchemaError> {
        let mut marks = vec![Mark::New; self.places.len()];
        for start in 0..self.places.len() {
            self.find_loop(start, &mut marks)?;
        }
        let mut sizes = vec![None; self.places.len()];
        if self.size(0, &mut sizes) > MAX_SUBSCHEMAS { Err(too_many()) } else { Ok(()) }
    }

    fn next(&self, place: usize) -> &[(usize, Way)] {
        self.edges.get(place).map_or(&[], Vec::as_slice)
    }

    /// A circle of subschemas that all look at the same value would never end.
    fn find_loop(&self, start: usize, marks: &mut [Mark]) -> Result<(), SchemaError> {
        // Depth first, without recursion: a chain of references may be as long as the schema has parts.
        let mut path = vec![(start, 0)];
        while let Some((place, done)) = path.last_mut() {
            let (place, edge) = (*place, *done);
            *done += 1;
            if edge == 0 {
                if marks.get(place) == Some(&Mark::Done) {
                    path.pop();
                    continue;
                }
                set(marks, place, Mark::Open);
            }
            match self.next(place).get(edge) {
                Some((target, Way::InPlace)) => match marks.get(*target) {
                    Some(Mark::Open) => return Err(self.endless(*target)),
                    Some(Mark::New) => path.push((*target, 0)),
                    _ => {}
                },
                Some(_) => {}
                None => {
                    set(marks, place, Mark::Done);
                    path.pop();
                }
            }
        }
        Ok(())
    }

    /// Subschemas from here on, a circle counted once.
    fn size(&self, start: usize, sizes: &mut [Option<usize>]) -> usize {
        let mut path = vec![(start, 0, 1usize)];
        let mut last = 0;
        while let Some((place, done, sum)) = path.last_mut() {
            if *done == 0
                && let Some(slot) = sizes.get_mut(*place)
            {
                // Met again before it is known, it is part of a circle and adds no more.
                *slot = Some(0);
            }
            match self.next(*place).get(*done) {
                Some((target, _)) => {
                    *done += 1;
                    match sizes.get(*target) {
                        Some(Some(known)) => *sum = sum.saturating_add(*known),
                        _ => path.push((*target, 0, 1)),
                    }
                }
                None => {
                    last = *sum;
                    if let Some(slot) = sizes.get_mut(*place) {
                        *slot = Some(last);
                    }
                    path.pop();
                    if let Some((_, _, sum)) = path.last_mut() {
                        *sum = sum.saturating_add(last);
                    }
                }
            }
        }
        last
    }

    fn endless(&self, place: usize) -> SchemaError {
        let pointer = self.places.get(place).map(|place| place.pointer.clone()).unwrap_or_default();
        SchemaError::at(pointer, "refers to itself for the same value, which would never end".to_owned())
    }
}

fn set(marks: &mut [Mark], place: usize, mark: Mark) {
    if let Some(slot) = marks.get_mut(place) {
        *slot = mark;
    }
}

fn too_many() -> SchemaError {
    let message = format!("has more than {MAX_SUBSCHEMAS} subschemas, counted along its references");
    SchemaError::at("", message)
}

fn lost(place: &Place, reference: &str) -> SchemaError {
    let message = if reference.starts_with('#') {
        format!("refers to {reference:?}, where there is no schema")
    } else {
        format!("refers to {reference:?}: a schema may refer into itself only, as in \"#/$defs/name\"")
    };
    SchemaError::at(place.pointer.clone(), message)
}
