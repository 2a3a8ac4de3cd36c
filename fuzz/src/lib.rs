//! What the fuzz targets hold the guard's reading of requests against. Nothing here uses its code: the Engine is written in
//! Go, so this is a second opinion on how Go reads JSON ([`go_json`], of the types in [`engine`]), how the Engine reads
//! names of images and paths ([`names`]) and image archives ([`archive`], as Go reads them: [`go_tar`]), and what must be true of every request that was judged ([`judged`]).
//!
//! `tests/go-reader.sh` holds [`go_json`] in turn against Go itself.

pub mod archive;
pub mod engine;
pub mod go_json;
pub mod go_tar;
pub mod json;
pub mod judged;
pub mod mutate;
pub mod names;

/// The host of the tests of `wharden-docker`: a few things under every name that they have.
#[path = "../../common/docker/tests/it/support.rs"]
pub mod host;
